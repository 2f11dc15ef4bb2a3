"""The explorers of the recorded experiments of equal effort, `equal-effort-…`: every method on every task."""

from __future__ import annotations

from typing import Any

import numpy as np
import plotly.graph_objects as go

from tpcore.chapters.equal_effort_records import (
    LEVELS,
    ORDER,
    TASKS,
    contests_run,
    rule_and_kind,
    seconds_to_level,
    short,
    steps_to_level,
    style_of,
    task_and_kind,
    tuned,
)
from tpcore.chapters.recorded import add_curve, curve, record_files, say_not_run
from tpcore.experiments import column, performance_profile
from tpcore.experiments.fair import FAIR
from tpcore.explorers import Choice, Explorer
from tpcore.explorers.figures import figure
from tpcore.results import Record

RECORDS = record_files(*FAIR)

# Success against τ, every method

GROUPS = {"order": "Temporal order", "others": "Adding and digits"}


def columns_of(group: str) -> dict[str, str]:
    """The experiments of a group, and their names above the columns."""
    if group == "order":
        return {name: label.removeprefix("τ = ") for name, label in ORDER.items()}
    return {name: short(name).replace(" ", "<br>") for name in FAIR if name not in ORDER}  # a phone is narrow


def all_methods() -> list[str]:
    """Every method of any of the experiments, those of one rule together."""
    names = dict.fromkeys(method for experiment in FAIR.values() for method in experiment.methods)
    rules = list(dict.fromkeys(rule_and_kind(method)[0] for method in names))
    return sorted(names, key=lambda method: rules.index(rule_and_kind(method)[0]))


def success(group: str) -> dict[str, Any]:
    """For each method and experiment: how many fresh seeds reach the level, and how many there are; None if not run.

    A method that was run on none of them is left out.
    """
    cells = {
        method: [
            [int(np.isfinite(steps_to_level(name, tuned(name)[method])).sum()), len(tuned(name)[method])]
            if method in tuned(name)
            else None
            for name in columns_of(group)
        ]
        for method in all_methods()
        if any(method in tuned(name) for name in columns_of(group))
    }
    return {"group": group, "cells": cells}


def success_figure(result: dict[str, Any]) -> go.Figure:
    """A row a method, a column a task; the larger the dot, the more seeds solve it."""
    columns = list(columns_of(result["group"]).values())
    title = "length τ" if result["group"] == "order" else "task"
    fig = figure(title, "", height=90 + 38 * max(4, len(result["cells"])))
    if not result["cells"]:
        say_not_run(fig, "tpcore sweep equal-effort-order-60")
        return fig
    labels = {method: _row_label(method) for method in result["cells"]}
    blank = [(column, labels[method]) for method, row in result["cells"].items()
             for column, cell in zip(columns, row, strict=True) if cell is None]  # fmt: skip
    for method, row in result["cells"].items():
        run = [(column, *cell) for column, cell in zip(columns, row, strict=True) if cell is not None]
        fig.add_scatter(
            x=[column for column, _, _ in run], y=[labels[method]] * len(run), name=labels[method],
            text=[f"{solved}/{seeds}" for _, solved, seeds in run], mode="markers+text", textposition="bottom center",
            marker={
                "color": style_of(method)[1], "opacity": 1, "line": {"width": 0},
                "size": [4 + 12 * solved / seeds for _, solved, seeds in run],
            },
            hovertemplate="%{y}, %{x}: %{text} seeds<extra></extra>", showlegend=False,
        )  # fmt: skip
    x, y = zip(*blank, strict=True) if blank else ((), ())
    fig.add_scatter(x=x, y=y, text=["–"] * len(x), mode="text", name="– not run",
                    showlegend=False)  # fmt: skip
    fig.update_xaxes(type="category", categoryorder="array", categoryarray=columns, range=[-0.5, len(columns) - 0.3],
                     dtick=1, tickangle=0)  # fmt: skip
    rows = list(labels.values())[::-1]
    return _rows(fig, rows)


LONGEST_LABEL = len("calibrated, local")  # of those that stand on one line


def _row_label(method: str) -> str:
    """Its name on two lines where it is long, so that a phone has room for the dots."""
    label = style_of(method)[0]
    first, _, last = label.rpartition(", ")
    return f"{first}<br>{last}" if len(label) > LONGEST_LABEL else label


def _rows(fig: go.Figure, labels: list[str]) -> go.Figure:
    """One row a method, without lines that would hide a dash."""
    categories = {"categoryorder": "array", "categoryarray": labels, "range": [-0.7, len(labels) - 0.3]}
    return fig.update_yaxes(type="category", showgrid=False, dtick=1, **categories)


success_explorer = Explorer(
    title="How many of the fresh seeds solve it?",
    description="A table of dots: a row for each method, a column for each length of the temporal-order task, or for "
    "the adding tasks and the digits. The number below a dot says how many of the fresh seeds reach the level, and "
    "the dot is larger the more do. A dash stands for what was not run.",
    controls=[Choice("group", "Tasks", GROUPS)],
    compute=success,
    draw=success_figure,
)


# How fast, seed by seed

UNITS = {"steps": "Training steps", "seconds": "Seconds: steps × cost"}


def reaching(task: str, unit: str) -> dict[str, Any]:
    """For each method that was run the steps or seconds of each seed to the level, NaN if it does not reach it."""
    measure = steps_to_level if unit == "steps" else seconds_to_level
    return {"task": task, "unit": unit, "methods": {name: measure(task, found) for name, found in tuned(task).items()}}


def reaching_figure(result: dict[str, Any]) -> go.Figure:
    """A dot a seed; a cross at the right edge for one that does not reach the level."""
    task, unit, methods = result["task"], result["unit"], result["methods"]
    reached = np.concatenate([values[np.isfinite(values)] for values in methods.values()] or [np.ones(1)])
    edge = FAIR[task].steps if unit == "steps" else 1.1 * float(reached.max(initial=1.0))
    title = f"{'steps' if unit == 'steps' else 'seconds'} to {LEVELS[task]:.0%}"
    fig = figure(title, "", x_range=(0, 1.06 * edge), height=90 + 34 * max(len(methods), 3))
    for method, values in methods.items():
        label, color = _row_label(method), style_of(method)[1]
        dots = values[np.isfinite(values)]
        for x, symbol, name in (
            (dots, "circle", label),
            (np.full(len(values) - len(dots), edge), "x", f"{label}, does not reach it"),
        ):
            marker = {"color": color, "size": 9, "symbol": symbol, "opacity": 0.75}
            fig.add_scatter(x=x, y=[label] * len(x), mode="markers", marker=marker, name=name, showlegend=False)
    if not methods:
        say_not_run(fig, f"tpcore sweep {task}")
    return _rows(fig, [_row_label(method) for method in methods][::-1])


def solved_tasks() -> dict[str, str]:
    """The tasks that some fresh seed solves, of which there is a speed to show; all of them if nothing was run."""
    solved = {
        name: about
        for name, about in TASKS.items()
        if any(np.isfinite(steps_to_level(name, records)).any() for records in tuned(name).values())
    }
    return solved or TASKS


reaching_explorer = Explorer(
    title="How fast, seed by seed",
    description="A row for each method and a dot for each fresh seed, at the number of training steps, or of steps "
    "times what one costs, after which it reaches the level. A cross at the right edge is a seed that does not.",
    controls=[Choice("task", "Task", solved_tasks()), Choice("unit", "Against", UNITS)],
    compute=reaching,
    draw=reaching_figure,
)


# The curves


CONTEST = contests_run(tuned, "equal-effort-order-120 ")


def tuned_curves(contest: str) -> dict[str, Any]:
    """The accuracy along training, on fresh seeds, of each method that was run on a task with an optimizer."""
    return {"task": task_and_kind(contest)[0], "curves": {name: curve(found) for name, found in _of(contest).items()}}


def _of(contest: str) -> dict[str, list[Record]]:
    task, kind = task_and_kind(contest)
    return {method: records for method, records in tuned(task).items() if rule_and_kind(method)[1] == kind}


def tuned_figure(result: dict[str, Any]) -> go.Figure:
    """Median and range over the fresh seeds for each method, and the level."""
    task = result["task"]
    fig = figure("training step", "held-out accuracy", x_range=(0, FAIR[task].steps), y_range=(0, 1.03), height=440)
    fig.add_hline(y=LEVELS[task])
    for method, found in result["curves"].items():
        add_curve(fig, found, method, style=style_of(method))
    if not result["curves"]:
        say_not_run(fig, f"tpcore sweep {task}")
    return fig


tuned_explorer = Explorer(
    title="Tuned by the same search, on fresh seeds",
    description="Held-out accuracy along training: for each method the median of the fresh seeds in a band from the "
    "lowest to the highest, with the step sizes and r that won its search. The dotted line is the level that counts as "
    "solved; a cross marks a run that diverged.",
    controls=[CONTEST],
    compute=tuned_curves,
    draw=tuned_figure,
)


# Performance profiles

ACCURACIES = np.linspace(0, 1, 51)


def endings(contest: str) -> dict[str, Any]:
    """For each method of a contest the share of the fresh seeds that end at or above each of ACCURACIES."""
    ends = {method: column(records)[1][:, -1] for method, records in _of(contest).items()}
    shares = {method: performance_profile(own, ACCURACIES) for method, own in ends.items()}
    return {"task": task_and_kind(contest)[0], "shares": shares}


def endings_figure(result: dict[str, Any]) -> go.Figure:
    """A falling line of steps for each method; one that lies above another is never worse at any accuracy."""
    fig = figure("accuracy at the end", "share of the seeds", x_range=(0, 1.02), y_range=(-0.03, 1.05), height=400)
    for method, shares in result["shares"].items():
        label, color, dash = style_of(method)
        line = {"color": color, "dash": dash, "shape": "hv"}
        fig.add_scatter(x=ACCURACIES, y=shares, name=label, mode="lines", line=line)
    if not result["shares"]:
        say_not_run(fig, f"tpcore sweep {result['task']}")
    return fig


endings_explorer = Explorer(
    title="How many seeds end how high?",
    description="Performance profiles: for each method the share of the fresh seeds whose held-out accuracy at the end "
    "is at least the one on the horizontal axis. A line that stays at the top has every seed there.",
    controls=[CONTEST],
    compute=endings,
    draw=endings_figure,
)
