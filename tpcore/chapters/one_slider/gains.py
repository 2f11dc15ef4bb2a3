"""The explorers of the chapter *One slider* that compute afresh."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import plotly.graph_objects as go
import torch
from torch import Tensor

from tpcore.chapters.gain_curves import GAIN_AXIS, add_gain_curves, add_largest_gain, calibrated_gain
from tpcore.chapters.target_propagation.through_time import HIDDEN, LENGTH, calibrated_figure
from tpcore.diagnostics import angle_to_gradient, gradient_on_last_state, norms_through_time
from tpcore.explorers import Choice, Explorer, LogSlider, Stops
from tpcore.explorers.figures import figure
from tpcore.nn import SequenceClassifier
from tpcore.rules import BackProp, Rule, TargetProp
from tpcore.tasks import TemporalOrder
from tpcore.training import train, two_step_sizes

# The gain curves

SLOPE_AXIS = np.linspace(0.01, 1, 100)


def both_gains(r: float) -> dict[str, Any]:
    """The calibrated gain on singular values, and on slopes at s = r."""
    return {"r": r, "sigma": calibrated_gain(GAIN_AXIS, r), "slope": calibrated_gain(SLOPE_AXIS, r)}


def gains_figure(result: dict[str, Any]) -> go.Figure:
    """Above, the gain against σ; below, against a′; each between those of the exact inverse and of the transpose."""
    ends = (1e-2, 1e2)
    fig = figure("singular value σ of W", "gain", log_x=True, log_y=True, x_range=ends, y_range=ends, height=660)
    below = figure("slope a′ of a unit", "gain", x_range=(0, 1.02), y_range=(0, 4)).layout
    fig.update_layout(
        yaxis={"domain": [0.56, 1]},
        xaxis2={**below.xaxis.to_plotly_json(), "anchor": "y2"},
        yaxis2={**below.yaxis.to_plotly_json(), "anchor": "x2", "domain": [0, 0.4]},
    )
    add_gain_curves(fig, GAIN_AXIS, result["sigma"])
    add_gain_curves(fig, SLOPE_AXIS, result["slope"], xaxis="x2", yaxis="y2", showlegend=False)
    add_largest_gain(fig, result["r"])
    return fig


gains_explorer = Explorer(
    title="One slider, both inversions",
    description="Two plots of the gain of the calibrated inverse: above against the singular values of the weights on "
    "logarithmic axes, below against the slopes of the activation. At the left end of the slider the curves lie on "
    "those of the exact inverse, at the right end on those of the transpose; in the middle they stay below one.",
    controls=[LogSlider("r", "Regularization r = s", 1e-3, 1e3, points=61, value=1.0)],
    compute=both_gains,
    draw=gains_figure,
)


# What flows back through a network while it is trained

TASK = TemporalOrder(LENGTH)
GAMMA_THETA, GAMMA_H, SEED = 0.1, 0.01, 0
STEPS, EVERY = 1000, 200
TRAINED_BY: dict[str, Rule] = {"bp": BackProp(), "middle": TargetProp(1.0, 1.0, calibrated=True, step=GAMMA_H)}


@cache
def snapshots(trained_by: str) -> list[tuple[float, dict[str, Tensor]]]:
    """The held-out accuracy and the weights of the paper's network every EVERY steps of a short training."""
    found: list[tuple[float, dict[str, Tensor]]] = []

    def keep(state: dict[str, Any]) -> None:
        weights = {name: value.clone() for name, value in state["model"].items()}
        found.append((state["rows"][-1]["accuracy"], weights))

    model = network(TRAINED_BY[trained_by])
    optimizer = two_step_sizes(model, GAMMA_THETA, GAMMA_H)
    train(model, TASK, optimizer, steps=STEPS, log_every=EVERY, seed=SEED, test_size=200, progress=False, save=keep)
    return found


def snapshot(trained_by: str, step: int) -> tuple[float, SequenceClassifier, Tensor, Tensor]:
    """The accuracy after some steps, the network then in float64, held-out inputs (B, τ, p) and their classes."""
    accuracy, weights = snapshots(trained_by)[step // EVERY]
    model = network(BackProp())
    model.load_state_dict(weights)
    inputs, targets = TASK.batch(20, torch.Generator().manual_seed(1000))
    return accuracy, model.double(), inputs.double(), targets


def network(rule: Rule) -> SequenceClassifier:
    """The paper's network for TASK, untrained, from one seed."""
    weights = torch.Generator().manual_seed(SEED)
    with torch.random.fork_rng(devices=[]):
        return SequenceClassifier(TASK.input_size, HIDDEN, TASK.output_size, rule=rule, generator=weights)


def profiles(trained_by: str, step: int, r: float) -> dict[str, Any]:
    """‖·_t‖/‖·_τ‖ for t = τ … 0: calibrated at s = r, the paper's rule at r, and the adjoint; and the angle."""
    accuracy, model, inputs, targets = snapshot(trained_by, step)
    gradient = gradient_on_last_state(model, inputs, targets)
    calibrated = TargetProp(r, r, calibrated=True)

    def relative(rule: Rule) -> np.ndarray:
        norms = norms_through_time(model, rule, inputs, gradient)
        return norms[::-1] / norms[-1]

    return {
        "calibrated": relative(calibrated),
        "paper": relative(TargetProp(r)),
        "lambda": relative(BackProp()),
        "angle": angle_to_gradient(model, calibrated, inputs, targets),
        "accuracy": accuracy,
    }


def profiles_figure(result: dict[str, Any]) -> go.Figure:
    """The three curves of what is carried back, and how far the network has come."""
    text = f"accuracy: {result['accuracy']:.2f}"
    place = {"x": 0.98, "y": 0.89, "xref": "paper", "yref": "paper", "xanchor": "right", "yanchor": "top"}
    return calibrated_figure(result).add_annotation(text=text, **place)


KEPT_AT = (0.1, 1.0, 10.0, 100.0)  # r = s
KEPT_HEAD = ("step", "accuracy", "norm of W", "‖λ_0‖/‖λ_τ‖", *(f"r = s = {r:g}" for r in KEPT_AT))


def kept() -> list[list[str]]:
    """For each snapshot of the network trained by back-propagation, what is left of a norm after all the steps."""
    rows = []
    for step in range(0, STEPS + 1, EVERY):
        accuracy, model, _, _ = snapshot("bp", step)
        norm = float(torch.linalg.svdvals(model.recurrent.weight_hh_l0.detach())[0])
        found = [profiles("bp", step, r) for r in KEPT_AT]
        left = [found[0]["lambda"][-1], *(each["calibrated"][-1] for each in found)]
        rows.append([str(step), f"{accuracy:.2f}", f"{norm:.2f}", *(f"{value:.3g}" for value in left)])
    return rows


profiles_explorer = Explorer(
    title="What flows back, while the network learns",
    description="The norm of the calibrated displacement against the number of steps back, relative to its last, "
    "beside the adjoint of back-propagation and the paper's rule with the same r, on a logarithmic axis, for the "
    "weights after some steps of training.",
    controls=[
        Choice("trained_by", "Trained with", {"bp": "Back-propagation", "middle": "Calibrated, r = s = 1"}),
        Stops("step", "Training step", tuple(range(0, STEPS + 1, EVERY)), value=600),
        LogSlider("r", "Regularization r = s", 1e-2, 1e2, points=17, value=1.0),
    ],
    compute=profiles,
    draw=profiles_figure,
)
