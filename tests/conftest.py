"""What all tests share: the profile of property tests, and one browser."""

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import settings

from tests.browser import chromium

# Property tests are the same on every run, and no speed is asserted.
settings.register_profile("book", deadline=None, derandomize=True, max_examples=50)
settings.load_profile("book")


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """One headless Chromium for the book's pages and for JupyterLab: playwright runs once in a process."""
    with chromium() as opened:
        yield opened
