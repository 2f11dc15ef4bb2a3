"""The book's colours, and the dash and the marker that belong to each, so that no curve is known by its colour alone.

A curve in a colour of the palette is drawn with that colour's dash and marker wherever its figure says nothing else.
tests/book/test_colors.py computes, for every figure of the book, that what stands together can be told apart without
colour vision, and that every colour stands out from both backgrounds.
"""

from typing import Any

PALETTE = {
    "blue": "#2f7fc8",
    "orange": "#d0681c",
    "green": "#2b8f63",
    "purple": "#9467c9",
    "red": "#d9485f",
    "olive": "#8a8420",
}
NEUTRAL = "#808080"  # reference lines and everything that must not draw the eye
DASH_DOT_DOT = "10px,3px,2px,3px,2px,3px"
LOOKS = {
    PALETTE["blue"]: ("solid", "circle"),
    PALETTE["orange"]: ("dash", "square"),
    PALETTE["green"]: ("dashdot", "diamond"),
    PALETTE["purple"]: ("longdashdot", "triangle-up"),
    PALETTE["red"]: (DASH_DOT_DOT, "cross"),
    PALETTE["olive"]: ("longdash", "triangle-down"),
    NEUTRAL: ("dot", "circle-open"),  # of a curve with markers; a reference line has none
}
MOST_MARKERS = 8  # of a curve: they say which it is, and leave its course to be seen
_SIZE = 8


def told_apart(figure: Any) -> Any:
    """Give the named curves and points of a figure the dash and the marker of their colour, in place.

    Parameters
    ----------
    figure : plotly.graph_objects.Figure
        A dash other than "solid" and a marker's symbol that it sets itself stay.

    Returns
    -------
    plotly.graph_objects.Figure
        The figure itself.

    Examples
    --------
    >>> from tpcore.explorers.figures import PALETTE, figure
    >>> from tpcore.explorers.styles import told_apart
    >>> curve = told_apart(figure().add_scatter(y=[1, 2], name="BP", line={"color": PALETTE["orange"]})).data[0]
    >>> curve.line.dash, curve.marker.symbol
    ('dash', 'square')
    """
    for trace in figure.data:
        if trace.type == "scatter" and trace.name and trace.line.width != 0:
            _dress(trace)
    return figure


def _dress(trace: Any) -> None:
    mode = trace.mode or "lines"
    color = trace.line.color if "lines" in mode else trace.marker.color
    if not isinstance(color, str) or color not in LOOKS or (color == NEUTRAL and "markers" not in mode):
        return
    dash, symbol = LOOKS[color]
    if "lines" in mode and trace.line.dash in (None, "solid"):
        trace.line.dash = dash
    if "markers" not in mode and "lines" in mode:
        trace.mode = mode.replace("lines", "lines+markers")
        trace.marker = {"maxdisplayed": MOST_MARKERS, "size": _SIZE, "color": color}
    if trace.marker.symbol is None:
        trace.marker.symbol = symbol
