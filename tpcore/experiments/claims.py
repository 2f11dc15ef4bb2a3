"""The paper's experiments claim by claim: what it shows, what its code computes, and what the records say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tpcore.experiments.outcomes import outcome
from tpcore.experiments.statistics import share
from tpcore.experiments.verdicts import contest, estimated, sentence
from tpcore.results import Record

Found = Mapping[str, Sequence[Record]]
OWN_STEPS = "tp-learned"  # the paper gives it steps of its own, so that "bp" is no control for it


@dataclass(frozen=True)
class Claim:
    """One experiment of the paper.

    Parameters
    ----------
    title, paper, code : str
        What it is about, what the paper reports, and what its reference code computes, in a sentence each. A number of
        the paper's is read off its figure, with the uncertainty of the reading.
    experiment : str
        The experiment with the paper's settings.
    equal_effort : str
        The experiment in which every method is tuned alike; "" if there is none.
    paper_steps : int, optional
        How many steps the paper takes, where this book takes fewer.
    """

    title: str
    paper: str
    code: str
    experiment: str
    equal_effort: str = ""
    paper_steps: int | None = None


FIRST_CLAIM = (
    "one of the experiments under its first claim, that target propagation improves training; its curves are plotted "
    "and not tabled, and no number was read off here"
)
THROUGH_TIME = "target propagation through time; back-propagation with one step size for all parameters"
CLAIMS = (
    Claim(
        "Temporal order, τ = 60",
        FIRST_CLAIM,
        THROUGH_TIME,
        "temporal-order-60",
        "equal-effort-order-60",
        40_000,
    ),
    Claim(
        "Temporal order, τ = 120",
        FIRST_CLAIM,
        THROUGH_TIME,
        "temporal-order-120",
        "equal-effort-order-120",
    ),
    Claim(
        "Adding, τ = 30",
        FIRST_CLAIM,
        THROUGH_TIME,
        "adding-30",
        "equal-effort-adding-30",
    ),
    Claim(
        "MNIST pixel by pixel",
        "read off its figure: after 40,000 steps target propagation is somewhere between 0.60 and 0.70, as near as the "
        "plot can be read, and back-propagation near 0.25",
        THROUGH_TIME,
        "pixel-mnist",
        paper_steps=40_000,
    ),
    Claim("MNIST, permuted pixels", FIRST_CLAIM, THROUGH_TIME, "pixel-mnist-permuted", paper_steps=40_000),
    Claim("CIFAR-10, value by value", FIRST_CLAIM, THROUGH_TIME, "cifar-10"),
    Claim(
        "Fashion-MNIST with a GRU",
        FIRST_CLAIM + "; with gates",
        "targets for (1 − z)h + zn, while torch.nn.GRU computes (1 − z)n + zh forward",
        "fashion-mnist-gru",
        paper_steps=8_000,
    ),
    Claim(
        "Penn Treebank, words",
        FIRST_CLAIM + "; with a loss at every step",
        "the last step's displacement twice, and no loss of a step within its squared distance",
        "penn-treebank",
    ),
)


def versus(first: Sequence[Record], second: Sequence[Record]) -> str:
    """How the first method compares with the second: direction, size and certainty, by mean accuracy along training."""
    lead, word = contest(first, second)
    return sentence(lead, word)


def told(name: str, found: Found, labels: Mapping[str, str], level: float | None) -> str:
    """What came of a method, in a line; `level` as in `tpcore.experiments.outcome`."""
    came = outcome(found[name], level)
    low, median, high = came.final
    reach = "reaches" if came.solved == 1 else "reach"
    solved = "" if level is None else f"{came.solved} of {came.seeds} seeds {reach} {level:g}"
    solved += f" (median: after {came.steps:,.0f} steps)" if came.steps is not None else ""
    if came.solved:
        solved += f", {came.collapsed} of these fall back, {estimated(share(came.collapsed, came.solved))}"
    solved += "; " if solved else ""
    diverged = f"; {came.diverged} of {came.seeds} seeds diverged" if came.diverged else ""
    return f"{labels[name]}: {solved}{median:.2f} at the end ({low:.2f} to {high:.2f}){diverged}"


def controls(name: str, found: Found, baselines: Mapping[str, str]) -> dict[str, str]:
    """Those of the baselines that were run and that a method may be compared with, and what a reader sees of them."""
    return {other: text for other, text in baselines.items() if other in found and (name, other) != (OWN_STEPS, "bp")}


def verdicts(found: Found, labels: Mapping[str, str], against: Mapping[str, str]) -> list[str]:
    """A sentence for each form of target propagation and each of its `controls`.

    Parameters
    ----------
    found : mapping of str to list of Record
        The records by method.
    labels : mapping of str to str
        What a reader sees of a method.
    against : mapping of str to str
        From methods of back-propagation to what a reader sees of them.
    """
    return [
        f"{labels[name]}, against {text}: {versus(records, found[other])}"
        for name, records in found.items()
        if not name.startswith("bp")
        for other, text in controls(name, found, against).items()
    ]
