"""A network of two hidden units, whose states and targets are points of a plane."""

from __future__ import annotations

from typing import Any

import numpy as np
import plotly.graph_objects as go
import torch
from torch import Tensor

from tpcore.diagnostics import carried
from tpcore.explorers import Choice, Explorer, LogSlider, Slider
from tpcore.explorers.figures import NEUTRAL, PALETTE, figure
from tpcore.nn import RNN
from tpcore.rules import BackProp, Form, TargetProp

FORMS = {"plain": "Plain", "difference": "Difference", "linearized": "Linearized"}
FORM_COLORS = {"plain": PALETTE["red"], "difference": PALETTE["olive"], "linearized": PALETTE["blue"]}
STEPS = 5  # τ
FRAME = ((-0.55, 1.3), (-0.7, 1.05))  # holds every target of the grid; a test says so
BESIDE = 0.12  # of a label from its point


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


def states_of(rnn: RNN, inputs: Tensor, h_0: Tensor) -> np.ndarray:
    """The states (τ + 1, 2)."""
    with torch.no_grad():
        return np.asarray(torch.cat([h_0, rnn(inputs, h_0.unsqueeze(0))[0][:, 0]]).numpy())


def plane_targets(form: Form, r: float, gamma_h: float, back: int = STEPS) -> dict[str, Any]:
    """States of the small network, and the targets of the last one and of `back` before it, for ℓ = ½‖h_τ − goal‖²."""
    rnn, inputs, h_0, goal = plane_network()
    states = states_of(rnn, inputs, h_0)
    rule = TargetProp(r, form=form, step=gamma_h)
    displacements = carried(rnn, rule, inputs, h_0, torch.as_tensor(states[-1:]) - goal)[:, 0]
    first = STEPS - back
    return {
        "form": form,
        "states": states,
        "targets": (states + displacements)[first:],
        "goal": goal[0].numpy(),
        "sentence": f"The target of state {first} lies {np.linalg.norm(displacements[first]):.2g} away from it.",
    }


def plane(height: int = 460) -> go.Figure:
    """The plane of the two hidden units; one unit is as long on both axes."""
    fig = figure("hidden unit 1", "hidden unit 2", x_range=FRAME[0], y_range=FRAME[1], height=height)
    fig.update_xaxes(constrain="domain")
    fig.update_yaxes(scaleanchor="x", constrain="domain")
    return fig


def label_places(points: np.ndarray) -> np.ndarray:
    """Places (n, 2) for the labels of points (n, 2): each beside its own, away from other points and labels."""
    turns = np.linspace(0, 2 * np.pi, 16, endpoint=False) + np.pi / 2
    around = BESIDE * np.stack([np.cos(turns), np.sin(turns)], axis=1)
    places: list[np.ndarray] = []
    for i, point in enumerate(points):
        others = np.concatenate([np.delete(points, i, 0), np.reshape(places, (-1, 2))])
        room = np.linalg.norm((point + around)[:, None] - others, axis=2).min(1)
        places.append((point + around)[room.round(3).argmax()])
    return np.array(places)


def plane_figure(result: dict[str, Any]) -> go.Figure:
    """States, targets and the goal; the target found last stands out."""
    states, targets, color = result["states"], result["targets"], FORM_COLORS[result["form"]]
    first = len(states) - len(targets)
    fig = plane()
    for state, target in zip(states[first:], targets, strict=True):
        ends = np.stack([state, target])
        dots = {"width": 1.5, "dash": "dot", "color": color}
        fig.add_scatter(x=ends[:, 0], y=ends[:, 1], mode="lines", line=dots, showlegend=False, hoverinfo="skip")
    for points, name, shade, start in (
        (states, "states h<sub>t</sub>", NEUTRAL, 0),
        (targets, "targets v<sub>t</sub>", color, first),
    ):
        sizes = [9] * len(points) if start == 0 and points is states else [14, *[9] * (len(points) - 1)]
        fig.add_scatter(
            x=points[:, 0], y=points[:, 1], mode="lines+markers", name=name,
            text=[str(start + i) for i in range(len(points))],
            line={"color": shade, "width": 1.5}, marker={"size": sizes, "color": shade, "opacity": 1},
            hovertemplate="t = %{text}: (%{x:.3f}, %{y:.3f})",
        )  # fmt: skip
    goal = result["goal"]
    star = {"symbol": "star", "size": 16, "color": PALETTE["orange"]}
    fig.add_scatter(x=goal[:1], y=goal[1:], mode="markers", name="goal", marker=star)
    named = [(f"h<sub>{t}</sub>", NEUTRAL) for t in range(len(states))]
    named += [(f"v<sub>{first + i}</sub>", color) for i in range(len(targets))]
    for (text, shade), place in zip(named, label_places(np.concatenate([states, targets])), strict=True):
        fig.add_annotation(x=place[0], y=place[1], text=text, font={"color": shade})
    return fig


plane_explorer = Explorer(
    title="Targets in the plane of two hidden units",
    description="The hidden states of a small recurrent network as points of a plane, from h0 to h5, and the targets "
    "of as many of them as were found, walking back from the last. At a target step close to zero plain targets lie "
    "far from their states; those of the other two forms lie on them.",
    controls=[
        Slider("back", "Steps walked back", 0, STEPS, points=STEPS + 1, value=STEPS),
        Choice("form", "Form", FORMS, value="plain"),
        LogSlider("gamma_h", "Target step γ<sub>h</sub>", 1e-3, 1e-1, points=5, value=1e-3),
        LogSlider("r", "Regularization r", 10**-1.5, 10**0.5, points=5, value=0.1),
    ],
    compute=plane_targets,
    draw=plane_figure,
)


# What the parameters of a step are moved along


def step_adjoints(r: float, gamma_h: float = 0.3) -> dict[str, Any]:
    """What multiplies ∂_θ f_t at each t = 1 … τ: δ_t locally, −μ_t through time, and −γ_h λ_t of back-propagation."""
    rnn, inputs, h_0, goal = plane_network()
    states = states_of(rnn, inputs, h_0)
    gradient = torch.as_tensor(states[-1:]) - goal
    delta = carried(rnn, TargetProp(r, step=gamma_h), inputs, h_0, gradient)[:, 0]
    W, slopes = rnn.weight_hh_l0.detach().numpy(), 1 - states**2
    minus_mu = delta.copy()
    for t in range(STEPS - 1, -1, -1):
        minus_mu[t] += W.T @ (slopes[t + 1] * minus_mu[t + 1])
    minus_lambda = -gamma_h * carried(rnn, BackProp(), inputs, h_0, gradient)[:, 0]
    return {"states": states[1:], "delta": delta[1:], "minus_mu": minus_mu[1:], "minus_lambda": minus_lambda[1:]}


def step_adjoints_figure(result: dict[str, Any]) -> go.Figure:
    """From each state three arrows, whose heads are dots."""
    states = result["states"]
    fig = plane()
    for key, name, color, size in (
        ("minus_lambda", "−γ<sub>h</sub>λ<sub>t</sub>, back-propagation", PALETTE["orange"], 13),
        ("minus_mu", "−μ<sub>t</sub>, through time", PALETTE["purple"], 9),
        ("delta", "δ<sub>t</sub>, local", PALETTE["blue"], 7),
    ):
        heads = states + result[key]
        gaps = np.full_like(states, np.nan)
        x, y = np.stack([states, heads, gaps], axis=1).reshape(-1, 2).T
        marker = {"size": [0, size, 0] * len(states), "color": color, "opacity": 1}
        fig.add_scatter(x=x, y=y, mode="lines+markers", name=name, line={"color": color, "width": 2.5}, marker=marker)
    fig.add_scatter(x=states[:, 0], y=states[:, 1], mode="markers", name="states", marker={"size": 7, "color": NEUTRAL})
    heads = [states + result[key] for key in ("minus_mu", "minus_lambda")]
    places = label_places(np.concatenate([states, *heads]))[: len(states)]
    for t, place in enumerate(places, start=1):
        fig.add_annotation(x=place[0], y=place[1], text=f"h<sub>{t}</sub>", font={"color": NEUTRAL})
    return fig


step_adjoints_explorer = Explorer(
    title="Along what the parameters of a step move",
    description="From each hidden state three arrows: the displacement, the same plus what it does to later states, "
    "and minus the adjoint of back-propagation times the target step. At the last state all three are one. For a large "
    "r the displacements of earlier states vanish and the second arrow lies on the third.",
    controls=[LogSlider("r", "Regularization r", 10**-0.5, 1e2, points=11, value=1.0)],
    compute=step_adjoints,
    draw=step_adjoints_figure,
)
