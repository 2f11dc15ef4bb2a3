"""What the sentences beside the explorers on cost claim, at the start and over the range they name."""

import itertools

import numpy as np
import pytest

from tpcore.chapters import speed
from tpcore.chapters.complexity_regimes import costs, regime_map, scaling, tables
from tpcore.chapters.exercises import complexity_regimes as exercise
from tpcore.complexity import CONTENDERS, crossover_hidden
from tpcore.experiments.verdicts import AHEAD, BEHIND, LEVEL

# How fast is it?


@pytest.mark.parametrize("place", [place for place in speed.places() if place != "gpu"])
@pytest.mark.parametrize("cell", ["RNN", "GRU"])
def test_orange_and_green_lie_close_together(cell, place):
    """ "Orange and green lie close together in every line." """
    found = speed.ratios(cell, place)
    orange, green = (np.array(found[name])[:, 1] for name in ("BP", "TP calibrated"))
    assert np.abs(green / orange - 1).max() < 0.25
    assert green.max() < 1, "on a CPU every step takes less time than torch's"


@pytest.mark.parametrize("place", [place for place in speed.places() if place != "gpu"])
def test_blue_lies_far_to_the_left_on_long_sequences(place):
    """ "The RNN's blue dots at τ = 784 lie far to the left of both." """
    found = speed.ratios("RNN", place)
    long = [", 784, " in label for label in found["labels"]]
    blue, green, orange = (np.array(found[name])[long, 1] for name in ("TP", "TP calibrated", "BP"))
    assert (blue < 0.75 * np.minimum(green, orange)).all()


def test_the_answer_on_speed_is_computed():
    said = speed.answer().data
    rows = [row for row in speed.bench_record()["steps"] if row["cell"] == "RNN"]
    over = np.median([speed.ratio(row, "TP calibrated", "BP") for row in rows])
    assert f"takes {over:.2f} of back-propagation's" in said and abs(over - 1) < 0.1, "targets cost what gradients cost"
    assert np.median([speed.ratio(row, "BP") for row in rows]) < 1, "faster than torch's"
    graphs = [speed.ratio(row, "TP calibrated") for row in speed.gpu_record()["captured"]]
    assert all(f"{value:.2f} at" in said for value in graphs)


# Complexity regimes


def test_a_step_of_target_propagation_is_never_cheaper_by_the_count():
    """ "At the start its bar ends just above the dotted line, and at no position below it." """
    explorer = costs.operations_explorer
    place = CONTENDERS.index("TP")
    for position in itertools.product(*(control.positions for control in explorer.controls)):
        assert costs.operations(*position)["parts"].sum(1)[place] > 1
    assert explorer.compute(**explorer.defaults)["parts"].sum(1)[place] < 1.1


def test_the_prediction_of_the_operations():
    """ "More than twenty times as many." """
    explorer, reveal = costs.operations_explorer, exercise.prediction.reveal
    found = explorer.compute(**explorer.defaults | reveal)["parts"].sum(1)[CONTENDERS.index("TP")]
    assert found > 20


def test_the_two_red_points():
    """ "Of the two red points one lies above the line; the other is the longest sequence." """
    found = costs.crossing_explorer.compute(**costs.crossing_explorer.defaults)
    red = [i for i, ratio in enumerate(found["ratio"]) if ratio >= 1.5]
    above = [found["hidden"][i] > crossover_hidden(found["steps"][i]) for i in red]
    assert sorted(above) == [False, True]
    row = costs.grid_record()["times"][red[above.index(False)]]
    assert row["length"] == max(row["length"] for row in costs.grid_record()["times"])


def test_most_points_took_longer_than_estimated_and_small_sizes_by_most():
    """ "Most points lie above the line, the small sizes farthest." """
    found = costs.estimates("all")["contenders"]
    pairs = [pair for c in found.values() for pair in zip(c["estimated"], c["measured"], strict=True)]
    off = np.array([measured / estimated for estimated, measured in sorted(pairs)])
    assert np.mean(off > 1) > 0.6
    third = len(off) // 3
    assert np.median(off[:third]) > 2 * np.median(off[-third:])


def test_no_slope_in_d_is_above_the_counted_one():
    """ "In d no contender's slope lies more than 0.05 above its counted one." """
    for found in scaling.along("hidden", "time")["contenders"].values():
        assert found["slope"] < found["counted_slope"] + 0.05


def test_the_map_starts_where_the_calibrated_rule_is_ahead():
    """ "At the start the calibrated rule is ahead, per step and by time"; in most cells as fast or faster."""
    start = regime_map.regime_explorer.defaults
    for criterion in regime_map.CRITERIA:
        cell = regime_map.contest(start["length"], start["width"], start["rule"], criterion)
        assert cell["word"] == AHEAD
    words = tables.words_on_the_map("calibrated-local", "steps")
    assert sum(word in (AHEAD, LEVEL) for word in words) > len(words) / 2 and BEHIND not in words
    assert AHEAD not in tables.words_on_the_map("tp-local", "steps")


def test_the_answer_on_cost_is_computed():
    said = tables.answer().data
    assert "1.06 times back-propagation" in said and "1.006 in the limit" in said
    steps = tables.words_on_the_map("calibrated-local", "steps")
    ahead = f"the calibrated rule is ahead in {steps.count(AHEAD)} of {len(steps)} cells and behind in none"
    assert f"{ahead} by the number of steps" in said
