"""Areas under accuracy curves against sums written out, and who wins against the definition."""

import math
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tpcore.experiments import in_the_same_time, mean_accuracy, seconds_per_step, winner_of
from tpcore.experiments.contests import NO_CLEAR_WINNER
from tpcore.experiments.regimes import CHUNKS, LENGTHS, METHODS, REGIMES, WIDTHS, cell_name
from tpcore.results import Record


def record_of(accuracies, pace=0.01, first=0.0, status="finished", steps=60):
    """Rows every 20 steps; `first` seconds more up to the first of them."""
    record = Record("small", "tuned", "bp", 0, {"steps": steps, "log_every": 20}, status=status)
    record.set_rows(
        [
            {"step": 20 * i, "seconds": 20 * i * pace + (first if i else 0.0), "accuracy": accuracy}
            for i, accuracy in enumerate(accuracies)
        ]
    )
    return record


@given(st.lists(st.floats(0, 1), min_size=4, max_size=4), st.floats(1e-3, 60))
def test_the_area_is_that_of_the_straight_pieces(accuracies, until):
    total = 0.0
    for i in range(3):  # the mean of each piece in the middle of what is inside
        inside = min(max(until - 20 * i, 0.0), 20.0)
        slope = (accuracies[i + 1] - accuracies[i]) / 20
        total += inside * (accuracies[i] + slope * inside / 2)
    found = mean_accuracy([record_of(accuracies)], until)
    assert found == pytest.approx([total / until], rel=1e-6, abs=1e-8)


def test_the_whole_run_is_the_default_and_a_diverged_one_counts_as_untrained():
    records = [record_of([0.1, 0.5, 0.7, 0.9]), record_of([0.1, 0.5], status="diverged")]
    expected = [(0.05 + 0.5 + 0.7 + 0.45) / 3, (0.05 + 0.5 + 0.1 + 0.05) / 3]
    assert mean_accuracy(records) == pytest.approx(expected)
    assert mean_accuracy(records, 60) == pytest.approx(expected)
    for until in (0, -1, 61, math.nan):
        with pytest.raises(ValueError, match="until must be above 0 and at most 60, the steps of these runs, got"):
            mean_accuracy(records, until)


def test_the_time_of_a_step_is_the_median_without_what_is_done_once():
    records = [record_of([0.1] * 4, pace, first=5.0) for pace in (0.01, 0.02, 0.07)]
    assert seconds_per_step(records) == pytest.approx(0.02)
    assert math.isnan(seconds_per_step([record_of([0.1, 0.2], status="diverged")]))


def test_in_the_same_time_the_slower_one_takes_fewer_steps():
    fast, slow = [record_of([0.1] * 4, 0.01, first=3.0)], [record_of([0.1] * 4, 0.04)]
    assert in_the_same_time(fast, slow) == pytest.approx((60, 15))
    assert in_the_same_time(slow, fast) == pytest.approx((15, 60))
    unknown = [record_of([0.1, 0.2], status="diverged")]
    assert in_the_same_time(unknown, slow) == (60, 60)


def test_one_wins_if_every_seed_does():
    for order in permutations([("bp", [0.3, 0.4]), ("tp", [0.41, 0.9]), ("learned", [0.0, 0.2])]):
        assert winner_of({name: np.array(seeds) for name, seeds in order}) == "tp"
    assert winner_of({"bp": np.array([0.3, 0.41]), "tp": np.array([0.41, 0.9])}) == NO_CLEAR_WINNER


@given(st.permutations(range(10)))
def test_how_often_chance_makes_a_winner(order):
    """Of all 252 ways to deal ten different areas to two methods, two separate them."""
    dealt = {"bp": np.array(order[:5]), "tp": np.array(order[5:])}
    separated = set(order[:5]) in ({0, 1, 2, 3, 4}, {5, 6, 7, 8, 9})
    assert (winner_of(dealt) != NO_CLEAR_WINNER) == separated


def test_the_map_has_every_cell_and_the_same_effort_in_each():
    assert all(chunk * length == 784 for chunk, length in zip(CHUNKS, LENGTHS, strict=True))
    assert set(REGIMES) == {cell_name(length, width) for length in LENGTHS for width in WIDTHS}
    for length in LENGTHS:
        for width in WIDTHS:
            cell = REGIMES[cell_name(length, width)]
            assert (cell.task.length, cell.network.hidden_size, tuple(cell.methods)) == (length, width, METHODS)
    efforts = {(e.search.trials, e.steps, e.batch_size, tuple(e.seeds)) for e in REGIMES.values()}
    assert len(efforts) == 1
    assert all(not method.ranges for cell in REGIMES.values() for method in cell.methods.values())
