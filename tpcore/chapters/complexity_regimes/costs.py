"""The explorers of the chapter *Complexity regimes* on cost: counted, estimated, and measured by `make bench`.

`complexity_scaling` has the one that goes along an axis, `regime_map` the one on steps to an accuracy.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import plotly.graph_objects as go

from tpcore.chapters.recorded import say_not_run
from tpcore.complexity import (
    CONTENDERS,
    MEASURED,
    PARTS,
    Machine,
    Shape,
    count,
    counted,
    crossover_hidden,
    ratio,
    roofline_seconds,
)
from tpcore.explorers import Choice, Explorer, Stops
from tpcore.explorers.figures import NEUTRAL, PALETTE, SEQUENCE, figure
from tpcore.provenance import machine_name
from tpcore.results import default_folder

# A new one makes the book compute its positions again.
RECORDS = sorted((default_folder() / "grid").glob("*.json"), key=lambda path: (path.stem != machine_name(), path.name))
COMMAND = "make bench"
OUTPUTS = 10  # q
SHOWN = {
    "torch": ("torch, BP", NEUTRAL, "circle"),
    "BP": ("BP, our loops", PALETTE["orange"], "diamond"),
    "TP": ("TP, paper's rule", PALETTE["blue"], "square"),
    "TP calibrated": ("TP calibrated", PALETTE["green"], "cross"),
    "learned inverse": ("learned inverse", PALETTE["red"], "triangle-up"),
}
SIZES = ("batch", "length", "hidden", "inputs")


def grid_record() -> dict[str, Any] | None:
    """The record of the grid on this machine, else another's; None if there is none."""
    return json.loads(RECORDS[0].read_text("utf-8")) if RECORDS else None


def shape_of(row: dict[str, Any]) -> dict[str, int]:
    """B, τ, d and p of a row of the record."""
    return {name: row[name] for name in SIZES}


# Where the operations go

BARS = {
    "BP": "BP",
    "TP": "TP",
    "TP through time": "TP<br>through<br>time",
    "exact inverse": "exact<br>inv.",
    "Gauss–Newton": "Gauss–<br>Newton",
    "learned inverse": "learned<br>inv.",
}
HIGHEST = 3.0  # of the axis: what goes beyond is cut, and its number stands above it


def operations(batch: int, length: int, hidden: int, inputs: int) -> dict[str, Any]:
    """The operations of each part of a step, over all of back-propagation's, for every contender."""
    shape = Shape(batch, length, hidden, inputs, OUTPUTS)
    whole = count("BP", shape).operations
    parts = [[count(name, shape).parts[part].operations / whole for part in PARTS] for name in CONTENDERS]
    return {"parts": np.array(parts), "inversion": count("TP", shape).parts["inversion"].operations}


def operations_figure(result: dict[str, Any]) -> go.Figure:
    """A stacked bar for each contender, and its ratio to back-propagation above it."""
    fig = figure("", "operations over back-propagation's", y_range=(0, HIGHEST * 1.1), height=460)
    places = list(range(len(CONTENDERS)))
    base = np.zeros(len(CONTENDERS))
    colors = [*SEQUENCE, NEUTRAL]
    shown = [place for place in range(len(PARTS)) if result["parts"][:, place].any()]
    for color, place in zip(colors, shown, strict=False):
        top = np.minimum(base + result["parts"][:, place], HIGHEST)
        fig.add_bar(x=places, y=top - base, base=base, name=PARTS[place], marker={"color": color})
        base = top
    for place, total in zip(places, result["parts"].sum(1), strict=True):
        text = f"×{total:.2f}" if total < 10 else f"×{total:.3g}" if total < 1000 else f"×{total:.0e}"
        if total > HIGHEST:
            _torn(fig, place)
            text = f"↑ {text}"
        fig.add_annotation(x=place, y=min(total, HIGHEST), text=text, yshift=14)
    fig.add_hline(y=1)
    named = {"tickmode": "array", "tickvals": places, "ticktext": [BARS[name] for name in CONTENDERS]}
    return fig.update_layout(barmode="overlay").update_xaxes(tickangle=0, tickfont={"size": 10}, **named)


def _torn(fig: go.Figure, place: int) -> None:
    """A torn edge at the top of a bar, the sign that it goes on."""
    x = np.linspace(place - 0.4, place + 0.4, 9)
    y = HIGHEST + np.where(np.arange(len(x)) % 2, 0.05, -0.05)
    fig.add_scatter(x=x, y=y, mode="lines", line={"color": NEUTRAL, "width": 3}, showlegend=False, hoverinfo="skip")


operations_explorer = Explorer(
    title="Where the operations of a step go",
    description="A stacked bar for each method: the operations of the forward pass, the output layer, the backward "
    "recurrence, the parameter products, the inversion, the training of a learned inverse, and elementwise "
    "operations, over all operations of back-propagation, whose bar ends at the dotted line. The ratio stands above "
    "each bar; a torn edge says that a bar goes on.",
    controls=[
        Stops("batch", "Batch size B", (1, 2, 5, 20, 100, 1000), value=20),
        Stops("length", "Length τ", (1, 4, 14, 60, 196, 784), value=60),
        Stops("hidden", "Hidden size d", (4, 16, 64, 100, 256, 1024), value=100),
        Stops("inputs", "Input size p", (1, 6, 100, 1000), value=6),
    ],
    compute=operations,
    draw=operations_figure,
)


# The crossover, and the ratio at every point of the grid

ACROSS, UP = np.geomspace(10, 3e5, 24).round(), np.geomspace(4, 2000, 24).round()  # B·τ and d of the ground
DARKEST = 3.0  # the counted ratio at which the ground is darkest
GROUND = [[0.0, "rgba(217,72,95,0)"], [1.0, "rgba(217,72,95,0.55)"]]
HOW = {"measured": "Measured", "counted": "Counted", "estimated": "Estimated (roofline)"}
OURS = tuple(name for name in MEASURED if name not in ("torch", "BP"))


def crossing(contender: str, how: str) -> dict[str, Any]:
    """The ratio of a contender to back-propagation in the same loops at every point that was measured."""
    record = grid_record()
    name = "TP" if contender == "TP calibrated" else contender  # the same operations
    shapes = [[Shape(1, int(steps), int(d), 6, OUTPUTS) for steps in ACROSS] for d in UP]
    ground = [[round(ratio(shape, name), 3) for shape in row] for row in shapes]
    found: dict[str, Any] = {"steps": [], "hidden": [], "ratio": [], "text": [], "ground": np.array(ground)}
    for row in record["times"] if record else []:
        ours, theirs = (costs(record, row, name)[how] for name in (contender, "BP"))
        found["steps"].append(row["batch"] * row["length"])
        found["hidden"].append(row["hidden"])
        found["ratio"].append(ours / theirs)
        found["text"].append(f"B {row['batch']}, τ {row['length']}, d {row['hidden']}: ×{ours / theirs:.2f}")
    return found


def costs(record: Any, row: dict[str, Any], contender: str) -> dict[str, float]:
    """Seconds measured, operations counted, and seconds estimated from the record's rates, of a step."""
    cost = counted(contender, **shape_of(row))
    return {
        "measured": row["seconds"][contender]["median"],
        "counted": cost.operations,
        "estimated": roofline_seconds(cost, Machine(**record["rates"])),
    }


def crossing_figure(result: dict[str, Any]) -> go.Figure:
    """The plane of B·τ and d: counted as a heat map, the points over it, and where the inversion costs how much."""
    fig = figure("B·τ", "hidden size d", log_x=True, log_y=True, x_range=(8, 3e5), y_range=(4, 2000), height=480)
    fig.add_heatmap(
        x=ACROSS, y=UP, z=result["ground"], colorscale=GROUND, zmin=1, zmax=DARKEST, showscale=False, hoverinfo="skip"
    )
    steps = np.logspace(1, 5.5, 60)
    for share, dash in ((0.1, "dot"), (1.0, "solid"), (10.0, "dash")):
        name = f"inversion = {share:g} × recurrence"
        hidden = [crossover_hidden(value, share) for value in steps]
        fig.add_scatter(x=steps, y=hidden, name=name, line={"color": NEUTRAL, "dash": dash, "width": 1.5})
    ratios = np.array(result["ratio"])
    for low, high, name, color in (
        (0.0, 1.1, "ratio below 1.1", PALETTE["green"]),
        (1.1, 1.5, "1.1 to 1.5", PALETTE["olive"]),
        (1.5, np.inf, "1.5 and more", PALETTE["red"]),
    ):
        inside = np.flatnonzero((ratios >= low) & (ratios < high)) if len(ratios) else np.array([], int)
        fig.add_scatter(
            x=[result["steps"][i] for i in inside], y=[result["hidden"][i] for i in inside], name=name, mode="markers",
            marker={"color": color, "size": 11}, hovertext=[result["text"][i] for i in inside],
        )  # fmt: skip
    if not len(ratios):
        say_not_run(fig, COMMAND)
    return fig


crossing_explorer = Explorer(
    title="Cost over back-propagation's, at every measured size",
    description="The plane of B times τ and d. Three lines: where the inversion of target propagation costs a tenth "
    "of, as much as, and ten times as much as its backward recurrence; above a line it costs more. The points are the "
    "measured sizes, each with the cost of the chosen method over that of back-propagation in the same loops, "
    "as it was measured, counted, or estimated from two constants of the machine.",
    controls=[
        Choice("contender", "Method", {name: SHOWN[name][0] for name in OURS}, value="TP calibrated"),
        Choice("how", "Ratio", HOW),
    ],
    compute=crossing,
    draw=crossing_figure,
)


# The estimate beside the measurement


def estimates(contender: str) -> dict[str, Any]:
    """Estimated and measured seconds of a contender, or of all, at every point of the grid."""
    record = grid_record()
    names = list(MEASURED) if contender == "all" else [contender]
    found: dict[str, Any] = {"contenders": {}}
    for name in names if record else []:
        pairs = [costs(record, row, name) for row in record["times"]]  # type: ignore[index]
        found["contenders"][name] = {key: [pair[key] for pair in pairs] for key in ("estimated", "measured")}
    return found


def misfit(found: dict[str, Any]) -> tuple[float, float, float]:
    """Measured over estimated seconds of all in ``contenders``: lower quartile, median and upper quartile."""
    ratios = [
        measured / estimated
        for pairs in found["contenders"].values()
        for measured, estimated in zip(pairs["measured"], pairs["estimated"], strict=True)
    ]
    low, middle, high = np.quantile(ratios, [0.25, 0.5, 0.75])
    return float(low), float(middle), float(high)


def estimates_figure(result: dict[str, Any]) -> go.Figure:
    """A point for each size and contender; on the dotted line the estimate is right."""
    ends = (1e-5, 3.0)
    fig = figure(
        "estimated seconds", "measured seconds", log_x=True, log_y=True, x_range=ends, y_range=ends, height=440
    )
    fig.add_scatter(x=ends, y=ends, showlegend=False, line={"color": NEUTRAL, "dash": "dot", "width": 1.5})
    for name, pairs in result["contenders"].items():
        label, color, symbol = SHOWN[name]
        marker = {"color": color, "symbol": symbol, "size": 9}
        fig.add_scatter(x=pairs["estimated"], y=pairs["measured"], name=label, mode="markers", marker=marker)
    if not result["contenders"]:
        say_not_run(fig, COMMAND)
    else:
        low, middle, high = misfit(result)
        text = f"measured / estimated:<br>median {middle:.2g},<br>half: {low:.2g} to {high:.2g}"
        fig.add_annotation(text=text, x=0.98, y=0.06, xref="paper", yref="paper", xanchor="right", yanchor="bottom")
    return fig


estimates_explorer = Explorer(
    title="Predicted beside measured",
    description="Measured seconds of a step against those estimated from its operations, the memory it moves, and two "
    "measured constants of the machine, for every size of the grid. Points above the dotted line took longer than "
    "estimated. The median of measured over estimated, and the range that holds half of the points, stand below.",
    controls=[Choice("contender", "Method", {"all": "All", **{name: SHOWN[name][0] for name in MEASURED}})],
    compute=estimates,
    draw=estimates_figure,
)
