"""A server over the built book for the tests of its pages, and pages opened in a browser."""

import contextlib
import functools
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from entrance import MOVED

SITE = Path(__file__).parents[2] / "_build" / "html"
NOT_CHAPTERS = {"404.html", "index.html", "genindex.html", "search.html", *(f"{old}.html" for old in MOVED)}
PAGES = sorted({str(p.relative_to(SITE)) for p in SITE.rglob("*.html") if "_static" not in p.parts} - NOT_CHAPTERS)
EXPLORING = [name for name in PAGES if 'class="explorer-data"' in (SITE / name).read_text(encoding="utf-8")]


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
def open_page(browser: Any, address: str) -> Iterator[Any]:
    """Opens a page of the book in a fresh context and waits until every explorer on it is drawn."""
    with opener(browser, address) as open_:
        yield open_


@pytest.fixture(scope="module", params=EXPLORING)
def chapter(request: Any, browser: Any, address: str) -> Iterator[Any]:
    """A page with explorers, opened once for all tests of a module, with the network cut once it is loaded.

    Each test leaves it as it was opened: controls reset, the window of the same size, the theme that of the system.
    """
    with opener(browser, address) as open_:
        page = open_(request.param)
        loaded(page)
        page.context.set_offline(True)
        yield page
        assert page.problems == []
        assert foreign(page, address) == []


@contextlib.contextmanager
def opener(browser: Any, address: str) -> Iterator[Any]:
    contexts = []

    def open_(name: str, base: str | None = None, **options: Any) -> Any:
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


def loaded(page: Any) -> None:
    """Waits until all fonts are there: a page then asks for nothing more."""
    page.evaluate("async () => { await document.fonts.ready }")


def foreign(page: Any, address: str) -> list[str]:
    """What the page has asked of any other server."""
    return [url for url in page.requested if not url.startswith((address, "data:", "blob:"))]
