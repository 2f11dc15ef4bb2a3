"""The theme's markup, mended: what is not needed is gone, and names and roles are what assistive technology expects."""

import re

import pytest
from bs4 import BeautifulSoup
from markup import THEME_SCRIPTS, mended

PAGE = """<html><head><meta name="viewport" content="a"/><meta name="viewport" content="b"/>
<script>document.documentElement.dataset.mode = localStorage.getItem("mode") || "auto";</script>
<script defer src="_static/scripts/fontawesome.js?digest=1"></script>
<link rel="preload" as="script" href="_static/scripts/bootstrap.js"/>
<script src="_static/doctools.js"></script><script src="searchindex.js"></script>
<script>const THEBE_JS_URL = "https://unpkg.com/thebe@0.8.2/lib/index.js"</script>
<script type="application/json" class="explorer-data">{"a": "toggleHint"}</script>
</head><body>{}</body></html>"""


def soup(body: str = "", **options: bool) -> BeautifulSoup:
    return BeautifulSoup(mended(PAGE.replace("{}", body, 1), **options), "html.parser")


def test_what_nobody_needs_is_not_loaded_and_nothing_blocks_the_text() -> None:
    page = soup()
    assert [tag["src"] for tag in page.select("script[src]")] == ["_static/doctools.js"]
    assert all(tag.has_attr("defer") for tag in page.select("script[src]"))
    assert not page.select("link") and "thebe" not in str(page).lower()
    assert len(page.select("meta[name=viewport]")) == 1
    assert page.select_one(".explorer-data").get_text() == '{"a": "toggleHint"}'


def test_the_theme_s_scripts_are_one() -> None:
    theirs = "".join(f'<script src="../_static/{name}?v=1"></script>' for name in THEME_SCRIPTS)
    page = BeautifulSoup(mended(f"<html><head></head><body>{theirs}</body></html>"), "html.parser")
    assert [tag["src"] for tag in page.select("script")] == ["../_static/theme.js"]


def test_the_search_page_keeps_its_index() -> None:
    assert [tag["src"] for tag in soup(searches=True).select("script[src]")] == [
        "_static/doctools.js",
        "searchindex.js",
    ]


def test_the_theme_is_known_before_anything_is_drawn() -> None:
    assert "prefers-color-scheme" in soup().find("script").get_text()


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (
            '<button class="btn primary-toggle"><i class="fa-bars"></i></button>',
            'aria-label="Show or hide the chapters"',
        ),
        ('<i class="fa-sun" title="Light"></i>', '<i aria-hidden="true" class="fa-sun"></i>'),
        ('<summary aria-label="Toggle hidden content">Show the code</summary>', "<summary>Show the code</summary>"),
        ("<dl><dd>x</dd></dl>", "<div><div>x</div></div>"),
        ("<dl><dt>x</dt><dd>y</dd></dl>", "<dl><dt>x</dt><dd>y</dd></dl>"),
        ('<div role="doc-biblioentry">x</div>', '<div role="listitem">x</div>'),
        ("<table><tr><th></th><th>x</th></tr></table>", "<table><tr><td></td><th>x</th></tr></table>"),
        ('<div class="highlight"><pre>short</pre></div>', "<pre>short</pre>"),
        (f'<div class="highlight"><pre>{"x" * 99}</pre></div>', '<pre tabindex="0">'),
    ],
)
def test_names_and_roles(before: str, after: str) -> None:
    assert after in re.sub(r"\s+", " ", str(soup(before)))
