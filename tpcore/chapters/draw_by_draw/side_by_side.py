"""Tests of what the draws suggest: back-propagation beside the calibrated rule, along the recurrent part's step."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import plotly.graph_objects as go

from tpcore.chapters.equal_effort_records import RULE_STYLES
from tpcore.chapters.recorded import record_files, say_not_run
from tpcore.chapters.sentences import held, share_of
from tpcore.experiments import Lead, experiment_named, holm, level_of, mean_accuracy, outcome, recorded
from tpcore.experiments.verdicts import AHEAD, BEHIND, SIGNIFICANT, certainty, contest, sentence
from tpcore.explorers import Choice, Explorer
from tpcore.explorers.figures import figure
from tpcore.results import Record

TESTS = {"step-order-120": "plain SGD", "length-order-120": "steps of one length", "adam-order-120": "Adam"}
RULES = {rule: RULE_STYLES[rule][0] for rule in ("bp", "calibrated-local")}
RECORDS = record_files(*TESTS)


@cache
def runs_by_step(test: str) -> dict[str, dict[float, list[Record]]]:
    """For each rule the step of the recurrent part, γ_θ γ_h times the length if all have one, and its runs."""
    found = recorded(test)
    steps: dict[str, dict[float, list[Record]]] = {rule: {} for rule in RULES}
    for name, method in experiment_named(test).methods.items():
        optimizer = method.optimizer
        step = optimizer.gamma_theta * optimizer.gamma_h * (optimizer.clip or 1.0)
        steps[next(rule for rule in RULES if name.startswith(rule))][step] = found.get(name, [])
    return steps


def side_by_side(test: str) -> dict[str, Any]:
    """The mean accuracy along training of each seed, rule by rule.

    Returns
    -------
    dict
        ``test``; ``steps`` (n,), which both rules have; for each of RULES n arrays (seeds,), empty if not run.
    """
    runs = runs_by_step(test)
    areas = {rule: [mean_accuracy(own) if own else np.empty(0) for own in runs[rule].values()] for rule in RULES}
    return {"test": test, "steps": list(runs["bp"]), **areas}


def side_by_side_figure(result: dict[str, Any]) -> go.Figure:
    """A dot a seed; a line joins the means."""
    fig = figure("step of the recurrent part", "mean accuracy", log_x=True, y_range=(0, 1.03), height=420)
    steps = np.array(result["steps"])
    for rule in RULES:
        label, color, dash = RULE_STYLES[rule]
        means = [own.mean() if len(own) else np.nan for own in result[rule]]
        fig.add_scatter(x=steps, y=means, name=label, mode="lines", line={"color": color, "dash": dash})
        x = np.repeat(steps, [len(own) for own in result[rule]])
        marker = {"color": color, "size": 8, "opacity": 0.8}
        fig.add_scatter(x=x, y=np.concatenate(result[rule]), name=f"{label}, a seed", mode="markers", marker=marker,
                        showlegend=False)  # fmt: skip
    if not any(len(own) for rule in RULES for own in result[rule]):
        say_not_run(fig, f"tpcore run {result['test']}")
    return fig


tests_explorer = Explorer(
    title="Side by side",
    description="The mean accuracy along training of five seeds, a dot each, under back-propagation and under the "
    "calibrated rule with r = s = 3, against the step size of the recurrent part; where all steps have one length, "
    "against that length. The lines join the means.",
    controls=[Choice("test", "Test", TESTS)],
    compute=side_by_side,
    draw=side_by_side_figure,
)

VERDICTS_HEAD = (
    "test", "calibrated, each at its best step", "p (corrected)", *RULES.values(), "calibrated at equal steps",
)  # fmt: skip


def verdicts() -> list[list[str]]:
    """A row a test: the calibrated rule against back-propagation, each at its best step, and at how many equal steps.

    The p are corrected over the tests that were run.
    """
    found = contests()
    corrected = dict(zip(found, holm([lead.p for lead, _ in found.values()]), strict=True))
    rows = []
    for test, label in TESTS.items():
        if test not in found:
            rows.append([label, "not run", *["–"] * (len(VERDICTS_HEAD) - 2)])
            continue
        (lead, word), words, best = found[test], at_equal_steps(test), _best(test)
        counts = "; ".join(f"{word} at {words.count(word)}" for word in dict.fromkeys(words))
        spans = (_range(mean_accuracy(best[rule])) for rule in RULES)
        rows.append([label, sentence(lead, word), certainty(lead, corrected[test]), *spans, counts])
    return rows


def contests() -> dict[str, tuple[Lead, str]]:
    """The calibrated rule against back-propagation in each test that was run, each at its best step."""
    best = {test: _best(test) for test in TESTS if _is_run(test)}
    return {test: contest(own["calibrated-local"], own["bp"]) for test, own in best.items()}


def answer() -> str:
    """What the tests have found, how sure that is, and what it says of the lead with plain SGD."""
    found = contests()
    if set(found) != set(TESTS):
        return f"The tests were not run here: {', '.join(f'`tpcore run {test}`' for test in TESTS)}."
    said = "; ".join(f"{TESTS[test]}, {sentence(*each)}" for test, each in found.items())
    corrected = holm([lead.p for lead, _ in found.values()])
    words = [word for _, word in found.values()]
    sure = sum(p <= SIGNIFICANT and word in (AHEAD, BEHIND) for p, word in zip(corrected, words, strict=True))
    plain, length, adam = words
    why = held(
        "So what it lends to plain SGD is the length of the steps and not their direction, and Adam has no need of it.",
        plain == AHEAD and length != AHEAD and adam != AHEAD,
    )
    return (
        f"The calibrated rule against back-propagation, each at its best step: {said}. {why} That is provisional: "
        f"{share_of(sure, len(found))} tests have a winner beyond chance, since five pairs can't come below p = "
        f"{min(lead.p for lead, _ in found.values()):.2g}, and {min(corrected):.2g} corrected."
    )


def at_equal_steps(test: str) -> list[str]:
    """In a word, how the calibrated rule compares with back-propagation at each step that both have."""
    bp, calibrated = (runs_by_step(test)[rule].values() for rule in ("bp", "calibrated-local"))
    return [contest(own, other)[1] for own, other in zip(calibrated, bp, strict=True)]


def _is_run(test: str) -> bool:
    return all(own for steps in runs_by_step(test).values() for own in steps.values())


def _best(test: str) -> dict[str, list[Record]]:
    """The runs of each rule at its best step, by the mean over its seeds."""
    return {
        rule: max(steps.values(), key=lambda own: float(mean_accuracy(own).mean()))
        for rule, steps in runs_by_step(test).items()
    }


def _range(values: np.ndarray) -> str:
    return f"{values.min():.3f} to {values.max():.3f}".replace(" ", "\N{NO-BREAK SPACE}")


SEEDS_HEAD = ("rule", "step", "mean accuracy", "solve it")


def seeds(test: str) -> list[list[str]]:
    """A row for each rule and step."""
    return [
        [
            RULES[rule],
            f"{step:.2g}",
            _range(mean_accuracy(own)) if own else "not run",
            f"{outcome(own, level_of(test)).solved} of {len(own)}" if own else "–",
        ]
        for rule, steps in runs_by_step(test).items()
        for step, own in steps.items()
    ]


def longer_than_the_limit() -> str:
    """The share of the logged steps of "length-order-120" at which the direction was longer than the one length."""
    steps = runs_by_step("length-order-120").values()
    records = [record for runs in steps for own in runs.values() for record in own]
    longer = [norm > _limit(record) for record in records for norm in record.column("direction_norm")]
    return f"{np.mean(longer):.2%}" if longer else "not run"


def _limit(record: Record) -> float:
    """Under TP the logged direction carries γ_h."""
    optimizer = record.configuration["optimizer"]
    return optimizer["clip"] * (1.0 if record.method.startswith("bp") else optimizer["gamma_h"])
