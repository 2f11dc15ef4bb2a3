"""The pages that no source makes."""

import re
from html.parser import HTMLParser
from pathlib import Path

import entrance
import pytest


def test_a_page_that_leads_on_has_a_title_a_language_and_a_link() -> None:
    text = entrance.leading("A book", "notebooks/00-welcome.html", "Welcome", "The book begins with", "its first page")
    assert '<html lang="en">' in text and "<title>Welcome — A book</title>" in text
    assert 'content="0; url=notebooks/00-welcome.html"' in text and '<a href="notebooks/00-welcome.html">' in text
    HTMLParser().feed(text)


@pytest.mark.parametrize(
    ("old", "new", "address"),
    [
        ("notebooks/old", "notebooks/new", "new.html"),
        ("notebooks/old", "book/new#part", "../book/new.html#part"),
    ],
)
def test_an_old_address_leads_to_the_new_one(old: str, new: str, address: str) -> None:
    assert f'<a href="{address}">' in entrance.moved("A book", old, new)


def test_the_table_of_old_addresses_leads_to_pages() -> None:
    listed = set(
        re.findall(r"\b(?:file|root): (\S+)", Path(entrance.__file__).parents[1].joinpath("_toc.yml").read_text())
    )
    assert len(listed) > 10 and entrance.dead_ends(entrance.MOVED, listed) == []


def test_a_table_that_leads_nowhere_is_refused() -> None:
    first, second = entrance.dead_ends({"a": "b", "old": "gone#part"}, {"a", "b"})
    assert "a is still a page" in first and "gone#part, which is no page" in second


@pytest.mark.parametrize(
    ("repository", "path"), [(("Lab", "tp"), "/tp/"), (("Lab", "lab.github.io"), "/"), (None, "/")]
)
def test_a_wrong_address_leads_to_the_beginning(monkeypatch, repository, path) -> None:
    monkeypatch.setattr(entrance, "known", lambda: repository)
    assert f'<a href="{path}">' in entrance.missing("A book", entrance.home())
