"""Things to do in the chapter *Training an RNN with targets*."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from tpcore.chapters.exercises.verdict import say
from tpcore.chapters.training_an_rnn import trained_seeds, training_explorer
from tpcore.explorers import Predict, Question
from tpcore.rules import TargetProp

GAMMA_H, GAMMA_THETA = training_explorer.defaults["gamma_h"], training_explorer.defaults["gamma_theta"]
GOOD = 0.9  # median accuracy over the seeds

prediction = Predict(
    "The figure starts with the calibrated inversion, and all three networks reach the top. What happens when the "
    "inversion is the paper's, and nothing else changes?",
    {
        "the same": "At this r the paper's displacement loses about three quarters of its length at each step, so that "
        "the early marker gets no credit.",
        "they learn something and stop below 0.6": "At this r the paper's displacement loses about three quarters of "
        "its length at each step: what happened last is learned, the early marker is not.",
        "they diverge": "That takes a small r. At this one the displacement is too short, not too long.",
    },
    "they learn something and stop below 0.6",
    explorer=training_explorer,
    reveal={"calibration": "paper"},
)

direction = Question(
    "Under the paper's inversion, which slider changes the <i>direction</i> in which W moves at the first step?",
    {
        "r alone": "In the linearized form every δ<sub>t</sub> is proportional to γ<sub>h</sub>, and γ<sub>θ</sub> "
        "multiplies the step: both change lengths only.",
        "r and γ<sub>h</sub>": "In the linearized form every δ<sub>t</sub> is proportional to γ<sub>h</sub>, which "
        "changes the length alone.",
        "all three": "γ<sub>θ</sub> multiplies the whole step, and γ<sub>h</sub> every displacement: both change "
        "lengths alone.",
    },
    "r alone",
)

two_steps = Question(
    "Two runs have (γ<sub>θ</sub>, γ<sub>h</sub>) = (0.1, 0.1) and (1, 0.01). What differs between them?",
    {
        "the steps of the recurrent part": "They are γ<sub>θ</sub>γ<sub>h</sub> = 0.01 times the direction in both.",
        "the steps of the output layer": "It moves in steps of γ<sub>θ</sub>, ten times larger in the second run. So a "
        "fair comparison shares both step sizes, not only their product.",
        "nothing": "The recurrent part takes the same steps, γ<sub>θ</sub>γ<sub>h</sub> = 0.01; another part does not.",
    },
    "the steps of the output layer",
)

baseline = Question(
    "A target-propagation run has γ<sub>θ</sub> = 0.3 and γ<sub>h</sub> = 0.03. With which step size must the "
    "recurrent part of its back-propagation baseline move?",
    {
        0.009: "Both rules then differ in what flows back, and in nothing else.",
        0.3: "That is the step of the output layer. The recurrent part of target propagation moves in steps of "
        "γ<sub>θ</sub>γ<sub>h</sub>.",
        0.03: "γ<sub>h</sub> makes the target; the parameters then move by γ<sub>θ</sub> times what follows from it.",
    },
    0.009,
    otherwise="The displacement is proportional to γ<sub>h</sub>, and the parameters take γ<sub>θ</sub> times it.",
)

which_rule = Question(
    "You run the code that the paper's authors published. Which rule trains the network?",
    {
        "local": "That is what the paper derives. Its published code does not detach the states.",
        "through time": "The code differentiates the squared distances through the whole recurrence. The two rules "
        "train differently, so that one must ask.",
        "they are the same": "They are different directions: the angles in this chapter say by how much.",
    },
    "through time",
)


def check_explode_and_mend(exploding: Any, mended: Any) -> None:
    """Say whether `exploding` makes runs diverge under the paper's local rule, and whether `mended` trains at its r."""
    say("the same r, and every displacement is bounded; the runs learn.", _problem, exploding, mended)


def _problem(exploding: Any, mended: Any) -> str:
    for name, rule in (("exploding", exploding), ("mended", mended)):
        if not isinstance(rule, TargetProp):
            return f"{name} is {rule!r}. Make it a rule: tpcore.TargetProp(r=..., ...)."
        if rule.accumulate != "local":
            return f"{name} accumulates through time. Keep to the local rule."
    if exploding.calibrated:
        return "exploding is calibrated. Begin with the paper's rule: give r alone."
    runs = trained_seeds(replace(exploding, step=GAMMA_H), GAMMA_H, GAMMA_THETA)
    if all(step is None for step in runs["diverged"]):
        return f"at r = {exploding.r:g} no seed diverges. Displacements grow where r is small against σ²: lower it."
    if mended.r != exploding.r:
        return f"mended has r = {mended.r:g} and exploding r = {exploding.r:g}. Mend it at the same r."
    runs = trained_seeds(replace(mended, step=GAMMA_H), GAMMA_H, GAMMA_THETA)
    accuracy = float(np.median(runs["accuracy"][:, -1]))
    if accuracy >= GOOD:
        return ""
    largest = (1 + mended.r) / (2 * mended.r**0.5)
    if mended.calibrated and mended.s > 0:
        return (
            f"mended ends at an accuracy of {accuracy:.2f}. Its largest gain is (1 + r)/(2√r) = {largest:.2f}: choose "
            "an r that is nearer to 1 and still explodes under the paper's rule."
        )
    return f"mended ends at an accuracy of {accuracy:.2f}. Regularize both inversions: calibrated=True and s = r."
