"""The explorer of the regime map: who learns faster in which cell of length × width, by steps and by time."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import plotly.graph_objects as go

from tpcore.chapters.recorded import METHODS as STYLES
from tpcore.chapters.recorded import add_curve, curve, record_files
from tpcore.experiments import compare_methods, in_the_same_time, learns, recorded, step_cost
from tpcore.experiments.regimes import LENGTHS, METHODS, REGIMES, WIDTHS, cell_name
from tpcore.experiments.verdicts import AHEAD, BEHIND, LEVEL, NEITHER, UNCLEAR, number, word_for
from tpcore.explorers import Choice, Explorer, Stops
from tpcore.explorers.figures import PALETTE, figure
from tpcore.results import Record

RECORDS = record_files(*REGIMES)
RULES = tuple(name for name in METHODS if name != "bp")
CRITERIA = {"steps": "Per step", "seconds": "By time"}
LARGEST = 0.3  # the difference at which the colours end
SCALE = [[0.0, "rgba(208,104,28,0.6)"], [0.5, "rgba(128,128,128,0.12)"], [1.0, "rgba(47,127,200,0.6)"]]  # on any ground


@cache
def cell_records(length: int, width: int) -> dict[str, list[Record]]:
    """The runs of a cell's winners of the search, by method."""
    return recorded(cell_name(length, width), "tuned")


def contest(length: int, width: int, rule: str, criterion: str) -> dict[str, Any] | None:
    """A rule against back-propagation in a cell; None where one of them was not run, or its step was not timed.

    Returns
    -------
    dict
        ``lead`` of the rule, a `tpcore.experiments.Lead`; ``word`` for it, as `tpcore.experiments.verdicts` has it.
    """
    found = cell_records(length, width)
    if rule not in found or "bp" not in found:
        return None
    pair = found[rule], found["bp"]
    until: tuple[float | None, float | None] = (None, None)
    if criterion == "seconds":
        costs = [step_cost(records[0]) for records in pair]
        if costs[0] is None or costs[1] is None:
            return None
        until = in_the_same_time(REGIMES[cell_name(length, width)].steps, (costs[0].median, costs[1].median))
    lead = compare_methods(*pair, until=until)
    return {"lead": lead, "word": word_for(lead, learned=any(map(learns, pair)))}


def regime(rule: str, criterion: str, length: int, width: int) -> dict[str, Any]:
    """The whole map for a rule and a criterion, and the curves of the chosen cell."""
    cells = [[contest(tau, d, rule, criterion) for d in WIDTHS] for tau in LENGTHS]
    found = {name: records for name, records in cell_records(length, width).items() if name in ("bp", rule)}
    return {
        "rule": rule,
        "criterion": criterion,
        "chosen": [LENGTHS.index(length), WIDTHS.index(width)],
        "difference": np.array([[cell["lead"].difference.value if cell else np.nan for cell in row] for row in cells]),
        "word": [[cell["word"] if cell else "not run" for cell in row] for row in cells],
        "curves": {name: curve(records) for name, records in found.items()},
    }


def regime_figure(result: dict[str, Any]) -> go.Figure:
    """The map above, the chosen cell's curves below."""
    by_time = result["criterion"] == "seconds"
    fig = figure("", "length τ", height=720)
    names = {BEHIND: "BP", AHEAD: "TP", LEVEL: LEVEL, UNCLEAR: "no clear<br>difference", NEITHER: "neither<br>learns"}
    difference = result["difference"]
    fig.add_heatmap(
        z=np.where(np.isnan(difference), None, difference), meta=["length", "width"],
        x=list(range(len(WIDTHS))), y=list(range(len(LENGTHS))),
        colorscale=SCALE, zmin=-LARGEST, zmax=LARGEST,
        showscale=False, xgap=2, ygap=2,
    )  # fmt: skip
    for row, words in enumerate(result["word"]):
        for place, word in enumerate(words):
            value = difference[row, place]
            text = names.get(word, word) + ("" if np.isnan(value) else f"<br>{number(value)}")
            fig.add_annotation(x=place, y=row, text=text, font={"size": 12})
    row, place = result["chosen"]
    frame = {"type": "line", "line": {"color": PALETTE["red"], "width": 4, "dash": "solid"}}
    corners = [(place + dx, row + dy) for dx, dy in ((-0.48, -0.47), (0.48, -0.47), (0.48, 0.47), (-0.48, 0.47))]
    for (x0, y0), (x1, y1) in zip(corners, [*corners[1:], corners[0]], strict=True):
        fig.add_shape(x0=x0, y0=y0, x1=x1, y1=y1, **frame)
    _curves(fig, result, by_time)
    ticks = {"tickmode": "array", "showgrid": False}
    fig.update_layout(
        xaxis={**ticks, "tickvals": list(range(len(WIDTHS))), "ticktext": [f"d = {d}" for d in WIDTHS]},
        yaxis={**ticks, "tickvals": list(range(len(LENGTHS))), "ticktext": list(map(str, LENGTHS))},
        yaxis_domain=[0.52, 1],
        legend={"y": -0.1, "yanchor": "top"},
    )
    return fig


def _curves(fig: go.Figure, result: dict[str, Any], by_time: bool) -> None:
    """Accuracy of the chosen cell on a second pair of axes."""
    below = figure()
    for name, found in result["curves"].items():
        add_curve(below, found, name, by_time=by_time)
    for trace in below.data or [go.Scatter(x=[0], y=[0], mode="markers", marker={"opacity": 0}, showlegend=False)]:
        fig.add_trace(trace.update(xaxis="x2", yaxis="y2"))
    if not result["curves"]:
        row, place = result["chosen"]
        text = f"not run yet<br>tpcore sweep {cell_name(LENGTHS[row], WIDTHS[place])}"
        fig.add_annotation(text=text, x=0.5, y=0.2, xref="paper", yref="paper", font={"size": 15})
    x_title = "seconds, steps × cost" if by_time else "training step"
    fig.update_layout(
        xaxis2={"anchor": "y2", "title": {"text": x_title}},
        yaxis2={"domain": [0, 0.4], "anchor": "x2", "range": [0, 1.03], "title": {"text": "held-out accuracy"}},
    )


regime_explorer = Explorer(
    title="The regime map",
    description="A table of lengths and widths. Each cell says whether target propagation or back-propagation is ahead "
    "on MNIST read in that many steps, or that there is no clear difference, with the interquartile mean of the paired "
    "differences of the mean accuracies along training. Below it are the curves of the chosen cell: the median of five "
    "seeds in a band from the lowest to the highest. A cell of which there is no record says that it was not run.",
    controls=[
        Choice("rule", "Rule", {name: STYLES[name][0] for name in RULES}, value="calibrated-local"),
        Choice("criterion", "Compare", CRITERIA),
        Stops("length", "Length τ", LENGTHS, value=LENGTHS[2]),
        Stops("width", "Hidden size d", WIDTHS, value=WIDTHS[1]),
    ],
    compute=regime,
    draw=regime_figure,
)
