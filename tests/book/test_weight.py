"""What a page costs a reader: bytes (gzip), requests, and how far it jumps while it loads."""

import gzip
from typing import Any

import pytest

from tests.book.conftest import PAGES, draw_all

pytestmark = pytest.mark.browser

BYTES, REQUESTS, SHIFT = 1_500_000, 28, 0.02
SHIFTS = """window.shift = 0;
new PerformanceObserver((list) => list.getEntries().forEach((e) => (window.shift += e.hadRecentInput ? 0 : e.value)))
  .observe({ type: "layout-shift", buffered: true });"""


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_light_and_stands_still(browser: Any, address: str, name: str) -> None:
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page, answers = context.new_page(), []
    page.on("response", lambda answer: answers.append(answer))
    page.add_init_script(SHIFTS)
    page.goto(f"{address}/{name}")
    page.wait_for_load_state("networkidle")
    draw_all(page)
    sizes = {answer.url: len(gzip.compress(answer.body(), 6)) for answer in answers}
    shift = page.evaluate("shift")
    context.close()
    assert sum(sizes.values()) <= BYTES, sorted(sizes.items(), key=lambda item: -item[1])[:5]
    assert len(answers) < REQUESTS
    assert shift < SHIFT
