"""The explorers of the chapter *RNN experiments*: the tasks, the recorded runs, and the recorded grid of settings."""

from __future__ import annotations

import copy
import itertools
from functools import cache
from typing import Any

import numpy as np
import plotly.graph_objects as go
import torch

from tpcore.chapters.recorded import COLUMNS, METHODS, add_curve, curve, record_files, say_not_run
from tpcore.chapters.sentences import held, share_of, tally
from tpcore.chapters.training_an_rnn import answers_figure
from tpcore.experiments import Lead, recorded, solved_at
from tpcore.experiments.grids import GRID_ORDER_60
from tpcore.experiments.verdicts import AHEAD, BEHIND, contest, number
from tpcore.explorers import Choice, Explorer, Slider, Stops
from tpcore.explorers.figures import NEUTRAL, PALETTE, figure
from tpcore.nn import SequenceClassifier
from tpcore.results import Record
from tpcore.rules import TargetProp
from tpcore.tasks import Adding, Characters, Pixels, TemporalOrder
from tpcore.training import train, two_step_sizes

PAPER = {
    "temporal-order-60": "Temporal order, τ = 60",
    "temporal-order-120": "Temporal order, τ = 120",
    "adding-30": "Adding, τ = 30",
    "pixel-digits": "Digits, τ = 64",
    "pixel-mnist": "MNIST, τ = 784",
    "pixel-mnist-permuted": "MNIST, permuted",
    "fashion-mnist-gru": "Fashion-MNIST, GRU",
    "characters": "Characters, τ = 64",
}
RECORDS = record_files(*PAPER, "grid-order-60")

# A small network for each task, seen as it learns

HIDDEN, SHOWN, SEED = 48, 6, 0
STAGES = (0, 30, 100, 300, 1000)
TASKS: dict[str, Any] = {
    "order": TemporalOrder(20),
    "adding": Adding(20),
    "digits": Pixels("digits"),
    "characters": Characters("pydoc", length=32),
}
STEPS = {"order": (0.3, 0.1), "adding": (0.1, 0.5), "digits": (0.1, 0.03), "characters": (0.5, 0.1)}  # γ_θ, γ_h


@cache
def stages(task: str) -> list[SequenceClassifier]:
    """The network of a task after each of STAGES, trained by calibrated target propagation, r = s = 1."""
    gamma_theta, gamma_h = STEPS[task]
    kind = TASKS[task]
    with torch.random.fork_rng(devices=[]):
        model = SequenceClassifier(
            kind.input_size, HIDDEN, kind.output_size, every_step=kind.every_step,
            rule=TargetProp(1.0, 1.0, calibrated=True, step=gamma_h), generator=torch.Generator().manual_seed(SEED),
        )  # fmt: skip
    kept = [copy.deepcopy(model)]
    optimizer = two_step_sizes(model, gamma_theta, gamma_h)
    for before, after in itertools.pairwise(STAGES):
        # another seed for each stage: fresh batches, as one long run would have them
        train(model, kind, optimizer, steps=after - before, seed=after, log_every=after, test_size=1, progress=False)
        kept.append(copy.deepcopy(model))
    return kept


def answer(task: str, step: int, example: int) -> dict[str, Any]:
    """A held-out sequence, and what the network says after each of its steps."""
    model, kind = stages(task)[STAGES.index(step)], TASKS[task]
    inputs, targets = kind.held_out(SHOWN, torch.Generator().manual_seed(SEED))
    with torch.no_grad():
        outputs = model.output(model.recurrent(inputs[example : example + 1])[0])[0]
    said = outputs if task == "adding" else torch.softmax(outputs, -1)
    return {"task": task, "inputs": inputs[example].numpy(), "target": targets[example].numpy(), "said": said.numpy()}


def answer_figure(result: dict[str, Any]) -> go.Figure:
    """One picture for each task."""
    return DRAWN[result["task"]](result["inputs"], result["target"], result["said"])


def _order(inputs: np.ndarray, target: np.ndarray, said: np.ndarray) -> go.Figure:
    return answers_figure({"symbols": inputs.argmax(1), "class": int(target), "probabilities": said})


def _adding(inputs: np.ndarray, target: np.ndarray, said: np.ndarray) -> go.Figure:
    position = np.arange(1, len(inputs) + 1)
    fig = figure("position in the sequence", "value", x_range=(0.5, len(inputs) + 0.5), y_range=(-0.3, 1.2))
    for marked, name, color in ((0, "numbers", NEUTRAL), (1, "marked numbers", PALETTE["orange"])):
        chosen = inputs[:, 1] == marked
        fig.add_bar(x=position[chosen], y=inputs[chosen, 0], name=name, marker={"color": color}, width=0.6)
    fig.add_scatter(x=position, y=said[:, 0], name="network", mode="lines+markers", line={"color": PALETTE["blue"]})
    fig.add_hline(y=float(target[0]), line={"color": PALETTE["green"], "dash": "dash"})
    fig.add_annotation(x=1, y=float(target[0]), text="answer", yshift=10, xanchor="left")
    return fig


def _digits(inputs: np.ndarray, target: np.ndarray, said: np.ndarray) -> go.Figure:
    fig = figure("pixels read", "probability", x_range=(1, 64), y_range=(0, 1.03))
    for digit in range(10):
        right = digit == target
        line = {"color": PALETTE["blue"] if right else NEUTRAL, "width": 3.5 if right else 1}
        name = f"{digit}, true" if right else str(digit)
        fig.add_scatter(
            x=np.arange(1, 65), y=said[:, digit], name=name, mode="lines", line=line, showlegend=bool(right)
        )
    image = {"z": inputs.reshape(8, 8), "showscale": False, "colorscale": "Greys", "hoverinfo": "skip"}
    fig.add_heatmap(**image, xaxis="x2", yaxis="y2")
    frame = {"visible": False, "domain": [0.04, 0.24]}
    return fig.update_layout(
        xaxis2={**frame, "anchor": "y2"},
        yaxis2={"visible": False, "domain": [0.62, 0.98], "anchor": "x2", "autorange": "reversed"},
    )


def _characters(inputs: np.ndarray, target: np.ndarray, said: np.ndarray) -> go.Figure:
    position = np.arange(1, len(target) + 1)
    fig = figure("", "probability of what comes next", x_range=(0.3, len(target) + 0.7), y_range=(0, 1.03))
    true = said[np.arange(len(target)), target]
    guessed = [f"guessed {_letter(guess)}" for guess in said.argmax(1)]
    hit = said.argmax(1) == target
    colors = [PALETTE["green"] if right else PALETTE["orange"] for right in hit]
    fig.add_bar(x=position, y=true, marker={"color": colors}, hovertext=guessed, name="probability", showlegend=False)
    letters = [_letter(symbol) for symbol in target]
    return fig.update_xaxes(tickmode="array", tickvals=position, ticktext=letters, tickangle=0, tickfont={"size": 10})


def _letter(symbol: int) -> str:
    """A symbol of `Characters`, spaces and ends of lines made visible."""
    return "↵" if symbol == 0 else "␣" if symbol == 1 else "?" if symbol == 96 else chr(int(symbol) + 31)


DRAWN = {"order": _order, "adding": _adding, "digits": _digits, "characters": _characters}

task_explorer = Explorer(
    title="A sequence, and the network's answer as it learns",
    description="For one held-out sequence of the chosen task, what the network would answer after each step, at "
    "several moments of its training: the probability of each pair of markers, the sum that it expects, the "
    "probability of each digit while the image is read, or the probability that it gave to the character that came.",
    controls=[
        Choice(
            "task",
            "Task",
            {"order": "Temporal order", "adding": "Adding", "digits": "Digits", "characters": "Characters"},
        ),
        Stops("step", "Training steps so far", STAGES, value=300),
        Slider("example", "Sequence", 0, SHOWN - 1, points=SHOWN, value=0),
    ],
    compute=answer,
    draw=answer_figure,
)


# What was recorded with the paper's settings

BASELINES = ("bp-paper", "bp")
RULES = ("tp-time", "tp-local", "tp-difference")  # that were run on all of PAPER


def curves(experiment: str, rule: str, show: str, against: str) -> dict[str, Any]:
    """The curves of a rule and of both baselines, of which all seeds are recorded."""
    found = _recorded(experiment)
    methods = {method: curve(found[method], show) for method in (*BASELINES, rule) if method in found}
    return {"experiment": experiment, "show": show, "against": against, "methods": methods}


@cache
def _recorded(name: str) -> dict[str, list[Record]]:
    return recorded(name)


def curves_figure(result: dict[str, Any]) -> go.Figure:
    """Median and range over the seeds for each method."""
    show, by_time = result["show"], result["against"] == "seconds"
    title = "seconds, steps × cost" if by_time else "training step"
    positive = show in ("test_loss", "direction_norm", "spectral_norm")
    fig = figure(title, COLUMNS[show], log_y=positive, y_range=(0, 1.03) if show == "accuracy" else None, height=440)
    for method, found in result["methods"].items():
        add_curve(fig, found, method, by_time=by_time)
    if not result["methods"]:
        say_not_run(fig, f"tpcore run {result['experiment']}")
    return fig


SHOW = Choice("show", "Show", {name: text[0].upper() + text[1:] for name, text in COLUMNS.items()})
AGAINST = Choice("against", "Against", {"steps": "Training steps", "seconds": "Time: steps × cost"})
WHAT = (
    "along training with the paper's settings: the median over the seeds in a band from the lowest to the highest, for "
    "back-propagation as the paper's baseline and with target propagation's two step sizes, and for "
)
curves_explorer = Explorer(
    title="The paper's experiments, recorded",
    description=f"Held-out accuracy, or another quantity, {WHAT}the chosen form of target propagation. A cross marks a "
    "run that diverged.",
    controls=[
        Choice("experiment", "Experiment", PAPER),
        Choice("rule", "Rule", {name: METHODS[name][0] for name in RULES}),
        SHOW,
        AGAINST,
    ],
    compute=curves,
    draw=curves_figure,
)

LEARNED = {name: title for name, title in PAPER.items() if "tp-learned" in _recorded(name)} or PAPER


def learned_curves(experiment: str) -> dict[str, Any]:
    """The accuracy through a learned inverse, beside both baselines."""
    return curves(experiment, "tp-learned", "accuracy", "steps")


learned_explorer = Explorer(
    title="Through a learned inverse",
    description=f"Held-out accuracy {WHAT}target propagation through a learned inverse, where it was run.",
    controls=[Choice("experiment", "Experiment", LEARNED)],
    compute=learned_curves,
    draw=curves_figure,
)


# Who leads


@cache
def leads(rule: str, rival: str) -> dict[str, tuple[Lead, str]]:
    """For each experiment that has both: how the rule compares with the rival, by mean accuracy along training."""
    found = {name: _recorded(name) for name in PAPER}
    return {name: contest(own[rule], own[rival]) for name, own in found.items() if {rule, rival} <= set(own)}


def where(rule: str, rival: str, word: str) -> str:
    """The experiments in which the rule is ahead of its rival, or behind it."""
    return "; ".join(PAPER[name] for name, (_, own) in leads(rule, rival).items() if own == word)


def verdict() -> str:
    """The chapter's answer: against the paper's baseline, against the same two steps, and the local rule."""
    if not leads("tp-time", "bp-paper"):
        return "The paper's settings were not run here: `tpcore run temporal-order-60` and its like record them."
    first, fair = leads("tp-time", "bp-paper"), leads("tp-time", "bp")
    ahead = [name for name, (_, word) in first.items() if word == AHEAD]
    size, left = (np.median([found[name][0].difference.value for name in ahead]) for found in (first, fair))
    step = held(
        "Better than the paper's baseline, and almost all of that lead is the step size.",
        2 * len(ahead) > len(first) and abs(left) < 0.1 * size,
    )
    over = tally(word for _, word in first.values())
    beside, local = (
        tally([word for _, word in leads(rule, "bp").values()], where(rule, "bp", AHEAD), where(rule, "bp", BEHIND))
        for rule in ("tp-time", "tp-local")
    )
    return (
        f"{step} Target propagation through time, which is what the paper's code computes, is {over}, against that "
        f"baseline. Where it is ahead, it leads by {size:.2f} of mean accuracy in the median, and by {number(left)} "
        "over back-propagation with the same two step sizes.\n\n"
        f"Beside back-propagation with these steps it is {beside}. The local rule, which the paper derives, is {local}."
    )


def grid_answer() -> str:
    """How many points of the recorded grid each rule solves on both seeds."""
    solved = {name: all(solved_at(record) is not None for record in records) for name, records in _grid().items()}
    counts = []
    for rule in ("bp", *GRID_RULES):
        points = [solved[name] for name in solved if name.startswith(f"{rule}-")]
        counts.append(f"{METHODS[rule][0]} at {share_of(sum(points), len(points))}")
    return f"Both seeds solve the task under {'; under '.join(counts)}." if solved else "The grid was not run here."


# The recorded grid of r, γ_h and γ_θ

GRID_RULES = ("tp-local", "tp-time", "calibrated-local")


def grid_runs(rule: str, r: float, gamma_h: float, gamma_theta: float) -> dict[str, Any]:
    """The recorded runs at a point of the grid, beside back-propagation with the same two step sizes."""
    names = {
        rule: f"{rule}-r{r:g}-gamma_h{gamma_h:g}-gamma_theta{gamma_theta:g}",
        "bp": f"bp-gamma_h{gamma_h:g}-gamma_theta{gamma_theta:g}",
    }
    found = _grid()
    return {"curves": {method: curve(found[name]) for method, name in names.items() if name in found}}


@cache
def _grid() -> dict[str, Any]:
    return recorded("grid-order-60")


def grid_figure(result: dict[str, Any]) -> go.Figure:
    """Accuracy of the chosen rule beside back-propagation's."""
    fig = figure("training step", "held-out accuracy", x_range=(0, GRID_ORDER_60.steps), y_range=(0, 1.03), height=400)
    fig.add_hline(y=0.25)
    for method, found in result["curves"].items():
        add_curve(fig, found, method)
    if not result["curves"]:
        say_not_run(fig, "tpcore run grid-order-60")
    return fig


grid_explorer = Explorer(
    title="Temporal order, τ = 60: the recorded grid",
    description="Held-out accuracy of the chosen rule at a point of a grid over the regularization r and the two step "
    "sizes, beside back-propagation with the same step sizes; two seeds each. The dotted line is chance; a cross marks "
    "a run that diverged.",
    controls=[
        Choice("rule", "Rule", {name: METHODS[name][0] for name in GRID_RULES}),
        Stops("r", "Regularization r", (1.0, 10.0, 100.0), value=10.0),
        Stops("gamma_h", "Target step γ<sub>h</sub>", (0.001, 0.01, 0.1), value=0.01),
        Stops("gamma_theta", "Parameter step γ<sub>θ</sub>", (0.01, 0.1, 1.0), value=0.1),
    ],
    compute=grid_runs,
    draw=grid_figure,
)
