"""Things to do in the chapter *Equal effort, and what came of it*."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np

from tpcore.chapters.equal_effort.explorers import tuned_explorer
from tpcore.chapters.exercises.verdict import say
from tpcore.explorers import Predict, Question

AT_THE_END = "equal-effort-order-120 adam-clip"
prediction = Predict(
    "At τ = 120 with plain SGD the calibrated rule lies far above back-propagation. Who is ahead with clipped Adam, "
    "each tuned for it?",
    {
        "the calibrated rule, by as much": "What it lent to plain SGD, steps that stay in bounds, clipping and Adam "
        "give to back-propagation too.",
        "they are level": "Both solve the task on every seed, but not equally soon.",
        "back-propagation": "With an optimizer that keeps its steps in bounds it solves the task on every seed, and "
        "sooner.",
    },
    "back-propagation",
    explorer=tuned_explorer,
    reveal={"contest": AT_THE_END if AT_THE_END in tuned_explorer.controls[0].positions else
            tuned_explorer.controls[0].value},
)  # fmt: skip

chance = Question(
    "Two equally good methods are run on five seeds each; of the ten runs two fail. How likely are both failures the "
    "second method's?",
    {
        0.2222222222222222: "10 of the 45 pairs of runs lie within its five; on either side it is twice that. Five "
        "of five against three of five is no news.",
        0.25: "Nearly: once one failure is the second method's, only four of the nine other runs are.",
        0.4444444444444444: "That is for both failures on the same side, whichever it is.",
    },
    0.2222222222222222,
    otherwise="Count pairs of runs: 5·4/2 lie within the second method's five, 10·9/2 are there in all.",
)

fresh = Question(
    "Why do the seeds that judge a winner differ from the one that chose it?",
    {
        "the best of many trials is partly the luckiest": "Judged by the run that chose it, a method with a wide "
        "spread would look better than it is, the more so the more trials it had.",
        "so that both rules see other data": "The two runs of a seed have the same batches and weights.",
        "a search needs more runs than five": "It has one run a trial; the five only judge.",
    },
    "the best of many trials is partly the luckiest",
)

knob = Question(
    "The calibrated rule searches over three numbers, back-propagation over two, with as many trials. Whom does that "
    "favour?",
    {
        "back-propagation": "Its trials lie closer together. That is meant: another number to choose is a cost.",
        "the calibrated rule": "It has more to choose from, and as many trials to do so.",
        "neither": "The same number of trials covers two dimensions more closely than three.",
    },
    "back-propagation",
)


def check_permutation_p(permutation_p: Callable[[np.ndarray], Any]) -> None:
    """Say whether `permutation_p(differences)` is the p of the two-sided test that swaps within pairs; if not, why."""
    say("five pairs all on one side give 2/2⁵ = 0.0625, and never less.", _problem, permutation_p)


def _problem(permutation_p: Callable[[np.ndarray], Any]) -> str:
    """Against every way to swap, written out."""
    differences = np.array([0.3, 0.1, -0.17, 0.2, 0.05])
    found = permutation_p(differences.copy())
    if not isinstance(found, (int, float, np.number)):
        return f"permutation_p returned {found!r} instead of a number. Fill the gap and return p."
    swapped = np.array([np.mean(differences * signs) for signs in product((1, -1), repeat=5)])
    own = differences.mean()
    p = float(np.mean(np.abs(swapped) >= abs(own) - 1e-12))
    if abs(found - p) < 1e-9:
        return ""
    known = {
        "this is one-sided: a mean as far below zero counts too.": float(np.mean(swapped >= own - 1e-12)),
        "the pairs as they are count as well: ≥, not >.": float(np.mean(np.abs(swapped) > abs(own) + 1e-12)),
        "this is the share of means that are less far from zero; p is the rest.": 1 - p,
    }
    for message, mistaken in known.items():
        if abs(found - mistaken) < 1e-9:
            return message
    if not 0 < found <= 1:
        return f"p is a share of the 2ⁿ ways to swap, above 0 and at most 1; yours is {found:.3g}."
    return f"for {differences.tolist()} it must be {p:.4g}; yours is {found:.4g}. Give each difference both signs."
