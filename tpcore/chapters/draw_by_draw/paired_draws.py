"""The searches of `equal-effort-…` draw by draw: back-propagation and the calibrated rule with the same two step sizes.

All methods of a task search with the same draws and from the same seed. So each draw was run under both rules with
equal step sizes, initial weights and batches, and is a comparison of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go

from tpcore.chapters.equal_effort_records import KINDS, TASKS, contests_run, method_of, task_and_kind, tried, tuned
from tpcore.chapters.recorded import record_files, say_not_run
from tpcore.experiments import experiment_named, mean_accuracy, recorded
from tpcore.experiments.search import score
from tpcore.explorers import Choice, Explorer
from tpcore.explorers.figures import NEUTRAL, PALETTE, figure
from tpcore.results import Record

RECORDS = record_files(*TASKS)
CLOSE = 0.02  # a difference of two mean accuracies up to here counts as none
GROUPS = {  # of r, from targets to gradients
    "r < 1": (0.0, 1.0, PALETTE["blue"]),
    "1 ≤ r < 10": (1.0, 10.0, PALETTE["purple"]),
    "r ≥ 10": (10.0, np.inf, PALETTE["green"]),
}


def paired(task: str, kind: str) -> list[tuple[Record, Record]]:
    """The trials of back-propagation and of the calibrated rule, local, that had the same two step sizes."""
    sides = (method_of(rule, kind) for rule in ("bp", "calibrated-local"))
    one, other = ({_steps(record): record for record in tried(task).get(method, [])} for method in sides)
    return [(one[steps], other[steps]) for steps in one if steps in other]


def _steps(record: Record) -> tuple[float, float]:
    optimizer = record.configuration["optimizer"]
    return optimizer["gamma_theta"], optimizer["gamma_h"]


def draws(task: str, kind: str) -> dict[str, Any]:
    """Every draw of a search that was run under both rules.

    Returns
    -------
    dict
        ``r``, ``gamma_theta``, ``gamma_h`` (draws,): what was drawn. ``bp``, ``calibrated`` (draws,): the mean accuracy
        along training. ``bp_length``, ``calibrated_length`` (draws,): how far plain SGD moves the recurrent part in its
        first step; on held-out sequences, the same ones for both. ``angle`` (draws,): between the two, in degrees.
    """
    rows = [
        (
            other.configuration["rule"]["r"],
            *(gammas := _steps(other)),
            score(one),
            score(other),
            # under back-propagation the norm is the gradient's, without γ_h
            gammas[0] * gammas[1] * _at_start(one, "direction_norm"),
            gammas[0] * _at_start(other, "direction_norm"),
            _at_start(other, "angle"),
        )
        for one, other in paired(task, kind)
    ]
    names = ("r", "gamma_theta", "gamma_h", "bp", "calibrated", "bp_length", "calibrated_length", "angle")
    return {"task": task, **dict(zip(names, np.reshape(rows, (-1, len(names))).T, strict=True))}


def draws_of(contest: str) -> dict[str, Any]:
    """The draws of an option of the explorer."""
    return draws(*task_and_kind(contest))


def _at_start(record: Record, column: str) -> float:
    return float(record.column(column)[0])


def draws_figure(result: dict[str, Any]) -> go.Figure:
    """A dot a draw: above the diagonal the calibrated rule did better."""
    ends = (0.0, 1.03)
    fig = figure("mean accuracy, BP", "mean accuracy, calibrated", x_range=ends, y_range=ends, height=440)
    fig.add_scatter(
        x=ends, y=ends, line={"color": NEUTRAL, "dash": "dot", "width": 1.5}, name="equal", hoverinfo="skip"
    )
    return _add_draws(fig, result, "bp")


def _add_draws(fig: go.Figure, result: dict[str, Any], x: str) -> go.Figure:
    """The draws under the calibrated rule, a colour for each of GROUPS; pointed at, a dot tells of both rules."""
    details = ("r", "gamma_theta", "gamma_h", "bp", "calibrated", "angle")
    for label, (low, high, color) in GROUPS.items():
        own = (low <= result["r"]) & (result["r"] < high)
        longer = result["calibrated_length"][own] / result["bp_length"][own]
        fig.add_scatter(
            x=result[x][own], y=result["calibrated"][own], mode="markers", name=label,
            marker={"color": color, "size": 10, "opacity": 0.85},
            customdata=np.column_stack([*(result[name][own] for name in details), longer]),
            hovertemplate="r = %{customdata[0]:.3g}, γ<sub>θ</sub> = %{customdata[1]:.3g}, "
            "γ<sub>h</sub> = %{customdata[2]:.3g}<br>BP %{customdata[3]:.2f}, calibrated %{customdata[4]:.2f}<br>"
            "direction at the start: %{customdata[6]:.3g} × as long<br>as the gradient, %{customdata[5]:.0f}° from it"
            "<extra></extra>",
        )  # fmt: skip
    if not len(result["r"]):
        say_not_run(fig, f"tpcore sweep {result['task']}")
    return fig


draws_explorer = Explorer(
    title="Draw by draw",
    description="A dot for each draw of a search, at the mean accuracy that back-propagation reached with its two step "
    "sizes and, upward, at that of the calibrated rule. Above the dotted diagonal the calibrated rule did better; the "
    "colour says in which range its r lay.",
    controls=[contests_run(tried, "equal-effort-order-120 ")],
    compute=draws_of,
    draw=draws_figure,
)


def lengths(task: str) -> dict[str, Any]:
    """The draws with plain SGD."""
    return draws(task, "")


def lengths_figure(result: dict[str, Any]) -> go.Figure:
    """Both runs of each draw at the length of their first step, joined by a line."""
    fig = figure("length of the first step, recurrent part", "mean accuracy", log_x=True, y_range=(0, 1.03), height=440)
    ends = [np.column_stack([result[f"bp{part}"], result[f"calibrated{part}"]]) for part in ("_length", "")]
    x, y = (np.insert(pair, 2, np.nan, axis=1).ravel() for pair in ends)
    fig.add_scatter(x=x, y=y, line={"color": NEUTRAL, "width": 1}, name="one draw", hoverinfo="skip")
    marker = {"color": PALETTE["orange"], "size": 10, "symbol": "circle-open", "line": {"width": 2.5}}
    fig.add_scatter(x=result["bp_length"], y=result["bp"], mode="markers", name="BP", marker=marker,
                    hovertemplate="BP: %{y:.2f}<extra></extra>")  # fmt: skip
    return _add_draws(fig, result, "calibrated_length")


PLAIN = {name: about for name, about in TASKS.items() if paired(name, "")} or TASKS
lengths_explorer = Explorer(
    title="Is it only a longer step?",
    description="The trials of the search with plain SGD: across, how far the first step moves the recurrent part, and "
    "upward, the mean accuracy along training. An open dot is back-propagation, a full one the calibrated rule, whose "
    "colour says in which range its r lay; a line joins the two runs of one draw.",
    controls=[Choice("task", "Task", PLAIN, value="equal-effort-order-120")],
    compute=lengths,
    draw=lengths_figure,
)

COUNTS_HEAD = ("optimizer", "tasks", *GROUPS)


def counts(names: Sequence[str]) -> list[list[str]]:
    """A row an optimizer, over some tasks: "better : worse of all" of the calibrated rule, by over CLOSE."""
    rows = []
    for kind, label in KINDS.items():
        found = [result for name in names if len((result := draws(name, kind))["r"])]
        if found:
            r = np.concatenate([result["r"] for result in found])
            lead = np.concatenate([result["calibrated"] - result["bp"] for result in found])
            groups = [lead[(low <= r) & (r < high)] for low, high, _ in GROUPS.values()]
            cells = [f"{(own > CLOSE).sum()} : {(own < -CLOSE).sum()} of {len(own)}" for own in groups]
            rows.append([label, str(len(found)), *(cell.replace(" ", "\N{NO-BREAK SPACE}") for cell in cells)])
    return rows


CLIPPED_HEAD = ("length", "with clipping", "γ_θ, γ_h, r", "mean accuracy")


def clipped_rows() -> list[list[str]]:
    """Both winners with clipping, and the calibrated rule at back-propagation's step sizes: lowest and highest seed."""
    rows = []
    for length in (60, 120):
        fair, own = tuned(f"equal-effort-order-{length}"), f"clip-order-{length}"
        found, methods = recorded(own), experiment_named(own).methods
        runs = {"BP, its winner": fair.get("bp-clip"), "calibrated, its winner": fair.get("calibrated-local-clip")}
        runs |= {f"calibrated, r = {methods[name].rule.r:g}": found.get(name) for name in methods}  # type: ignore[union-attr]
        for label, records in runs.items():
            values, spread = [], "not run"
            if records:
                optimizer, rule = (records[0].configuration[part] for part in ("optimizer", "rule"))
                values = [optimizer["gamma_theta"], optimizer["gamma_h"], *([rule["r"]] if "r" in rule else [])]
                spread = "{:.3f} to {:.3f}".format(*(end(mean_accuracy(records)) for end in (min, max)))
            numbers = ", ".join(f"{value:g}" for value in values) or "–"
            entries = (f"τ = {length}", label, numbers, spread)
            rows.append([entry.replace(" ", "\N{NO-BREAK SPACE}") for entry in entries])
    return rows
