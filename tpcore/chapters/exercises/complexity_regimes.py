"""Things to do in the chapter *Complexity regimes*."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

from tpcore.chapters.complexity_regimes.costs import operations_explorer
from tpcore.chapters.exercises.verdict import say
from tpcore.explorers import Predict, Question

prediction = Predict(
    "At the start target propagation takes a few percent more operations than back-propagation. What about a single "
    "sequence of 4 steps, in a network of 256 units?",
    {
        "a few percent more": "The inversion is paid once a training step, and here hardly anything shares it.",
        "twice as many": "More: the inversion is of order d<sup>3</sup>, and the recurrence of order Bτd<sup>2</sup>, "
        "here with Bτ = 4.",
        "more than twenty times as many": "The inversion is of order d<sup>3</sup> and is shared by Bτ = 4 "
        "applications only.",
    },
    "more than twenty times as many",
    explorer=operations_explorer,
    reveal={"batch": 1, "length": 4, "hidden": 256},
)

inversion_share = Question(
    "B = 1, τ = 10, d = 1,024. By about what factor does the inversion cost more than the backward recurrence?",
    {
        222.0: "(13/3)d<sup>3</sup> over 2Bτd<sup>2</sup> is (13/6)d/(Bτ), here (13/6) · 102.4.",
        102.4: "d/(Bτ) is the order of magnitude. The inversion has (13/3)d<sup>3</sup> operations and the recurrence "
        "2Bτd<sup>2</sup>: a factor of 13/6 is missing.",
        443.7: "A multiply-add counts as two: the recurrence has 2Bτd<sup>2</sup> operations.",
    },
    222.0,
    otherwise="Divide (13/3)d<sup>3</sup> by 2Bτd<sup>2</sup>.",
)

more_inputs = Question(
    "The input size p is doubled. What becomes of the counted ratio of target propagation to back-propagation?",
    {
        "it falls toward 1": "The forward pass and the parameter products grow for both alike, and the inversion does "
        "not know p.",
        "it stays": "The inversion stays. What it is compared with grows.",
        "it grows": "What grows with p is common to both.",
    },
    "it falls toward 1",
)

one_cell = Question(
    "A cell of the map shows +0.05 and says “no clear difference”. A colleague wants to report a win. What is missing?",
    {
        "a larger difference": "0.05 would do, if the seeds agreed on it.",
        "more seeds": "The interval of the difference holds zero: among five pairs such a mean can come about between "
        "two copies of one method.",
        "a longer training": "It would be another question: who ends higher, not who starts faster.",
    },
    "more seeds",
)

flat_start = Question(
    "A slope in τ, fitted from τ = 1 to 10, is 0.3. Is the cost not linear in τ?",
    {
        "it is not": "It is, plus a constant: the time to start operations flattens small sizes on logarithmic axes.",
        "it is, plus a constant": "The time to start operations flattens small sizes on logarithmic axes. A fit over "
        "the upper decade shows the slope.",
    },
    "it is, plus a constant",
)

B, TAU, D, P = 3, 5, 7, 2


def check_operations(operations: Callable[[int, int, int, int], Any]) -> None:
    """Say whether `operations(B, tau, d, p)` has the matrix products of a step, against torch's counter."""
    say("torch's own counter finds the same, product by product.", _problem, operations)


def _problem(operations: Callable[[int, int, int, int], Any]) -> str:
    found = operations(B, TAU, D, P)
    if not isinstance(found, dict):
        return f"operations returned {found!r} instead of a dictionary. Fill the gap and return the three numbers."
    for part, wanted in _counted().items():
        if part not in found:
            return f"{part!r} is missing. Return a dictionary with 'forward', 'recurrence' and 'products'."
        if found[part] == wanted:
            continue
        if found[part] * 2 == wanted:
            return f"{part}: half of what torch counts. A multiply-add is two operations."
        if found[part] == wanted // TAU or found[part] == wanted // B:
            return f"{part}: it happens at every step and for every sequence, B τ times."
        if part != "recurrence" and found[part] == 2 * B * TAU * D**2:
            return f"{part}: U is missing, of shape (d, p), beside W."
        return f"{part} = {found[part]}, and torch counts {wanted} at B = {B}, τ = {TAU}, d = {D}, p = {P}."
    return ""


def _counted() -> dict[str, int]:
    """Each part as torch counts it, when it is carried out step by step."""
    W, U = torch.zeros(D, D), torch.zeros(D, P)
    h, x = torch.zeros(B, D), torch.zeros(B, P)
    steps = {
        "forward": lambda: (h @ W.T, x @ U.T),
        "recurrence": lambda: (h @ W,),
        "products": lambda: (h.T @ h, h.T @ x),
    }
    counts = {}
    for part, step in steps.items():
        with FlopCounterMode(display=False) as counter:
            for _ in range(TAU):
                step()
        counts[part] = counter.get_total_flops()
    return counts
