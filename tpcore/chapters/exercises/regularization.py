"""Things to do in the chapter *Regularization is crucial*."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from tpcore.chapters.exercises.verdict import say
from tpcore.chapters.regularization.maps import order_explorer
from tpcore.explorers import Predict, Question

prediction = Predict(
    "At r = 1 and γ<sub>θ</sub> = 0.1 both seeds solve the task through time before they fail. What becomes of them at "
    "r = 0.1?",
    {
        "they learn later": "They have no later: the weights jump within the first steps.",
        "they explode and stay at chance": "The displacement grows on its way back, the direction is long, the weights "
        "jump, the units saturate, and 1/a′ is larger still.",
        "the same": "One decade of r decides: at r = 0.1 displacements grow on the way back, at r = 1 they vanish.",
    },
    "they explode and stay at chance",
    explorer=order_explorer,
    reveal={"r": 0.1},
)

half = Question(
    "W is orthogonal and the units are linear. At which r is half of a displacement left after 60 steps of the paper's "
    "rule?",
    {
        0.011619440301923: "(1 + r)<sup>60</sup> = 2. Such an r is far too small to hold down the small singular "
        "values of a W that has been trained for a while.",
        1.0: "That is half after one step; after sixty 2<sup>−60</sup> is left.",
    },
    0.011619440301923,
    otherwise="Each step multiplies by 1/(1 + r). Solve (1 + r)<sup>60</sup> = 2.",
)

saturated = Question(
    "A cell of the map has no cross, its accuracy is that of chance throughout, and the norm of its W is "
    "10<sup>9</sup>. What happened?",
    {
        "displacements exploded in an early step": "W jumped, its units have been saturated ever since, and the "
        "inverse of so large a W is next to zero: all numbers are finite, and the run is lost.",
        "displacements vanished": "Then the direction would be short, and W would have stayed where it was.",
        "the step was too short": "A W that starts with norm 1 does not come that far in short steps.",
    },
    "displacements exploded in an early step",
)

robust = Question(
    "Someone shows that target propagation through time works well at r = 100 and at r = 1,000, and calls it robust to "
    "its regularization. What would you ask to see?",
    {
        "more seeds": "They would show the same: at such an r the rule is back-propagation.",
        "the angle to the gradient": "At such an r the direction is back-propagation's; its robustness is that of "
        "back-propagation with the same two step sizes.",
        "smaller values of r": "They fail, but that does not tell what works at the large ones.",
    },
    "the angle to the gradient",
)


def check_left_after(left_after: Callable[[Tensor, list[Tensor], float, Tensor], Any]) -> None:
    """Say whether `left_after(W, slopes, r, delta)` is ‖δ_0‖/‖δ_τ‖ under the paper's rule, and what it is if not."""
    say("this is what the lowest panel of the map measures, from t = τ to t = 0.", _problem, left_after)


def _problem(left_after: Callable[[Tensor, list[Tensor], float, Tensor], Any]) -> str:
    """Against one product of the steps' matrices."""
    g = torch.Generator().manual_seed(0)
    W, delta = torch.randn(5, 5, generator=g, dtype=torch.float64), torch.randn(5, generator=g, dtype=torch.float64)
    slopes, r = [0.2 + 0.8 * torch.rand(5, generator=g, dtype=torch.float64) for _ in range(4)], 0.7
    found = left_after(W.clone(), [slope.clone() for slope in slopes], r, delta.clone())
    if not isinstance(found, (int, float)):
        return f"left_after returned {found!r} instead of a number. Fill the gap and return the ratio as a float."
    M = torch.linalg.solve(W.T @ W + r * torch.eye(5, dtype=W.dtype), W.T)

    def ratio(steps: list[Tensor]) -> float:
        product = torch.linalg.multi_dot(steps) if len(steps) > 1 else steps[0]
        return float((product @ delta).norm() / delta.norm())

    back = [M @ torch.diag(1 / slope) for slope in slopes]
    wanted = ratio(back)
    if abs(found - wanted) < 1e-6 * wanted:
        return ""
    known = {
        "the slopes are taken in the wrong order: the last step is undone first.": ratio(back[::-1]),
        "only one step was taken back; there are as many as slopes.": ratio(back[-1:]),
        "the slopes multiply: an inverse divides by them.": ratio([M @ torch.diag(slope) for slope in slopes]),
        "W is transposed where M_r belongs.": ratio([W.T @ torch.diag(1 / slope) for slope in slopes]),
        "this is 1 over it: the early displacement over the last one is asked for.": 1 / wanted,
    }
    for message, mistaken in known.items():
        if abs(found - mistaken) < 1e-6 * mistaken:
            return message
    return f"for four steps it must be {wanted:.4g}; yours is {found:.4g}. Each step: M_r (δ ⊘ a′)."
