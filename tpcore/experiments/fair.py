"""Equal effort: every method tuned by the same search, with as many trials and steps, then run on fresh seeds.

They are for `tpcore sweep`; the step sizes and r that stand here are only where the search starts from.

==================  =============================================================================
"bp", "tp-…"        back-propagation and the paper's rule, as in `paper`, with plain SGD
"calibrated-local"  calibrated inversion with s = r, each layer toward its own target
"calibrated-time"   the same, through time
"…-adapted"         with an r that follows the scale of W: `AdaptedTargetProp`
"…-momentum"        with Nesterov's momentum 0.9
"…-clip"            with the recurrent part's direction clipped at norm 1
"…-adam"            with Adam
"…-adam-clip"       with both, as practitioners train recurrent networks
"…-decay"           with step sizes that fall linearly to zero
==================  =============================================================================
"""

from __future__ import annotations

from dataclasses import replace

from tpcore.experiments.adapted import AdaptedTargetProp
from tpcore.experiments.experiment import Experiment, Search
from tpcore.experiments.method import Method, Optimizer
from tpcore.rules import BackProp, Rule, TargetProp
from tpcore.tasks import Adding, Pixels, TemporalOrder

GAMMA_THETA, GAMMA_H = 0.1, 0.01
PAPER_RULE = TargetProp(1.0, step=GAMMA_H)
CALIBRATED = TargetProp(1.0, s=1.0, calibrated=True, step=GAMMA_H)
RULES: dict[str, Rule] = {
    "bp": BackProp(),
    "tp-local": PAPER_RULE,
    "tp-time": replace(PAPER_RULE, accumulate="through_time"),
    "calibrated-local": CALIBRATED,
    "calibrated-local-adapted": AdaptedTargetProp(1.0, s=1.0, calibrated=True, step=GAMMA_H),
    "calibrated-time": replace(CALIBRATED, accumulate="through_time"),
}
SGD = Optimizer(GAMMA_THETA, GAMMA_H)
OPTIMIZERS = {
    "momentum": replace(SGD, kind="nesterov"),
    "clip": replace(SGD, clip=1.0),
    "adam": replace(SGD, kind="adam"),
    "adam-clip": replace(SGD, kind="adam", clip=1.0),
    "decay": replace(SGD, decay=True),
}
# Two decades for each value, around what works in the paper and in first trials. Momentum 0.9 makes a step ten times as
# long; Adam's steps do not depend on the size of a direction. The first eight draws hardly spread γ_θ γ_h, which moves
# the recurrent part; sixteen do.
SEARCH = Search(trials=16, ranges={"gamma_theta": (1e-2, 1.0), "gamma_h": (1e-3, 1e-1), "r": (0.3, 30.0)})
ADAM_RANGES = {"gamma_theta": (3e-4, 3e-2), "gamma_h": (1e-2, 1.0)}
RANGES = {"momentum": {"gamma_theta": (1e-3, 1e-1)}, "adam": ADAM_RANGES, "adam-clip": ADAM_RANGES}


def methods(*names: str) -> dict[str, Method]:
    """Methods by their names: a rule of RULES, and after it an optimizer of OPTIMIZERS."""
    chosen = {}
    for name in names:
        rule = next(rule for rule in sorted(RULES, key=len, reverse=True) if name.startswith(rule))
        kind = name.removeprefix(rule).removeprefix("-")
        chosen[name] = Method(RULES[rule], OPTIMIZERS.get(kind, SGD), RANGES.get(kind, {}))
    return chosen


ALL = (
    "bp", "bp-momentum", "bp-clip", "bp-adam", "bp-adam-clip", "bp-decay",
    "tp-local", "tp-time", "tp-time-clip", "tp-time-adam",
    "calibrated-local", "calibrated-local-momentum", "calibrated-local-clip", "calibrated-local-adam",
    "calibrated-local-adam-clip", "calibrated-local-decay", "calibrated-time",
)  # fmt: skip

ORDER_60 = Experiment(
    "equal effort: temporal order, τ = 60",
    TemporalOrder(60),
    methods(*ALL),
    steps=6_000,
    search=SEARCH,
    measures=("directions", "profile"),
)


def _longer(length: int, steps: int) -> Experiment:
    about = f"equal effort: temporal order, τ = {length}"
    return replace(ORDER_60, about=about, task=TemporalOrder(length), steps=steps, log_every=steps // 40)


ADDING_30 = replace(ORDER_60, about="equal effort: adding, τ = 30, within 0.04", task=Adding(30), steps=8_000)

FAIR: dict[str, Experiment] = {
    "equal-effort-order-60": replace(
        ORDER_60,
        methods=methods(*ALL, "calibrated-local-adapted"),
        search=replace(SEARCH, trials=8),  # most methods solve it
        seeds=tuple(range(10)),
    ),
    "equal-effort-order-120": _longer(120, 10_000),
    "equal-effort-order-200": _longer(200, 12_000),
    "equal-effort-order-300": _longer(300, 12_000),
    "equal-effort-order-500": _longer(500, 12_000),
    "equal-effort-adding-30": ADDING_30,
    "equal-effort-adding-100": replace(
        ADDING_30, about="equal effort: adding, τ = 100, within 0.04", task=Adding(100), steps=12_000
    ),
    "equal-effort-digits": replace(
        ORDER_60,
        about="equal effort: scikit-learn's digits pixel by pixel, τ = 64",
        task=Pixels("digits"),
        steps=8_000,
        batch_size=16,
    ),
}
