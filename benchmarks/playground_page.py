"""What the playground asks of a reader: its weight, how soon it trains, how soon it obeys, and pictures a second.

On a slow phone (benchmarks/slow_phone.py).
"""

from __future__ import annotations

import gzip
import statistics
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.slow_phone import serving, slowed
from tests.browser import chromium
from tests.playground.pages import write_pages
from tpcore.playground import module

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
