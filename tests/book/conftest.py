"""A server over the built book for the tests of its pages, and pages opened in a browser."""

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

DESK, PHONE = {"width": 1280, "height": 900}, {"width": 375, "height": 800}
SHIFTS = """window.shift = 0;
new PerformanceObserver((list) => list.getEntries().forEach((e) => (window.shift += e.hadRecentInput ? 0 : e.value)))
  .observe({ type: "layout-shift", buffered: true });"""

# All of the book's fonts: a test may be the first to use one, with the network cut.
FONTS = """async () => {
  const text = ["1em Atkinson", "italic 1em Atkinson", "600 1em Atkinson"];
  const fonts = [...text, "1em 'Atkinson Mono'", "1em 'STIX Two Math'"];
  for (const font of fonts) await document.fonts.load(font).catch(() => null);
}"""


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

        def end_headers(self) -> None:
            self.send_header("Cache-Control", "max-age=600")  # as GitHub Pages does: what came once is not asked again
            super().end_headers()

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
    contexts = []

    def open_(name: str, **options: Any) -> Any:
        page = opened(browser, f"{address}/{name}", **options)
        contexts.append(page.context)
        return page

    yield open_
    for context in contexts:
        context.close()


@pytest.fixture(scope="session")
def held(browser: Any) -> Iterator["Held"]:
    pages = Held(browser)
    yield pages
    pages.close()


@pytest.fixture
def served(held: "Held", address: str, name: str) -> Iterator[Any]:
    """The page `name`, loaded once for all tests of it, with the network cut once it is there.

    Each test leaves it as it was opened: controls reset, the window of the same size, the theme that of the system.
    """
    page = held.get(name, f"{address}/{name}")
    page.context.set_offline(True)
    yield page
    assert page.problems == []
    assert [url for url in page.requested if not url.startswith((address, "data:", "blob:"))] == []


@pytest.fixture
def on_a_phone(held: "Held", site: Path, name: str) -> Iterator[Any]:
    """The page `name` in a narrow window, from a file, loaded once for all tests of it; each leaves it so."""
    page = held.get(name, f"{site.as_uri()}/{name}", viewport=PHONE)
    yield page
    assert page.problems == []
    assert [url for url in page.requested if not url.startswith((site.as_uri(), "data:", "blob:"))] == []


class Held:
    """The pages that are open: those of one name. tests/conftest.py lets the tests of a page follow one another."""

    def __init__(self, browser: Any) -> None:
        self.browser, self.name, self.pages = browser, "", {}

    def get(self, name: str, address: str, **options: Any) -> Any:
        if name != self.name:
            self.close()
            self.name = name
        key = (address, *options)
        if key not in self.pages:
            self.pages[key] = opened(self.browser, address, **options)
        return self.pages[key]

    def close(self) -> None:
        for page in self.pages.values():
            page.context.close()
        self.pages = {}


def opened(browser: Any, address: str, **options: Any) -> Any:
    """A page in a context of its own, once all explorers are drawn and all fonts there: it then asks for nothing more.

    `page.problems` and `requested` grow with what goes wrong and is asked for; `answers` are those that have come by
    then, and `shift` is how far the page has jumped.
    """
    page = browser.new_context(**{"viewport": DESK, **options}).new_page()
    page.problems, page.requested, answers = [], [], []
    page.on("console", lambda m: page.problems.append(m.text) if m.type in ("error", "warning") else None)
    page.on("pageerror", lambda e: page.problems.append(str(e)))
    page.on("request", lambda r: page.requested.append(r.url))
    page.on("response", lambda answer: answers.append(answer))
    page.add_init_script(SHIFTS)
    page.goto(address)
    if options.get("java_script_enabled", True):
        draw_all(page)
        page.evaluate("async () => { await document.fonts.ready }")
        page.shift = page.evaluate("shift")
        page.evaluate(FONTS)
    page.answers = list(answers)
    return page


def draw_all(page) -> None:
    """Brings every explorer near the window, so that it is drawn, and goes back to the top."""
    for figure in page.locator("figure.explorer").all():
        figure.evaluate("f => f.scrollIntoView({ behavior: 'instant' })")
        page.wait_for_function("f => f.matches('.explorer-drawn')", arg=figure.element_handle())
    page.evaluate("scrollTo({ top: 0, behavior: 'instant' })")
