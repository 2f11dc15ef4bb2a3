"""The grid's figures show what records hold, and say what was not run."""

import numpy as np
import pytest

from tests.explorers.written import write
from tpcore.chapters.one_slider import slider_runs as chapter
from tpcore.experiments import experiment_named

NAME = "slider-order-60"


@pytest.fixture
def grid(monkeypatch, tmp_path):
    """Calibrated inversion at r = 1 and 10, γ_h = 0.003, and back-propagation there; nothing else."""
    monkeypatch.setenv("TPCORE_RESULTS", str(tmp_path))
    experiment = experiment_named(NAME)
    steps = {
        "calibrated-local-r1-gamma_h0.003": (500, 700, 600),
        "calibrated-local-r10-gamma_h0.003": (400, None, 900),
        "bp-gamma_h0.003": (1000, 1200, 3000),
    }
    for method, found in steps.items():
        for run, step in zip(experiment.runs(NAME, [method]), found, strict=True):
            write(run, step, tmp_path)
    chapter.grid_records.cache_clear()
    yield
    chapter.grid_records.cache_clear()


def test_places_are_all_there():
    assert chapter.ALL_R == (0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0) and chapter.ALL_GAMMA_H == (0.003, 0.01, 0.03)
    for name in chapter.NAMES:
        wanted = {(r, chapter.COMMON) for r in (*chapter.ALL_R, None)}
        assert wanted <= set(chapter.places(name))


def test_a_place_shows_its_own_runs_beside_back_propagation_s(grid):
    result = chapter.grid_curves(NAME, 0.003, 1.0)
    curves = result["curves"]
    for method, median in (("calibrated-local", 600), ("bp", 1200)):
        steps = np.asarray(curves[method]["steps"])
        np.testing.assert_array_equal(curves[method]["median"], np.where(steps >= median, 1.0, 0.25))
    names = [trace.name for trace in chapter.grid_figure(result).data]
    assert {label for label, _, _ in chapter.STYLES.values()} <= set(names)


def test_what_was_not_run_is_said(grid):
    result = chapter.grid_curves(NAME, 0.003, 3.0)
    assert set(result["curves"]) == {"bp"}
    assert any("not run" in (note.text or "") for note in chapter.grid_figure(result).layout.annotations)
    nothing = chapter.slider_figure(chapter.along_slider("slider-order-120", 0.003))
    assert any("not run" in (note.text or "") for note in nothing.layout.annotations)


def test_along_the_slider(grid):
    result = chapter.along_slider(NAME, 0.003)
    run = {r: steps for r, steps in zip(chapter.ALL_R, result["r"], strict=True) if steps is not None}
    assert set(run) == {1.0, 10.0}
    np.testing.assert_array_equal(run[1.0], [500, 700, 600])
    np.testing.assert_array_equal(run[10.0], [400, np.nan, 900])
    np.testing.assert_array_equal(result["backprop"], [1000, 1200, 3000])
    traces = {trace.name: trace for trace in chapter.slider_figure(result).data}
    assert traces["seeds that solve it"].text == ("–", "–", "3/3", "–", "2/3", "–", "–")
    np.testing.assert_array_equal(np.isfinite(traces["median, if all solve it"].y), np.array(chapter.ALL_R) == 1.0)
    assert traces["not solved"].x == (10.0,) and len(traces["a seed"].x) == 5
    assert traces["back-propagation, 3/3"].y.tolist() == [1200, 1200]


def test_the_answer_counts_runs(grid):
    assert chapter.answer().startswith("The runs along the slider are not here"), "below the middle nothing was run"
    (row,) = [row for row in chapter.along_rows() if row[:2] == ["τ = 60", "0.003"]]
    assert row[2:] == ["not run", "not run", "3/3, 600", "not run", "2/3, 650", "not run", "not run", "3/3, 1200"]
    assert chapter.solved(lambda r: r == 10) == (2, 3) and chapter.solved(lambda r: r is None) == (3, 3)
