"""Runs that take seconds."""

from tpcore import BackProp, GeometricTargetProp, TargetProp
from tpcore.experiments import Experiment, Method, MovedByLoss, Network, Optimizer, Run, Search
from tpcore.tasks import TemporalOrder

SMALL = Experiment(
    "for the tests",
    TemporalOrder(10),
    {
        "bp": Method(BackProp(), Optimizer(0.1, 0.1, kind="nesterov")),
        "tp": Method(TargetProp(1.0, step=0.1), Optimizer(0.1, 0.1)),
    },
    steps=60,
    network=Network(8),
    log_every=20,
    test_size=50,
    seeds=(0, 1),
    measures=("directions", "profile"),
    search=Search(trials=3, ranges={"gamma_theta": (1e-2, 1.0), "gamma_h": (1e-2, 1e-1), "r": (0.5, 5.0)}),
)

DIVERGING = Method(TargetProp(1e-3, accumulate="through_time", step=0.1), Optimizer(3.0, 0.1))


MOVING = Method(
    MovedByLoss(GeometricTargetProp(0.0), GeometricTargetProp(1.0), loss_0=1.3),
    Optimizer(0.02, 0.1, kind="adam", clip=1.0, epsilon=1e-30),
)


def run(method="bp", seed=0, **changes):
    """One run of SMALL, or of what it becomes with the changes."""
    from dataclasses import replace

    experiment = replace(SMALL, **changes)
    return Run("small", "run", method, seed, experiment.setup({"by-loss": MOVING, **experiment.methods}[method]))
