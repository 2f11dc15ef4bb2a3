"""Targets first, gradients after: rules that find a signal and then hand over to back-propagation, and its controls.

For `tpcore sweep`. Every method has clipped Adam, and the same draws of its step sizes, its clipping and its ε; those
that move by the loss have c₂ and hold drawn beside them. Directions enter Adam without γ_h, so that ε means the same
for all.

========================  ==========================================================================
"bp"                      back-propagation
"bp-rescaled-by-loss"     its direction, each sample's message as long as it was; handed over by loss
"isometric-by-loss"       p = 0, the isometric middle; handed over by loss
"calibrated-by-loss"      calibrated inversion, r = s from 1 to 100; by loss
"isometric"               p = 0 throughout
"isometric-by-steps"      p from 0 to 1 in so many steps, drawn
"bp-rescaled"             back-propagation rescaled throughout
"bp-unit"                 back-propagation, the direction of all recurrent parameters scaled to a norm
"bp-isometry"             back-propagation, with a penalty that keeps W near an isometry
========================  ==========================================================================

"…-late" is the task that could refute it: half of its answer is near and found by anything, so that the loss falls, and
hands over, before the far half is found.
"""

from __future__ import annotations

import math
from dataclasses import replace

from tpcore.experiments.experiment import Experiment, Search
from tpcore.experiments.method import Method, Optimizer
from tpcore.experiments.moving import End, MovedByLoss, MovedBySteps
from tpcore.experiments.spec import Network
from tpcore.rules import BackProp, GeometricTargetProp, RescaledBackProp, TargetProp
from tpcore.tasks import Adding, Pixels, Task, TemporalOrder

CLIPPED_ADAM = Optimizer(3e-3, 1 / 30, kind="adam", clip=1.0)
SEARCH = Search(
    trials=16,
    ranges={"gamma_theta": (1e-3, 3e-2), "recurrent_step": (1e-5, 1e-2), "clip": (0.1, 10.0)},
    choices={"epsilon": (1e-8, 1e-30)},
)
BY_LOSS_RANGES = {"c_2": (0.5, 0.97), "hold": (30.0, 3000.0)}
ENDS: dict[str, tuple[End, End]] = {
    "bp-rescaled": (RescaledBackProp(0.0), RescaledBackProp(1.0)),
    "isometric": (GeometricTargetProp(0.0), GeometricTargetProp(1.0)),
    "calibrated": (TargetProp(1.0, 1.0, calibrated=True), TargetProp(100.0, 100.0, calibrated=True)),
}
SEEDS = tuple(range(20, 30))


def four(loss_0: float) -> dict[str, Method]:
    """The methods of every task, given its loss at chance."""
    by_loss = {
        f"{name}-by-loss": Method(MovedByLoss(*ends, loss_0=loss_0), CLIPPED_ADAM, BY_LOSS_RANGES)
        for name, ends in ENDS.items()
    }
    return {"bp": Method(BackProp(), CLIPPED_ADAM), **by_loss}


CONTROLS = {
    "isometric": Method(GeometricTargetProp(0.0), CLIPPED_ADAM),
    "isometric-by-steps": Method(
        MovedBySteps(*ENDS["isometric"], ramp=5_000), CLIPPED_ADAM, {"ramp": (1_000.0, 14_000.0)}
    ),
    "bp-rescaled": Method(RescaledBackProp(0.0), CLIPPED_ADAM),
    "bp-unit": Method(BackProp(), replace(CLIPPED_ADAM, unit=True)),
    "bp-isometry": Method(BackProp(), replace(CLIPPED_ADAM, isometry=1e-2), {"isometry": (1e-4, 1.0)}),
}


def _contest(about: str, task: Task, loss_0: float, steps: int = 14_000) -> Experiment:
    return Experiment(f"targets first: {about}", task, four(loss_0), steps, seeds=SEEDS, measures=(), search=SEARCH)


def _order(length: int, steps: int = 14_000) -> Experiment:
    return _contest(f"temporal order, τ = {length}", TemporalOrder(length), math.log(4), steps)


ORDER_300 = _order(300)
BP_300 = replace(ORDER_300, methods={"bp": ORDER_300.methods["bp"]})

TARGETS_FIRST: dict[str, Experiment] = {
    "targets-first-order-300": replace(ORDER_300, seeds=SEEDS[:5]),  # the other five have not been run yet
    "targets-first-order-200": _order(200),
    "targets-first-controls-300": replace(
        ORDER_300, about="targets first, controls: temporal order, τ = 300", methods=CONTROLS
    ),
    "targets-first-inputs-0.3": replace(
        BP_300, about="targets first, controls: smaller input weights, ×0.3", network=Network(input_scale=0.3)
    ),
    "targets-first-inputs-0.1": replace(
        BP_300, about="targets first, controls: smaller input weights, ×0.1", network=Network(input_scale=0.1)
    ),
    "targets-first-gru-300": replace(
        BP_300, about="targets first, controls: a GRU, τ = 300", network=Network(cell="GRU")
    ),
    "targets-first-lstm-300": replace(
        BP_300, about="targets first, controls: an LSTM, τ = 300", network=Network(cell="LSTM")
    ),
    "targets-first-order-120": _order(120),
    "targets-first-adding-100": _contest("adding, τ = 100, within 0.04", Adding(100), 1 / 24),
    "targets-first-digits-256": _contest(
        "permuted digits, each pixel four times, τ = 256", Pixels("digits", permutation=0, repeats=4), math.log(10)
    ),
    "targets-first-order-500": _order(500, 20_000),
    "targets-first-late-300": _contest(
        "temporal order, second marker late, τ = 300", TemporalOrder(300, late=True), math.log(4)
    ),
}
