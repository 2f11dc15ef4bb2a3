"""The grids that lean on another experiment's outcome."""

import pytest

from tpcore.chapters.draw_by_draw.side_by_side import side_by_side
from tpcore.experiments import experiment_named, recorded, searched
from tpcore.experiments.search import score


@pytest.mark.parametrize("length", [60, 120])
def test_the_clipped_steps_are_those_with_which_back_propagation_won(length):
    (first, *_) = recorded(f"equal-effort-order-{length}", "tuned")["bp-clip"]
    won = first.configuration["optimizer"]
    grid = f"clip-order-{length}"
    for run in experiment_named(grid).runs(grid):
        assert won.items() <= run.setup.configuration()["optimizer"].items()
        assert run.setup.steps == first.configuration["steps"]


@pytest.mark.parametrize(("test", "method"), [("step", "bp"), ("length", "bp-clip"), ("adam", "bp-adam")])
def test_the_steps_lie_around_that_of_back_propagation_s_best_trial(test, method):
    best = max(searched("equal-effort-order-120")[method], key=score).configuration["optimizer"]
    steps = side_by_side(f"{test}-order-120")["steps"]
    assert steps[0] < best["gamma_theta"] * best["gamma_h"] * (best["clip"] or 1.0) < steps[-1]
