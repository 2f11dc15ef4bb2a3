"""The maps show what the records hold: here records whose outcome is known."""

import numpy as np
import pytest

from tpcore.chapters.regularization import maps as chapter
from tpcore.experiments import experiment_named
from tpcore.explorers import grid
from tpcore.explorers.encoding import plain
from tpcore.results import Record

LEARNS = (0.25, 0.6, 1.0)


def record_of(name, accuracies, seed=0, norm=1.0, diverged_at=None):
    """A run logged at steps 0, 100, …, whose W has `norm` in the last row."""
    configuration = {"steps": 200, "log_every": 100}
    record = Record(name, "run", "", seed, configuration, status="finished" if diverged_at is None else "diverged")
    record.diverged_at = diverged_at
    measures = ["direction_norm", "angle", "spectral_norm", *(f"norm_{k}" for k in range(5))]
    rows = [{"step": 100 * i, "accuracy": a} | dict.fromkeys(measures, 1.0) for i, a in enumerate(accuracies)]
    rows[-1] |= {"spectral_norm": norm, "norm_0": 0.0}
    record.set_rows(rows)
    return record


@pytest.fixture
def order(monkeypatch):
    """Three cells of the order map: one that learns, one with a divergence, one whose W has grown beyond use."""
    found = {
        "tp-time-r1-gamma_theta0.1": [record_of(chapter.ORDER, LEARNS, seed) for seed in (0, 1)],
        "tp-time-r0.1-gamma_theta0.1": [
            record_of(chapter.ORDER, LEARNS[:2], diverged_at=150),
            record_of(chapter.ORDER, (0.25,) * 3, 1),
        ],
        "tp-time-r0.1-gamma_theta1": [record_of(chapter.ORDER, (0.25, 0.26, 0.24), norm=1e9)] * 2,
    }
    monkeypatch.setattr(chapter, "runs", lambda name: found if name == chapter.ORDER else {})


def test_a_cell_holds_the_mean_over_all_logged_steps_and_seeds(order):
    result = chapter.order_cell("tp-time", 0.1, 0.1, "displacements")
    methods = experiment_named(chapter.ORDER).methods
    assert f"tp-time-r{result['r'][0]:g}-gamma_theta{result['gamma_theta'][-1]:g}" in methods
    i, j = result["r"].index(1.0), result["gamma_theta"].index(0.1)
    assert result["mean"][i, j] == pytest.approx((0.25 + 0.6 + 1.0) / 3)
    # After a divergence a run counts as untrained: 0.25, 0.6, 0.25 beside three times 0.25
    below = result["r"].index(0.1), j
    assert result["mean"][below] == pytest.approx((1.1 / 3 + 0.25) / 2)
    assert result["crosses"] == [(below[1], below[0])]
    assert "diverged: 1 of 2" in result["texts"][below[0]][below[1]]
    assert np.isnan(result["mean"]).sum() == result["mean"].size - 3
    assert result["texts"][0][0].endswith("not run")
    assert result["top"] == result["mean"][i, j]


def test_the_figure_frames_the_cell_and_shows_its_runs(order):
    result = chapter.order_cell("tp-time", 0.1, 0.1, "displacements")
    traces = plain(chapter.map_figure(result))["data"]
    heat = traces[0]
    assert heat["meta"] == ["r", "gamma_theta"]
    assert len(heat["z"]) == len(result["r"]) and len(heat["z"][0]) == len(result["gamma_theta"])
    row, column = result["r"].index(0.1), result["gamma_theta"].index(0.1)
    frame = next(trace for trace in traces if trace.get("line", {}).get("color") == "black")
    assert np.mean(frame["x"][:4]) == column and np.mean(frame["y"][:4]) == row
    accuracy = [trace["y"] for trace in traces if trace.get("name") == "accuracy"]
    assert accuracy == [[0.25, 0.6, 0.25], [0.25, 0.25, 0.25]]
    assert next(trace for trace in traces if trace.get("name") == "diverged")["x"] == [150]
    first = next(trace for trace in traces if trace.get("name") == "t = 0")
    assert first["y"] == [1, None, None], "no logarithm of what has vanished, and nothing after a divergence"


@pytest.mark.parametrize("below", chapter.BELOW)
def test_every_choice_below_can_be_drawn_run_or_not(order, below):
    for r, said in ((1.0, False), (0.001, True)):
        drawn = chapter.map_figure(chapter.order_cell("tp-time", r, 0.1, below))
        assert any(note.text == "not run" for note in drawn.layout.annotations) is said
        low, high = drawn.layout.yaxis3.range
        assert low < high
    empty = chapter.map_figure(chapter.mnist_cell(1.0, 0.1, below)).to_dict()["data"][0]
    assert {value for row in empty["z"] for value in row} == {None}, "JSON, and so a live figure, has no NaN in lists"


def test_the_axis_of_norms_grows_with_what_is_shown(order):
    drawn = chapter.map_figure(chapter.order_cell("tp-time", 0.1, 1.0, "norms"))
    assert drawn.layout.yaxis3.range[1] == 9


def test_the_count_by_r(order):
    assert chapter.by_r(chapter.ORDER, "tp-local") == []
    low, one = chapter.by_r(chapter.ORDER, "tp-time")
    assert (low["r"], one["r"]) == (0.1, 1.0)
    assert [low[key] for key in ("runs", "learned", "solved", "broken")] == [4, 1, 0, 3]
    assert [one[key] for key in ("runs", "learned", "solved", "broken")] == [2, 2, 2, 0]
    assert low["gamma_theta"] == 0.1 and low["best"] == pytest.approx((1.1 / 3 + 0.25) / 2)


def test_a_w_that_is_not_finite_is_broken():
    assert chapter.broken(record_of(chapter.ORDER, LEARNS, norm=float("inf")))
    assert not chapter.broken(record_of(chapter.ORDER, LEARNS, norm=chapter.BROKEN))


def test_the_controls_are_those_of_the_experiments():
    for name, rules in ((chapter.ORDER, chapter.RULES), (chapter.MNIST, ("tp-time",))):
        all_r, all_gamma = chapter.values_of(name)
        named = {f"{rule}-r{r:g}-gamma_theta{gamma:g}" for rule in rules for r in all_r for gamma in all_gamma}
        assert named == set(experiment_named(name).methods)


def test_sensitivity_has_the_seeds_spread_and_crosses(monkeypatch):
    name = chapter.SENSITIVITY
    steady = [record_of(name, (0.1, a, a), seed) for seed, a in enumerate((0.2, 0.3, 0.7))]
    stopped = [record_of(name, (0.1,), diverged_at=20), *steady[1:]]
    methods = experiment_named(name).methods
    given = {"tp-local-r1": steady, "tp-local-r10": stopped, "tp-time-gamma_h0.001": steady}
    assert set(given) <= set(methods)
    monkeypatch.setattr(chapter, "runs", lambda name: given)
    result = chapter.sensitivity("r")
    assert result["tp-local"]["values"] == [1.0, 10.0] and result["tp-time"]["values"] == []
    assert result["tp-local"]["diverged"] == [0, 1]
    np.testing.assert_allclose(result["tp-local"]["accuracy"][0], [0.5 / 3, 0.7 / 3, 1.5 / 3])
    low, high, middle, crosses = plain(chapter.sensitivity_figure(result))["data"]
    assert middle["y"] == pytest.approx([0.7 / 3, 0.7 / 3], rel=1e-3)
    assert low["y"] == pytest.approx([0.5 / 3, 0.1], rel=1e-3) and high["y"] == pytest.approx([0.5, 0.5])
    assert crosses["x"] == [10]
    assert chapter.sensitivity("gamma_h")["tp-time"]["values"] == [0.001]


def test_a_new_record_is_computed_again(tmp_path, monkeypatch):
    before = grid.code_key("tpcore.chapters.regularization.maps")
    path = tmp_path / "record.jsonl"
    path.write_text("{}")
    monkeypatch.setattr(chapter, "RECORDS", [*chapter.RECORDS, path])
    assert grid.code_key("tpcore.chapters.regularization.maps") != before
