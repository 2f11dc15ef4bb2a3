"""What a page costs a reader: bytes (gzip), requests, and how far it jumps while it loads."""

import functools
import gzip
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest

from tests.book.conftest import PAGES

pytestmark = pytest.mark.browser

BYTES, REQUESTS, SHIFT = 1_500_000, 28, 0.02


@functools.cache
def size(path: Path) -> int:
    """Of a file of the book as a server sends it; pages share most of theirs."""
    return len(gzip.compress(path.read_bytes(), 6))


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_light_and_stands_still(served: Any, site: Path, name: str) -> None:
    urls = [answer.url for answer in served.answers if answer.url.startswith("http")]
    sizes = {url: size(site / unquote(urlsplit(url).path).lstrip("/")) for url in urls}
    assert sum(sizes.values()) <= BYTES, sorted(sizes.items(), key=lambda item: -item[1])[:5]
    assert len(served.answers) < REQUESTS
    assert served.shift < SHIFT
