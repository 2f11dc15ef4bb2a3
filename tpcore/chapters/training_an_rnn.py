"""The explorers of the chapter *Training an RNN with targets*."""

from __future__ import annotations

from functools import cache
from typing import Any, cast

import numpy as np
import plotly.graph_objects as go
import torch

from tpcore.explorers import Choice, Explorer, LogSlider, Slider
from tpcore.explorers.figures import NEUTRAL, PALETTE, band, figure
from tpcore.nn import SequenceClassifier
from tpcore.rules import Accumulate, BackProp, Rule, TargetProp
from tpcore.tasks import TemporalOrder
from tpcore.training import train, train_classifier, two_step_sizes

# A size at which a network trains in a fraction of a second
TASK = TemporalOrder(20)
HIDDEN, STEPS, LOG_EVERY, TEST_SIZE = 32, 120, 12, 200
SEEDS = (0, 1, 2)
CHANCE = 1 / TASK.output_size
LOGGED = np.arange(0, STEPS + 1, LOG_EVERY)

TARGETS = ("local", "through_time")
METHODS = {"local": "TP, local", "through_time": "TP, through time", "backprop": "Back-propagation"}
CALIBRATIONS = {"calibrated": "Calibrated, s = r", "paper": "Paper's, s = 0"}
COLORS = {  # by method and inversion; back-propagation is orange
    ("local", "paper"): PALETTE["blue"],
    ("through_time", "paper"): PALETTE["purple"],
    ("local", "calibrated"): PALETTE["green"],
    ("through_time", "calibrated"): PALETTE["olive"],
}


@cache
def trained_seeds(rule: Rule, gamma_h: float, gamma_theta: float) -> dict[str, Any]:
    """One run a seed.

    Returns
    -------
    dict
        ``accuracy`` (seeds, logged steps): held-out accuracy, that of chance from a divergence on.
        ``diverged``: the step at which each seed diverged, or None.
    """
    runs = [
        train_classifier(
            TASK, rule, hidden_size=HIDDEN, gamma_theta=gamma_theta, gamma_h=gamma_h, seed=seed,
            steps=STEPS, log_every=LOG_EVERY, test_size=TEST_SIZE, progress=False,
        )
        for seed in SEEDS
    ]  # fmt: skip
    accuracy = np.full((len(SEEDS), len(LOGGED)), CHANCE)
    for row, run in zip(accuracy, runs, strict=True):
        row[: len(run.rows)] = run.column("accuracy")
    return {"accuracy": accuracy, "diverged": [run.diverged_at for run in runs]}


def trained(method: str, calibration: str, r: float, gamma_h: float, gamma_theta: float) -> dict[str, Any]:
    """The runs of the chosen method, beside those of back-propagation at the same two step sizes."""
    rule: Rule = BackProp()
    if method != "backprop":
        s, calibrated = (r, True) if calibration == "calibrated" else (0.0, False)
        rule = TargetProp(r, s, calibrated, accumulate=cast(Accumulate, method), step=gamma_h)
    return {
        "method": method,
        "calibration": calibration,
        "chosen": trained_seeds(rule, gamma_h, gamma_theta),
        "backprop": trained_seeds(BackProp(), gamma_h, gamma_theta),
    }


def accuracy_axes(height: int = 400) -> go.Figure:
    """Accuracy against training steps, with the level of chance."""
    fig = figure("training step", "held-out accuracy", x_range=(0, STEPS), y_range=(0, 1.03), height=height)
    fig.add_hline(y=CHANCE)
    return fig


def add_seeds(fig: go.Figure, runs: dict[str, Any], name: str, color: str, **line: Any) -> None:
    """The median over the seeds, in a band from the worst to the best, and a cross where a seed diverged."""
    accuracy = runs["accuracy"]
    for trace in band(LOGGED, accuracy.min(0), accuracy.max(0), color, name):
        fig.add_trace(trace)
    fig.add_scatter(x=LOGGED, y=np.median(accuracy, 0), name=name, mode="lines", line={"color": color, **line})
    steps = [step for step in runs["diverged"] if step is not None]
    cross = {"symbol": "x", "size": 11, "color": color}
    fig.add_scatter(
        x=steps, y=[CHANCE] * len(steps), mode="markers", marker=cross, showlegend=bool(steps),
        name=f"diverged, {len(steps)} of {len(SEEDS)} seeds",
    )  # fmt: skip


def training_figure(result: dict[str, Any]) -> go.Figure:
    """The curves of `trained`."""
    fig = accuracy_axes()
    add_seeds(fig, result["backprop"], "back-propagation", PALETTE["orange"], dash="dash")
    if result["method"] != "backprop":
        kind = (result["method"], result["calibration"])
        add_seeds(
            fig,
            result["chosen"],
            f"{METHODS[kind[0]]}, {'calibrated' if kind[1] == 'calibrated' else 'paper’s'}",
            COLORS[kind],
        )
    return fig


training_explorer = Explorer(
    title="Train at this setting",
    description="Held-out accuracy against training steps: the median of three seeds in a band from the worst to the "
    "best, beside back-propagation at the same two step sizes. The dotted line is chance; a cross marks a run that "
    "diverged.",
    controls=[
        Choice("method", "Rule", METHODS, value="local"),
        Choice("calibration", "Inversion", CALIBRATIONS, value="calibrated", active_when={"method": TARGETS}),
        LogSlider("r", "Regularization r", 1e-1, 1e1, points=5, value=10**0.5, active_when={"method": TARGETS}),
        LogSlider("gamma_h", "Target step γ<sub>h</sub>", 1e-2, 1e-1, points=3, value=10**-1.5),
        LogSlider("gamma_theta", "Parameter step γ<sub>θ</sub>", 1e-1, 1e0, points=3, value=10**-0.5),
    ],
    compute=trained,
    draw=training_figure,
)


# One trained network reads a sequence

EXAMPLES = 20
PAIRS = [f"{first}, then {second}" for first in (0, 1) for second in (0, 1)]
DISTRACTORS = "abcd"


@cache
def trained_network() -> SequenceClassifier:
    """A network trained by calibrated target propagation, r = s = 1, from the first seed."""
    rule = TargetProp(1.0, 1.0, calibrated=True, step=0.1)
    weights = torch.Generator().manual_seed(SEEDS[0])
    with torch.random.fork_rng(devices=[]):
        model = SequenceClassifier(TASK.input_size, HIDDEN, TASK.output_size, rule=rule, generator=weights)
    optimizer = two_step_sizes(model, 0.3, 0.1)
    train(model, TASK, optimizer, steps=STEPS, seed=SEEDS[0], test_size=TEST_SIZE, progress=False)
    return model


def answers(example: int) -> dict[str, Any]:
    """What the network would answer after each symbol of a held-out sequence."""
    model = trained_network()
    inputs, targets = TASK.batch(EXAMPLES, torch.Generator().manual_seed(1000))
    with torch.no_grad():
        states, _ = model.recurrent(inputs[example : example + 1])
        probabilities = torch.softmax(model.output(states[0]), 1).numpy()
    right = int(targets[example])
    before = probabilities[:-1].copy()
    before[:, right] = 0
    said = f"Before the end it gives a wrong answer up to {before.max():.0%}; at the last symbol "
    said += f"it answers {PAIRS[probabilities[-1].argmax()]}, to {probabilities[-1].max():.0%}; "
    return {
        "symbols": inputs[example].argmax(1).numpy(),
        "class": right,
        "probabilities": probabilities,
        "sentence": f"{said}the truth is {PAIRS[right]}.",
    }


def answers_figure(result: dict[str, Any]) -> go.Figure:
    """The symbols as a strip, and below it the four probabilities after each of them; the true answer is in bold."""
    symbols, right = result["symbols"], result["class"]
    position = np.arange(1, len(symbols) + 1)
    fig = figure(
        "position in the sequence (the darker, the likelier)",
        x_range=(0.4, len(symbols) + 0.6),
        y_range=(3.6, -1.8),
        height=300,
    )
    short = [pair.replace(", then ", "→") for pair in PAIRS]
    names = [f"<b>{pair} ✓</b>" if i == right else pair for i, pair in enumerate(short)]
    fig.update_yaxes(tickvals=[-1.1, 0, 1, 2, 3], ticktext=["symbol", *names], showgrid=False, automargin=True)
    fig.update_xaxes(showgrid=False)
    shades = [[0, "rgba(47,127,200,0.06)"], [1, PALETTE["blue"]]]
    fig.add_heatmap(
        x=position, y=[0, 1, 2, 3], z=result["probabilities"].T, zmin=0, zmax=1, colorscale=shades, xgap=2, ygap=2,
        showscale=False,
        hovertemplate="after symbol %{x}: probability %{z:.2f}<extra></extra>",
    )  # fmt: skip
    for marked, color, text in (
        (symbols >= 2, NEUTRAL, [DISTRACTORS[symbol - 2] for symbol in symbols[symbols >= 2]]),
        (symbols < 2, PALETTE["orange"], [f"<b>{symbol}</b>" for symbol in symbols[symbols < 2]]),
    ):
        fig.add_scatter(
            x=position[marked], y=np.full(int(marked.sum()), -1.1), mode="text", text=text, showlegend=False,
            textposition="middle center", textfont={"color": color, "size": 12}, hoverinfo="skip",
        )  # fmt: skip
    return fig


answers_explorer = Explorer(
    title="What the network would answer so far",
    description="A strip of the symbols of a sequence, the two markers in orange, above a heat map of the probability "
    "that a trained network gives to each of the four answers after each symbol. Before the end it is often sure and "
    "wrong; at the last symbol it is right.",
    controls=[Slider("example", "Example", 0, EXAMPLES - 1, points=EXAMPLES, value=15)],
    compute=answers,
    draw=answers_figure,
)
