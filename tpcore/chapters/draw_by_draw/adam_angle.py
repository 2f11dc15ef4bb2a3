"""What Adam's first step makes of the angle between two directions: it keeps the signs of their entries, no more."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import plotly.graph_objects as go
import torch

from tpcore.chapters.one_slider.gains import TASK, network
from tpcore.diagnostics import angle_between
from tpcore.experiments.measures import direction
from tpcore.explorers import Explorer, LogSlider
from tpcore.explorers.figures import PALETTE, figure
from tpcore.rules import BackProp, TargetProp

SHOWN = 500  # entries of a direction
END = 2.5


def angle_of_signs(theta: float) -> float:
    """Between the signs of two directions at an angle θ, if their entries are normal: arccos(1 - 2θ/π), in degrees."""
    return math.degrees(math.acos(1 - 2 * theta / 180))


def entries(r: float) -> dict[str, Any]:
    """The gradient and the calibrated direction with r = s, before training, entry by entry.

    Returns
    -------
    dict
        ``gradient``, ``calibrated`` (SHOWN,): some entries, each direction's in units of its root mean square.
        ``flipped`` in [0, 1]: the share of all entries that differ in sign. ``angle``, ``angle_of_signs``: in degrees.
    """
    model, batch = network(BackProp()), TASK.batch(20, torch.Generator().manual_seed(0))
    rules = BackProp(), TargetProp(r, s=r, calibrated=True)
    gradient, own = (direction(model, TASK, rule, batch) for rule in rules)
    shown = torch.linspace(0, len(own) - 1, SHOWN).long()
    return {
        **{
            name: (values / values.square().mean().sqrt())[shown].numpy()
            for name, values in (("gradient", gradient), ("calibrated", own))
        },
        "flipped": float((own.sign() != gradient.sign()).double().mean()),
        "angle": angle_between(own, gradient),
        "angle_of_signs": angle_between(own.sign(), gradient.sign()),
    }


def entries_figure(result: dict[str, Any]) -> go.Figure:
    """A dot an entry; in the upper left and lower right the two directions differ in sign."""
    ends = (-END, END)
    fig = figure("entry of the gradient", "entry, calibrated", x_range=ends, y_range=ends, height=440)
    x, y = result["gradient"], result["calibrated"]
    differ = np.sign(x) != np.sign(y)
    for name, own, color in (
        (f"same sign: {1 - result['flipped']:.1%}", ~differ, PALETTE["blue"]),
        (f"other sign: {result['flipped']:.1%}", differ, PALETTE["red"]),
    ):
        marker = {"color": color, "size": 5, "opacity": 0.7}
        fig.add_scatter(x=x[own], y=y[own], mode="markers", name=name, marker=marker)
    fig.add_annotation(
        text=f"angle {result['angle']:.1f}°<br>of the signs {result['angle_of_signs']:.1f}°",
        x=0.98, y=0.03, xref="paper", yref="paper", xanchor="right", yanchor="bottom", align="right",
    )  # fmt: skip
    return fig


adam_explorer = Explorer(
    title="Entry by entry",
    description=f"{SHOWN} entries of the recurrent part's directions before training: across as the gradient has "
    "them, upward as the calibrated rule has them, each in units of its root mean square. Where the two differ in sign "
    "the dot is red, and Adam's first steps go opposite ways. The legend holds the shares among all entries.",
    controls=[LogSlider("r", "Regularization r = s", 0.1, 1000.0, points=17, value=1.0)],
    compute=entries,
    draw=entries_figure,
)
