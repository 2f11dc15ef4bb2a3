"""What search engines and messengers read of a page."""

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest
import sharing
from bs4 import BeautifulSoup
from docutils import nodes
from docutils.utils import new_document

from tests.book.conftest import PAGES

HOME = "https://some-lab.github.io/tp/"


def document(*texts: str) -> nodes.document:
    made = new_document("page")
    made += [nodes.paragraph("", text) for text in texts]
    return made


@pytest.mark.parametrize(
    ("texts", "found"),
    [
        (
            ["Open in Colab · Open on Binder", f"A question? {'An answer. ' * 5}"],
            f"A question? {'An answer. ' * 5}"[:-1],
        ),
        ([f"What is it? {'It is small. ' * 4}Its gain is \\sigma."], f"What is it? {'It is small. ' * 4}"[:-1]),
        ([f"\\sigma comes first. {'And then more. ' * 6}", "short"], sharing.ABOUT),
        ([], sharing.ABOUT),
    ],
)
def test_the_description_is_the_first_prose_without_formulas(texts: list[str], found: str) -> None:
    assert sharing.description(document(*texts)) == found


def test_a_long_sentence_is_cut_between_words() -> None:
    said = sharing.description(document("word " * 100))
    assert said.endswith("word …") and len(said) <= sharing.LONGEST


def test_without_an_address_nothing_is_said_that_needs_one() -> None:
    text = sharing.tags("Book", "Title", "About", None, None, sharing.structured("Book", "T", "A", None, None, True))
    assert "http" not in text.replace("https://schema.org", "").replace("https://spdx.org", "").replace(
        "https://arxiv.org", ""
    )
    assert sharing.robots(None) == "User-agent: *\nAllow: /\n"


def test_with_an_address_all_is_absolute() -> None:
    data = sharing.structured("Book", "<b>", "A & B", HOME + "a.html", HOME, False)
    page = BeautifulSoup(
        sharing.tags("Book", "<b>", "A & B", HOME + "a.html", HOME + sharing.PICTURE, data), "html.parser"
    )
    assert page.select_one('[property="og:image"]')["content"].startswith(HOME)
    assert page.select_one('[name="description"]')["content"] == "A & B"
    assert page.select_one('[property="og:title"]')["content"] == "<b>"
    assert json.loads(page.select_one("script").string)["isPartOf"] == {
        "@type": "Book", "name": "Book", "inLanguage": "en", "url": HOME,
    }  # fmt: skip
    assert sharing.robots(HOME).endswith(f"Sitemap: {HOME}sitemap.xml\n")


def test_the_sitemap_lists_addresses() -> None:
    root = ElementTree.fromstring(sharing.sitemap(HOME, ["notebooks/a", "book/b"]))
    assert [place.text for place in root.findall(".//{*}loc")] == [f"{HOME}notebooks/a.html", f"{HOME}book/b.html"]


def test_every_page_is_described(site: Path) -> None:
    descriptions = set()
    for name in PAGES:
        page = BeautifulSoup((site / name).read_text("utf-8").partition("<body")[0], "html.parser")
        (about,) = page.select('meta[name="description"]')
        assert page.select_one('[property="og:description"]')["content"] == about["content"] != "", name
        assert "\\" not in about["content"] and len(about["content"]) <= max(sharing.LONGEST, len(sharing.ABOUT))
        data = json.loads(page.select_one('script[type="application/ld+json"]').string)
        assert data["@type"] == ("Book" if name == "notebooks/00-welcome.html" else "Chapter")
        assert len(page.select('link[rel="canonical"]')) == len(page.select('[property="og:url"]')) <= 1
        if name.startswith("notebooks/"):
            descriptions.add(about["content"])
    assert len(descriptions) == sum(name.startswith("notebooks/") for name in PAGES), "each chapter has its own"


def test_the_book_says_how_to_cite(site: Path) -> None:
    page = BeautifulSoup((site / "notebooks" / "00-welcome.html").read_text("utf-8"), "html.parser")
    data = json.loads(page.select_one('script[type="application/ld+json"]').string)
    assert data["citation"]["url"] == "https://arxiv.org/abs/2112.01453"
    assert [author["familyName"] for author in data["citation"]["author"]] == ["Roulet", "Harchaoui"]


def test_robots_may_read_all(site: Path) -> None:
    assert (site / "robots.txt").read_text().startswith("User-agent: *\nAllow: /\n")
    assert (site / "sitemap.xml").exists() == ("Sitemap:" in (site / "robots.txt").read_text())


def test_the_picture_is_there_in_its_size(site: Path) -> None:
    picture = (site / sharing.PICTURE).read_bytes()
    width, height = (int.from_bytes(picture[at : at + 4], "big") for at in (16, 20))
    assert (width, height) == (sharing.WIDTH, sharing.HEIGHT) and len(picture) < 300_000
