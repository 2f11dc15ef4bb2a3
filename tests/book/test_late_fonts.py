"""Fonts that come late move nothing: their files are held back until all else is there."""

from typing import Any

import pytest

from tests.book.conftest import DESK, PHONE, SHIFTS
from tests.book.test_weight import SHIFT

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("name", ["notebooks/01-regularized-inversion.html", "book/gru.html"])
@pytest.mark.parametrize("viewport", [DESK, PHONE], ids=["desk", "phone"])
def test_a_page_with_formulas_stands_still(browser: Any, address: str, name: str, viewport: dict[str, int]) -> None:
    page, late = browser.new_context(viewport=viewport).new_page(), []
    page.route("**/*.woff*", lambda route: late.append(route))
    page.add_init_script(SHIFTS)
    page.goto(f"{address}/{name}", wait_until="domcontentloaded")
    page.wait_for_function("document.fonts.check(\"1em 'STIX Two Math'\")")
    frames = "new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
    page.evaluate(frames)
    assert late, "no font was held back"
    for font in late:
        font.continue_()
    page.evaluate(f"document.fonts.ready.then(() => {frames})")
    assert page.evaluate("shift") < SHIFT
    page.context.close()
