"""Grids: many settings of one rule, each run as it stands, for the book's maps and sliders.

A method's name is that of its rule, then its values: "tp-time-r1-gamma_theta0.1".
"""

from __future__ import annotations

from dataclasses import replace

from tpcore.experiments.experiment import Experiment
from tpcore.experiments.fair import CALIBRATED, FAIR, RULES
from tpcore.experiments.method import Method, Optimizer
from tpcore.experiments.paper import PIXEL_MNIST, TEMPORAL_ORDER_60, TEMPORAL_ORDER_120
from tpcore.rules import TargetProp


def grid(rules: tuple[str, ...], base: Method, **values: tuple[float, ...]) -> dict[str, Method]:
    """The rules of `fair.RULES` at all values of some of r, gamma_theta and gamma_h, else as `base`."""
    points: list[dict[str, float]] = [{}]
    for name, along in values.items():
        points = [{**point, name: value} for point in points for value in along]
    given = {"gamma_theta": base.optimizer.gamma_theta, "gamma_h": base.optimizer.gamma_h}
    given |= {"r": base.rule.r} if isinstance(base.rule, TargetProp) else {}
    return {
        "-".join([rule, *(f"{name}{value:g}" for name, value in point.items())]): Method(
            RULES[rule], base.optimizer
        ).tuned(**{**given, **point})
        for rule in rules
        for point in points
    }


BOTH = ("tp-local", "tp-time")


def decades(low: int, high: int) -> tuple[float, ...]:
    """Powers of ten, from 10^low to 10^high."""
    return tuple(float(f"1e{exponent}") for exponent in range(low, high + 1))


MAP_ORDER_60 = replace(
    TEMPORAL_ORDER_60,
    about="r × γ_θ: temporal order, τ = 60",
    methods=grid(BOTH, TEMPORAL_ORDER_60.methods["tp-local"], r=decades(-3, 3), gamma_theta=decades(-3, 1)),
    steps=2_000,
    log_every=100,
    seeds=(0, 1),
)

STEP_SIZES = {"gamma_h": decades(-3, -1), "gamma_theta": decades(-2, 0)}
GRID_ORDER_60 = replace(
    MAP_ORDER_60,
    about="r × γ_h × γ_θ: temporal order, τ = 60",
    methods={
        **grid((*BOTH, "calibrated-local"), TEMPORAL_ORDER_60.methods["tp-local"], r=decades(0, 2), **STEP_SIZES),
        **grid(("bp",), TEMPORAL_ORDER_60.methods["bp"], **STEP_SIZES),
    },
    test_size=500,
    measures=(),
)

# As in the paper: 400 steps, r from 1e-4 to 1e3, γ_θ from 1e-4 to 10
MAP_MNIST = replace(
    PIXEL_MNIST,
    about="r × γ_θ: MNIST pixel by pixel",
    methods=grid(("tp-time",), PIXEL_MNIST.methods["tp-local"], r=decades(-4, 3), gamma_theta=decades(-4, 1)),
    steps=400,
    log_every=50,
    test_size=500,
    seeds=(0,),
)

SENSITIVITY_MNIST = replace(
    MAP_MNIST,
    about="γ_h, γ_θ or r, one at a time: MNIST pixel by pixel",
    methods={
        **grid(BOTH, PIXEL_MNIST.methods["tp-local"], gamma_h=decades(-6, -2)),
        **grid(BOTH, PIXEL_MNIST.methods["tp-local"], gamma_theta=decades(-4, 0)),
        **grid(BOTH, PIXEL_MNIST.methods["tp-local"], r=decades(-1, 3)),
    },
    seeds=(0, 1, 2),
    measures=(),
)

HALF_DECADES = (0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0)
SLIDER = Method(CALIBRATED, Optimizer(0.1, 0.01))

SLIDER_60 = replace(
    TEMPORAL_ORDER_60,
    about="calibrated inversion, r = s: temporal order, τ = 60",
    methods={
        **grid(("calibrated-local",), SLIDER, r=HALF_DECADES, gamma_h=(0.003, 0.01, 0.03)),
        **grid(("bp",), SLIDER, gamma_h=(0.003, 0.01, 0.03)),
    },
    steps=4_000,
    log_every=100,
    seeds=(0, 1, 2),
)

SLIDER_120 = replace(
    TEMPORAL_ORDER_120,
    about="calibrated inversion, r = s: temporal order, τ = 120",
    methods={
        **grid(("calibrated-local",), replace(SLIDER, optimizer=Optimizer(0.1, 0.003)), r=HALF_DECADES),
        **grid(("bp",), SLIDER, gamma_h=(0.003,)),
    },
    steps=16_000,
    log_every=400,
    seeds=(0, 1, 2),
)

# The two step sizes with which back-propagation won its own search with clipping, at both lengths (a test says so).
CLIPPED = Method(CALIBRATED, Optimizer(0.619, 0.0248, clip=1.0))


def _clipped(length: int) -> Experiment:
    about = f"calibrated inversion with BP's clipped steps: temporal order, τ = {length}"
    methods = grid(("calibrated-local",), CLIPPED, r=HALF_DECADES[2:])
    return replace(FAIR[f"equal-effort-order-{length}"], about=about, methods=methods)


def _along_gamma_h(what: str, optimizer: Optimizer, *gamma_h: float) -> Experiment:
    """Back-propagation and calibrated inversion with r = s = 3, side by side."""
    return replace(
        FAIR["equal-effort-order-120"],
        about=f"{what} along γ_h, BP and calibrated inversion, r = s = 3: temporal order, τ = 120",
        methods=grid(("bp", "calibrated-local"), Method(CALIBRATED, optimizer).tuned(r=3.0), gamma_h=gamma_h),
    )


GRIDS: dict[str, Experiment] = {
    "grid-order-60": GRID_ORDER_60,
    "map-order-60": MAP_ORDER_60,
    "map-pixel-mnist": MAP_MNIST,
    "sensitivity-pixel-mnist": SENSITIVITY_MNIST,
    "slider-order-60": SLIDER_60,
    "slider-order-120": SLIDER_120,
    "clip-order-60": _clipped(60),
    "clip-order-120": _clipped(120),
    # around the steps with which back-propagation did best in its searches with plain SGD and with Adam
    "step-order-120": _along_gamma_h("plain SGD", Optimizer(0.2), 0.0003, 0.001, 0.003, 0.01),
    "adam-order-120": _along_gamma_h("Adam", Optimizer(0.01, kind="adam"), 0.002, 0.006, 0.02, 0.06),
    # every direction is longer than the limit, so that every step is equally long
    "length-order-120": _along_gamma_h("steps of one length", Optimizer(0.2, clip=0.01), 0.3, 1.0, 3.0, 10.0),
}
