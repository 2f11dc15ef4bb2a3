"""The grids that lean on another experiment's outcome."""

import pytest

from tpcore.experiments import experiment_named, recorded


@pytest.mark.parametrize("length", [60, 120])
def test_the_clipped_steps_are_those_with_which_back_propagation_won(length):
    (first, *_) = recorded(f"equal-effort-order-{length}", "tuned")["bp-clip"]
    won = first.configuration["optimizer"]
    experiment = experiment_named(f"clip-order-{length}")
    for method in experiment.methods.values():
        assert (method.optimizer.gamma_theta, method.optimizer.gamma_h) == (won["gamma_theta"], won["gamma_h"])
        assert method.optimizer.clip == won["clip"]
    assert experiment.steps == experiment_named(f"equal-effort-order-{length}").steps
