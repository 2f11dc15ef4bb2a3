"""A server over the built book for the tests of its pages."""

import functools
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

SITE = Path(__file__).parents[2] / "_build" / "html"


@pytest.fixture(scope="session")
def site() -> Path:
    if not (SITE / "index.html").exists():
        pytest.fail(f"{SITE} holds no book; run `make book` first (`make test` does)", pytrace=False)
    return SITE


@pytest.fixture(scope="session")
def address(site: Path) -> Iterator[str]:
    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *args: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(site)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def open_page(browser, address):
    """Opens a page of the book in a fresh context and waits until every explorer on it is drawn."""
    contexts = []

    def open_(name: str, base: str | None = None, **options):
        context = browser.new_context(**{"viewport": {"width": 1280, "height": 900}, **options})
        contexts.append(context)
        page = context.new_page()
        page.problems, page.requested = [], []
        page.on("console", lambda m: page.problems.append(m.text) if m.type in ("error", "warning") else None)
        page.on("pageerror", lambda e: page.problems.append(str(e)))
        page.on("request", lambda r: page.requested.append(r.url))
        page.goto(f"{base or address}/{name}")
        if options.get("java_script_enabled", True):
            draw_all(page)
        return page

    yield open_
    for context in contexts:
        context.close()


def draw_all(page) -> None:
    """Brings every explorer near the window, so that it is drawn, and goes back to the top."""
    for figure in page.locator("figure.explorer").all():
        figure.evaluate("f => f.scrollIntoView({ behavior: 'instant' })")
        page.wait_for_function("f => f.matches('.explorer-drawn')", arg=figure.element_handle())
    page.evaluate("scrollTo({ top: 0, behavior: 'instant' })")
