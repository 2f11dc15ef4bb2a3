"""The grids that lean on another experiment's outcome."""

import pytest

from tpcore.experiments import experiment_named, recorded


@pytest.mark.parametrize(("optimizer", "length"), [("clip", 60), ("clip", 120), ("adam-clip", 120)])
def test_the_steps_are_those_with_which_back_propagation_won(optimizer, length):
    (first, *_) = recorded(f"equal-effort-order-{length}", "tuned")[f"bp-{optimizer}"]
    won = first.configuration["optimizer"]
    grid = f"{optimizer}-order-{length}"
    for run in experiment_named(grid).runs(grid):
        assert run.setup.configuration()["optimizer"] == won
        assert run.setup.steps == first.configuration["steps"]
