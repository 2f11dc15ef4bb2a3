"""Formulas are MathML: the book's notation is understood, and its font has every sign that they use."""

import re
from pathlib import Path

import pytest
from fontTools.ttLib import TTFont
from math_core import LatexError
from mathematics import mathml

FONT = Path(__file__).parents[2] / "book/assets/vendor/stix-two-math.woff"
INVISIBLE = set("\u2061\u2062\u2063\u00a0\u200b\n ")


@pytest.mark.parametrize(
    ("latex", "parts"),
    [
        (r"\delta_{t-1} = M_r (\delta_t \oslash a')", ["<mi>δ</mi>", "⊘", "′"]),
        (r"\widetilde M_r \to W^\top", ["<mover", "⊤", "→"]),
        (r"\begin{aligned} a &= b \\ c &= d \end{aligned}", ["<mtable", "<mtr"]),
        (r"\tfrac12 \lVert W u - y \rVert^2", ["<mfrac", "‖"]),
    ],
)
def test_the_book_s_notation_is_understood(latex: str, parts: list[str]) -> None:
    formula = mathml(latex, display=True)
    assert formula.startswith('<math display="block"') and all(part in formula for part in parts)


def test_what_is_not_understood_is_an_error() -> None:
    with pytest.raises(LatexError, match="nosuch"):
        mathml(r"\nosuch x", display=False)


def test_the_font_has_every_sign_of_every_formula(site: Path) -> None:
    drawn = TTFont(FONT).getBestCmap()
    found = set()
    for page in site.rglob("*.html"):
        for formula in re.findall(r"<math.*?</math>", page.read_text("utf-8"), re.S):
            found |= set(re.sub(r"<[^>]*>|&[a-zA-Z]+;", "", formula))
    assert found, "no formula in the book"
    assert {sign for sign in found - INVISIBLE if ord(sign) not in drawn} == set()
