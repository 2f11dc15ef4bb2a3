"""The tables of the chapter on equal effort: outcomes, searches, and who wins."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import Any

import numpy as np

from tpcore.chapters.equal_effort_records import (
    KINDS,
    LEVELS,
    method_of,
    rule_and_kind,
    steps_to_level,
    style_of,
    tried,
    tuned,
)
from tpcore.chapters.tables import OUTCOME, outcome_rows
from tpcore.experiments import Lead, column, holm, mean_accuracy, outcome, share
from tpcore.experiments.fair import FAIR, OPTIMIZERS, RULES
from tpcore.experiments.outcomes import KEPT
from tpcore.experiments.search import score, trials
from tpcore.experiments.verdicts import AHEAD, BEHIND, LEVEL, NEITHER, UNCLEAR, certainty, contest, estimated, sentence
from tpcore.results import Record

SEARCH_HEAD = ("", "γ_θ", "γ_h", "r", "trials that solve it", "mean accuracy: best, median, worst trial")
FAMILIES = {
    "BP": ("bp",),
    "paper's": ("tp-local", "tp-time"),
    "calibrated": ("calibrated-local", "calibrated-time", "calibrated-local-adapted"),
}


def lapses(name: str, records: list[Record]) -> list[float]:
    """For each run that reaches the level: the share of the later logged steps at which it is below KEPT of it."""
    steps, accuracy = column(records)
    reached = steps_to_level(name, records)
    low = accuracy < KEPT * LEVELS[name]
    return [
        float(row[steps > first].mean()) if (steps > first).any() else 0.0
        for row, first in zip(low, reached, strict=True)
        if np.isfinite(first)
    ]


OUTCOMES_HEAD = ("method", *OUTCOME, "lapses")


def outcomes(name: str) -> list[list[str]]:
    """A row a method that was run: what came of its fresh seeds, under OUTCOMES_HEAD."""
    found = tuned(name)
    labels = {method: style_of(method)[0] for method in found}
    return [
        [*row, _percent(lapses(name, found[method]))]
        for method, row in zip(found, outcome_rows(found, labels, LEVELS[name]), strict=True)
    ]


def solved_by(name: str) -> str:
    """How many of the methods that were run solve a task on every fresh seed, in words."""
    found = tuned(name)
    every = sum(bool(np.isfinite(steps_to_level(name, records)).all()) for records in found.values())
    return f"{every} of {len(found)} methods solve it on every seed"


def not_run(name: str) -> str:
    """The methods of a task that were not run, as a reader names them."""
    return "; ".join(style_of(method)[0] for method in FAIR[name].methods if method not in tuned(name)) or "none"


def _percent(shares: Sequence[float]) -> str:
    return f"{np.mean(shares):.0%}" if shares else "–"


def searches(name: str) -> list[list[str]]:
    """A row a method under SEARCH_HEAD: its winner's values, and how its trials are spread."""
    rows = []
    for method, records in tried(name).items():
        scores = [score(record) for record in records]
        best = records[int(np.argmax(scores))].configuration
        solved = int(np.isfinite(steps_to_level(name, records)).sum())
        spread = ", ".join(f"{value:.2f}" for value in (max(scores), np.median(scores), min(scores)))
        r = best["rule"].get("r")
        values = [f"{value:g}" for value in (best["optimizer"]["gamma_theta"], best["optimizer"]["gamma_h"])]
        shown = "–" if r is None else f"{r:g}"
        rows.append([style_of(method)[0], *values, shown, f"{solved} of {len(records)}", spread])
    return rows


def products(name: str, method: str) -> list[float]:
    """γ_θ γ_h, by which the recurrent part moves, in each trial of a method's search, run or not."""
    optimizers = [run.setup.optimizer for run in trials(name, FAIR[name], method)]
    return [optimizer.gamma_theta * optimizer.gamma_h for optimizer in optimizers]


def apart(name: str) -> float:
    """By what factor neighbouring r of a task's search are apart, at most."""
    drawn = sorted(run.setup.rule.r for run in trials(name, FAIR[name], "calibrated-local"))  # type: ignore[union-attr]
    return float(max(larger / smaller for smaller, larger in pairwise(drawn)))


STABILITY_HEAD = (
    "rule",
    "runs",
    "solved",
    "then collapsed",
    "their share",
    "lapses",
    "diverged",
    "trials",
    "solved",
    "diverged",
)


def stability(names: Sequence[str]) -> list[list[Any]]:
    """A row a rule, whatever its optimizer, over some experiments: fresh seeds, then trials, under STABILITY_HEAD."""
    rows: list[list[Any]] = []
    for rule in RULES:
        own = [
            (outcome(tuned(name)[method], LEVELS[name]), tried(name)[method], name, tuned(name)[method])
            for name in names
            for method in tuned(name)
            if rule_and_kind(method)[0] == rule
        ]
        if own:
            fresh = [sum(getattr(found, part) for found, *_ in own) for part in ("seeds", "solved", "collapsed")]
            diverged = sum(found.diverged for found, *_ in own)
            searched = [record for _, records, *_ in own for record in records]
            solved = sum(int(np.isfinite(steps_to_level(name, records)).sum()) for _, records, name, _ in own)
            lost = sum(record.status == "diverged" for record in searched)
            shares = [lapse for _, _, name, records in own for lapse in lapses(name, records)]
            part = estimated(share(fresh[2], fresh[1])) if fresh[1] else "–"
            rows.append([style_of(rule)[0], *fresh, part, _percent(shares), diverged, len(searched), solved, lost])
    return rows


def members(name: str, rules: Sequence[str], kinds: Sequence[str]) -> dict[str, list[Record]]:
    """The trials of some rules under some kinds of optimizer, of those that have been run on fresh seeds."""
    return {
        method: records
        for method, records in tried(name).items()
        if method in tuned(name) and rule_and_kind(method)[0] in rules and rule_and_kind(method)[1] in kinds
    }


def shared_kinds(name: str, first: Sequence[str], second: Sequence[str]) -> list[str]:
    """The kinds of optimizer under which rules of both sides were run, in the order of KINDS."""
    run = [{kind for rule, kind in map(rule_and_kind, tuned(name)) if rule in side} for side in (first, second)]
    return [kind for kind in KINDS if kind in run[0] & run[1]]


def best_pair(name: str, first: Sequence[str], second: Sequence[str]) -> tuple[str, str] | None:
    """The best method of each side, each chosen by its own searches among the kinds that both have.

    None if there is no such kind. With a kind that only one side has, this would be a comparison of optimizers.
    """
    kinds = shared_kinds(name, first, second)
    sides = [members(name, rules, kinds) for rules in (first, second)]
    if not all(sides):
        return None
    one, other = (max(side, key=lambda method: max(map(score, side[method]))) for side in sides)
    return one, other


def _best(name: str, family: str) -> list[tuple[str, str, str]]:
    """`best_pair` of a family and the calibrated one, and how they were chosen."""
    rules, calibrated = FAMILIES[family], FAMILIES["calibrated"]
    found = best_pair(name, rules, calibrated)
    kinds = shared_kinds(name, rules, calibrated)
    counts = (str(sum(map(len, members(name, side, kinds).values()))) for side in (rules, calibrated))
    chosen = ", ".join(KINDS[kind] for kind in kinds)
    how = f"best of its family, {family}: {chosen} ({' trials to '.join(counts)})"
    return [(how, *found)] if found else []


def pairs(name: str) -> list[tuple[str, str, str]]:
    """What is compared on a task, of what was run: how, a method, and its calibrated counterpart."""
    same = [(f"same optimizer: {KINDS[kind]}", "bp", "calibrated-local", kind) for kind in ("", *OPTIMIZERS)]
    own = [("same rule but for calibration", rule, f"calibrated-{rule[3:]}", "") for rule in ("tp-local", "tp-time")]
    own.append(("r that follows the scale of W", "calibrated-local", "calibrated-local-adapted", ""))
    named = [(how, *(method_of(rule, kind) for rule in rules)) for how, *rules, kind in (*same, *own)]
    best = [row for family in ("BP", "paper's") for row in _best(name, family)]
    return [(how, one, other) for how, one, other in (*named, *best) if {one, other} <= set(tuned(name))]


COMPARED_HEAD = (
    "compared", "against", "calibrated", "seeds that solve it", "calibrated is",
    "better with probability", "p (corrected)",
)  # fmt: skip
NO_SIDE = "none on either side"


@dataclass(frozen=True)
class Compared:
    """Two methods on a task: how they were chosen, by how much the second leads, the word for it, and who solves it."""

    how: str
    methods: tuple[str, str]
    lead: Lead
    word: str
    solved: tuple[int, int]


@cache
def contests(name: str) -> tuple[Compared, ...]:
    """Each of `pairs`, its calibrated side against the other."""
    found, runs = [], tuned(name)
    for how, one, other in pairs(name):
        lead, word = contest(runs[other], runs[one])
        solved = [outcome(runs[method], LEVELS[name]).solved for method in (one, other)]
        found.append(Compared(how, (one, other), lead, word, (solved[0], solved[1])))
    return tuple(found)


def compared(name: str) -> list[list[str]]:
    """A row for each of `contests` under COMPARED_HEAD; the p are corrected over these rows.

    The one that is ahead may be the better of two methods that do not solve the task: then the fourth entry is NO_SIDE.
    """
    found, rows = contests(name), []
    for each, corrected in zip(found, holm([each.lead.p for each in found]), strict=True):
        areas = (mean_accuracy(tuned(name)[method]) for method in each.methods)
        texts = [
            f"{style_of(method)[0]}: {area.min():.2f} to {area.max():.2f}"
            for method, area in zip(each.methods, areas, strict=True)
        ]
        seeds = f"{each.solved[0]} and {each.solved[1]} of {each.lead.pairs}" if any(each.solved) else NO_SIDE
        sure = (estimated(each.lead.improvement), certainty(each.lead, corrected))
        rows.append(
            [each.how, *texts, seeds, sentence(each.lead, each.word), *(sure if each.word != NEITHER else "––")]
        )
    return rows


def verdicts(name: str) -> str:
    """How often each verdict stands in `compared`, in words; a lead where no side solves the task is counted apart."""
    in_vain = " where no side solves it"
    count = Counter(
        each.word + (in_vain if not any(each.solved) and each.word in (AHEAD, BEHIND) else "")
        for each in contests(name)
    )
    order = (AHEAD, BEHIND, AHEAD + in_vain, BEHIND + in_vain, LEVEL, UNCLEAR, NEITHER)
    return ", ".join(f"{count[word]} × {word}" for word in order if count[word])
