"""The paper's experiments with its settings (Roulet & Harchaoui, TMLR 2023, and its code), each with controls.

==============  =================================================================================
"bp-paper"      back-propagation as the paper's baseline: one step size for all parameters
"bp"            back-propagation with the two step sizes that target propagation is given
"tp-local"      target propagation, each layer toward its own target: the rule that the paper states
"tp-time"       target propagation through time: what its reference code computes
"tp-difference" the difference form of the inverse, through time as that code has it
"tp-learned"    the difference form with a learned inverse (its DTP-PI), where the paper has it
==============  =================================================================================
"""

from __future__ import annotations

from dataclasses import replace

from tpcore.experiments.experiment import Experiment
from tpcore.experiments.learned import LearnedInverseSettings
from tpcore.experiments.method import Method, Optimizer
from tpcore.experiments.spec import Network
from tpcore.rules import BackProp, TargetProp
from tpcore.tasks import Adding, Characters, Pixels, TemporalOrder, Words

THREE = (0, 1, 2)


def paper_methods(gamma_theta: float, gamma_h: float, r: float, baseline: Optimizer) -> dict[str, Method]:
    """Five methods of a row of the paper's settings."""
    optimizer = Optimizer(gamma_theta, gamma_h)
    rule = TargetProp(r, step=gamma_h)
    return {
        "bp-paper": Method(BackProp(), baseline),
        "bp": Method(BackProp(), optimizer),
        "tp-local": Method(rule, optimizer),
        "tp-time": Method(replace(rule, accumulate="through_time"), optimizer),
        "tp-difference": Method(replace(rule, form="difference", accumulate="through_time"), optimizer),
    }


def learned_method(gamma_h: float, inverse_step: float, noise: float = 0.0) -> dict[str, Method]:
    """The learned inverse, for which the paper has γ_θ = 0.01 and its own other steps."""
    rule = LearnedInverseSettings(inverse_step, gamma_h, "through_time", noise)
    return {"tp-learned": Method(rule, Optimizer(0.01, gamma_h))}


# Where an entry names the paper's number of steps, it takes fewer: as many as two cores run in minutes. For more:
# `tpcore run NAME --steps N`.
ADDING_30 = Experiment(
    "adding, τ = 30, within 0.04",
    Adding(30),
    paper_methods(0.1, 0.1, 1.0, Optimizer(1e-3, kind="nesterov")) | learned_method(0.1, 1e-3),
    steps=24_000,
    measures=("directions", "profile"),
)

TEMPORAL_ORDER_60 = Experiment(
    "temporal order, τ = 60, 4 classes; the paper takes 40000 steps",
    TemporalOrder(60),
    paper_methods(0.1, 0.01, 10.0, Optimizer(1e-5, kind="nesterov")) | learned_method(0.1, 1e-3),
    steps=20_000,
    measures=("directions", "profile"),
)

TEMPORAL_ORDER_120 = replace(
    TEMPORAL_ORDER_60,
    about="temporal order, τ = 120, 4 classes",
    task=TemporalOrder(120),
    methods=paper_methods(0.01, 0.01, 1.0, Optimizer(1e-5, kind="nesterov")) | learned_method(0.1, 1e-3),
    steps=48_000,
)

PIXEL_MNIST = Experiment(
    "MNIST pixel by pixel, τ = 784; the paper takes 40000 steps",
    Pixels("mnist"),
    paper_methods(0.1, 1e-4, 1.0, Optimizer(1e-5)) | learned_method(1e-7, 1e-8, noise=0.1),
    steps=4_000,
    batch_size=16,
    log_every=200,
    test_size=1000,
    seeds=THREE,
    measures=("directions", "profile"),
)

PIXEL_MNIST_PERMUTED = replace(
    PIXEL_MNIST,
    about="MNIST pixel by pixel in a random order, τ = 784; the paper takes 40000 steps",
    task=Pixels("mnist", permutation=0),
    methods=paper_methods(0.1, 1e-4, 1.0, Optimizer(1e-4)),
)

# Not in the paper: images for a machine without any download, with the paper's settings for MNIST.
PIXEL_DIGITS = replace(
    PIXEL_MNIST,
    about="scikit-learn's digits pixel by pixel, τ = 64; no download",
    task=Pixels("digits"),
    methods=paper_methods(0.1, 1e-4, 1.0, Optimizer(1e-5)),
    steps=8_000,
    seeds=(0, 1, 2, 3, 4),
)

FASHION_MNIST_GRU = replace(
    PIXEL_MNIST,
    about="Fashion-MNIST pixel by pixel, τ = 784, with the GRU; the paper takes 8000 steps",
    task=Pixels("fashion_mnist"),
    methods=paper_methods(0.1, 0.01, 1.0, Optimizer(1e-2)),
    network=Network(cell="GRU"),
    steps=2_000,
    log_every=100,
    measures=("directions",),
)

CIFAR_10 = replace(
    PIXEL_MNIST,
    about="CIFAR-10 value by value, τ = 3,072, normalized",
    task=Pixels("cifar10", normalized=True),
    methods=paper_methods(0.01, 0.01, 10.0, Optimizer(1e-3)),
    steps=8_000,
)

PENN_TREEBANK = Experiment(
    "Penn Treebank, the next word at each step, τ = 64",
    Words("ptb", length=64),
    paper_methods(0.1, 1e-3, 1.0, Optimizer(1e-2)),
    steps=24_000,
    network=Network(256),
    batch_size=512,
    log_every=400,
    test_size=250,
    seeds=THREE,
)

# Not in the paper: text for a machine without any download, with the paper's step sizes for words.
CHARACTERS = Experiment(
    "the help on Python, the next character at each step, τ = 64; no download",
    Characters("pydoc", length=64),
    paper_methods(0.1, 1e-3, 1.0, Optimizer(1e-2)),
    steps=10_000,
    batch_size=32,
    test_size=500,
    seeds=THREE,
)

PAPER: dict[str, Experiment] = {
    "adding-30": ADDING_30,
    "characters": CHARACTERS,
    "cifar-10": CIFAR_10,
    "fashion-mnist-gru": FASHION_MNIST_GRU,
    "penn-treebank": PENN_TREEBANK,
    "pixel-digits": PIXEL_DIGITS,
    "pixel-mnist": PIXEL_MNIST,
    "pixel-mnist-permuted": PIXEL_MNIST_PERMUTED,
    "temporal-order-60": TEMPORAL_ORDER_60,
    "temporal-order-120": TEMPORAL_ORDER_120,
}
