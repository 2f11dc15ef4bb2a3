"""What plotly calls it, and what matplotlib does: texts, colours, dashes, markers, numbers."""

import html
import re
from typing import Any

from tpcore.explorers.styles import DASH_DOT_DOT

DASHES = {
    DASH_DOT_DOT: (0, (5, 1.5, 1, 1.5, 1, 1.5)),
    "dash": "--",
    "dot": ":",
    "dashdot": "-.",
    "longdash": (0, (8, 3)),
    "longdashdot": (0, (8, 3, 2, 3)),
}
MARKERS = {
    "circle": "o",
    "square": "s",
    "diamond": "D",
    "cross": "P",
    "x": "X",
    "triangle-up": "^",
    "triangle-down": "v",
    "star": "*",
}


def text_of(text: str) -> str:
    """Turn plotly's markup into matplotlib's: subscripts and superscripts as mathematics, line breaks, nothing else."""
    text = re.sub(r"<br\s*/?>", "\n", text)
    text = text.replace("$", r"\$")
    text = re.sub(r"<sub>(.*?)</sub>", lambda m: f"$_{{\\mathrm{{{m[1]}}}}}$", text)
    text = re.sub(r"<sup>(.*?)</sup>", lambda m: f"$^{{\\mathrm{{{m[1]}}}}}$", text)
    return html.unescape(re.sub(r"<[^>]+>", "", text))


def color_of(color: Any, otherwise: str) -> Any:
    """Turn a CSS colour into matplotlib's."""
    if not isinstance(color, str):
        return otherwise
    match = re.fullmatch(r"rgba?\(([^)]*)\)", color.replace(" ", ""))
    if match:
        red, green, blue, *alpha = (float(part) for part in match[1].split(","))
        return (red / 255, green / 255, blue / 255, *(alpha or [1.0]))
    return color


def single(value: Any, otherwise: Any) -> Any:
    """Return the value where it is one for the whole trace."""
    if value is None or isinstance(value, list):
        return otherwise
    return color_of(value, otherwise) if isinstance(value, str) and value.startswith("rgb") else value


def numbers(values: Any) -> list[Any]:
    """Numbers, or the names of categories."""
    return [float("nan") if value is None else text_of(value) if isinstance(value, str) else value for value in values]
