"""The records of equal effort, `equal-effort-…`, as several chapters read them: names, colours, steps to the level."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np

from tpcore.chapters.recorded import Style
from tpcore.experiments import level_of, recorded, searched, solved_at, step_cost
from tpcore.experiments.fair import FAIR, RULES
from tpcore.explorers import Choice
from tpcore.explorers.figures import PALETTE
from tpcore.results import Record

PREFIX = "equal-effort-"
TASKS = {name: experiment.about.removeprefix("equal effort: ") for name, experiment in FAIR.items()}
ORDER = {name: f"τ = {name.rpartition('-')[2]}" for name in FAIR if name.startswith(PREFIX + "order-")}
LEVELS = {name: level for name in FAIR if (level := level_of(name)) is not None}  # all have one

RULE_STYLES: dict[str, Style] = {
    "bp": ("BP", PALETTE["orange"], "dash"),
    "tp-local": ("paper's, local", PALETTE["blue"], "solid"),
    "tp-time": ("paper's, time", PALETTE["purple"], "solid"),
    "calibrated-local": ("calibrated, local", PALETTE["green"], "solid"),
    "calibrated-local-adapted": ("calibrated, adapted", PALETTE["red"], "solid"),
    "calibrated-time": ("calibrated, time", PALETTE["olive"], "solid"),
}
KINDS = {
    "": "plain",
    "momentum": "momentum",
    "clip": "clipping",
    "adam": "Adam",
    "adam-clip": "clipped Adam",
    "decay": "decay",
}


def short(name: str) -> str:
    """A task as a list of choices names it: "τ = 60", "adding 30"."""
    return ORDER.get(name, name.removeprefix(PREFIX).replace("-", " "))


def rule_and_kind(method: str) -> tuple[str, str]:
    """A method's rule, and what follows it: "bp-adam" is ("bp", "adam")."""
    rule = max((rule for rule in RULES if method == rule or method.startswith(f"{rule}-")), key=len)
    return rule, method.removeprefix(rule).removeprefix("-")


def method_of(rule: str, kind: str) -> str:
    """The method's name, from a rule and an optimizer: the way back from `rule_and_kind`."""
    return f"{rule}-{kind}" if kind else rule


def style_of(method: str) -> Style:
    """A method's name for the reader, its colour and its dash."""
    rule, kind = rule_and_kind(method)
    label, color, dash = RULE_STYLES[rule]
    return (f"{label}, {KINDS[kind]}" if kind else label), color, dash


@cache
def tuned(name: str) -> dict[str, list[Record]]:
    """The runs of each method's winner on fresh seeds, read once; what was not run is left out."""
    return recorded(name, "tuned")


@cache
def tried(name: str) -> dict[str, list[Record]]:
    """The trials of each method's search, read once."""
    return searched(name)


def contests_run(found: Callable[[str], dict[str, list[Record]]], value: str) -> Choice:
    """A choice among the tasks and optimizers that were run under back-propagation and under the calibrated rule.

    Parameters
    ----------
    found : callable
        `tuned` or `tried`: the records of a task by method.
    value : str
        The one at the start; the first if it was not run.
    """
    run = {
        f"{name} {kind}": f"{short(name)}, {text}"
        for name in FAIR
        for kind, text in KINDS.items()
        if {method_of(rule, kind) for rule in ("bp", "calibrated-local")} <= set(found(name))
    }
    options = run or {value: "not run"}
    return Choice("contest", "Task, optimizer", options, value if value in options else None)


def task_and_kind(contest: str) -> tuple[str, str]:
    """The experiment and the kind of optimizer of an option of `contests_run`."""
    task, _, kind = contest.partition(" ")
    return task, kind


def steps_to_level(name: str, records: list[Record]) -> np.ndarray:
    """For each run the step at which it first reaches the level; NaN if it does not."""
    return np.array([solved_at(record, LEVELS[name]) for record in records], dtype=float)


def seconds_to_level(name: str, records: list[Record]) -> np.ndarray:
    """Those steps, each at the recorded cost of the method; NaN too if that is not known."""
    cost = step_cost(records[0])
    return steps_to_level(name, records) * (np.nan if cost is None else cost.median)
