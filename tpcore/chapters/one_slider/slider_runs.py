"""The explorers of recorded runs over a grid of r = s and γ_h: the experiments `slider-order-60` and `-120`."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import plotly.graph_objects as go

from tpcore.chapters.recorded import Style, add_curve, curve, record_files, say_not_run
from tpcore.chapters.sentences import held, share_of
from tpcore.experiments import Method, column, experiment_named, recorded, solved_at
from tpcore.explorers import Choice, Explorer, Stops
from tpcore.explorers.figures import PALETTE, figure
from tpcore.results import Record

NAMES = {"slider-order-60": "τ = 60", "slider-order-120": "τ = 120"}
LEVEL = 0.99

STYLES: dict[str, Style] = {
    "bp": ("back-propagation, the same two steps", PALETTE["orange"], "dash"),
    "calibrated-local": ("calibrated, local", PALETTE["green"], "solid"),
}
RECORDS = record_files(*NAMES)

Place = tuple[float | None, float]  # r, None under back-propagation; and γ_h


def place(method: Method) -> Place:
    """Where a method of the grid stands."""
    return getattr(method.rule, "r", None), method.optimizer.gamma_h


@cache
def grid_records(name: str) -> dict[Place, list[Record]]:
    """The records of one grid by their place; what was not run is left out."""
    methods = experiment_named(name).methods
    return {place(methods[method]): records for method, records in recorded(name).items()}


def places(name: str) -> list[Place]:
    """All places of a grid, run or not."""
    return [place(method) for method in experiment_named(name).methods.values()]


GRID = places("slider-order-60")
ALL_R = tuple(sorted({r for r, _ in GRID if r is not None}))
ALL_GAMMA_H = tuple(sorted({gamma_h for _, gamma_h in GRID}))
COMMON = 0.003  # the γ_h that both grids have
ENDS = (0.06, 170.0)  # of the axis of r


def grid_curves(task: str, gamma_h: float, r: float) -> dict[str, Any]:
    """The accuracy of calibrated inversion at one place, and of back-propagation at the same step sizes."""
    found = grid_records(task)
    wanted = {"bp": (None, gamma_h), "calibrated-local": (r, gamma_h)}
    curves = {method: curve(found[at]) for method, at in wanted.items() if at in found}
    return {"task": task, "steps": experiment_named(task).steps, "curves": curves}


def along_rows() -> list[list[str]]:
    """A row for each length and γ_h: at each r, and under back-propagation, the seeds that solve it and their steps."""
    rows = []
    for name, tau in NAMES.items():
        for gamma_h in ALL_GAMMA_H:
            if (None, gamma_h) in places(name):
                found = along_slider(name, gamma_h)
                rows.append([tau, f"{gamma_h:g}", *map(_entry, (*found["r"], found["backprop"]))])
    return rows


def _entry(steps: np.ndarray | None) -> str:
    if steps is None:
        return "not run"
    reached = steps[np.isfinite(steps)]
    median = f", {np.median(reached):.0f}" if len(reached) else ""
    return f"{len(reached)}/{len(steps)}{median}"


def angles_along() -> str:
    """Between the direction at the largest r and the gradient, τ = 60: before training, in the median, the largest."""
    far = f"-r{ALL_R[-1]:g}-"
    angles = [column(runs, "angle")[1] for name, runs in recorded("slider-order-60").items() if far in name]
    if not angles:
        return "The angles at the largest r are not recorded here."
    along = np.concatenate(angles)
    return (
        f"At r = {ALL_R[-1]:g}, τ = 60, the direction is {np.median(along[:, 0]):.1f}° from the gradient before the "
        f"first step, {np.nanmedian(along):.1f}° in the median along training, {np.nanmax(along):.1f}° at most."
    )


def grid_figure(result: dict[str, Any]) -> go.Figure:
    """The two curves, each with its seeds' band."""
    fig = figure("training step", "held-out accuracy", x_range=(0, result["steps"]), y_range=(0, 1.03), height=400)
    fig.add_hline(y=0.25)
    for method, found in result["curves"].items():
        add_curve(fig, found, method, style=STYLES[method])
    if "calibrated-local" not in result["curves"]:
        say_not_run(fig, f"tpcore run {result['task']}")
    return fig


TASK = Choice("task", "Temporal order", NAMES)
GAMMA_H = Stops(
    "gamma_h", "Target step γ<sub>h</sub>", ALL_GAMMA_H, value=COMMON, active_when={"task": ("slider-order-60",)}
)

grid_explorer = Explorer(
    title="Trained at each place of the slider",
    description="Held-out accuracy against training steps: the median of three seeds in a band from the worst to the "
    "best, for the local calibrated rule at one value of r = s, and for back-propagation with the same two step sizes. "
    "The dotted line is chance.",
    controls=[TASK, GAMMA_H, Stops("r", "Regularization r = s", ALL_R, value=1.0)],
    compute=grid_curves,
    draw=grid_figure,
)


def along_slider(task: str, gamma_h: float) -> dict[str, Any]:
    """At each r the steps that each seed takes to LEVEL, NaN if it does not; for back-propagation too."""
    found = grid_records(task)

    def steps(r: float | None) -> np.ndarray | None:
        records = found.get((r, gamma_h))
        return None if records is None else np.array([solved_at(record, LEVEL) for record in records], dtype=float)

    return {
        "task": task, "total": experiment_named(task).steps, "r": [steps(r) for r in ALL_R], "backprop": steps(None),
    }  # fmt: skip


def slider_figure(result: dict[str, Any]) -> go.Figure:
    """A dot a seed at the step that solves the task, a cross at the top if none does; the line joins the medians."""
    total = result["total"]
    fig = figure("r = s", "steps to 99 %", log_x=True, x_range=ENDS, y_range=(0, 1.22 * total), height=420)
    run = {r: steps for r, steps in zip(ALL_R, result["r"], strict=True) if steps is not None}
    _add_backprop(fig, result["backprop"])
    medians = np.array([_median(run[r]) if r in run else np.nan for r in ALL_R])
    green = PALETTE["green"]
    fig.add_scatter(x=ALL_R, y=medians, name="median, if all solve it", mode="lines", line={"color": green})
    solved = [(r, step) for r, steps in run.items() for step in steps[np.isfinite(steps)]]
    unsolved = [(r, total) for r, steps in run.items() for _ in steps[np.isnan(steps)]]
    for points, name, symbol in ((solved, "a seed", "circle"), (unsolved, "not solved", "x")):
        x, y = zip(*points, strict=True) if points else ((), ())
        marker = {"color": green, "size": 9, "symbol": symbol}
        fig.add_scatter(x=x, y=y, name=name, mode="markers", marker=marker, showlegend=bool(points))
    shares = [f"{np.isfinite(run[r]).sum()}/{len(run[r])}" if r in run else "–" for r in ALL_R]
    tops = [1.1 * total] * len(ALL_R)
    fig.add_scatter(x=ALL_R, y=tops, text=shares, mode="text", name="seeds that solve it", showlegend=False)
    if not run:
        say_not_run(fig, f"tpcore run {result['task']}")
    return fig


def _median(steps: np.ndarray) -> float:
    """Over the seeds; NaN unless all of them solve the task, since the others' steps are not known."""
    return float(np.median(steps))


def _add_backprop(fig: go.Figure, steps: np.ndarray | None) -> None:
    """Back-propagation has no r: a level line at its median, and its seeds at the right edge."""
    if steps is None:
        return
    reached = steps[np.isfinite(steps)]
    name = f"back-propagation, {len(reached)}/{len(steps)}"
    orange = {"color": PALETTE["orange"], "dash": "dash"}
    fig.add_scatter(x=ENDS, y=np.full(2, _median(steps)), name=name, mode="lines", line=orange)
    marker = {"color": PALETTE["orange"], "size": 9, "symbol": "diamond"}
    x = [ENDS[1] / 1.2] * len(reached)
    fig.add_scatter(x=x, y=reached, mode="markers", marker=marker, name="a seed of it", showlegend=False)


def solved(wanted: Callable[[float | None], bool]) -> tuple[int, int]:
    """How many of the runs at some places of the slider solve the task, and how many there are; both grids."""
    steps = [
        solved_at(record, LEVEL)
        for name in NAMES
        for (r, _), records in grid_records(name).items()
        if wanted(r)
        for record in records
    ]
    return sum(step is not None for step in steps), len(steps)


def answer() -> str:
    """How many runs solve the task below the middle, in it, above it, and under back-propagation."""
    counts = [
        solved(lambda r: r is not None and r < 1),
        solved(lambda r: r == 1),
        solved(lambda r: r is not None and r > 1),
        solved(lambda r: r is None),
    ]
    if not all(of for _, of in counts):
        return "The runs along the slider are not here: `tpcore run slider-order-60` records them."
    below, middle, above, gradients = (share_of(*count) for count in counts)
    bound = held(
        "The place that can't explode is not the place that trains best.",
        counts[1][0] / counts[1][1] < counts[2][0] / counts[2][1],
    )
    return (
        f"Trained at each place, with the step sizes held, {below} runs below r = 1 solve temporal order, {middle} "
        f"at r = 1, {above} above it, and {gradients} of back-propagation's. {bound}"
    )


along_explorer = Explorer(
    title="Where on the slider?",
    description="For each value of r = s the training steps that three seeds take to an accuracy of 99 percent: a dot "
    "for each seed and a cross for one that does not get there; above, how many do, and a dash for what was not run. "
    "Diamonds at the right edge are the seeds of back-propagation with the same step sizes, and a dashed line their "
    "median.",
    controls=[TASK, GAMMA_H],
    compute=along_slider,
    draw=slider_figure,
)
