"""A reader with a slow phone: its window, its processor and its network in Chromium, and a host that compresses.

Chromium slows a page's main thread four times, and not its workers. The network is Lighthouse's slow 4G. Nothing is
cached.
"""

from __future__ import annotations

import gzip
from functools import lru_cache, partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

PHONE = {"viewport": {"width": 375, "height": 760}, "device_scale_factor": 2}
SLOWER = 4
NETWORK = {
    "offline": False,
    "latency": 150,
    "downloadThroughput": 200_000,
    "uploadThroughput": 90_000,
}  # ms, and bytes a second


class Compressing(SimpleHTTPRequestHandler):
    """A server that writes no log, and compresses what it sends as GitHub Pages does."""

    def log_message(self, *_: Any) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        """Answer with the file, compressed."""
        file = Path(self.translate_path(self.path))
        if not file.is_file():  # the icon that browsers ask for
            return self.send_error(404)
        content = _compressed(file)
        self.send_response(200)
        self.send_header("Content-Type", self.guess_type(str(file)))
        self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


@lru_cache(maxsize=64)
def _compressed(file: Path) -> bytes:
    return gzip.compress(file.read_bytes(), 6)


def serving(folder: str) -> ThreadingHTTPServer:
    """A server of a folder's files, at a port of its own."""
    return ThreadingHTTPServer(("127.0.0.1", 0), partial(Compressing, directory=folder))


def slowed(browser: Any) -> Any:
    """A page of a slow phone."""
    page = browser.new_context(**PHONE).new_page()
    session = page.context.new_cdp_session(page)
    session.send("Emulation.setCPUThrottlingRate", {"rate": SLOWER})
    session.send("Network.enable")
    session.send("Network.emulateNetworkConditions", NETWORK)
    return page
