"""Things to do in the chapter *One slider*."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from tpcore.chapters.exercises.verdict import say
from tpcore.chapters.one_slider.gains import profiles_explorer
from tpcore.explorers import Predict, Question

prediction = Predict(
    "At r = 1 nothing can grow. What is left of the displacement after sixty steps back at r = 0.1, once the network "
    "has been trained for 600 steps?",
    {
        "less than at r = 1": "A small r inverts, and what W and the slopes shrink the inverse stretches.",
        "about as much": "The two curves part more with each step of training: W is no isometry any longer.",
        "many times as much": "The trained W squeezes some directions, and units are near saturation. An inverse "
        "stretches both; at r = 1 no gain passes one.",
    },
    "many times as much",
    explorer=profiles_explorer,
    reveal={"step": 600, "r": 0.1},
)

isometry = Question(
    "W is orthogonal and the activation is the identity. What does the slider do?",
    {
        "nothing": "All gains are g<sub>r</sub>(1) = 1: inverse and transpose are the same map, and so is every mean.",
        "it shrinks by 1/(1 + r)": "So does the paper's rule. The factor 1 + r of the calibration undoes it.",
        "it moves from inverse to transpose": "For an orthogonal W these two are the same map.",
    },
    "nothing",
)

safer = Question(
    "Someone takes r = 2, since a little more regularization is surely safer than r = 1. What is the largest gain?",
    {
        1.0606601717798212: "3/(2√2), at σ = √2: over sixty steps that may be a factor of 34. More regularization "
        "moves toward the transpose, whose gain has no bound.",
        1.0: "That is the largest gain at r = 1, and only there.",
        0.35355339059327373: "That is 1/(2√r), without calibration. Multiply by 1 + r.",
    },
    1.0606601717798212,
    otherwise="The largest gain is (1 + r)/(2√r), at σ = √r.",
)

mirror = Question(
    "At r = 4 the gain on σ = 2 is 5/4. At which r has σ = 1/2 the same gain?",
    {
        0.25: "g<sub>r</sub>(x) = g<sub>1/r</sub>(1/x): what r does to W, 1/r does to the transpose of its inverse.",
        4.0: "There the gain on 1/2 is 10/17.",
        1.0: "There the gain on 1/2 is 0.8, and no gain passes one.",
    },
    0.25,
    otherwise="Compare g<sub>r</sub>(x) with g<sub>1/r</sub>(1/x).",
)

promise = Question(
    "What does the bound at r = s = 1 promise of training?",
    {
        "that the loss falls": "A local direction is in general not the gradient of any loss.",
        "that early steps get as much credit as late ones": "It bounds from above only: a product of gains below one "
        "still vanishes.",
        "that no displacement grows on its way back": "For every W and every state, and no more. Whether that trains "
        "better must be measured.",
    },
    "that no displacement grows on its way back",
)


def check_calibrated_step(calibrated_step: Callable[[Tensor, Tensor, Tensor, float], Any]) -> None:
    """Say whether `calibrated_step(delta, slope, W, r)` is δ_{t−1} of the calibrated rule at s = r; if not, why."""
    say("it is the mean of inverse and transpose, of W and of the activation, at every r.", _problem, calibrated_step)


def _problem(calibrated_step: Callable[[Tensor, Tensor, Tensor, float], Any]) -> str:
    """Against the harmonic means themselves, made of inverses."""
    g = torch.Generator().manual_seed(0)
    W, slope, delta = (torch.randn(*shape, generator=g, dtype=torch.float64) for shape in ((6, 6), (6,), (6,)))
    slope, r = 0.1 + slope.abs() / 3, 3.0
    found = calibrated_step(delta.clone(), slope.clone(), W.clone(), r)
    if not isinstance(found, Tensor):
        return f"calibrated_step returned {found!r} instead of a vector. Fill the gap and return δ_{{t−1}}."
    if found.shape != delta.shape:
        return f"δ_{{t−1}} has the shape of a state, {tuple(delta.shape)}; yours is {tuple(found.shape)}."
    mean = torch.linalg.inv((W + r * torch.linalg.inv(W).T) / (1 + r))
    of_slope = (1 + r) / (slope + r / slope)

    def is_near(other: Tensor) -> bool:
        return bool((found - other).norm() < 1e-6 * other.norm())

    if is_near(mean @ (of_slope * delta)):
        return ""
    known = {
        "both factors of the calibration, 1 + r, are missing.": mean @ (of_slope * delta) / (1 + r) ** 2,
        "one factor 1 + r is missing: W and the activation need one each.": mean @ (of_slope * delta) / (1 + r),
        "the activation is inverted without regularization: 1/a′ becomes (1 + r) a′/(a′² + r).": mean @ (delta / slope),
        "the activation is left out: first (1 + r) a′/(a′² + r), then W.": mean @ delta,
        "the order is wrong. The activation came last, so that it is undone first.": of_slope * (mean @ delta),
        "this is the transpose's mean: W is applied where its inverse belongs.": mean.T @ (of_slope * delta),
        "this is back-propagation's step, to which yours must tend as r → ∞.": W.T @ (slope * delta),
    }
    for message, mistaken in known.items():
        if is_near(mistaken):
            return message
    return "at r = 3 it is not the harmonic mean. Put x = σ of W, and x = a′, into (1 + r) x/(x² + r)."
