"""Things to do in the chapter *Use it in your own project*."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

import tpcore
from tpcore.chapters.exercises.verdict import say
from tpcore.chapters.use_it import depth_explorer
from tpcore.explorers import Predict, Question

prediction = Predict(
    "With 2 hidden layers all three rules learn. Which of them suffers most with 8?",
    {
        "back-propagation": "It suffers: what it carries fades from layer to layer. The figure now shows a rule that "
        "suffers more.",
        "the paper's rule": "Its inverse of W is regularized and not calibrated, and its inverse of tanh is neither: "
        "eight times, one after the other.",
        "the calibrated rule": "It suffers least: both inversions are regularized, and what keeps lengths is inverted "
        "exactly. The figure now shows all three.",
    },
    "the paper's rule",
    explorer=depth_explorer,
    reveal={"network": "8"},
)

adam = Question(
    "A run with TargetProp(r=1.0, step=0.01) and Adam works. You change step to 0.1, and the curve stays the same. "
    "What happened?",
    {
        "nothing is wrong": "In the linearized form γ<sub>h</sub> multiplies every entry of the recurrent part, and "
        "Adam divides each entry by its own size.",
        "the rule was not used": "It was: `.grad` is ten times as large. Adam divides that factor out again.",
        "the step was clipped": "Nothing clips here. Adam divides each entry by its own size, and with it the factor.",
    },
    "nothing is wrong",
)

hardly_moves = Question(
    "With SGD, one step size for all, and a rule with step=0.001, the head learns and the recurrent part hardly moves. "
    "How many times smaller are its steps than with step=1?",
    {
        1000.0: "Its entries carry γ<sub>h</sub>. Take step=1, or give the recurrent part a step size of its own; and "
        "clip each part by itself.",
        1.0: "So it would be under Adam. A step of SGD is proportional to `.grad`, and that to γ<sub>h</sub>.",
    },
    1000.0,
    otherwise="The recurrent part's `.grad` is proportional to γ<sub>h</sub>, and a step of SGD to `.grad`.",
)

forgotten = Question(
    "Can one read from a saved state dict by which rule a network was trained?",
    {
        "yes": "A rule has no parameters, so that there is nothing of it to save.",
        "no": "A rule acts in the backward pass alone. The network is the same function whatever rule found its "
        "weights, and torch's own module loads them.",
    },
    "no",
)

STEPS, BATCH, HELD_OUT = 300, 20, 500
MARGIN = 0.1  # above the share of the most frequent class


def check_own_task(batch: Callable[[int, torch.Generator], Any]) -> None:
    """Say whether `batch(size, generator)` is a source of batches from which a small RNN learns by targets."""
    say("an RNN of 32 units learns your task by targets, well above guessing.", _problem, batch)


def _problem(batch: Callable[[int, torch.Generator], Any]) -> str:
    found = batch(BATCH, torch.Generator().manual_seed(0))
    if not (isinstance(found, tuple) and len(found) == 2 and all(isinstance(part, Tensor) for part in found)):
        return f"batch returned {found!r:.40}. Fill the gap and return two tensors, inputs and labels."
    inputs, labels = found
    if inputs.ndim != 3 or len(inputs) != BATCH or not inputs.is_floating_point():
        wanted = f"inputs must be floating point, of shape (size, τ, p) with size = {BATCH}"
        return f"{wanted}; yours are {inputs.dtype}, {tuple(inputs.shape)}."
    if labels.shape != (BATCH,) or labels.dtype != torch.int64:
        return f"labels must be int64, of shape ({BATCH},); yours are {labels.dtype}, {tuple(labels.shape)}."
    again = batch(BATCH, torch.Generator().manual_seed(0))
    if not (torch.equal(again[0], inputs) and torch.equal(again[1], labels)):
        return "the same generator gave two different batches. Draw every random number with generator=generator."
    generator = torch.Generator().manual_seed(1)
    if torch.equal(batch(BATCH, generator)[0], batch(BATCH, generator)[0]):
        return "two batches in a row are the same. Draw with the generator, so that it moves on."
    labels = batch(HELD_OUT, torch.Generator().manual_seed(2))[1]
    if labels.min() < 0 or labels.unique().numel() < 2:
        seen = labels.unique().tolist()
        return f"labels must be 0, 1, … with two classes or more; in {HELD_OUT} draws yours are {seen}."
    guessing = labels.bincount().max().item() / HELD_OUT
    accuracy = _trained(batch, inputs.shape[2], int(labels.max()) + 1)
    if accuracy < guessing + MARGIN:
        return (
            f"after {STEPS} steps the accuracy is {accuracy:.2f}, and always naming the most frequent class gives "
            f"{guessing:.2f}. Ask for less: a shorter sequence, or a clearer sign."
        )
    return ""


def _trained(batch: Callable[[int, torch.Generator], Any], inputs_size: int, classes: int) -> float:
    """The accuracy on new sequences after a short training by calibrated targets."""
    torch.manual_seed(0)
    rule = tpcore.TargetProp(r=5.0, s=5.0, calibrated=True)
    rnn = tpcore.nn.RNN(inputs_size, 32, batch_first=True, rule=rule)
    head = torch.nn.Linear(32, classes)
    optimizer = torch.optim.Adam([*rnn.parameters(), *head.parameters()], lr=0.003)
    data = torch.Generator().manual_seed(0)
    for _ in range(STEPS):
        inputs, labels = batch(BATCH, data)
        loss = torch.nn.functional.cross_entropy(head(rnn(inputs.float())[1][0]), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    inputs, labels = batch(HELD_OUT, data)
    with torch.no_grad():
        return float((head(rnn(inputs.float())[1][0]).argmax(1) == labels).double().mean())
