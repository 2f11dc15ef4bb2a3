"""The search finds pages, with excerpts where the book is served, and says why not where it was opened as a file."""

from pathlib import Path
from typing import Any

import pytest

from tests.book.conftest import opened

pytestmark = pytest.mark.browser

QUERY = "search.html?q=regularized"
RESULTS = "#search-results .search li"


@pytest.mark.parametrize("served", [True, False], ids=["served", "as a file"])
def test_it_finds_pages(browser: Any, address: str, site: Path, served: bool) -> None:
    page = opened(browser, f"{address if served else site.as_uri()}/{QUERY}")
    page.locator(RESULTS).nth(2).wait_for()
    if served:
        page.locator(f"{RESULTS} .context").first.wait_for()
    assert page.locator(".no-excerpts").count() == (not served)
    assert page.problems == []
    page.context.close()
