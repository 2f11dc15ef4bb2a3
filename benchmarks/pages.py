"""What each page of the built book asks of a reader, beside what it may ask: python -m benchmarks.pages [PAGE...]

On a slow phone (benchmarks/slow_phone.py) that scrolls to the first figure at once, and then past all of them. Last, at
the processor's full speed, every slider is dragged over its positions, one a frame: how long a frame works then.
"""

from __future__ import annotations

import statistics
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.slow_phone import serving, slowed
from tests.browser import chromium

BOOK = Path(__file__).parents[1] / "_build" / "html"
FIGURES = "figure.explorer, .playground-view"
USABLE = ".explorer-drawn:not(:has([inert])), .playground-view:has(.pg-steps)"
PATIENCE = 180_000  # ms

# A long task blocks for what it takes beyond 50 ms, as in Lighthouse's "total blocking time".
WATCH = """window.found = { blocked: 0, shift: 0 };
const watch = (type, seen) =>
  new PerformanceObserver((list) => list.getEntries().forEach(seen)).observe({ type, buffered: true });
watch("longtask", (task) => (found.blocked += (task.duration - 50) / 1000));
watch("layout-shift", (shift) => (found.shift += shift.hadRecentInput ? 0 : shift.value));"""
RECEIVED = """() => ["navigation", "resource"].flatMap((type) => performance.getEntriesByType(type))
  .map((file) => file.transferSize / 1000)"""
IN_VIEW = "(figure) => figure.scrollIntoView({ behavior: 'instant', block: 'center' })"
DRAG = """async (figure) => {
  const times = [];
  for (const slider of figure.querySelectorAll("input[type=range]:enabled")) {
    for (let at = 0; at <= Number(slider.max); at++) {
      const frame = new Promise((done) => requestAnimationFrame(() => {
        const { port1, port2 } = new MessageChannel(), began = performance.now();
        port1.onmessage = () => done(performance.now() - began);  // once the frame is laid out and painted
        port2.postMessage(null);
      }));
      slider.value = at;
      slider.dispatchEvent(new Event("input", { bubbles: true }));
      times.push(await frame);
    }
  }
  return times;
}"""


class Cost(NamedTuple):
    """What a page takes; one without figures takes nothing for them."""

    kilobytes: float
    requests: float
    shift: float
    usable: float | None  # seconds until the first figure can be used
    blocked: float  # seconds in which the main thread could not answer until then
    in_all: float  # and until all figures are drawn
    median: float | None  # milliseconds of a frame while a slider is dragged
    longest: float | None


BUDGETS = Cost(1_500, 27, 0.02, 6, 2, 2, 1000 / 60, 100)
COLUMNS = ("KB", "requests", "shift", "usable s", "blocked s", "in all s", "drag ms", "longest")


def cost(browser: Any, address: str) -> Cost:
    """Load a page, scroll past its figures, and drag its sliders."""
    page, usable, blocked = slowed(browser), None, 0.0
    page.add_init_script(WATCH)
    page.goto(address, wait_until="domcontentloaded")
    for figure in page.locator(FIGURES).all():
        until_usable(figure)
        if usable is None:
            usable, blocked = page.evaluate("[performance.now() / 1000, found.blocked]")
    page.wait_for_load_state("networkidle")
    found, received = page.evaluate("found"), page.evaluate(RECEIVED)
    page.context.close()
    times = dragged(browser, address) if usable else []
    median, longest = (statistics.median(times), max(times)) if times else (None, None)
    blocked = blocked if usable else found["blocked"]
    return Cost(sum(received), len(received), found["shift"], usable, blocked, found["blocked"], median, longest)


def dragged(browser: Any, address: str) -> list[float]:
    """Milliseconds of every frame in which a slider was moved."""
    page, times = browser.new_page(), []
    page.goto(address)
    for figure in page.locator("figure.explorer").all():
        until_usable(figure)
        times += figure.evaluate(DRAG)
    page.close()
    return times


def until_usable(figure: Any) -> None:
    """Bring the figure into view and wait until it is drawn and its controls answer."""
    figure.evaluate(IN_VIEW)
    usable = f"(figure) => figure.matches('{USABLE}')"
    figure.page.wait_for_function(usable, arg=figure.element_handle(), polling=10, timeout=PATIENCE)


def row(name: str, values: Cost) -> str:
    """A row of the table; what is over its budget has a star."""
    cells = [f"{name:30}"]
    for value, budget in zip(values, BUDGETS, strict=True):
        digits = 3 if budget < 1 else 1 if budget < 20 else 0
        cell = "" if value is None else f"{value:.{digits}f}{'*' if value > budget else ' '}"
        cells.append(f"{cell:>10}")
    return "".join(cells)


def measured(browser: Any, folder: Path, names: list[str]) -> Iterator[str]:
    """The table, row by row."""
    yield f"{'':30}" + "".join(f"{column:>9} " for column in COLUMNS)
    yield row("at most", BUDGETS)
    with serving(str(folder)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        for name in names:
            yield row(Path(name).stem, cost(browser, f"http://127.0.0.1:{server.server_port}/{name}"))
        server.shutdown()


def main() -> None:
    """Measure and print."""
    if not (BOOK / "index.html").exists():
        sys.exit("_build/html holds no book: run 'make book' first.")
    if missing := [name for name in sys.argv[1:] if not (BOOK / name).is_file()]:
        sys.exit(f"_build/html holds no {', '.join(missing)}: name pages as notebooks/08-one-slider.html.")
    pages = [page for part in ("notebooks", "book") for page in sorted((BOOK / part).rglob("*.html"))]
    with chromium() as browser:
        for line in measured(browser, BOOK, sys.argv[1:] or [str(page.relative_to(BOOK)) for page in pages]):
            print(line, flush=True)


if __name__ == "__main__":
    main()
