"""The pages that no source makes."""

from html.parser import HTMLParser

import entrance
import pytest


def test_the_index_leads_on_and_has_a_title_a_language_and_a_link() -> None:
    text = entrance.index("A book", "notebooks/00-welcome.html")
    assert '<html lang="en">' in text and "<title>Welcome — A book</title>" in text
    assert 'content="0; url=notebooks/00-welcome.html"' in text and '<a href="notebooks/00-welcome.html">' in text
    HTMLParser().feed(text)


@pytest.mark.parametrize(
    ("repository", "path"), [(("Lab", "tp"), "/tp/"), (("Lab", "lab.github.io"), "/"), (None, "/")]
)
def test_a_wrong_address_leads_to_the_beginning(monkeypatch, repository, path) -> None:
    monkeypatch.setattr(entrance, "known", lambda: repository)
    assert f'<a href="{path}">' in entrance.missing("A book", entrance.home())
