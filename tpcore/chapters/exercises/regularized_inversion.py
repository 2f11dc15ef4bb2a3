"""Things to do in the chapter *Regularized inversion*."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from tpcore.chapters.exercises.verdict import say
from tpcore.chapters.regularized_inversion.matrix import disc_explorer
from tpcore.explorers import Predict, Question

prediction = Predict(
    "An error is added to W u, and both inverses try to recover u. Which r brings M<sub>r</sub> closest to it?",
    {
        "the smallest: it is nearest to the exact inverse": "That inverse also blows the error up, by 1/σ where W is "
        "weak. The figure now shows both: move r to either side.",
        "one in between": "A small r amplifies the error, a large one answers with too little. The figure now shows "
        "both clouds: move r to either side.",
        "the largest: it amplifies least": "It brings everything to 0, and u with it. The figure now shows both "
        "clouds: move r to either side.",
    },
    "one in between",
    explorer=disc_explorer,
    reveal={"view": "error"},
)

isometry = Question(
    "W is orthogonal and r = 1. By what is a vector's length multiplied after five applications of M<sub>r</sub>?",
    {
        0.03125: "All σ are 1, so that each application multiplies by 1/(1 + r) = 1/2. An isometry needs no protection "
        "from its inverse, and yet r makes it forget.",
        0.5: "That is one application; five multiply by its fifth power.",
        1.0: "So it would be for r = 0. With r = 1 the gain on σ = 1 is 1/(1 + r).",
    },
    0.03125,
    otherwise="All singular values of W are 1. Put σ = 1 into σ/(σ² + r), and take the fifth power.",
)

twins = Question(
    "Two different singular values of W have the same gain under M<sub>r</sub>. What relates them?",
    {
        "their product is r": "The gain is 1/(σ + r/σ), which r/σ in place of σ leaves as it is. On the logarithmic "
        "axis they lie on opposite sides of √r, equally far: one is inverted, the other transposed.",
        "their sum is r": "Try r = 1: σ = 2 and σ = 1/2 both have gain 0.4, and their sum is 2.5.",
        "their mean is √r": "Try r = 1: σ = 2 and σ = 1/2 both have gain 0.4. It is their geometric mean that is √r.",
    },
    "their product is r",
)

unreachable = Question(
    "A target asks a tanh unit for v = 1.2. Which pre-activation does the closed form aim at?",
    {
        "artanh(1.2)": "tanh takes no value above 1, so that this does not exist.",
        "artanh(1 − ε)": "The target is clipped first. As ε → 0 it grows without bound, like the logarithm of 1/ε; r "
        "does not see this, since it acts after the activation has been undone.",
        "one that r bounds": "r acts on the affine map, after the activation has been undone. Only the margin ε bounds "
        "this first step.",
    },
    "artanh(1 − ε)",
)

factorizations = Question(
    "A batch has 20 sequences of 60 steps. How many matrices does one training step factor, with the closed form?",
    {
        1.0: "Inputs, biases and targets enter through the right-hand side alone, so that W<sup>T</sup>W + rI serves "
        "all 1,200 systems.",
        1200.0: "That is what the true minimizer would need, at each of its iterations: its Jacobian depends on the "
        "state.",
        60.0: "The same W is used at all 60 steps.",
        20.0: "The same W is used for all 20 sequences.",
    },
    1.0,
    otherwise="Look at the matrix: does W<sup>T</sup>W + rI depend on the step, or on the sequence?",
)


def check_ridge_inverse(ridge_inverse: Callable[[Tensor, float], Any]) -> None:
    """Say whether `ridge_inverse(W, r)` is M_r for a W of shape (q, p), and what it is if not."""
    say("it minimizes the ridge objective for every y, and W need not be square.", _problem, ridge_inverse)


def _problem(ridge_inverse: Callable[[Tensor, float], Any]) -> str:
    g = torch.Generator().manual_seed(0)
    W, r = torch.randn(5, 8, generator=g, dtype=torch.float64), 0.5
    M = ridge_inverse(W.clone(), r)
    if not isinstance(M, Tensor):
        return f"ridge_inverse returned {M!r} instead of a matrix. Fill the gap and return M_r."
    if M.shape != (8, 5):
        return f"for W of shape (5, 8) M_r has the shape (8, 5), as it takes outputs back; yours is {tuple(M.shape)}."
    if torch.allclose(M, torch.linalg.pinv(W)):
        return "this is the pseudo-inverse, to which M_r tends as r → 0. Your r has no effect: add r I to WᵀW."
    if torch.allclose(M, W.T):
        return "this is the transpose. Solve a system with WᵀW + r I."
    y = torch.randn(5, generator=g, dtype=torch.float64)
    u = M @ y
    slope = (W.T @ (W @ u - y) + r * u).norm() / (W.T @ y).norm()
    if slope > 1e-6:
        return (
            "at u = M_r y the objective ½‖W u − y‖² + (r/2)‖u‖² must be level; yours has a slope of "
            f"{slope:.2g} times that at u = 0. Set the gradient Wᵀ(W u − y) + r u to zero and solve for u."
        )
    return ""
