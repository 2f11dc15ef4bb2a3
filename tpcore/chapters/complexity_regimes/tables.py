"""What the chapter *Complexity regimes* says in words and in folded tables, all of it counted or from the records."""

from __future__ import annotations

from collections import Counter
from statistics import quantiles
from typing import Any

import numpy as np

from tpcore.chapters.complexity_regimes.costs import OUTPUTS, SHOWN, costs, estimates, grid_record, misfit
from tpcore.chapters.complexity_regimes.regime_map import CRITERIA, RULES, contest
from tpcore.chapters.complexity_regimes.scaling import AXES, WHAT, along
from tpcore.chapters.recorded import METHODS
from tpcore.chapters.sentences import tally
from tpcore.chapters.tables import folded, table
from tpcore.complexity import MEASURED, Comparison, Shape, Timing, compare_times, limiting_ratio, ratio
from tpcore.experiments import holm, searched
from tpcore.experiments.regimes import LENGTHS, REGIMES, WIDTHS
from tpcore.experiments.search import score, trials
from tpcore.experiments.verdicts import AHEAD, BEHIND, LEVEL, NEITHER, SIGNIFICANT, UNCLEAR

NOT_RUN = "Not run: `make bench` in the repository."


def answer() -> Any:
    """The chapter's answer: counted, measured, and by steps to an accuracy."""
    from IPython.display import Markdown

    shape = Shape(batch=20, length=60, hidden=100, inputs=6, outputs=OUTPUTS)
    said = (
        "By the count, never: it does all that back-propagation does, and inverts. At B = 20, τ = 60, "
        f"d = 100 that is {ratio(shape):.2f} times back-propagation, and {limiting_ratio(shape):.3f} in the limit of "
        "many steps."
    )
    found = compared()
    if found:
        faster = sum(one.conclusive and one.ratio < 1 for one in found)
        slower = sum(one.conclusive and one.ratio > 1 for one in found)
        said += (
            f" Measured in the same loops, the calibrated rule is slower at {slower} of {len(found)} sizes and faster "
            f"at {faster}; at the others the noise decides."
        )
    return Markdown(f"{said} {_on_the_map()}")


def _on_the_map() -> str:
    """Who starts faster, in a sentence a rule."""
    parts = []
    for rule in ("calibrated-local", "tp-local"):
        steps, seconds = (tally(words_on_the_map(rule, how), of="cells") for how in ("steps", "seconds"))
        name = "the calibrated rule" if rule == "calibrated-local" else "the paper's local rule"
        parts.append(f"{name} is {steps} by the number of steps, and {seconds} by time")
    start = "What can make up for it are fewer steps. On a map of lengths and widths, against back-propagation,"
    return f"{start} {'; '.join(parts)}."


def words_on_the_map(rule: str, criterion: str) -> list[str]:
    """The word for every cell that was run."""
    cells = (contest(tau, d, rule, criterion) for tau in LENGTHS for d in WIDTHS)
    return [cell["word"] for cell in cells if cell]


def compared() -> list[Comparison]:
    """The calibrated rule beside back-propagation in the same loops, at every measured size."""
    record = grid_record()
    return [
        compare_times({name: Timing(**timing) for name, timing in row["seconds"].items()}, "TP calibrated", "BP")
        for row in (record["times"] if record else [])
    ]


def measured_table() -> Any:
    """Every measured size, with the ratio, its range, and whether it says anything."""
    record = grid_record()
    if record is None:
        return NOT_RUN
    where, rates = record["machine"], record["rates"]
    place = (
        f"{where['processor']}, {where['cores']} cores, one thread, {record['date'][:10]}; a large product: "
        f"{rates['operations_per_second'] / 1e9:.0f} GFLOP/s, memory: {rates['bytes_per_second'] / 1e9:.0f} GB/s. Two "
        "contenders are compared where their ranges from quartile to quartile do not overlap and neither spreads over "
        "more than half of its median."
    )
    rows = [
        [row["batch"], row["length"], row["hidden"], f"{c.ratio:.2f} ({c.low:.2f} to {c.high:.2f})", _said(c)]
        for row, c in zip(record["times"], compared(), strict=True)
    ]
    head = ["B", "τ", "d", "calibrated over BP", "so it is"]
    return folded("Every measured size", place, table(head, rows))


def _said(found: Comparison) -> str:
    if not found.conclusive:
        return "no conclusion"
    return "slower" if found.ratio > 1 else "faster"


def misfit_table() -> Any:
    """How far the roofline predicts: measured over estimated, and the same of the ratio to back-propagation."""
    record = grid_record()
    if record is None:
        return NOT_RUN
    rows = []
    for name in MEASURED:
        low, middle, high = misfit(estimates(name))
        of_ratio = "–"
        if name not in ("torch", "BP"):
            pairs = [(costs(record, row, name), costs(record, row, "BP")) for row in record["times"]]
            off = [o["measured"] / t["measured"] / (o["estimated"] / t["estimated"]) for o, t in pairs]
            least, half, most = quantiles(off, n=4)
            of_ratio = f"{half:.2f} ({least:.2f} to {most:.2f})"
        rows.append([SHOWN[name][0], f"{middle:.2f} ({low:.2f} to {high:.2f})", of_ratio])
    return folded(
        "How far the estimate predicts",
        "Measured over estimated seconds, median and quartiles, and the same for the ratio to back-propagation, in "
        "which much of what the estimate does not know cancels.",
        table(["", "measured over estimated", "of the ratio to BP"], rows),
    )


def slopes_table() -> Any:
    """Fitted slopes along every axis, and in brackets those of the counts."""
    parts = []
    for what, title in WHAT.items():
        found = {axis: along(axis, what)["contenders"] for axis in AXES}
        rows = [
            [SHOWN[name][0], *(f"{found[a][name]['slope']:.2f} ({found[a][name]['counted_slope']:.2f})" for a in AXES)]
            for name in found["hidden"]
        ]
        parts.append(table([title, *AXES.values()], rows))
    return folded("All slopes, and in brackets those of the counts", *parts)


def regime_table() -> Any:
    """In how many cells of the map each rule is ahead, behind or level, and how many are beyond chance."""
    rows = []
    for rule in RULES:
        for criterion, title in CRITERIA.items():
            cells = [contest(tau, d, rule, criterion) for tau in LENGTHS for d in WIDTHS]
            words = [cell["word"] for cell in cells if cell]
            counts = [words.count(word) for word in (AHEAD, BEHIND, LEVEL, UNCLEAR, NEITHER)]
            sure = sum(p <= SIGNIFICANT for p in holm([cell["lead"].p for cell in cells if cell]))
            rows.append([METHODS[rule][0], title, *counts, sure, len(cells) - len(words)])
    head = ["rule", "compared", "TP ahead", "BP ahead", "level", "no clear difference", "neither learns"]
    note = (
        "Five pairs of seeds a cell: a permutation test of five pairs cannot come below p = 0.06, so that no single "
        "cell is established; *beyond chance* counts those that would be after Holm's correction."
    )
    return folded("The map in numbers", note, table([*head, "beyond chance", "not run or not timed"], rows))


def draws_table() -> Any:
    """The six draws of every search, and in how many cells each method chose it."""
    chosen: Counter[tuple[str, int]] = Counter()
    for name in REGIMES:
        chosen.update(
            (method, int(np.argmax([score(record) for record in found]))) for method, found in searched(name).items()
        )
    name, cell = next(iter(REGIMES.items()))
    rows: list[list[Any]] = []
    for i, run in enumerate(trials(name, cell, "tp-local")):
        rule: Any = run.setup.rule
        gamma_theta, gamma_h = run.setup.optimizer.gamma_theta, run.setup.optimizer.gamma_h
        values = (f"{value:.2g}" for value in (gamma_theta, gamma_h, gamma_theta * gamma_h, rule.r))
        rows.append([*values, *(chosen[method, i] for method in cell.methods)])
    head = ["γ_θ", "γ_h", "γ_θ γ_h", "r", *("BP" if method == "bp" else METHODS[method][0] for method in cell.methods)]
    note = (
        "A draw with a large γ_θ γ_h, by which the recurrent part moves, comes with one r only, so that a rule that "
        "wants the one has to take the other."
    )
    return folded("The six draws of the searches, and in how many cells each was chosen", note, table(head, rows))
