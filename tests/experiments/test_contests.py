"""Areas under accuracy curves against sums written out, and pairs by their seeds."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tpcore.experiments import compare_methods, in_the_same_time, mean_accuracy
from tpcore.experiments.regimes import CHUNKS, LENGTHS, METHODS, REGIMES, WIDTHS, cell_name
from tpcore.results import Record

TASK = {"class": "TemporalOrder", "length": 60, "bits": 1}


def record_of(accuracies, seed=0, status="finished", steps=60):
    """Rows every 20 steps, of a task in which chance is one in four."""
    record = Record("small", "tuned", "bp", seed, {"task": TASK, "steps": steps, "log_every": 20}, status=status)
    record.set_rows([{"step": 20 * i, "accuracy": accuracy} for i, accuracy in enumerate(accuracies)])
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


def test_in_the_same_time_the_slower_one_takes_fewer_steps():
    assert in_the_same_time(60, (0.01, 0.04)) == pytest.approx((60, 15))
    assert in_the_same_time(60, (0.04, 0.01)) == pytest.approx((15, 60))


def test_pairs_are_those_of_one_seed_whatever_the_order():
    first = [record_of([0.0, level, level, level], seed) for seed, level in ((2, 0.9), (0, 0.5), (1, 0.7))]
    second = [record_of([0.0, level, level, level], seed) for seed, level in ((0, 0.4), (1, 0.8), (3, 1.0))]
    found = compare_methods(first, second)
    assert (found.pairs, found.won, found.lost) == (2, 1, 1), "seeds 0 and 1 are common"
    assert found.difference.value == pytest.approx(((0.5 - 0.4) + (0.7 - 0.8)) * 5 / 6 / 2)
    until = compare_methods(first, second, until=(60, 20))
    assert until.difference.value == pytest.approx((0.5 * 5 / 6 - 0.2 + 0.7 * 5 / 6 - 0.4) / 2)
    with pytest.raises(ValueError, match=r"must have seeds in common, got \[2, 0, 1\] and \[5\]"):
        compare_methods(first, [record_of([0.0, 1.0], 5)])


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
