"""Curves of recorded runs, as the chapters' explorers draw them: one name and one colour for each method."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import plotly.graph_objects as go

from tpcore.experiments import column, step_cost
from tpcore.experiments.costs import cost_files
from tpcore.explorers.figures import NEUTRAL, PALETTE, band
from tpcore.results import Record, default_folder

Style = tuple[str, str, str]  # name, colour, dash

MOST_POINTS = 80  # of a curve: a page has to carry them
METHODS: dict[str, Style] = {
    "bp-paper": ("BP, the paper's baseline", NEUTRAL, "dot"),
    "bp": ("BP, the same two steps", PALETTE["orange"], "dash"),
    "tp-local": ("TP, local", PALETTE["blue"], "solid"),
    "tp-time": ("TP, through time", PALETTE["purple"], "solid"),
    "tp-difference": ("TP, difference form", PALETTE["blue"], "longdash"),
    "tp-learned": ("TP, learned inverse", PALETTE["red"], "solid"),
    "calibrated-local": ("TP calibrated, local", PALETTE["green"], "solid"),
    "calibrated-time": ("TP calibrated, through time", PALETTE["olive"], "solid"),
}
COLUMNS = {
    "accuracy": "held-out accuracy",
    "test_loss": "held-out loss",
    "angle": "angle to the gradient, degrees",
    "spectral_norm": "spectral norm of W",
    "direction_norm": "norm of the direction",
}


def record_files(*experiments: str) -> list[Path]:
    """The records that a module reads, for its RECORDS: when one is new, the book computes its positions again.

    Those of costs are among them.
    """
    runs = (path for name in experiments for path in (default_folder() / name).glob("*/*.jsonl"))
    return [*cost_files(), *sorted(runs)]


def curve(records: Sequence[Record], name: str = "accuracy") -> dict[str, Any]:
    """The spread of a column over the seeds at up to MOST_POINTS logged steps, and where seeds diverged.

    Returns
    -------
    dict
        ``steps``, ``low``, ``median``, ``high``: lists of one length. ``diverged``: the steps at which seeds did.
        ``seeds``: how many there are. ``seconds_per_step``: the recorded cost of a step, as
        `tpcore.experiments.step_cost` has it; NaN if there is none.
    """
    steps, values = column(records, name)
    cost = step_cost(records[0])
    kept = np.unique(np.linspace(0, len(steps) - 1, min(MOST_POINTS, len(steps))).astype(int))
    alive = kept[np.isfinite(values[:, kept]).any(0)]
    return {
        "steps": steps[alive],
        **{
            part: function(values[:, alive], axis=0)
            for part, function in (("low", np.nanmin), ("median", np.nanmedian), ("high", np.nanmax))
        },
        "diverged": [record.diverged_at for record in records if record.diverged_at is not None],
        "seeds": len(records),
        "seconds_per_step": np.nan if cost is None else cost.median,
    }


def add_curve(
    fig: go.Figure, found: dict[str, Any], method: str, *, by_time: bool = False, style: Style | None = None
) -> None:
    """Draw what `curve` returned: the median in a band from the lowest to the highest seed, a cross where one diverged.

    With `by_time`, against steps times the recorded cost of one, instead of steps. `style` is the method's entry of
    METHODS, or another chapter's.
    """
    label, color, dash = style or METHODS[method]
    scale = found["seconds_per_step"] if by_time else 1
    if not np.isfinite(scale):
        fig.add_scatter(x=[None], y=[None], name=f"{label}: no cost of a step is recorded", line={"color": color})
        return
    x = np.asarray(found["steps"]) * scale
    for trace in band(x, found["low"], found["high"], color, label):
        fig.add_trace(trace)
    line = {"color": color, "dash": dash}
    fig.add_scatter(x=x, y=found["median"], name=label, mode="lines", line=line)
    crosses = np.asarray(found["diverged"]) * scale
    heights = np.interp(crosses, x, found["median"]) if len(crosses) else []
    marker = {"symbol": "x", "size": 10, "color": color}
    name = f"{label}: {len(crosses)} of {found['seeds']} seeds diverged"
    fig.add_scatter(x=crosses, y=heights, mode="markers", marker=marker, name=name, showlegend=False)


def say_not_run(fig: go.Figure, command: str) -> None:
    """Write across an empty figure that there are no records, and the command that makes them."""
    fig.add_annotation(text=f"not run yet<br>{command}", x=0.5, y=0.5, xref="paper", yref="paper", font={"size": 15})
