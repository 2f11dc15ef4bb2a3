"""Things to do in the chapter *RNN experiments*."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from tpcore.chapters.exercises.verdict import say
from tpcore.chapters.rnn_experiments import curves_explorer
from tpcore.explorers import Predict, Question
from tpcore.nn import SequenceClassifier
from tpcore.rules import BackProp

prediction = Predict(
    "Through time, r = 10: how far is the direction of target propagation from the gradient along this training?",
    {
        "a few degrees": "At this r all displacements but the last are small; its squared distance alone "
        "gives the gradient: the rule is back-propagation in disguise.",
        "about 45°": "The local rule is so far, or farther. Through time the last distance gives the gradient.",
        "about 90°": "That would be no direction of descent at all; the local rule comes near it.",
    },
    "a few degrees",
    explorer=curves_explorer,
    reveal={"show": "angle"},
)

adding_chance = Question(
    "Adding counts an answer within 0.04 of the true half-sum as right. How often is a network right that always "
    "answers one half?",
    {
        0.1536: "1 − (1 − 2·0.04)²: the half-sum has a triangle for its density. An accuracy near 15 % means nothing.",
        0.08: "So it would be if the half-sum were spread evenly; its density is a triangle, highest at one half.",
        0.25: "That is chance for temporal order.",
    },
    0.1536,
    otherwise="The half-sum of two uniform numbers has a triangular density, which is 2 at one half. Integrate from "
    "0.46 to 0.54.",
)

output_layer = Question(
    "Why must the output layer's step be the same under all rules, though it takes an ordinary gradient step under "
    "each?",
    {
        "it learns too": "If one method moves it by 0.1 a step and the other by 10<sup>−5</sup>, the first has a "
        "working output layer long before the second, whatever flows back through time.",
        "its gradient depends on the rule": "It does not: the rules differ in what flows back through time.",
        "it need not be": "Then a lead may be the output layer's alone.",
    },
    "it learns too",
)

collapse = Question(
    "A run reaches the level after 3,000 steps and diverges after 20,000. How does the table count it?",
    {
        "as solved, collapsed and diverged": "From its divergence on it counts as untrained, so that it ends below "
        "nine tenths of the level.",
        "as diverged only": "It did reach the level at a logged step before that.",
        "as solved only": "What was learned was lost: one wants a run that keeps it.",
    },
    "as solved, collapsed and diverged",
)


def check_two_steps(two_steps: Callable[[SequenceClassifier, float, float], Any]) -> None:
    """Say whether `two_steps(model, gamma_theta, gamma_h)` gives back-propagation the steps of target propagation."""
    say("what differs from target propagation now is what flows back, and nothing else.", _problem, two_steps)


def _problem(two_steps: Callable[[SequenceClassifier, float, float], Any]) -> str:
    """By how far each part moves where all gradients are one."""
    model = SequenceClassifier(6, 8, 4, rule=BackProp(), generator=torch.Generator().manual_seed(0))
    optimizer = two_steps(model, 0.5, 0.1)
    if not isinstance(optimizer, torch.optim.Optimizer):
        return f"two_steps returned {optimizer!r} instead of an optimizer. Fill the gap and return one."
    before = {name: value.detach().clone() for name, value in model.named_parameters()}
    for parameter in model.parameters():
        parameter.grad = torch.ones_like(parameter)
    optimizer.step()
    moved = {
        part: {
            round(float((before[name] - value.detach()).max()), 6)
            for name, value in model.named_parameters()
            if part in name
        }
        for part in ("recurrent", "output")
    }
    wanted = {"recurrent": {0.05}, "output": {0.5}}
    known = {
        "recurrent": {
            0.0: "the recurrent part does not move: give its parameters to the optimizer too.",
            0.1: "the recurrent part moves by γ_h. That makes the target; target propagation moves it by γ_θ γ_h.",
            0.5: "the recurrent part moves by γ_θ: its target is only γ_h away, so that it must be γ_θ γ_h.",
        },
        "output": {
            0.0: "the output layer does not move: give its parameters to the optimizer too.",
            0.05: "the output layer moves by γ_θ γ_h. It takes an ordinary gradient step, γ_θ.",
        },
    }
    for part, steps in moved.items():
        if steps != wanted[part]:
            odd = min(steps - wanted[part])
            return known[part].get(odd, f"{part} moves by {odd:g} for γ_θ = 0.5, γ_h = 0.1 and a gradient of one.")
    return ""
