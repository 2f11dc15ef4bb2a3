"""The API reference as built: its names are links, and its quotes can be typed."""

import re
from pathlib import Path

import pytest

PAGES = sorted(path.stem for path in (Path(__file__).parents[2] / "book/api").glob("*.md"))


def test_a_public_name_in_a_docstring_is_a_link_and_another_library_s_is_code(site: Path) -> None:
    text = (site / "book/api/nn.html").read_text("utf-8")
    assert re.search(r'<a [^>]*href="rules\.html#tpcore\.BackProp"[^>]*><code', text)
    assert re.search(r'(?<!</a>)<code[^>]*><span class="pre">torch\.nn\.RNN</span></code>(?!</a>)', text)


@pytest.mark.parametrize("name", PAGES)
def test_no_quote_is_curled(site: Path, name: str) -> None:
    assert not re.search("[“”]", (site / f"book/api/{name}.html").read_text("utf-8"))
