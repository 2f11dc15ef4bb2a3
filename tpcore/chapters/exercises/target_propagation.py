"""Things to do in the chapter *Deriving target propagation*."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from tpcore.chapters.exercises.verdict import say
from tpcore.chapters.target_propagation.through_time import norms_explorer
from tpcore.explorers import Predict, Question

prediction = Predict(
    "At r = 0.1 the displacement is about as long after 60 steps back as it was at the start. What is left at r = 1?",
    {
        "about half": "Each single step loses about that much. Over 60 steps the factors multiply.",
        "less than 10<sup>−15</sup> of it": "The initial W is orthogonal, so that each step multiplies by 1/(1 + r) "
        "apart from the activation: sixty halvings. At r = 0.1 dividing by the slopes happens to make up for it.",
        "more than at the start": "A larger r shrinks: the gain σ/(σ² + r) falls as r rises. It is a small r that "
        "makes displacements grow.",
    },
    "less than 10<sup>−15</sup> of it",
    explorer=norms_explorer,
    reveal={"r": 1.0},
)

without_error = Question(
    "A network makes no error, so that its last target is its last state. What does the plain form ask for?",
    {
        "nothing": "A regularized inverse is not an inverse: f<sup>−1</sup>(f(h)) is not h for r > 0.",
        "a change of every earlier state": "With v<sub>t</sub> = h<sub>t</sub> it makes v<sub>t−1</sub> = "
        "M<sub>r</sub>W h<sub>t−1</sub>, which is shorter than h<sub>t−1</sub> unless that is 0.",
        "a change of h<sub>0</sub> alone": "The error is made at each step, from the first one back.",
    },
    "a change of every earlier state",
)

proportional = Question(
    "In which form is every displacement exactly proportional to γ<sub>h</sub>?",
    {
        "plain": "Its displacements do not even vanish for γ<sub>h</sub> = 0.",
        "difference": "There δ<sub>t</sub> passes through the inverse of tanh, which is curved and cut off.",
        "linearized": "It is a matrix times a vector at each step, so that γ<sub>h</sub> stays a factor.",
    },
    "linearized",
)

shrinking = Question(
    "W is orthogonal and the activation is the identity. By what does one step of the paper's rule multiply "
    "‖δ<sub>t</sub>‖ at r = 3?",
    {
        0.25: "M<sub>r</sub> = W<sup>T</sup>/(1 + r): back-propagation, shrunk at each step. Calibrated, the factor "
        "1 + r cancels, and the length stays for every r.",
        1.0: "That is the calibrated rule, where the factor 1 + r cancels what M<sub>r</sub> shrinks.",
        0.75: "Each step keeps 1/(1 + r), not r/(1 + r).",
    },
    0.25,
    otherwise="All σ are 1. Put that into σ/(σ² + r).",
)

middle_angle = Question(
    "At r = s = 1 displacements neither explode nor fade fast. Why is the angle to the gradient not zero?",
    {
        "the steps are weighed differently": "The adjoint fades on its way back, so that the last steps dominate the "
        "gradient; the displacement hardly fades, and early steps count as much as late ones.",
        "the displacements have the wrong length": "A common factor of all of them would change no angle.",
        "the inverse is not exact": "An exact inverse is farther away: to the left the angle passes 90°. The gradient "
        "is the far right end.",
    },
    "the steps are weighed differently",
)


def check_step_back(step_back: Callable[[Tensor, Tensor, Tensor, float], Any]) -> None:
    """Say whether `step_back(delta, slope, W, r)` is the linearized form's δ_{t−1}, and what it is if not."""
    say("this is one step back of target propagation; `loss.backward()` takes it τ times.", _problem, step_back)


def _problem(step_back: Callable[[Tensor, Tensor, Tensor, float], Any]) -> str:
    """Against the derivative of the regularized inverse f⁻¹(v) = M_r(artanh(v) − c), by finite differences."""
    g = torch.Generator().manual_seed(0)
    W, h, delta = (torch.randn(*shape, generator=g, dtype=torch.float64) for shape in ((6, 6), (6,), (6,)))
    h, r, small = 0.9 * torch.tanh(h), 0.3, 1e-6
    slope = 1 - h**2
    found = step_back(delta.clone(), slope.clone(), W.clone(), r)
    if not isinstance(found, Tensor):
        return f"step_back returned {found!r} instead of a vector. Fill the gap and return δ_{{t−1}}."
    if found.shape != delta.shape:
        return f"δ_{{t−1}} has the shape of a state, {tuple(delta.shape)}; yours is {tuple(found.shape)}."

    def inverse(z: Tensor) -> Tensor:
        stacked = torch.cat([W, r**0.5 * torch.eye(6, dtype=torch.float64)])
        return torch.linalg.lstsq(stacked, torch.cat([z, torch.zeros(6, dtype=torch.float64)])[:, None])[0][:, 0]

    def distance(other: Tensor) -> float:
        return float((found - other).norm() / other.norm())

    wanted = (inverse(torch.atanh(h + small * delta)) - inverse(torch.atanh(h - small * delta))) / (2 * small)
    if distance(wanted) < 1e-6:
        return ""
    known = {
        "this is back-propagation's step. Invert: divide by a′, and take M_r in place of Wᵀ.": W.T @ (slope * delta),
        "the affine map is inverted, but δ_t is multiplied by a′. An inverse divides by it.": inverse(slope * delta),
        "the activation is not undone: divide δ_t by a′ first.": inverse(delta),
        "the order is wrong. The activation came last, so that it is undone first.": inverse(delta) / slope,
        "the activation is undone, but W is transposed, not inverted.": W.T @ (delta / slope),
        "your r has no effect: this is the exact inverse.": torch.linalg.solve(W, delta / slope),
    }
    for message, mistaken in known.items():
        if distance(mistaken) < 1e-6:
            return message
    return f"your δ_{{t−1}} is {distance(wanted):.0%} away from M_r (δ_t ⊘ a′)."
