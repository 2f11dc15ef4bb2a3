"""What the maps and the sensitivities say of the claim that regularization is crucial: sentences and tables."""

from __future__ import annotations

import numpy as np

from tpcore.chapters.regularization.maps import MNIST, ORDER, RULES, SENSITIVITY, by_r, cell_runs, runs, values_of
from tpcore.chapters.sentences import held, share_of
from tpcore.experiments import column, mean_accuracy, outcome
from tpcore.experiments.verdicts import contest, sentence
from tpcore.results import Record

BY_R_HEAD = ("r", "runs", "learned", "solved", "broken", "best mean accuracy", "at γ_θ")
ALONG_HEAD = ("r", "‖δ_0‖/‖δ_τ‖", "angle", "largest ‖W‖", "diverged at")
FIXED_HEAD = ("rule", "γ_h", "mean accuracy", "at the end")
FIXED, PAPER = 1e-6, 1e-4  # γ_h at which the recurrent part hardly moves, and the paper's


def counted(name: str, rule: str) -> list[list[str]]:
    """A row for each r under BY_R_HEAD: what came of its runs, over all values of γ_θ."""
    return [
        [
            f"{row['r']:g}",
            str(row["runs"]),
            *("–" if row[key] is None else str(row[key]) for key in ("learned", "solved", "broken")),
            f"{row['best']:.2f}",
            f"{row['gamma_theta']:g}",
        ]
        for row in by_r(name, rule)
    ]


def along(rule: str, gamma_theta: float = 0.1) -> list[list[str]]:
    """A row for each r under ALONG_HEAD, at one γ_θ: two numbers from before the first step, and what followed."""
    rows = []
    for r in values_of(ORDER)[0]:
        if found := cell_runs(ORDER, rule, r, gamma_theta):
            first = {name: np.median(column(found, name)[1][:, 0]) for name in ("norm_0", "norm_4", "angle")}
            stops = ", ".join("–" if record.diverged_at is None else str(record.diverged_at) for record in found)
            largest = np.nanmax(column(found, "spectral_norm")[1])
            ratio = first["norm_0"] / first["norm_4"]
            rows.append([f"{r:g}", f"{ratio:.0e}" if ratio else "0", f"{first['angle']:.3g}°", f"{largest:.2g}", stops])
    return rows


def best_cell(name: str, rule: str, values: tuple[float, ...]) -> tuple[float, list[Record]]:
    """The r of the cell with the largest mean accuracy among some rows of a map, and its runs."""
    cells = [(r, cell_runs(name, rule, r, gamma)) for r in values for gamma in values_of(name)[1]]
    return max((cell for cell in cells if cell[1]), key=lambda cell: float(column(cell[1])[1].mean()))


def told(name: str, rule: str, values: tuple[float, ...]) -> str:
    """The best cell among some rows: its r, its mean accuracy, and its angle to the gradient before training."""
    r, found = best_cell(name, rule, values)
    angle = np.median(column(found, "angle")[1][:, 0])
    return f"{column(found)[1].mean():.2f} at r = {r:g}, {angle:.1f}° from the gradient"


def counts(name: str, small: bool) -> tuple[int, int, int]:
    """Runs with r below 1, or from 1 on, under all rules: how many learned, how many broke, and of how many."""
    rows = [row for rule in RULES for row in by_r(name, rule) if (row["r"] < 1) is small]
    learned, broken, of = (sum(row[key] for row in rows) for key in ("learned", "broken", "runs"))
    return learned, broken, of


def fixed(rule: str) -> tuple[list[Record], list[Record]]:
    """The runs with the paper's setting, and those whose recurrent part hardly moves."""
    found = runs(SENSITIVITY)
    return found.get(f"{rule}-gamma_h{PAPER:g}", []), found.get(f"{rule}-gamma_h{FIXED:g}", [])


def fixed_rows() -> list[list[str]]:
    """A row for each rule and γ_h under FIXED_HEAD: the lowest and the highest seed, and the accuracy at the end."""
    rows = []
    for rule, label in RULES.items():
        for gamma_h, found in zip((PAPER, FIXED), fixed(rule), strict=True):
            if found:
                area, (low, median, high) = mean_accuracy(found), outcome(found, level=None).final
                spread = f"{area.min():.2f} to {area.max():.2f}"
                rows.append([label, f"{gamma_h:g}", spread, f"{median:.2f} ({low:.2f} to {high:.2f})"])
    return rows


def against_fixed(rule: str) -> str:
    """How the paper's setting compares with a recurrence that hardly moves."""
    own, still = fixed(rule)
    return sentence(*contest(own, still)) if own and still else "not run"


def answer() -> str:
    """The chapter's answer: whether a small r fails, what works at the r that do not, and what MNIST shows."""
    if not by_r(ORDER, "tp-time"):
        return f"The map was not run here: `tpcore run {ORDER}` records it."
    learned, broken, of = counts(ORDER, small=True)
    large, _, of_large = counts(ORDER, small=False)
    crucial = held("So it is crucial here: no step size of the map stands in for r.", learned == 0 < large)
    all_r = values_of(ORDER)[0]
    solved = sum(row["solved"] for row in by_r(ORDER, "tp-local"))
    _, best = best_cell(ORDER, "tp-time", all_r)
    near = np.median(column(best, "angle")[1][:, 0]) < 5
    price = held("But what works is nearly back-propagation, or solves nothing", near and not solved)
    text = (
        f"On temporal order {share_of(learned, of)} runs with r below 1 learn, and {broken} break; from r = 1 on "
        f"{large} of {of_large} learn. {crucial} {price}: the best cell "
        f"through time reaches {told(ORDER, 'tp-time', all_r)}; the local rule's reaches "
        f"{told(ORDER, 'tp-local', all_r)}, and {share_of(solved, _runs('tp-local'))} of its runs solve the task."
    )
    if not fixed("tp-local")[0]:
        return text
    return (
        f"{text}\n\nOn MNIST pixel by pixel, after 400 steps, the paper's setting is set beside a recurrence that "
        f"hardly moves. The local rule is {against_fixed('tp-local')}; through time it is {against_fixed('tp-time')}."
    )


def _runs(rule: str) -> int:
    return sum(row["runs"] for row in by_r(ORDER, rule))


def largest_is_as_good(name: str = ORDER, rule: str = "tp-time") -> str:
    """The best cell of a rule beside its best at the largest r, where through time it is nearly back-propagation."""
    if not by_r(name, rule):
        return "not run"
    all_r = values_of(name)[0]
    return f"best cell {told(name, rule, all_r)}; at the largest r {told(name, rule, all_r[-1:])}"


def mnist_answer() -> str:
    """What the paper's map says: whether anything is learned below r = 1, and how much it matters above."""
    rows = by_r(MNIST, "tp-time")
    if not rows:
        return f"The map was not run here: `tpcore run {MNIST}` records it."
    small = share_of(*(sum(row[key] for row in rows if row["r"] < 1) for key in ("learned", "runs")))
    best = [row["best"] for row in rows if row["r"] >= 1]
    flat = held("there is no upper edge", max(best) < 1.15 * min(best))
    return (
        f"Below r = 1 {small} runs learn. From r = 1 to "
        f"{rows[-1]['r']:,.0f} the best cell of a row lies between {min(best):.2f} and {max(best):.2f}: {flat}."
    )
