"""What came of the contest of equal effort, in sentences and in one table, opponent by opponent."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from tpcore.chapters.equal_effort.tables import Compared, contests
from tpcore.chapters.equal_effort_records import TASKS, rule_and_kind, short, steps_to_level, tried, tuned
from tpcore.chapters.sentences import held, share_of, tally
from tpcore.experiments import holm
from tpcore.experiments.fair import FAIR
from tpcore.experiments.search import score
from tpcore.experiments.verdicts import AHEAD, BEHIND, NEITHER, SIGNIFICANT

SAME, BEST, PAPER = "same optimizer", "best of its family, BP", "best of its family, paper's"
OPPONENTS = {  # what a reader sees, and how `contests` names these
    "BP, same optimizer": SAME,
    "the best of BP": BEST,
    "the paper's rule, uncalibrated": "same rule",
    "the best of the paper's": PAPER,
}
COUNTED_HEAD = (
    "calibrated against", "of the contests", "number", "ahead", "behind", "level or unclear", "neither learns",
    "beyond chance",
)  # fmt: skip


def against(start: str) -> list[tuple[str, Compared]]:
    """The contests with an opponent, each with its task."""
    return [(name, each) for name in TASKS for each in contests(name) if each.how.startswith(start)]


def counted() -> list[list[Any]]:
    """Two rows an opponent under COUNTED_HEAD: all contests, and those alone in which some seed solves the task.

    A lead is beyond chance if its p, corrected over the contests of the row, is at most SIGNIFICANT.
    """
    rows = []
    for opponent, start in OPPONENTS.items():
        own = [each for _, each in against(start)]
        for which, some in (("all", own), ("those that a side solves", [each for each in own if any(each.solved)])):
            count = Counter(each.word for each in some)
            rest = len(some) - count[AHEAD] - count[BEHIND] - count[NEITHER]
            title = opponent if which == "all" else ""
            rows.append(
                [title, which, len(some), count[AHEAD], count[BEHIND], rest, count[NEITHER], beyond_chance(some)]
            )
    return rows


def beyond_chance(some: Sequence[Compared]) -> int:
    """How many of some contests have a winner whose p, corrected over all of them, is at most SIGNIFICANT."""
    corrected = zip(some, holm([each.lead.p for each in some]), strict=True)
    return sum(each.word in (AHEAD, BEHIND) and p <= SIGNIFICANT for each, p in corrected)


def chosen_r() -> list[float]:
    """The r of each winner of a calibrated rule's search that solves its task on every fresh seed."""
    return [
        max(tried(name)[method], key=score).configuration["rule"]["r"]
        for name in TASKS
        for method, records in tuned(name).items()
        if rule_and_kind(method)[0].startswith("calibrated")
        if np.isfinite(steps_to_level(name, records)).all()
    ]


def where(word: str, start: str) -> str:
    """The tasks on which the calibrated rule is ahead of an opponent, or behind it, and the optimizer if it is one."""
    names = []
    for name, each in against(start):
        kind = each.how.removeprefix(f"{SAME}: ").replace("plain", "plain SGD") if start == SAME else ""
        names += [", ".join(filter(None, (short(name), kind)))] * (each.word == word)
    return "; ".join(names)


def answer() -> str:
    """The chapter's answer: with the same optimizer, with each side's best, against the paper's rule, and how sure."""
    if not against(SAME):
        return "The contest was not run here: `tpcore sweep equal-effort-order-60` and its like record it."
    same, best, paper = (
        tally([each.word for _, each in against(start)], where(AHEAD, start), where(BEHIND, start))
        for start in (SAME, BEST, PAPER)
    )
    better = held(
        "Not beside back-propagation with a good optimizer, which has one number less to choose",
        all(each.word != AHEAD for _, each in against(BEST)),
    )
    r = chosen_r()
    sure = sum(beyond_chance([each for _, each in against(start)]) for start in OPPONENTS.values())
    pairs = sorted({each.lead.pairs for start in OPPONENTS.values() for _, each in against(start)})
    least = ", ".join(f"p of {n} pairs of runs is at least {2 ** (1 - n):.1g}" for n in pairs)
    return (
        f"{better}: with each side's best, the calibrated rule is {best}. With the same optimizer for both it is "
        f"{same}. Against the best of the paper's rules it is {paper}.\n\n"
        f"{sure or 'None'} of these leads {'is' if sure < 2 else 'are'} beyond chance after a correction for their "
        f"number ({least}). Where a search solved its task on every fresh seed, it chose r from {min(r):.2g} to "
        f"{max(r):.2g}, in {share_of(sum(value > 1 for value in r), len(r))} cases above the middle of the slider, "
        "r = 1."
    )


def missing() -> str:
    """How many of the methods of all tasks were not run, of how many."""
    of = sum(len(experiment.methods) for experiment in FAIR.values())
    return f"{of - sum(len(tuned(name)) for name in FAIR)} of {of}"
