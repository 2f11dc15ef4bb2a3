"""What the build refuses: explorers over their budget, and pages that would ask another host."""

import importlib.util
from pathlib import Path
from types import SimpleNamespace

import pytest
from docutils import nodes
from docutils.utils import new_document
from sphinx.errors import SphinxError

spec = importlib.util.spec_from_file_location("book_extension", Path(__file__).parents[2] / "book" / "extension.py")
extension = importlib.util.module_from_spec(spec)
spec.loader.exec_module(extension)


def page_with(*sizes: int) -> str:
    return "".join(
        f'<figure><figcaption class="explorer-title"><span id="title-{i}">Number {i}</span></figcaption>'
        f'<script type="application/json" class="explorer-data">{"7" * size}</script></figure>'
        for i, size in enumerate(sizes)
    )


def test_the_budget_counts_all_explorers_of_a_page() -> None:
    half = extension.PAGE_BUDGET // 2
    assert extension.over_budget("page.html", page_with(half, half)) == []
    (complaint,) = extension.over_budget("page.html", page_with(10, half, half))
    assert "page.html" in complaint and f"Number 1: {half:,}" in complaint


def test_explorers_of_one_title_count_each() -> None:
    half = extension.PAGE_BUDGET // 2
    text = page_with(half, half, half).replace("Number 1", "Number 0")
    (complaint,) = extension.over_budget("page.html", text)
    assert f"hold {3 * half:,} bytes" in complaint and complaint.count(f"Number 0: {half:,}") == 2


@pytest.mark.parametrize(
    "fetched",
    [
        '<script src="https://cdn.example/x.js"></script>',
        '<img src="//img.example/a.png">',
        '<link rel="stylesheet" href="https://fonts.example/a.css">',
        '<link rel="preconnect" href="http://fonts.example">',
        '<iframe src="https://video.example"></iframe>',
        '<link rel="STYLESHEET" href="https://fonts.example/a.css">',
        '<video><track src="https://video.example/words.vtt"></video>',
        '<img src=" HTTPS://img.example/a.png">',
        '<img srcset="a.png 1x, https://img.example/b.png 2x">',
        '<img srcset="a.png, //img.example/b.png">',
        '<p style="background:url(https://img.example/a.png)">text</p>',
        '<p style="background:url( &quot;//img.example/a.png&quot; )">text</p>',
        "<style>@import url(https://fonts.example/a.css);</style>",
        "<style>p { color: red } @IMPORT '//fonts.example/a.css';</style>",
        "<style>/* url(one) */ p { background: URL(https://img.example/a.png) } /* two */</style>",
    ],
)
def test_a_page_that_asks_another_host_is_refused(fetched: str) -> None:
    (complaint,) = extension.foreign_requests("page.html", fetched)
    assert "page.html" in complaint and "example" in complaint


@pytest.mark.parametrize(
    "own",
    [
        '<a href="https://github.com">code</a>',
        '<img src="../_static/logo.svg">',
        '<link rel="canonical" href="https://book.example">',
        '<img srcset="a.png 1x, data:image/png;base64,//8A 2x, b.png">',
        '<p style="background:url(data:image/svg+xml;utf8,http://www.w3.org)">text</p>',
        "<style>/* after url(https://img.example/a.png) */ p { background: url(a.png) }</style>",
        "<style>p { color: red }</style><pre>@import url(https://fonts.example/a.css)</pre>",
        "<script>const rule = '@import url(https://fonts.example/a.css)'</script>",
    ],
)
def test_links_and_own_files_are_allowed(own: str) -> None:
    assert extension.foreign_requests("page.html", own) == []


def built(folder: Path, style: str) -> SimpleNamespace:
    (folder / "index.html").write_text('<link rel="stylesheet" href="_static/own.css">', "utf-8")
    (folder / "_static").mkdir()
    (folder / "_static" / "own.css").write_text(style, "utf-8")
    return SimpleNamespace(builder=SimpleNamespace(format="html"), outdir=str(folder))


def test_a_style_sheet_that_asks_another_host_fails_the_build(tmp_path: Path) -> None:
    app = built(tmp_path, "@font-face { font-family: A; src: url('https://fonts.example/a.woff2') }")
    with pytest.raises(SphinxError, match=r"own\.css: it would fetch https://fonts\.example/a\.woff2 from"):
        extension._check_pages(app, None)


def test_a_style_sheet_of_own_files_passes(tmp_path: Path) -> None:
    style = "/*! MIT, https://style.example */ @import 'basic.css'; p { background: url(../logo.svg) }"
    extension._check_pages(built(tmp_path, style), None)


@pytest.mark.parametrize(
    ("before", "after", "kept"),
    [
        ("as ", ", and", "r,"),
        ("so (", ") holds", "(r)"),
        ("in ", "-dimensional", "r-"),
        ("for ", " (see", "r"),
        ("“", "”, it says", "“r”,"),
        ("is ", "(t)", "r"),
    ],
)
def test_punctuation_stays_with_its_formula(before: str, after: str, kept: str) -> None:
    document = new_document("page")
    document += nodes.paragraph("", "", nodes.Text(before), nodes.math("", "r"), nodes.Text(after))
    extension._PunctuationStays(document).run()
    (together,) = document.findall(nodes.inline)
    assert together.astext() == kept and document.astext() == f"{before}r{after}"


def test_two_formulas_share_the_text_between_them() -> None:
    document = new_document("page")
    document += nodes.paragraph("", "", nodes.math("", "r"), nodes.Text(", ("), nodes.math("", "s"))
    extension._PunctuationStays(document).run()
    assert [together.astext() for together in document.findall(nodes.inline)] == ["r,", "(s"]


def test_a_link_leads_to_a_position_of_the_playground(site: Path) -> None:
    page = (site / "notebooks" / "02-target-propagation.html").read_text("utf-8")
    assert 'href="playground.html#v1&amp;b_r=1000"' in page
