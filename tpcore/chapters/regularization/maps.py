"""The explorers of the chapter *Regularization is crucial*, which show recorded runs."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import plotly.graph_objects as go

from tpcore.chapters.recorded import record_files
from tpcore.experiments import column, experiment_named, level_of, recorded, solved_at
from tpcore.explorers import Choice, Explorer, Stops
from tpcore.explorers.figures import PALETTE, SEQUENCE, band, figure
from tpcore.results import Record

ORDER, MNIST, SENSITIVITY = "map-order-60", "map-pixel-mnist", "sensitivity-pixel-mnist"
RULES = {"tp-local": "Local", "tp-time": "Through time"}
BELOW = {"displacements": "‖δ<sub>t</sub>‖", "norms": "Direction and W", "angle": "Angle to the gradient"}
BROKEN = 100.0  # a spectral norm of W, which starts at 1, beyond which a run is counted as broken

RECORDS = record_files(ORDER, MNIST, SENSITIVITY)


@cache
def runs(name: str) -> dict[str, list[Record]]:
    """The complete records of an experiment by method, read once."""
    return recorded(name)


def values_of(name: str) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """The values of r and of γ_θ of a map, rising."""
    methods = experiment_named(name).methods.values()
    r = sorted({method.rule.r for method in methods})  # type: ignore[union-attr]
    return tuple(r), tuple(sorted({method.optimizer.gamma_theta for method in methods}))


def cell_runs(name: str, rule: str, r: float, gamma_theta: float) -> list[Record]:
    """The records of a cell, one a seed; none if it was not run."""
    return runs(name).get(f"{rule}-r{r:g}-gamma_theta{gamma_theta:g}", [])


def broken(record: Record) -> bool:
    """Whether the run diverged or W's spectral norm passed BROKEN: a network that is saturated and stays so."""
    norms = [np.inf if norm is None else norm for norm in record.column("spectral_norm")]
    return record.status == "diverged" or max(norms) > BROKEN


def by_r(name: str, rule: str) -> list[dict[str, Any]]:
    """What came of the runs at each r, over all values of γ_θ and all seeds.

    Returns
    -------
    list of dict
        ``r``, ``runs``; how many of them ``learned`` (were right at least twice as often as chance at some logged
        step), ``solved`` it (None where no accuracy counts as that) and are ``broken``; ``best``, the largest mean
        accuracy of a cell, and its ``gamma_theta``. A value of r of which nothing was run is left out.
    """
    chance, level, rows = 1 / experiment_named(name).task.output_size, level_of(name), []
    for r in values_of(name)[0]:
        cells = {gamma: cell_runs(name, rule, r, gamma) for gamma in values_of(name)[1]}
        means = {gamma: float(column(found)[1].mean()) for gamma, found in cells.items() if found}
        if not means:
            continue
        all_runs = [record for found in cells.values() for record in found]
        best = max(means, key=lambda gamma: means[gamma])
        rows.append({
            "r": r,
            "runs": len(all_runs),
            "learned": sum(solved_at(record, 2 * chance) is not None for record in all_runs),
            "solved": None if level is None else sum(solved_at(record, level) is not None for record in all_runs),
            "broken": sum(broken(record) for record in all_runs),
            "best": means[best],
            "gamma_theta": best,
        })  # fmt: skip
    return rows


# The map, and the runs of one of its cells


def cell(name: str, rule: str, r: float, gamma_theta: float, below: str) -> dict[str, Any]:
    """The map of a rule, and the columns of one of its cells that are to be shown."""
    all_r, all_gamma = values_of(name)
    mean, texts = np.full((len(all_r), len(all_gamma)), np.nan), []
    crosses = []
    for i, row in enumerate(all_r):
        texts.append([f"r = {row:g}, γ<sub>θ</sub> = {along:g}<br>not run" for along in all_gamma])
        for j, along in enumerate(all_gamma):
            if found := cell_runs(name, rule, row, along):
                each, diverged = column(found)[1].mean(1), sum(record.status == "diverged" for record in found)
                mean[i, j] = each.mean()
                spread = f" ({each.min():.2f} to {each.max():.2f})" if len(each) > 1 else ""
                said = f"mean accuracy {each.mean():.2f}{spread}<br>diverged: {diverged} of {len(found)}"
                texts[i][j] = texts[i][j].replace("not run", said)
                crosses += [(j, i)] * (diverged > 0)
    chosen = cell_runs(name, rule, r, gamma_theta)
    names = {"displacements": [f"norm_{k}" for k in range(5)], "norms": ["direction_norm", "spectral_norm"]}
    return {
        "r": all_r, "gamma_theta": all_gamma, "mean": mean, "texts": texts, "crosses": crosses,
        "top": max((float(column(found)[1].mean()) for found in runs(name).values()), default=1.0),
        "ceiling": max((column(found)[1].max() for found in runs(name).values()), default=1.0),
        "chance": 1 / experiment_named(name).task.output_size, "last": experiment_named(name).steps,
        "at": (all_gamma.index(gamma_theta), all_r.index(r)), "below": below,
        "diverged": [record.diverged_at for record in chosen],
        "columns": {key: column(chosen, key) for key in ("accuracy", *names.get(below, ["angle"]))} if chosen else {},
    }  # fmt: skip


def order_cell(rule: str, r: float, gamma_theta: float, below: str) -> dict[str, Any]:
    """A position of the map of the temporal-order task."""
    return cell(ORDER, rule, r, gamma_theta, below)


def mnist_cell(r: float, gamma_theta: float, below: str) -> dict[str, Any]:
    """A position of the paper's map, of MNIST pixel by pixel under the rule of its code."""
    return cell(MNIST, "tp-time", r, gamma_theta, below)


GREY_TO_ORANGE = [[0, "#3c4650"], [1, "#b4560f"]]  # white numbers can be read on all of it
DOMAINS = ((0.61, 1.0), (0.34, 0.5), (0.0, 0.28))  # of the map, the accuracy and what is below, from the bottom
TIMES = ("0", "τ/4", "τ/2", "3τ/4", "τ")
LINES = {
    **{f"norm_{k}": (f"t = {time}", SEQUENCE[k]) for k, time in enumerate(TIMES)},
    "direction_norm": ("norm of the direction", PALETTE["blue"]),
    "spectral_norm": ("spectral norm of W", PALETTE["orange"]),
    "angle": ("angle", PALETTE["blue"]),
}
TITLES = {"displacements": "‖δ<sub>t</sub>‖", "norms": "norm", "angle": "degrees"}
RANGES = {"displacements": (1e-20, 1e4), "norms": (1e-4, 1e2)}  # the second grows with what is shown
DASHES = ("solid", "dot", "dash")  # by seed


def map_figure(result: dict[str, Any]) -> go.Figure:
    """The map; under it the chosen cell's accuracy along training, and what was asked for beside it."""
    fig = figure("γ<sub>θ</sub>", "r", height=720)
    _draw_map(fig, result)
    _add_panel(fig, 2, DOMAINS[1], "accuracy", (0, result["last"]), {"range": [0, 1.03 * result["ceiling"]]})
    _add_panel(fig, 3, DOMAINS[2], TITLES[result["below"]], (0, result["last"]), _axis_below(result))
    fig.update_layout(
        xaxis3_title_text="training step",
        yaxis_domain=DOMAINS[0],
        legend={"y": -0.1, "yanchor": "top"},
    )
    chance = {"xref": "x2 domain", "x0": 0, "x1": 1, "yref": "y2", "y0": result["chance"], "y1": result["chance"]}
    fig.add_shape(type="line", **chance)
    if not result["columns"]:
        fig.add_annotation(xref="x2 domain", yref="y2 domain", x=0.5, y=0.5, text="not run")
    for name, (steps, values) in result["columns"].items():
        axes = {"xaxis": "x2", "yaxis": "y2"} if name == "accuracy" else {"xaxis": "x3", "yaxis": "y3"}
        label, color = LINES.get(name, ("accuracy", PALETTE["green"]))
        for seed, along in enumerate(values):
            line = {"color": color, "width": 2, "dash": DASHES[seed % len(DASHES)]}
            fig.add_scatter(
                x=steps, y=np.where(along > 0, along, np.nan), name=label, mode="lines+markers", line=line,
                marker={"size": 4, "color": color}, showlegend=seed == 0 and name != "accuracy", **axes,
            )  # fmt: skip
    stops = [step for step in result["diverged"] if step is not None]
    cross = {"symbol": "x", "size": 10, "color": PALETTE["red"]}
    fig.add_scatter(
        x=stops, y=[result["chance"]] * len(stops), mode="markers", marker=cross, name="diverged", showlegend=False,
        xaxis="x2", yaxis="y2",
    )  # fmt: skip
    return fig


def _draw_map(fig: go.Figure, result: dict[str, Any]) -> None:
    """Cells with their numbers, a cross in each with a divergence, and a frame around the chosen one."""
    mean, (x, y) = result["mean"], result["at"]
    fig.add_heatmap(
        z=np.where(np.isnan(mean), None, mean), zmin=result["chance"], zmax=result["top"],
        colorscale=GREY_TO_ORANGE, showscale=False, xgap=2, ygap=2,
        text=[["" if np.isnan(value) else f"{value:.2f}" for value in row] for row in mean], texttemplate="%{text}",
        textfont={"color": "white"}, hovertext=result["texts"], hoverinfo="text", meta=["r", "gamma_theta"],
    )  # fmt: skip
    marker = {"symbol": "x", "size": 6, "color": "white"}
    crosses = np.reshape(result["crosses"], (-1, 2))
    fig.add_scatter(
        x=crosses[:, 0] + 0.39, y=crosses[:, 1] + 0.2, mode="markers", marker=marker, showlegend=False, hoverinfo="skip"
    )
    frame = {"x": [x - 0.5, x + 0.5, x + 0.5, x - 0.5, x - 0.5], "y": [y - 0.5, y - 0.5, y + 0.5, y + 0.5, y - 0.5]}
    for width, color in ((5, "black"), (2.5, "white")):
        line = {"width": width, "color": color}
        fig.add_scatter(**frame, mode="lines", line=line, showlegend=False, hoverinfo="skip")
    for axis, values in ((fig.layout.xaxis, result["gamma_theta"]), (fig.layout.yaxis, result["r"])):
        places = list(range(len(values)))
        axis.update(tickmode="array", tickvals=places, ticktext=[f"{value:g}" for value in values], showgrid=False)
        axis.range = [-0.55, len(values) - 0.45]


def _add_panel(
    fig: go.Figure, number: int, domain: tuple[float, float], title: str, ends: tuple[int, int], y_axis: dict[str, Any]
) -> None:
    """A pair of axes over the training steps, in a part of the figure's height."""
    fig.update_layout({
        f"xaxis{number}": {"anchor": f"y{number}", "range": ends},
        f"yaxis{number}": {"anchor": f"x{number}", "domain": domain, "title": {"text": title}, **y_axis},
    })  # fmt: skip


def _axis_below(result: dict[str, Any]) -> dict[str, Any]:
    """The scale of what is shown below: angles in degrees, or decades that hold all that is to be seen."""
    if result["below"] == "angle":
        return {"range": [0, 180], "dtick": 45}
    low, high = np.log10(RANGES[result["below"]])
    if result["below"] == "norms" and result["columns"]:
        names = [name for name in result["columns"] if name != "accuracy"]
        shown = np.concatenate([result["columns"][name][1].ravel() for name in names])
        decades = np.log10(shown[shown > 0])
        low, high = min(low, np.floor(decades.min())), max(high, np.ceil(decades.max()))
    dtick = max(1, round((high - low) / 5))
    return {"type": "log", "range": [float(low), float(high)], "exponentformat": "power", "dtick": dtick}


def map_controls(name: str, r: float, gamma_theta: float) -> list[Stops | Choice]:
    """A slider for the rows of a map, one for its columns, and what to show below it."""
    all_r, all_gamma = values_of(name)
    return [
        Stops("r", "Regularization r", all_r, r),
        Stops("gamma_theta", "Parameter step γ<sub>θ</sub>", all_gamma, gamma_theta),
        Choice("below", "Below", BELOW),
    ]


WHAT = (
    "A map of cells, one for each value of the regularization r, upward, and of the parameter step, to the right. Each "
    "holds the mean held-out accuracy along training; a cross marks a cell in which a run diverged. Below, for the "
    "framed cell, the accuracy of each seed along training, and the norms of what the same runs carried back."
)
order_explorer = Explorer(
    title="Temporal order, τ = 60: tap a cell",
    description=WHAT,
    controls=[Choice("rule", "Rule", RULES, value="tp-time"), *map_controls(ORDER, 1.0, 0.1)],
    compute=order_cell,
    draw=map_figure,
)
mnist_explorer = Explorer(
    title="MNIST pixel by pixel: tap a cell",
    description=WHAT,
    controls=map_controls(MNIST, 1.0, 0.1),
    compute=mnist_cell,
    draw=map_figure,
)


# One value at a time

VARIED = {"r": "Regularization r", "gamma_theta": "γ<sub>θ</sub>", "gamma_h": "γ<sub>h</sub>"}
RULE_COLORS = {"tp-local": PALETTE["blue"], "tp-time": PALETTE["purple"]}


def sensitivity(varied: str) -> dict[str, Any]:
    """The mean accuracy of each seed against one value, the others as in the paper, by rule."""
    found: dict[str, Any] = {"varied": varied, "chance": 1 / experiment_named(SENSITIVITY).task.output_size}
    for rule in RULES:
        start = f"{rule}-{varied}"
        methods = {method: records for method, records in runs(SENSITIVITY).items() if method.startswith(start)}
        found[rule] = {
            "values": [float(method.removeprefix(start)) for method in methods],
            "accuracy": np.array([column(records)[1].mean(1) for records in methods.values()]),
            "diverged": [sum(record.status == "diverged" for record in records) for records in methods.values()],
        }
    return found


def sensitivity_figure(result: dict[str, Any]) -> go.Figure:
    """For each rule the median over the seeds, in a band from the worst to the best; crosses mark divergence."""
    fig = figure(VARIED[result["varied"]], "mean accuracy", log_x=True, height=360)
    fig.add_hline(y=result["chance"])
    for rule, label in RULES.items():
        values, accuracy, diverged = (result[rule][key] for key in ("values", "accuracy", "diverged"))
        if not values:
            continue
        color, middle = RULE_COLORS[rule], np.median(accuracy, 1)
        fig.add_traces(band(values, accuracy.min(1), accuracy.max(1), color, label))
        fig.add_scatter(x=values, y=middle, name=label, mode="lines+markers", line={"color": color})
        stopped = np.array(diverged) > 0
        fig.add_scatter(
            x=np.array(values)[stopped], y=middle[stopped], mode="markers", showlegend=False, hoverinfo="skip",
            marker={"symbol": "x", "size": 11, "color": color},
        )  # fmt: skip
    fig.update_yaxes(rangemode="tozero")
    return fig


sensitivity_explorer = Explorer(
    title="MNIST pixel by pixel: one value at a time",
    description="The mean held-out accuracy along training against one of the regularization r, the parameter step and "
    "the target step, the other two as in the paper, for the local rule and the one through time. The line is the "
    "median of three seeds, the band runs from the worst to the best, the dotted line is chance, and a cross marks a "
    "value at which a run diverged.",
    controls=[Choice("varied", "Vary", VARIED)],
    compute=sensitivity,
    draw=sensitivity_figure,
)
