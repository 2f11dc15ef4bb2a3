"""What the chapter *Targets first, gradients after* shows: the family of means, what reaches each step, the contest."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
import plotly.graph_objects as go
import torch

from tpcore.chapters.draw_by_draw.paired_draws import CLOSE
from tpcore.chapters.gain_curves import EXACT, GAIN_AXIS, TRANSPOSE
from tpcore.chapters.recorded import record_files, say_not_run
from tpcore.chapters.sentences import share_of
from tpcore.diagnostics import coherent_and_noisy
from tpcore.experiments import experiment_named, found_at, level_of, outcome, recorded, share, solved_at
from tpcore.experiments.search import score
from tpcore.experiments.targets_first import TARGETS_FIRST
from tpcore.experiments.verdicts import AHEAD, contest, sentence
from tpcore.explorers import Choice, Explorer, Slider
from tpcore.explorers.figures import NEUTRAL, PALETTE, figure
from tpcore.nn import SequenceClassifier
from tpcore.results import Record, default_folder, read_all
from tpcore.rules import BackProp, GeometricTargetProp, RescaledBackProp, Rule, TargetProp
from tpcore.tasks import TemporalOrder

RECORDS = record_files(*TARGETS_FIRST)
MAIN = "targets-first-order-300"
RULE = "isometric-by-loss"
LABELS = {
    "bp": "back-propagation",
    "bp-rescaled-by-loss": "BP rescaled, then BP, by the loss",
    "isometric-by-loss": "isometric (p = 0), then BP, by the loss",
    "calibrated-by-loss": "calibrated, r = s from 1 to 100, by the loss",
    "isometric": "isometric throughout",
    "isometric-by-steps": "isometric, then BP, by steps",
    "bp-rescaled": "BP rescaled throughout",
    "bp-unit": "BP, the direction scaled to a norm",
    "bp-isometry": "BP with a penalty that keeps W near an isometry",
}

MARKS = {
    "bp": ("orange", "circle"),
    "bp-rescaled-by-loss": ("red", "square"),
    "isometric-by-loss": ("purple", "diamond"),
    "calibrated-by-loss": ("green", "triangle-up"),
}

# One family: weighted power means of 1/σ and σ

NAMED = {-1.0: ("harmonic, q = −1", "green"), 0.0: ("geometric, q = 0", "blue"), 1.0: ("arithmetic, q = 1", "purple")}


def power_mean(exponent: float, weight: float) -> np.ndarray:
    """The power mean of 1/σ (1 − weight) and σ (weight), on GAIN_AXIS; the geometric mean for exponent 0."""
    inverse, transpose = 1 / GAIN_AXIS, GAIN_AXIS
    if exponent == 0:
        return inverse ** (1 - weight) * transpose**weight
    return ((1 - weight) * inverse**exponent + weight * transpose**exponent) ** (1 / exponent)


def means(exponent: float, weight: float) -> dict[str, Any]:
    """The means of the exponents that have names, and that of the chosen one."""
    named = {str(q): power_mean(q, weight) for q in NAMED}
    return {"named": named, "exponent": exponent, "chosen": power_mean(exponent, weight)}


def means_figure(result: dict[str, Any]) -> go.Figure:
    """The means against σ, between those of the exact inverse and of the transpose."""
    ends = (1e-2, 1e2)
    fig = figure("singular value σ of W", "gain", log_x=True, log_y=True, x_range=ends, y_range=ends, height=440)
    for y, name, line in ((1 / GAIN_AXIS, "exact inverse", EXACT), (GAIN_AXIS, "transpose", TRANSPOSE)):
        fig.add_scatter(x=GAIN_AXIS, y=y, name=name, mode="lines", line=line)
    for q, (name, color) in NAMED.items():
        fig.add_scatter(x=GAIN_AXIS, y=result["named"][str(q)], name=name, mode="lines", line={"color": PALETTE[color]})
    line = {"color": NEUTRAL, "width": 4, "dash": "longdash"}
    chosen = f"q = {result['exponent']:g}".replace("-", "−")
    fig.add_scatter(x=GAIN_AXIS, y=result["chosen"], name=f"chosen, {chosen}", mode="lines", line=line)
    return fig


means_explorer = Explorer(
    title="One family of means",
    description="Gains against the singular values of the weights on logarithmic axes: weighted power means of those "
    "of the exact inverse and of the transpose. At the ends of the slider of weights all lie on one of the two; "
    "halfway the geometric one is flat, those of negative exponent below it and those of positive exponent above.",
    controls=[
        Slider("exponent", "Exponent q", -2.0, 2.0, points=9, value=-0.5),
        Slider("weight", "Weight of the transpose", 0.0, 1.0, points=11, value=0.5),
    ],
    compute=means,
    draw=means_figure,
)

# What reaches each step before training

LENGTH, BATCHES = 300, 20
REACHING: dict[str, Rule] = {
    "back-propagation": BackProp(),
    "BP rescaled": RescaledBackProp(0.0),
    "calibrated, r = s = 1": TargetProp(1.0, s=1.0, calibrated=True),
    "isometric, p = 0": GeometricTargetProp(0.0),
}


@cache
def reaching() -> list[list[str]]:
    """A row a rule: the coherent and the noisy part of U's direction where the markers stand and at the last step."""
    task, generator = TemporalOrder(LENGTH), torch.Generator().manual_seed(0)
    with torch.random.fork_rng(devices=[]):
        model = SequenceClassifier(
            task.input_size, 100, task.output_size, rule=BackProp(), generator=torch.Generator().manual_seed(0)
        )
    batches = [task.batch(20, generator) for _ in range(BATCHES)]
    places = [slice(places.start, places.stop) for places in task.marker_ranges()] + [slice(LENGTH - 1, LENGTH)]
    rows = []
    for name, rule in REACHING.items():
        parts = coherent_and_noisy(model, rule, batches)
        sizes = [[float(np.sqrt((part[place] ** 2).mean())) for part in parts] for place in places]
        rows.append([name, *(f"{coherent:.1e}, {noisy:.1e}" for coherent, noisy in sizes)])
    return rows


# The contest


@cache
def tuned(name: str) -> dict[str, list[Record]]:
    """The runs of each method's winner on fresh seeds; what is not complete is left out."""
    return recorded(name, "tuned")


@cache
def tried(name: str) -> dict[str, list[Record]]:
    """The trials of each method's search that have come to their end, however many they are."""
    found = [record for record in read_all(default_folder(), name, "search") if record.status != "running"]
    return {method: [each for each in found if each.method == method] for method in experiment_named(name).methods}


def draws() -> dict[str, list[tuple[float, float]]]:
    """For each trial at τ = 300 by method: the step size of the recurrent part, γ_θ γ_h, and its mean accuracy."""
    return {
        method: [
            (optimizer["gamma_theta"] * optimizer["gamma_h"], score(record))
            for record in records
            for optimizer in [record.configuration["optimizer"]]
        ]
        for method, records in tried(MAIN).items()
    }


def draw_by_draw() -> str:
    """How often each method beats back-propagation at one draw of the search, and how often it is beaten, in words."""

    def drawn(record: Record) -> tuple[Any, ...]:
        optimizer = record.configuration["optimizer"]
        return tuple(optimizer[name] for name in ("gamma_theta", "gamma_h", "clip", "epsilon"))

    scores = {method: {drawn(each): score(each) for each in records} for method, records in tried(MAIN).items()}
    counts = []
    for method in scores.keys() - {"bp"}:
        leads = np.array([scores[method][draw] - scores["bp"][draw] for draw in scores[method].keys() & scores["bp"]])
        better, worse = (leads > CLOSE).sum(), (leads < -CLOSE).sum()
        counts.append((better - worse, f"better at {better} and worse at {worse} of {len(leads)}: {LABELS[method]}"))
    said = "; ".join(text for _, text in sorted(counts, reverse=True))
    return f"Draw by draw, against back-propagation, by more than {CLOSE:g} in mean accuracy: {said}."


def draws_figure(result: dict[str, list[tuple[float, float]]]) -> go.Figure:
    """A mark a trial."""
    fig = figure("recurrent step size γ<sub>θ</sub>γ<sub>h</sub>", "mean accuracy along training", y_range=(0.2, 1))
    fig.update_xaxes(type="log", exponentformat="power", dtick=1)
    for method, points in result.items():
        color, symbol = MARKS[method]
        x, y = zip(*points, strict=True) if points else ((), ())
        fig.add_scatter(
            x=x, y=y, mode="markers", name=LABELS[method],
            marker={"color": PALETTE[color], "symbol": symbol, "size": 11, "opacity": 0.85},
        )  # fmt: skip
    if not any(result.values()):
        say_not_run(fig, f"tpcore sweep {MAIN}")
    return fig.add_hline(y=0.25)


draws_explorer = Explorer(
    title="Every draw of the search, under every method",
    description="The mean accuracy along training of each trial at τ = 300, against the step size of the recurrent "
    "part, with a mark for each method; chance is dotted. A draw gives all methods the same values.",
    controls=[],
    compute=draws,
    draw=draws_figure,
)

# The slider that moves by itself, on recorded runs


def fresh() -> dict[str, dict[str, Record]]:
    """The winners' runs at τ = 300, by method and seed."""
    return {method: {str(each.seed): each for each in records} for method, records in tuned(MAIN).items()}


def moved(method: str, seed: str) -> dict[str, Any]:
    """Of a method that moves by the loss: its accuracy and its place λ along a run, beside back-propagation's run."""
    runs = {name: own[seed] for name in (method, "bp") if seed in (own := fresh().get(name, {}))}
    curves = {name: (record.column("step"), record.column("accuracy")) for name, record in runs.items()}
    place = (runs[method].column("step"), runs[method].column("position")) if method in runs else ((), ())
    return {"curves": curves, "place": place}


def moved_figure(result: dict[str, Any]) -> go.Figure:
    """Two accuracies, and λ."""
    fig = figure("training step", "held-out accuracy, and λ", y_range=(-0.02, 1.05), height=400)
    for method, (x, y) in result["curves"].items():
        line = {"color": PALETTE[MARKS[method][0]], "dash": "dash" if method == "bp" else "solid"}
        fig.add_scatter(x=x, y=y, name=LABELS[method], mode="lines", line=line)
    x, y = result["place"]
    line = {"color": NEUTRAL, "dash": "dot"}
    fig.add_scatter(x=x, y=y, name="λ; at 1 it is back-propagation", mode="lines", line=line)
    if not result["curves"]:
        say_not_run(fig, f"tpcore sweep {MAIN}")
    return fig.add_hline(y=0.25)


moved_explorer = Explorer(
    title="The slider that moves by itself",
    description="Along one recorded run at τ = 300: the held-out accuracy of the chosen method, its place λ between "
    "its start and back-propagation, and the accuracy of back-propagation from the same weights on the same batches. "
    "Chance is dotted.",
    controls=[
        Choice("method", "Method", {method: LABELS[method] for method in MARKS if method != "bp"}, RULE),
        Choice("seed", "Seed", {seed: seed for seed in fresh().get("bp", ())} or {"": "not run"}),
    ],
    compute=moved,
    draw=moved_figure,
)

SEARCHES_HEAD = ("method", "trials run", "solve it", "mean accuracy: best, median, worst trial")


def searches(name: str) -> list[list[str]]:
    """A row a method under SEARCHES_HEAD."""
    of, rows = experiment_named(name).search.trials, []
    for method, records in tried(name).items():
        scores = [score(record) for record in records]
        spread = ", ".join(f"{value:.2f}" for value in (max(scores), np.median(scores), min(scores))) if scores else "–"
        solved = sum(solved_at(record, level_of(name)) is not None for record in records)  # type: ignore[arg-type]
        part = share_of(solved, len(records)) if records else "–"
        rows.append([LABELS[method], f"{len(records)} of {of}", part, spread])
    return rows


OUTCOMES_HEAD = ("method", "solve it", "found after", "then solved after", "collapse")


def outcomes(name: str) -> list[list[str]]:
    """A row for every method of an experiment: "not run" where not every seed has come to its end."""
    return [
        [LABELS[method], *(_came(name, tuned(name)[method]) if method in tuned(name) else ["not run", "", "", ""])]
        for method in experiment_named(name).methods
    ]


def _came(name: str, records: Sequence[Record]) -> list[str]:
    level = level_of(name)
    came = outcome(records, level)
    value = share(came.solved, came.seeds)
    found = {record.seed: found_at(record) for record in records}
    solved = {record.seed: solved_at(record, level) for record in records}  # type: ignore[arg-type]
    using = [at - found[seed] for seed, at in solved.items() if at is not None and found[seed] is not None]  # type: ignore[operator]
    return [
        f"{came.solved} of {came.seeds} [{value.low:.2f}, {value.high:.2f}]",
        _median([step for step in found.values() if step is not None], len(records)),
        _median(using, len(records)),
        f"{came.collapsed} of {came.solved}" if came.solved else "–",
    ]


def _median(steps: Sequence[int], of: int) -> str:
    return f"{np.median(steps):,.0f} ({len(steps)} of {of})" if len(steps) else f"never (0 of {of})"


def verdict() -> str:
    """The contest's outcome at τ = 300, or what is still missing."""
    methods, found = experiment_named(MAIN).methods, tuned(MAIN)
    counts = "; ".join(f"{LABELS[method]}, on {solved_by(records)}" for method, records in found.items())
    if len(found) < len(methods):
        ended = sum(map(len, tried(MAIN).values()))
        of = len(methods) * experiment_named(MAIN).search.trials
        here = f" Run to their end, and solved at τ = {LENGTH}: {counts}." if found else ""
        missing = "; ".join(LABELS[method] for method in methods if method not in found)
        solved = "; ".join(f"{part} under {method}" for method, _, part, _ in searches(MAIN))
        return (
            f"The contest is not decided. Recorded so far: {ended} of {of} trials of its searches at τ = {LENGTH}, of "
            f"one seed each. They solve the task in {solved}.{here} Not run to the end: {missing}."
        )
    leads = {other: contest(found[RULE], found[other]) for other in methods if other != RULE}
    against = "; ".join(f"against {LABELS[other]}, {sentence(*leads[other])}" for other in leads)
    words = {other: word for other, (_, word) in leads.items()}
    pairs = max(lead.pairs for lead, _ in leads.values())
    some = outcome(found[RULE], level_of(MAIN)).solved > 0
    return (
        f"{in_short(some, words['bp'], words['bp-rescaled-by-loss'])} Solved: {counts}.\n\n"
        f"Mean accuracy along training of {LABELS[RULE]}: {against}. That is one task at one length, and "
        f"provisional: {pairs} pairs of runs can't come below p = {2 ** (1 - pairs):.1g}."
    )


def in_short(solved: bool, over_bp: str, over_rescaled: str) -> str:
    """The answer that the isometric rule's runs allow: whether some seed solves the task, and its two verdicts."""
    if not solved or over_bp != AHEAD:
        return f"The runs at τ = {LENGTH} do not show that it can."
    if over_rescaled != AHEAD:
        return f"At τ = {LENGTH} it can; but over back-propagation given the same lengths it has no clear lead left."
    return f"At τ = {LENGTH} it can, and it is ahead of back-propagation given the same lengths."


def begun() -> list[str]:
    """The experiments of which some method has been run to its end."""
    return [name for name in TARGETS_FIRST if tuned(name)]


def not_begun() -> str:
    """The others, in a line with their command."""
    names = [f"`{name}`" for name in TARGETS_FIRST if not tuned(name)]
    return f"Of these no method has been run to its end: {', '.join(names)}." if names else ""


def solved_by(records: Sequence[Record]) -> str:
    """How many of the seeds of one method at τ = 300 solve it."""
    came = outcome(records, level_of(MAIN))
    return f"{came.solved} of {came.seeds} seeds"
