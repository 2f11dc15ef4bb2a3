"""One step of the network, and below it one step back under each rule, as a drawing."""

from __future__ import annotations

from typing import Any

import plotly.graph_objects as go

from tpcore.explorers import Choice, Explorer
from tpcore.explorers.figures import NEUTRAL, PALETTE, figure

RULES = {"bp": "Back-propagation", "paper": "Targets, the paper's rule", "calibrated": "Targets, calibrated"}
COLORS = {"bp": PALETTE["orange"], "paper": PALETTE["blue"], "calibrated": PALETTE["green"]}
CARRIED = {"bp": "λ", "paper": "δ", "calibrated": "δ"}
UNDO_W = {"bp": "W<sup>⊤</sup>", "paper": "M<sub>r</sub>", "calibrated": "M̃<sub>r</sub>"}
UNDO_A = {"bp": "⊙ a′", "paper": "⊘ a′", "calibrated": "Ã<sub>s</sub>"}
STATES, BOXES = (0.8, 9.2), {"W": 3.0, "+": 5.0, "a": 7.0}  # along the drawing
FORWARD, BACK = 2.6, 0.8  # its two rows
HALF = (0.75, 0.42)  # of a box


def step_of(rule: str) -> dict[str, Any]:
    """What goes back under a rule, and the two operations on its way."""
    carried = CARRIED[rule]
    return {
        "rule": rule,
        "from": f"{carried}<sub>t</sub>",
        "to": f"{carried}<sub>t−1</sub>",
        "boxes": [UNDO_A[rule], UNDO_W[rule]],
    }


def step_figure(result: dict[str, Any]) -> go.Figure:
    """Two rows: forward from left to right, back from right to left; a dotted line joins what undoes what."""
    fig = figure(x_range=(0, 10), y_range=(0, 3.6), height=300)
    fig.update_xaxes(visible=False).update_yaxes(visible=False).update_layout(margin={"l": 4, "r": 4, "t": 4, "b": 4})
    color = COLORS[result["rule"]]
    left, right = STATES
    for place in (BOXES["W"], BOXES["a"]):
        _line(fig, [place, place], [BACK + HALF[1], FORWARD - HALF[1]], NEUTRAL, dash="dot", width=1.5)
    stops = [left + 0.55, *(end for box in BOXES.values() for end in (box - HALF[0], box + HALF[0])), right - 0.55]
    for start, end in zip(stops[::2], stops[1::2], strict=True):
        _arrow(fig, start, end, FORWARD, NEUTRAL)
    a, w = BOXES["a"], BOXES["W"]
    for start, end in ((right - 0.55, a + HALF[0]), (a - HALF[0], w + HALF[0]), (w - HALF[0], left + 0.55)):
        _arrow(fig, start, end, BACK, color)
    for box, text in zip(BOXES.values(), ("W ·", "+ U x<sub>t</sub>", "a(·)"), strict=True):
        _box(fig, box, FORWARD, text, NEUTRAL)
    for box, text in zip((a, w), result["boxes"], strict=True):
        _box(fig, box, BACK, text, color)
    for x, y, text in (
        (left, FORWARD, "h<sub>t−1</sub>"),
        (right, FORWARD, "h<sub>t</sub>"),
        (left, BACK, result["to"]),
        (right, BACK, result["from"]),
    ):
        fig.add_annotation(x=x, y=y, text=text, font={"size": 17})
    fig.add_annotation(x=BOXES["+"], y=FORWARD + 0.75, text="one step of the network", font={"color": NEUTRAL})
    fig.add_annotation(x=BOXES["+"], y=BACK - 0.65, text="one step back", font={"color": color})
    return fig


def _line(
    fig: go.Figure, x: list[float], y: list[float], color: str, *, dash: str = "solid", width: float = 2.5
) -> None:
    line = {"color": color, "dash": dash, "width": width}
    fig.add_scatter(x=x, y=y, mode="lines", line=line, showlegend=False, hoverinfo="skip")


def _arrow(fig: go.Figure, start: float, end: float, y: float, color: str) -> None:
    head = 0.15 if end > start else -0.15
    _line(fig, [start, end], [y, y], color)
    _line(fig, [end - head, end, end - head], [y + 0.1, y, y - 0.1], color)


def _box(fig: go.Figure, x: float, y: float, text: str, color: str) -> None:
    dx, dy = HALF
    _line(fig, [x - dx, x + dx, x + dx, x - dx, x - dx], [y - dy, y - dy, y + dy, y + dy, y - dy], color)
    fig.add_annotation(x=x, y=y, text=text, font={"size": 15})


step_explorer = Explorer(
    title="One step, and one step back",
    description="Above, one step of the network from left to right: the state before it is multiplied by W, the input "
    "is added, the activation follows. Below, one step back from right to left, first past the activation, then past "
    "W. Back-propagation multiplies by the slope and by the transpose of W; the paper's rule divides by the slope and "
    "multiplies by the regularized inverse; the calibrated rule uses the calibrated inverses of both.",
    controls=[Choice("rule", "Rule", RULES, value="paper")],
    compute=step_of,
    draw=step_figure,
)
