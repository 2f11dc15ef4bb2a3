"""Things to do in the appendix *Draw by draw*."""

from __future__ import annotations

from tpcore.chapters.draw_by_draw.side_by_side import tests_explorer
from tpcore.explorers import Predict, Question

prediction = Predict(
    "With plain SGD the calibrated rule reaches higher than back-propagation. Who reaches higher if all steps of both "
    "have one length?",
    {
        "the calibrated rule still": "Then its direction would be the better one. What it lent was the length.",
        "back-propagation": "Steps that neither fade nor explode are what it lacked; its direction is no worse.",
        "nobody learns": "Both do: steps of one length are what clipping gives.",
    },
    "back-propagation",
    explorer=tests_explorer,
    reveal={"test": "length-order-120"},
)

seeds = Question(
    "Why are the tests run on other seeds than the draws?",
    {
        "the draws suggested what to look for": "On the same seed the tests would find again what suggested them, luck "
        "included.",
        "one seed is too few": "That asks for more seeds; it would not rule out the one that the draws had.",
        "so that both rules have the same seeds": "They had the same in the draws too.",
    },
    "the draws suggested what to look for",
)

independent = Question(
    "Sixteen draws share one seed. Are they sixteen independent comparisons?",
    {
        "yes": "Initial weights and batches are the same in all of them.",
        "no": "If one rule happens to suit these weights, it may be ahead at many draws at once. So a count of draws "
        "has no probability beside it here.",
    },
    "no",
)

one_degree = Question(
    "Two directions are one degree apart. How many degrees lie between their signs, by the proposition?",
    {
        8.54: "arccos(1 − 2θ/π) ≈ 2√(θ/π): a small angle becomes much larger.",
        1.0: "Adam's first step keeps the signs alone, and small entries flip theirs first.",
    },
    8.54,
    otherwise="Put θ = π/180 into arccos(1 − 2θ/π), and turn it into degrees.",
)
