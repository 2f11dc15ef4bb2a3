"""Curves and points that stand in one figure are told apart without colour vision, and stand out from the page.

Colour vision is simulated by the matrices of Machado, Oliveira and Fernandes (2009) at their full strength, grey by the
relative luminance; distances are CIEDE2000 (colour-science has both).
"""

import html
import itertools
import json
import re
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import colour
import numpy as np
import pytest
from colour.blindness import matrix_cvd_Machado2009

from tests.book.conftest import EXPLORING
from tpcore.explorers.encoding import decode
from tpcore.explorers.styles import LOOKS, NEUTRAL, PALETTE, told_apart

APART = 15
LUMINANCE = np.array([0.2126, 0.7152, 0.0722])
SEEN = {
    "protanopia": matrix_cvd_Machado2009("Protanomaly", 1.0),
    "deuteranopia": matrix_cvd_Machado2009("Deuteranomaly", 1.0),
    "greyscale": np.tile(LUMINANCE, (3, 1)),
}
_DATA = re.compile(r'explorer-title"><span[^>]*>(.*?)</span>.*?class="explorer-data"[^>]*>(.*?)</script>', re.S)


class Style(NamedTuple):
    """How a curve (with a dash) or points (without) look; a marker of None is none."""

    color: str
    dash: str | None
    marker: str | None


@cache
def distances(one: str, other: str) -> dict[str, float]:
    """The distance of two colours under each way of seeing."""

    def lab(color: str, seen: np.ndarray) -> np.ndarray:
        linear = seen @ colour.cctf_decoding(colour.notation.HEX_to_RGB(color), "sRGB")
        return colour.XYZ_to_Lab(colour.RGB_to_XYZ(np.clip(linear, 0, 1), "sRGB"))

    return {
        name: float(colour.delta_E(lab(one, seen), lab(other, seen), method="CIE 2000")) for name, seen in SEEN.items()
    }


def confused(one: Style, other: Style) -> bool:
    """Whether two styles are too close in colour, and share a dash or a marker.

    A curve and points are different things; points have no dash. Curves of one colour are told apart by other means.
    """
    if (one.dash is None) != (other.dash is None) or one.color == other.color:
        return False
    if min(distances(one.color, other.color).values()) >= APART:
        return False
    return one.marker == other.marker or (one.dash is not None and one.dash == other.dash)


def styles(traces: list[dict[str, Any]]) -> dict[tuple[str, str], set[Style]]:
    """The styles that the legend names in each of a figure's plots, without the crosses at the ends of curves.

    What stands on a map of colours is not compared.
    """
    found: dict[tuple[str, str], set[Style]] = {}
    plots = [(trace.get("xaxis", "x"), trace.get("yaxis", "y")) for trace in traces]
    maps = {plot for plot, trace in zip(plots, traces, strict=True) if trace.get("type") == "heatmap"}
    for plot, trace in zip(plots, traces, strict=True):
        mode, line, marker = trace.get("mode", "lines"), trace.get("line", {}), trace.get("marker", {})
        drawn = trace.get("type") == "scatter" and trace.get("visible", True) is True and line.get("width") != 0
        marked = "markers" in mode
        color = line.get("color") if "lines" in mode else marker.get("color")
        named = trace.get("name") and trace.get("showlegend") is not False and marker.get("symbol") != "x"
        if drawn and named and plot not in maps and isinstance(color, str) and re.fullmatch("#[0-9a-f]{6}", color):
            dash = line.get("dash", "solid") if "lines" in mode else None
            found.setdefault(plot, set()).add(Style(color, dash, marker.get("symbol", "circle") if marked else None))
    return found


def light(value: Any) -> Any:
    """A figure's part without its numbers, which are many and have no style."""
    if isinstance(value, dict):
        return {key: light(item) for key, item in value.items()}
    if isinstance(value, list):
        return [light(item) for item in value] if any(isinstance(item, dict) for item in value) else []
    return value


@pytest.mark.parametrize("name", EXPLORING)
def test_what_stands_together_is_told_apart(site: Path, name: str) -> None:
    for title, text in _DATA.findall((site / name).read_text("utf-8")):
        document = json.loads(text)
        lightened = {**document, "base": light(document["base"]), "values": [light(v) for v in document["values"]]}
        for position in document["positions"]:
            for found in styles(decode(lightened, position)["data"]).values():
                for pair in itertools.combinations(sorted(found, key=str), 2):
                    assert not confused(*pair), f"{html.unescape(title)} at {position}: {pair}"


@pytest.mark.parametrize("pair", list(itertools.combinations(LOOKS, 2)), ids=str)
def test_the_looks_of_the_palette_are_told_apart(pair: tuple[str, str]) -> None:
    one, other = (Style(color, *LOOKS[color]) for color in pair)
    assert not confused(one, other) and not confused(one._replace(dash=None), other._replace(dash=None))


def test_what_is_too_close_is_found() -> None:
    blue, purple = (Style(PALETTE[name], "solid", "circle") for name in ("blue", "purple"))
    assert distances(PALETTE["blue"], PALETTE["purple"])["deuteranopia"] < APART
    assert confused(blue, purple) and confused(blue, purple._replace(dash="dot"))
    assert confused(blue, purple._replace(marker="square"))
    assert not confused(blue, purple._replace(dash="dot", marker="square"))


def test_a_colour_of_the_palette_brings_its_dash_and_marker() -> None:
    from tpcore.explorers.figures import figure

    drawn = told_apart(figure().add_scatter(y=[1, 2], name="a", line={"color": PALETTE["purple"], "dash": "solid"}))
    drawn.add_scatter(y=[2, 3], name="b", line={"color": NEUTRAL}).add_scatter(y=[3, 4], line={"color": "#123456"})
    (look,) = {Style(t.line.color, t.line.dash, t.marker.symbol) for t in drawn.data if t.name == "a"}
    assert look == Style(PALETTE["purple"], *LOOKS[PALETTE["purple"]])
    assert all(trace.mode is None for trace in told_apart(drawn).data[1:])
