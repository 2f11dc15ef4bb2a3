"""What the build refuses: explorers over their budget, and pages that would ask another host."""

import importlib.util
from pathlib import Path

import pytest

spec = importlib.util.spec_from_file_location("book_extension", Path(__file__).parents[2] / "book" / "extension.py")
extension = importlib.util.module_from_spec(spec)
spec.loader.exec_module(extension)


def page_with(*sizes: int) -> str:
    return "".join(
        f'<figure><figcaption class="explorer-title">Number {i}</figcaption>'
        f'<script type="application/json" class="explorer-data">{"7" * size}</script></figure>'
        for i, size in enumerate(sizes)
    )


def test_the_budget_counts_all_explorers_of_a_page() -> None:
    half = extension.PAGE_BUDGET // 2
    assert extension.over_budget("page.html", page_with(half, half)) == []
    (complaint,) = extension.over_budget("page.html", page_with(10, half, half))
    assert "page.html" in complaint and f"Number 1: {half:,}" in complaint


@pytest.mark.parametrize(
    "fetched",
    [
        '<script src="https://cdn.example/x.js"></script>',
        '<img src="//img.example/a.png">',
        '<link rel="stylesheet" href="https://fonts.example/a.css">',
        '<link rel="preconnect" href="http://fonts.example">',
        '<iframe src="https://video.example"></iframe>',
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
    ],
)
def test_links_and_own_files_are_allowed(own: str) -> None:
    assert extension.foreign_requests("page.html", own) == []
