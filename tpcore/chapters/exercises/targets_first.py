"""Things to do in the chapter *Targets first, gradients after*."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from tpcore.chapters.exercises.verdict import say
from tpcore.chapters.targets_first import means_explorer
from tpcore.explorers import Predict, Question

halfway = Predict(
    "The slider of weights goes to its right end, where only the transpose counts. What do the means of all exponents "
    "become?",
    {
        "they stay apart": "A mean that gives all its weight to one number is that number, whatever its exponent.",
        "one line, the transpose's": "A mean that gives all its weight to one number is that number: every exponent "
        "ends as back-propagation.",
        "all equal to one": "That is the geometric mean halfway.",
    },
    "one line, the transpose's",
    explorer=means_explorer,
    reveal={"weight": 1.0},
)

reached = Question(
    "Before training, τ = 300: by what factor is back-propagation's part at the first marker smaller than at the last "
    "step?",
    {
        "about 10": "Each of some 250 steps back loses a few per cent, and they multiply.",
        "about 1,000": "So it is where the second marker may stand.",
        "more than 100,000": "Some 250 steps lie between, each of which loses a few per cent. The isometric rule loses "
        "nothing, and carries back the noise as well.",
    },
    "more than 100,000",
)

chance_loss = Question(
    "Why is ℓ<sub>0</sub> the loss at chance, and not that of the network as it is drawn?",
    {
        "a new network may do worse than chance": "Its loss then falls without anything being found, and the schedule "
        "would hand over.",
        "it is easier to compute": "It is; but a schedule that hands over too soon would be the price of neither.",
        "they are the same": "Not for random weights: the network answers something, and is often wrong.",
    },
    "a new network may do worse than chance",
)

stay = Question(
    "At p = 0 every message arrives at full length. Why not stay there?",
    {
        "messages of noise arrive too": "The spread between batches is as large at the far steps as at the last one, "
        "and the direction is not the gradient: it may not lead all the way down.",
        "it costs more at each step": "The polar factor is computed once a training step, for all steps of time.",
        "displacements explode": "An isometry keeps every length, for every W and every state.",
    },
    "messages of noise arrive too",
)


def check_polar_factor(polar_factor: Callable[[Tensor], Any]) -> None:
    """Say whether `polar_factor(W)` is VUᵀ of W = UΣVᵀ, and what it is if not."""
    say("it is orthogonal, and no orthogonal matrix is nearer to Wᵀ.", _problem, polar_factor)


def _problem(polar_factor: Callable[[Tensor], Any]) -> str:
    """Against the decomposition."""
    W = torch.randn(6, 6, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    found = polar_factor(W.clone())
    if not isinstance(found, Tensor):
        return f"polar_factor returned {found!r} instead of a matrix. Fill the gap and return VUᵀ."
    if found.shape != W.shape:
        return f"the polar factor has the shape of W, {tuple(W.shape)}; yours is {tuple(found.shape)}."
    if not torch.isfinite(found).all():
        return "it diverged: scale first, by the Frobenius norm, so that no singular value is above √3."
    U, _, Vh = torch.linalg.svd(W)
    if torch.allclose(found, (U @ Vh).T, atol=1e-6):
        return ""
    if torch.allclose(found, U @ Vh, atol=1e-6):
        return "this is UVᵀ, the polar factor of W. What is carried back needs that of Wᵀ: transpose it."
    values = torch.linalg.svdvals(found)
    if not torch.allclose(values, torch.ones_like(values), atol=1e-6):
        least, largest = float(values.min()), float(values.max())
        return f"its singular values lie between {least:.3g} and {largest:.3g}: iterate until all are 1."
    return "it is orthogonal, but not the one nearest to Wᵀ: start from Wᵀ and keep its singular vectors."
