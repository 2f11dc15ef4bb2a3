"""The explorers of the welcome page."""

from __future__ import annotations

from typing import Any

import plotly.graph_objects as go

from tpcore.chapters.target_propagation.plane import plane_figure, plane_targets
from tpcore.chapters.training_an_rnn import accuracy_axes, add_seeds, trained_seeds
from tpcore.explorers import Explorer, LogSlider
from tpcore.explorers.figures import PALETTE
from tpcore.rules import BackProp, TargetProp

GAMMA_H, GAMMA_THETA = 0.03, 0.3


def three_rules(r: float) -> dict[str, Any]:
    """The runs of the paper's rule, of the calibrated one and of back-propagation, at the same two step sizes."""
    rules = {
        "paper": TargetProp(r, step=GAMMA_H),
        "calibrated": TargetProp(r, r, calibrated=True, step=GAMMA_H),
        "backprop": BackProp(),
    }
    return {name: trained_seeds(rule, GAMMA_H, GAMMA_THETA) for name, rule in rules.items()}


def three_rules_figure(result: dict[str, Any]) -> go.Figure:
    """The three curves, each with its seeds' band."""
    fig = accuracy_axes(height=360)
    add_seeds(fig, result["backprop"], "back-propagation", PALETTE["orange"], dash="dash")
    add_seeds(fig, result["paper"], "targets, the paper's rule", PALETTE["blue"])
    add_seeds(fig, result["calibrated"], "targets, calibrated", PALETTE["green"])
    return fig


welcome_explorer = Explorer(
    title="A recurrent network learns from targets",
    description="Held-out accuracy on a memory task against training steps, for two rules of target propagation and "
    "for back-propagation; the median of three seeds in a band from the worst to the best. The dotted line is chance; "
    "a cross marks a run that diverged.",
    controls=[LogSlider("r", "Regularization r", 1e-1, 1e1, points=9, value=10**0.5)],
    compute=three_rules,
    draw=three_rules_figure,
)


def linearized_targets(gamma_h: float, r: float) -> dict[str, Any]:
    """The states and targets of the network of two hidden units."""
    return plane_targets("linearized", r, gamma_h)


targets_explorer = Explorer(
    title="States and their targets",
    description="The hidden states of a small recurrent network as points of a plane, and the target of each. "
    "The last target lies between the last state and a goal; the others are found by inverting the layer.",
    controls=[
        LogSlider("gamma_h", "Target step γ<sub>h</sub>", 1e-2, 10**-0.5, points=7, value=10**-0.5),
        LogSlider("r", "Regularization r", 1e-1, 10.0, points=9, value=0.1),
    ],
    compute=linearized_targets,
    draw=plane_figure,
)
