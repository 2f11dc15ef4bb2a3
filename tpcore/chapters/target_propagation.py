"""The explorers of the chapter *Deriving target propagation*."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import plotly.graph_objects as go
import torch
from torch import Tensor

from tpcore.chapters.gain_curves import CALIBRATED, GAIN_AXIS, add_gain_curves, add_largest_gain, calibrated_gain
from tpcore.diagnostics import angle_to_gradient, carried, gradient_on_last_state, norms_through_time
from tpcore.explorers import Choice, Explorer, LogSlider
from tpcore.explorers.figures import NEUTRAL, PALETTE, figure
from tpcore.nn import RNN, SequenceClassifier
from tpcore.rules import BackProp, TargetProp
from tpcore.tasks import TemporalOrder

FORMS = {"plain": "Plain", "difference": "Difference", "linearized": "Linearized"}
FORM_COLORS = {"plain": PALETTE["red"], "difference": PALETTE["purple"], "linearized": PALETTE["blue"]}


# A network of two hidden units, so that states and targets are points of a plane


def plane_network() -> tuple[RNN, Tensor, Tensor, Tensor]:
    """A small tanh network, its inputs (τ, 1, 1), its initial state (1, 2) and the goal of its last state."""
    rnn = RNN(1, 2, dtype=torch.float64)
    angle = torch.tensor(0.65, dtype=torch.float64)
    turn = torch.stack([torch.stack([angle.cos(), -angle.sin()]), torch.stack([angle.sin(), angle.cos()])])
    with torch.no_grad():
        rnn.weight_hh_l0.copy_(turn @ torch.diag(torch.tensor([1.15, 0.75], dtype=torch.float64)))
        rnn.weight_ih_l0.copy_(torch.tensor([[0.25], [-0.15]]))
        rnn.bias_ih_l0.zero_()
        rnn.bias_hh_l0.zero_()
    inputs = torch.tensor([1.0, -1.0, 0.5, 1.0, -0.5], dtype=torch.float64).view(-1, 1, 1)
    return rnn, inputs, torch.tensor([[0.75, -0.2]], dtype=torch.float64), torch.tensor([[-0.35, 0.75]]).double()


def plane_targets(form: str, r: float, gamma_h: float) -> dict[str, Any]:
    """States and targets of the small network for ℓ = ½‖h_τ − goal‖²."""
    rnn, inputs, h_0, goal = plane_network()
    with torch.no_grad():
        states = torch.cat([h_0.unsqueeze(0), rnn(inputs, h_0.unsqueeze(0))[0]])[:, 0].numpy()
    rule = TargetProp(r, form=form, step=gamma_h)
    displacements = carried(rnn, rule, inputs, h_0, torch.as_tensor(states[-1:]) - goal)[:, 0]
    return {"form": form, "states": states, "targets": states + displacements, "goal": goal[0].numpy()}


def plane_figure(result: dict[str, Any]) -> go.Figure:
    """States, targets and the goal in the plane of the two hidden units."""
    states, targets, color = result["states"], result["targets"], FORM_COLORS[result["form"]]
    fig = figure("hidden unit 1", "hidden unit 2", x_range=(-2.2, 2.2), y_range=(-1.6, 2.0), height=430)
    for state, target in zip(states, targets, strict=True):
        ends = np.stack([state, target])
        dots = {"width": 1, "dash": "dot", "color": NEUTRAL}
        fig.add_scatter(x=ends[:, 0], y=ends[:, 1], mode="lines", line=dots, showlegend=False, hoverinfo="skip")
    names = [f"{t}" for t in range(len(states))]
    for points, name, shade in ((states, "states h<sub>t</sub>", NEUTRAL), (targets, "targets v<sub>t</sub>", color)):
        fig.add_scatter(
            x=points[:, 0], y=points[:, 1], mode="lines+markers+text", name=name, text=names, textposition="top center",
            line={"color": shade, "width": 1.5}, marker={"size": 9, "color": shade},
            hovertemplate="t = %{text}: (%{x:.3f}, %{y:.3f})",
        )  # fmt: skip
    goal = result["goal"]
    star = {"symbol": "star", "size": 15, "color": PALETTE["orange"]}
    fig.add_scatter(x=goal[:1], y=goal[1:], mode="markers", name="goal", marker=star)
    return fig


plane_explorer = Explorer(
    title="Targets in the plane of two hidden units",
    description="The hidden states of a small recurrent network as numbered points of a plane, and the target of each. "
    "The last target lies between the last state and a goal; the others are found by inverting the layer.",
    controls=[
        Choice("form", "Form", FORMS, value="plain"),
        LogSlider("gamma_h", "Target step γ<sub>h</sub>", 1e-3, 1.0, points=13, value=0.1**0.5),
        LogSlider("r", "Regularization r", 1e-3, 10.0, points=13, value=0.1),
    ],
    compute=plane_targets,
    draw=plane_figure,
)


# The paper's network at its initial weights, reading sequences of the temporal-order task

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
    controls=[LogSlider("r", "Regularization r", 1e-2, 1e2, points=41, value=1.0)],
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
    controls=[LogSlider("r", "Regularization r", 1e-1, 1e1, points=9, value=1.0)],
    compute=linearization_error,
    draw=linearization_figure,
)


# Calibrated inversion


def gain_at(r: float) -> dict[str, Any]:
    """The calibrated gain on a singular value σ at r, and on a slope a′ at s = r."""
    return {"r": r, "gain": calibrated_gain(GAIN_AXIS, r)}


def gain_figure(result: dict[str, Any]) -> go.Figure:
    """The gain between those of the inverse and of the transpose."""
    ends = (1e-2, 1e2)
    fig = figure("σ, or a′", "gain of one step back", log_x=True, log_y=True, x_range=ends, y_range=ends, height=420)
    fig.add_hline(y=1, line={"color": NEUTRAL, "width": 1})
    add_gain_curves(fig, GAIN_AXIS, result["gain"])
    add_largest_gain(fig, result["r"])
    return fig


gain_explorer = Explorer(
    title="One slider from the inverse to the transpose",
    description="The gain of the calibrated inverse against the singular value, on two logarithmic axes, between the "
    "falling line of the exact inverse and the rising line of the transpose. All pass through one at one.",
    controls=[LogSlider("r", "Regularization r (and s)", 1e-3, 1e3, points=61, value=1.0)],
    compute=gain_at,
    draw=gain_figure,
)


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
