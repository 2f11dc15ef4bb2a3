"""The book's look for plotly figures: one base figure in the colours of `tpcore.explorers.styles`."""

from math import ceil, log10
from typing import Any

import plotly.graph_objects as go

from tpcore.explorers.styles import NEUTRAL, PALETTE

__all__ = ["NEUTRAL", "PALETTE", "SEQUENCE", "TEMPLATE", "band", "figure"]

SEQUENCE = list(PALETTE.values())
MOST_DECADE_TICKS = 6  # about as many labels as a logarithmic axis holds without crowding

_AXIS = {
    "gridcolor": "rgba(128,128,128,0.22)",
    "zeroline": False,
    "linecolor": NEUTRAL,
    "ticks": "outside",
    "title": {"font": {"size": 14}, "standoff": 10},
    "tickcolor": NEUTRAL,
    "showline": True,
}

TEMPLATE = go.layout.Template(
    layout={
        "colorway": SEQUENCE,
        "font": {
            "family": "system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif",
            "size": 14,
            "color": "#333",
        },
        "paper_bgcolor": "white",
        "plot_bgcolor": "white",
        "xaxis": {**_AXIS, "automargin": True},
        "yaxis": {**_AXIS, "automargin": True},
        "legend": {
            "orientation": "h",
            "x": 0,
            "xanchor": "left",
            "y": 1.02,
            "yanchor": "bottom",
            "traceorder": "normal",
        },
        "margin": {"l": 56, "r": 16, "t": 16, "b": 48},
        "hovermode": "closest",
        "shapedefaults": {"line": {"color": NEUTRAL, "width": 1.5, "dash": "dot"}},
        "annotationdefaults": {"showarrow": False},
    },
    data={"scatter": [{"mode": "lines", "line": {"width": 2.5}}]},
)


def figure(
    x_title: str = "",
    y_title: str = "",
    *,
    log_x: bool = False,
    log_y: bool = False,
    x_range: tuple[float, float] | None = None,
    y_range: tuple[float, float] | None = None,
    height: int = 380,
) -> go.Figure:
    """Make an empty figure in the book's style.

    Parameters
    ----------
    x_title, y_title : str
        Axis titles; may hold `<sub>` and `<sup>`.
    log_x, log_y : bool
        Logarithmic axes.
    x_range, y_range : (float, float), optional
        The ends of the axes in data units (for a logarithmic axis too). Fixing them keeps the picture still while a
        slider moves.
    height : int
        In pixels.

    Returns
    -------
    plotly.graph_objects.Figure

    Examples
    --------
    >>> from tpcore.explorers.figures import figure
    >>> figure("σ", "gain", log_x=True, x_range=(0.01, 100)).layout.xaxis.type
    'log'
    """
    x_axis, y_axis = _axis(x_title, log_x, x_range), _axis(y_title, log_y, y_range)
    return go.Figure(layout={"template": TEMPLATE, "height": height, "xaxis": x_axis, "yaxis": y_axis})


def band(x: Any, low: Any, high: Any, color: str, name: str) -> list[go.Scatter]:
    """Make two traces that shade the range between `low` and `high`; they stay out of the legend.

    Parameters
    ----------
    x, low, high : array (n,)
    color : str
        As in `PALETTE`: "#rrggbb".
    name : str
        What a reader sees who points at it.

    Returns
    -------
    list of two plotly.graph_objects.Scatter

    Examples
    --------
    >>> from tpcore.explorers.figures import PALETTE, band, figure
    >>> len(figure().add_traces(band([0, 1], [0.1, 0.2], [0.3, 0.5], PALETTE["blue"], "seeds")).data)
    2
    """
    shade = f"rgba({int(color[1:3], 16)},{int(color[3:5], 16)},{int(color[5:7], 16)},0.2)"
    edge: dict[str, Any] = {
        "mode": "lines",
        "line": {"width": 0, "color": color},
        "showlegend": False,
        "hoverinfo": "skip",
    }
    return [
        go.Scatter(x=x, y=low, name=name, **edge),
        go.Scatter(x=x, y=high, name=name, fill="tonexty", fillcolor=shade, **edge),
    ]


def _axis(title: str, log: bool, ends: tuple[float, float] | None) -> dict[str, Any]:
    axis: dict[str, Any] = {"title": {"text": title}, "type": "log" if log else "linear"}
    if log:
        decades = log10(ends[1] / ends[0]) if ends else 1
        axis |= {"exponentformat": "power", "dtick": max(1, ceil(round(decades) / MOST_DECADE_TICKS))}
    if ends is not None:
        axis["range"] = [log10(end) for end in ends] if log else list(ends)
    return axis
