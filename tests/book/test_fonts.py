"""The pages' fonts: small, their own, and of the same size as what stands in for them."""

import re
from pathlib import Path

import pytest
from fontTools.ttLib import TTFont

ASSETS = Path(__file__).parents[2] / "book" / "assets"
STYLE = (ASSETS / "style.css").read_text("utf-8")
FACES = [dict(re.findall(r"([\w-]+): ([^;]+);", face)) for face in re.findall(r"@font-face \{(.*?)\}", STYLE)]
TOGETHER = 100_000  # bytes of text and code
# How often letters stand in English text, in percent of all signs, and the widths that Arial, Helvetica and Liberation
# Sans share, in thousandths (Adobe's metrics of Helvetica).
LETTERS = " etaoinsrhldcumfgpwybvkxjqz"
OFTEN = (
    18.3, 10.3, 7.5, 6.5, 6.2, 5.7, 5.6, 5.3, 5, 5, 3.3, 3.3, 2.2, 2.3, 2, 2, 1.6, 1.5, 1.7, 1.4, 1.3, 0.8, 0.6, 0.14,
    0.1, 0.08, 0.05,
)  # fmt: skip
HELVETICA = (
    278, 556, 278, 556, 556, 556, 222, 500, 333, 556, 222, 556, 500, 556, 833, 278, 556, 556, 722, 500, 556, 500, 500,
    500, 222, 556, 500,
)  # fmt: skip
COURIER = (600,) * len(LETTERS)


def test_text_and_code_are_light() -> None:
    assert sum(path.stat().st_size for path in ASSETS.glob("vendor/atkinson*.woff")) < TOGETHER
    for face in FACES:
        for address in re.findall(r'url\("(.*?)"\)', face["src"]):
            assert (ASSETS / address).exists()
    assert all((ASSETS / f"vendor/atkinson-hyperlegible-{kind}-LICENSE.txt").exists() for kind in ("next", "mono"))


@pytest.mark.parametrize(
    ("file", "fallback", "widths"),
    [("next-400-normal", "Atkinson fallback", HELVETICA), ("mono-400-normal", "Atkinson Mono fallback", COURIER)],
)
def test_what_stands_in_has_its_size(file: str, fallback: str, widths: tuple[int, ...]) -> None:
    font = TTFont(ASSETS / f"vendor/atkinson-hyperlegible-{file}.woff")
    glyphs, unit = font.getBestCmap(), font["head"].unitsPerEm
    own = sum(often * font["hmtx"][glyphs[ord(letter)]][0] for letter, often in zip(LETTERS, OFTEN, strict=True))
    ratio = own / unit / sum(often * width / 1000 for width, often in zip(widths, OFTEN, strict=True))
    (face,) = (face for face in FACES if face["font-family"] == f'"{fallback}"')
    percent = {key: float(value.rstrip("%")) / 100 for key, value in face.items() if value.endswith("%")}
    assert percent["size-adjust"] == pytest.approx(ratio, abs=1e-3)
    assert percent["ascent-override"] == pytest.approx(font["hhea"].ascent / unit / ratio, abs=1e-3)
    assert percent["descent-override"] == pytest.approx(-font["hhea"].descent / unit / ratio, abs=1e-3)
