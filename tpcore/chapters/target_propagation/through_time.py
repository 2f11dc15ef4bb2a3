"""What flows back through the paper's network at its initial weights: how far, and what linearizing costs."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import plotly.graph_objects as go
import torch
from torch import Tensor

from tpcore.chapters.gain_curves import CALIBRATED
from tpcore.diagnostics import angle_to_gradient, carried, gradient_on_last_state, norms_through_time
from tpcore.explorers import Explorer, LogSlider
from tpcore.explorers.figures import NEUTRAL, PALETTE, figure
from tpcore.nn import SequenceClassifier
from tpcore.rules import BackProp, TargetProp
from tpcore.tasks import TemporalOrder

# Sequences of the temporal-order task
LENGTH, HIDDEN, BATCH = 60, 100, 20


@cache
def network_and_batch() -> tuple[SequenceClassifier, Tensor, Tensor, Tensor]:
    """The network in float64, a batch of inputs (B, τ, p), its classes, and ∂ℓ/∂h_τ."""
    generator = torch.Generator().manual_seed(0)
    task = TemporalOrder(LENGTH)
    model = SequenceClassifier(task.input_size, HIDDEN, task.output_size, rule=BackProp(), generator=generator).double()
    inputs, targets = task.batch(BATCH, generator)
    return model, inputs.double(), targets, gradient_on_last_state(model, inputs.double(), targets)


def relative_norms(rule: BackProp | TargetProp) -> np.ndarray:
    """‖·_t‖/‖·_τ‖ for t = τ … 0."""
    model, inputs, _, gradient = network_and_batch()
    norms = norms_through_time(model, rule, inputs, gradient)
    return norms[::-1] / norms[-1]


def paper_norms(r: float) -> dict[str, Any]:
    """‖δ_t‖ of the paper's rule beside ‖λ_t‖, each relative to its last."""
    return {"delta": relative_norms(TargetProp(r)), "lambda": relative_norms(BackProp())}


def profiles_of_norms(curves: list[tuple[np.ndarray, str, dict[str, Any]]]) -> go.Figure:
    """Relative norms, each with its name and line, against the steps back, on a logarithmic axis."""
    titles = ("steps back, τ − t", "norm, relative to t = τ")
    fig = figure(*titles, log_y=True, x_range=(0, LENGTH), y_range=(1e-12, 1e6))
    for norms, name, line in curves:
        fig.add_scatter(x=np.arange(len(norms)), y=norms, name=name, line=line)
    return fig


ADJOINT = {"color": PALETTE["orange"], "dash": "dash"}


def norms_figure(result: dict[str, Any]) -> go.Figure:
    """The two curves of `paper_norms`."""
    return profiles_of_norms([
        (result["lambda"], "‖λ<sub>t</sub>‖, back-propagation", ADJOINT),
        (result["delta"], "‖δ<sub>t</sub>‖, target propagation", {"color": PALETTE["blue"]}),
    ])  # fmt: skip


norms_explorer = Explorer(
    title="How far back does it reach?",
    description="The norm of the displacement, and of the adjoint of back-propagation, against the number of steps "
    "back, on a logarithmic axis. A small r makes displacements grow, a large r makes them vanish.",
    controls=[LogSlider("r", "Regularization r", 1e-2, 1e2, points=41, value=0.1)],
    compute=paper_norms,
    draw=norms_figure,
)


# Difference against linearized

STEPS = np.logspace(-6, 1, 29)


def linearization_error(r: float) -> dict[str, Any]:
    """‖δ(difference) − δ(linearized)‖ at t = τ − 1 … and after ten steps, against γ_h."""
    model, inputs, _, gradient = network_and_batch()
    h_0 = inputs.new_zeros(BATCH, HIDDEN)
    errors: dict[int, list[float]] = {1: [], 10: []}
    for step in STEPS:
        flows = [
            carried(model.recurrent, TargetProp(r, form=form, step=float(step)), inputs.transpose(0, 1), h_0, gradient)
            for form in ("difference", "linearized")
        ]
        for back, found in errors.items():
            found.append(float(np.linalg.norm(flows[0][-1 - back] - flows[1][-1 - back])))
    return {f"after_{back}": np.array(found) for back, found in errors.items()}


def linearization_figure(result: dict[str, Any]) -> go.Figure:
    """The errors on log–log axes beside a line of slope two."""
    fig = figure(
        "target step γ<sub>h</sub>", "‖difference − linearized‖", log_x=True, log_y=True,
        x_range=(1e-6, 10), y_range=(1e-17, 10),
    )  # fmt: skip
    for back, color in ((1, PALETTE["blue"]), (10, PALETTE["purple"])):
        steps = "one step" if back == 1 else f"{back} steps"
        fig.add_scatter(x=STEPS, y=result[f"after_{back}"], name=f"{steps} back", line={"color": color})
    guide = {"color": NEUTRAL, "dash": "dot", "width": 1.5}
    fig.add_scatter(x=STEPS, y=1e-3 * STEPS**2, name="slope 2", mode="lines", line=guide)
    return fig


linearization_explorer = Explorer(
    title="The price of linearizing",
    description="The norm of what the difference form and the linearized form disagree on, against the target step, "
    "on two logarithmic axes. For small steps the curves run along a guide of slope two.",
    controls=[LogSlider("r", "Regularization r", 1e-1, 1.0, points=5, value=0.1)],
    compute=linearization_error,
    draw=linearization_figure,
)


# Calibrated inversion


def calibrated_norms(r: float) -> dict[str, Any]:
    """‖δ_t‖ of the calibrated rule at s = r beside ‖λ_t‖ and the paper's rule; and the angle to the gradient."""
    model, inputs, targets, _ = network_and_batch()
    rule = TargetProp(r, r, calibrated=True)
    return {
        "calibrated": relative_norms(rule),
        "paper": relative_norms(TargetProp(r)),
        "lambda": relative_norms(BackProp()),
        "angle": angle_to_gradient(model, rule, inputs, targets),
    }


def calibrated_figure(result: dict[str, Any]) -> go.Figure:
    """The three profiles of `calibrated_norms`."""
    fig = profiles_of_norms([
        (result["lambda"], "‖λ<sub>t</sub>‖", ADJOINT),
        (result["paper"], "‖δ<sub>t</sub>‖, paper's rule", {"color": PALETTE["blue"], "width": 1.5}),
        (result["calibrated"], "‖δ<sub>t</sub>‖, calibrated", CALIBRATED),
    ])  # fmt: skip
    text = f"angle to the gradient: {result['angle']:.1f}°"
    fig.add_annotation(text=text, x=0.98, y=0.97, xref="paper", yref="paper", xanchor="right", yanchor="top")
    return fig


calibrated_explorer = Explorer(
    title="From exact inversion to back-propagation",
    description="The norm of the calibrated displacement against the number of steps back, beside the adjoint and the "
    "paper's rule, on a logarithmic axis. Around r = 1 it neither explodes nor vanishes fast; for large r it falls on "
    "the adjoint.",
    controls=[LogSlider("r", "Regularization r = s", 1e-3, 1e3, points=37, value=1.0)],
    compute=calibrated_norms,
    draw=calibrated_figure,
)
