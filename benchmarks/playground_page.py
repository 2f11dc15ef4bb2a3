"""What the playground asks of a reader: its weight, how soon it trains, how soon it obeys, and pictures a second.

On a screen of a phone's size; the processor slowed four times by Chromium, which slows a page's main thread and not its
worker, and the network held to that of a slow phone. Nothing is cached.
"""

from __future__ import annotations

import gzip
import statistics
import tempfile
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tests.browser import chromium
from tests.playground.pages import write_pages
from tpcore.playground import module

PHONE = {"viewport": {"width": 375, "height": 760}, "device_scale_factor": 2}
SLOWER = 4
NETWORK = {
    "offline": False,
    "latency": 150,
    "downloadThroughput": 200_000,
    "uploadThroughput": 90_000,
}  # bytes a second
TURNS, SECONDS = 5, 5

STEP = "Number(document.querySelector('.pg-steps')?.textContent.replace('step ', ''))"
# From a click to the moment at which the page shows that it was obeyed.
OBEYED = """([button, done]) => new Promise((found) => {
  const start = performance.now(), holds = new Function(`return ${done}`);
  const look = () => (holds() ? found(performance.now() - start) : setTimeout(look, 1));
  document.querySelector(button).click();
  look();
})"""
PICTURES = """(seconds) => new Promise((found) => {
  const steps = document.querySelector(".pg-steps"), times = [];
  new MutationObserver(() => times.push(performance.now())).observe(steps, { childList: true });
  setTimeout(() => found(times.length / seconds), 1000 * seconds);
})"""


class Quiet(SimpleHTTPRequestHandler):
    """A server that writes no log, and compresses what it sends as GitHub Pages does."""

    def log_message(self, *_: Any) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        """Answer with the file, compressed."""
        file = Path(self.translate_path(self.path))
        if not file.is_file():  # the icon that browsers ask for
            return self.send_error(404)
        content = gzip.compress(file.read_bytes())
        self.send_response(200)
        self.send_header("Content-Type", self.guess_type(self.path))
        self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


def slowed(browser: Any) -> Any:
    """A page of a slow phone."""
    page = browser.new_context(**PHONE).new_page()
    session = page.context.new_cdp_session(page)
    session.send("Emulation.setCPUThrottlingRate", {"rate": SLOWER})
    session.send("Network.enable")
    session.send("Network.emulateNetworkConditions", NETWORK)
    return page


def seconds_until_it_trains(browser: Any, address: str) -> float:
    """From the request of the simplest page to the first step that it shows."""
    page = slowed(browser)
    page.goto(address, wait_until="commit")
    page.wait_for_function(f"{STEP} >= 1", polling=10)
    seconds = float(page.evaluate("performance.now()")) / 1000
    page.context.close()
    return seconds


def obeying(page: Any) -> tuple[float, float]:
    """Milliseconds until Pause and until Reset have acted."""
    page.evaluate(OBEYED, [".pg-play", f"{STEP} >= 2"])
    paused = page.evaluate(OBEYED, [".pg-play", "document.querySelector('[data-training=false]') !== null"])
    return paused, page.evaluate(OBEYED, [".pg-reset", f"{STEP} === 0"])


def serving(folder: str) -> ThreadingHTTPServer:
    """A server of a folder's files, at a port of its own."""
    return ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=folder))


def measured(browser: Any, turns: int, seconds: float) -> Iterator[str]:
    """What is found, line by line."""
    weight = len(gzip.compress((module.page_script() + module.style()).encode()))
    yield f"weight, compressed: {weight / 1000:.1f} KB"
    with tempfile.TemporaryDirectory() as folder, serving(folder) as server:
        write_pages(Path(folder))
        threading.Thread(target=server.serve_forever, daemon=True).start()
        site = f"http://127.0.0.1:{server.server_port}"
        cold = [seconds_until_it_trains(browser, f"{site}/simple.html") for _ in range(turns)]
        yield f"seconds until it trains: {statistics.median(cold):.2f} (from {min(cold):.2f} to {max(cold):.2f})"
        for tau, d in ((20, 32), (60, 64)):
            page = slowed(browser)
            page.goto(f"{site}/full.html#v1&task=order&tau={tau}&d={d}&seed=0&a=bp&b=cal")
            page.get_by_label("Speed").select_option("0")
            paused, reset = (max(times) for times in zip(*(obeying(page) for _ in range(turns)), strict=True))
            page.get_by_role("button", name="Play").click()
            pictures = page.evaluate(PICTURES, seconds)
            obeyed = f"Pause after {paused:.0f} ms, Reset after {reset:.0f} ms at most"
            yield f"τ = {tau}, d = {d}: {obeyed}; {pictures:.0f} pictures a second"
            page.context.close()
        server.shutdown()


def main() -> None:
    """Measure and print."""
    with chromium() as browser:
        for line in measured(browser, TURNS, SECONDS):
            print(line, flush=True)


if __name__ == "__main__":
    main()
