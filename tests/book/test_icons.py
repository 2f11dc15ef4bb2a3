"""Every icon that a page names is drawn: without a shape of its own it would be a square."""

import re
from pathlib import Path

from bs4 import BeautifulSoup

from tests.book.conftest import PAGES

STYLE = (Path(__file__).parents[2] / "book/assets/icons.css").read_text("utf-8")
KINDS = {"fa-solid", "fa-regular", "fa-brands", "fa-lg"}  # of drawing and of size


def test_every_icon_has_a_shape(site: Path) -> None:
    named = {
        icon
        for page in PAGES
        for tag in BeautifulSoup((site / page).read_text("utf-8"), "html.parser").select('i[class*="fa-"]')
        for icon in tag["class"]
        if icon.startswith("fa-") and icon not in KINDS
    }
    assert len(named) > 5
    assert named - set(re.findall(r"^\.(fa-[a-z-]+) { --icon", STYLE, re.MULTILINE)) == set()
