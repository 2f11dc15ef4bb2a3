"""A chapter says how long it takes to read, counted from its words."""

import re
from pathlib import Path

import pytest
import reading_time
from docutils import nodes
from docutils.utils import new_document

from tests.book.conftest import PAGES


def test_words_are_counted_and_folds_apart() -> None:
    document = new_document("page")
    document += [
        nodes.paragraph("", "", nodes.Text("one two "), nodes.math("", r"\frac a b"), nodes.Text(" four")),
        nodes.literal_block("", "print(1, 2, 3)"),
        nodes.raw("", "<details>\n<summary>more words</summary>", format="html"),
        nodes.paragraph("", "five six"),
        nodes.raw("", "</details>", format="html"),
        nodes.paragraph("", "seven"),
    ]
    assert reading_time.words(document) == (5, 2)


@pytest.mark.parametrize(
    ("counted", "said"),
    [
        ((3, 0), "1 min to read"),
        ((1001, 0), "6 min to read"),
        ((400, 201), "2 min to read, 2 more with what is folded"),
    ],
)
def test_it_is_said_in_minutes(counted: tuple[int, int], said: str) -> None:
    assert reading_time.sentence(*counted) == said


def test_every_chapter_says_it_once(site: Path) -> None:
    for name in PAGES:
        said = re.findall(r'class="reading-time">(\d+) min', (site / name).read_text("utf-8"))
        assert len(said) == name.startswith("notebooks/"), name
