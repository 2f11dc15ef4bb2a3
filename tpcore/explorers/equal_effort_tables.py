"""The tables of the chapter on equal effort: outcomes, searches, and who wins."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tpcore.experiments import column, mean_accuracy, outcome, winner_of
from tpcore.experiments.fair import FAIR, OPTIMIZERS, RULES
from tpcore.experiments.search import score
from tpcore.experiments.summary import KEPT
from tpcore.explorers.equal_effort import KINDS, level_of, rule_and_kind, steps_to_level, style_of, tried, tuned
from tpcore.results import Record
from tpcore.tables import OUTCOME, outcome_rows

SEARCH_HEAD = ("", "γ_θ", "γ_h", "r", "trials that solve it", "mean accuracy: best, median, worst trial")
FAMILIES = {"BP": ("bp",), "paper's": ("tp-",), "calibrated": ("calibrated-",)}


def lapses(name: str, records: list[Record]) -> list[float]:
    """For each run that reaches the level: the share of the later logged steps at which it is below KEPT of it."""
    steps, accuracy = column(records)
    reached = steps_to_level(name, records)
    low = accuracy < KEPT * level_of(name)
    return [
        float(row[steps > first].mean()) if (steps > first).any() else 0.0
        for row, first in zip(low, reached, strict=True)
        if np.isfinite(first)
    ]


OUTCOMES_HEAD = ("method", *OUTCOME, "lapses")


def outcomes(name: str) -> list[list[str]]:
    """A row a method of what came of its fresh seeds, under OUTCOMES_HEAD; "not run" where nothing did."""
    found = tuned(name)
    labels = {method: style_of(method)[0] for method in FAIR[name].methods}
    rows = {
        method: [*row, _percent(lapses(name, found[method]))]
        for method, row in zip(found, outcome_rows(found, labels, level_of(name)), strict=True)
    }
    return [rows.get(method, [labels[method], "not run", *["–"] * 5]) for method in FAIR[name].methods]


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


STABILITY_HEAD = ("rule", "runs", "solved", "then collapsed", "lapses", "diverged", "trials", "solved", "diverged")


def stability(names: Sequence[str]) -> list[list[Any]]:
    """A row a rule, whatever its optimizer, over some experiments: fresh seeds, then trials, under STABILITY_HEAD."""
    rows: list[list[Any]] = []
    for rule in RULES:
        own = [
            (outcome(tuned(name)[method], level_of(name)), tried(name)[method], name, tuned(name)[method])
            for name in names
            for method in tuned(name)
            if rule_and_kind(method)[0] == rule
        ]
        if own:
            fresh = [sum(getattr(found, part) for found, *_ in own) for part in ("seeds", "solved", "collapsed")]
            diverged = sum(found.diverged for found, *_ in own)
            trials = [record for _, records, *_ in own for record in records]
            solved = sum(int(np.isfinite(steps_to_level(name, records)).sum()) for _, records, name, _ in own)
            lost = sum(record.status == "diverged" for record in trials)
            shares = [share for _, _, name, records in own for share in lapses(name, records)]
            rows.append([style_of(rule)[0], *fresh, _percent(shares), diverged, len(trials), solved, lost])
    return rows


def members(name: str, family: str) -> dict[str, list[Record]]:
    """The trials of a family's methods, of those that have been run on fresh seeds."""
    return {
        method: records
        for method, records in tried(name).items()
        if method.startswith(FAMILIES[family]) and method in tuned(name)
    }


def best_of(name: str, family: str) -> str | None:
    """The method of a family whose best trial scored highest; None if none was run."""
    scores = {method: max(map(score, records)) for method, records in members(name, family).items()}
    return max(scores, key=lambda method: scores[method]) if scores else None


def _trials(name: str, family: str) -> int:
    return sum(map(len, members(name, family).values()))


def pairs(name: str) -> list[tuple[str, str, str]]:
    """What is compared on a task, of what was run: how, a method, and its calibrated counterpart."""
    same = [(f"same optimizer: {KINDS[kind]}", "bp", "calibrated-local", kind) for kind in ("", *OPTIMIZERS)]
    own = [("same rule but for calibration", rule, f"calibrated-{rule[3:]}", "") for rule in ("tp-local", "tp-time")]
    own.append(("r that follows the scale of W", "calibrated-local", "calibrated-local-adapted", ""))
    named = [(how, *("-".join(filter(None, (rule, kind))) for rule in rules)) for how, *rules, kind in (*same, *own)]
    best = [
        (f"best of its family, {family} ({_trials(name, family)} trials to {_trials(name, 'calibrated')})", one, other)
        for family in ("BP", "paper's")
        if (one := best_of(name, family)) and (other := best_of(name, "calibrated"))
    ]
    return [(how, one, other) for how, one, other in (*named, *best) if {one, other} <= set(tuned(name))]


COMPARED_HEAD = ("compared", "against", "calibrated", "calibrated is")
BETTER, WORSE = "better", "worse"


def compared(name: str) -> list[list[str]]:
    """For each of `pairs` both methods' mean accuracies, lowest to highest seed, and who wins; under COMPARED_HEAD."""
    rows = []
    for how, one, other in pairs(name):
        areas = {method: mean_accuracy(tuned(name)[method]) for method in (one, other)}
        texts = [f"{style_of(method)[0]}: {area.min():.2f} to {area.max():.2f}" for method, area in areas.items()]
        winner = winner_of(areas)
        rows.append([how, *texts, {one: WORSE, other: BETTER}.get(winner, winner)])
    return rows
