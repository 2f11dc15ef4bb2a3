"""The grids that lean on another experiment's outcome."""

import pytest

from tpcore.experiments import experiment_named, recorded


@pytest.mark.parametrize("length", [60, 120])
def test_the_clipped_steps_are_those_with_which_back_propagation_won(length):
    (first, *_) = recorded(f"equal-effort-order-{length}", "tuned")["bp-clip"]
    won = first.configuration["optimizer"]
    grid = f"clip-order-{length}"
    for run in experiment_named(grid).runs(grid):
        assert run.setup.configuration()["optimizer"] == won
        assert run.setup.steps == first.configuration["steps"]
