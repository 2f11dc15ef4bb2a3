"""Draw by draw: trials are paired by their step sizes, counted by hand, and drawn where they lie."""

import numpy as np
import pytest

from tests.explorers.written import write
from tpcore.chapters.draw_by_draw import paired_draws as chapter
from tpcore.chapters.equal_effort_records import TASKS, method_of, tried
from tpcore.experiments import experiment_named
from tpcore.experiments.search import trials

NAME = "equal-effort-order-60"
LATER, NEVER = 3000, None
# Steps at which the trials of the search solve the task: better at three draws, worse at one, alike at four.
BP = (LATER, LATER, LATER, 600, NEVER, NEVER, 600, 600)
CALIBRATED = (600, 600, 600, LATER, NEVER, NEVER, 600, 600)
MEASURED = {"bp": {"direction_norm": 2.0, "angle": 0.0}, "calibrated-local": {"direction_norm": 0.5, "angle": 30.0}}


@pytest.fixture
def records(monkeypatch, tmp_path):
    """The searches of both rules with plain SGD; of calibrated Adam there is no counterpart."""
    monkeypatch.setenv("TPCORE_RESULTS", str(tmp_path))
    experiment = experiment_named(NAME)
    for method, steps in {"bp": BP, "calibrated-local": CALIBRATED, "calibrated-local-adam": BP}.items():
        for run, step in zip(trials(NAME, experiment, method), steps, strict=True):
            write(run, step, tmp_path, measured=MEASURED.get(method, {}))
    tried.cache_clear()
    yield experiment
    tried.cache_clear()


def test_a_draw_is_a_pair_that_differs_in_the_rule_alone(records):
    pairs = chapter.paired(NAME, "")
    assert len(pairs) == 8 and chapter.paired(NAME, "adam") == [] == chapter.paired("equal-effort-order-500", "")
    for one, other in pairs:
        assert (one.method, other.method, one.seed) == ("bp", "calibrated-local", other.seed)
        assert {key for key in one.configuration if one.configuration[key] != other.configuration[key]} == {"rule"}


def test_a_search_s_draws_are_shared_whatever_the_optimizer():
    """Were a method's draws others than back-propagation's, no pair would be found."""
    for name, experiment in ((name, experiment_named(name)) for name in TASKS):
        for kind in chapter.KINDS:
            sides = [[], []]
            for side, rule in zip(sides, ("bp", "calibrated-local"), strict=True):
                for run in trials(name, experiment, method_of(rule, kind)):
                    side.append((run.setup.optimizer.gamma_theta, run.setup.optimizer.gamma_h))
            assert sides[0] == sides[1] and len(set(sides[0])) == experiment.search.trials


def test_what_was_drawn_and_what_came_of_it(records):
    result = chapter.draws(NAME, "")
    runs = trials(NAME, records, "calibrated-local")
    np.testing.assert_allclose(result["r"], [run.setup.rule.r for run in runs])
    optimizers = [run.setup.optimizer for run in runs]
    # plain SGD moves the recurrent part by γ_θ γ_h times the gradient, or by γ_θ times a direction that holds γ_h
    moved = [optimizer.gamma_theta * optimizer.gamma_h * 2.0 for optimizer in optimizers]
    np.testing.assert_allclose(result["bp_length"], moved)
    np.testing.assert_allclose(result["calibrated_length"], [optimizer.gamma_theta * 0.5 for optimizer in optimizers])
    np.testing.assert_array_equal(np.sign(result["calibrated"] - result["bp"]), [1, 1, 1, -1, 0, 0, 0, 0])
    np.testing.assert_array_equal(result["angle"], 30.0)


def test_counts(records):
    ((label, tasks, *cells),) = chapter.counts(list(TASKS))
    assert (label, tasks, len(cells)) == ("plain", "1", len(chapter.GROUPS))
    r = chapter.draws(NAME, "")["r"]
    for cell, (low, high, _) in zip(cells, chapter.GROUPS.values(), strict=True):
        own = np.flatnonzero((low <= r) & (r < high))
        better, worse = np.isin(own, [0, 1, 2]).sum(), (own == 3).sum()
        assert cell.split() == [str(better), ":", str(worse), "of", str(len(own))]


def test_every_draw_is_a_dot_of_one_colour(records):
    result = chapter.draws(NAME, "")
    for fig, x in ((chapter.draws_figure(result), "bp"), (chapter.lengths_figure(result), "calibrated_length")):
        groups = [trace for trace in fig.data if trace.name in chapter.GROUPS]
        shown = [point for trace in groups for point in zip(trace.x, trace.y, strict=True)]
        assert sorted(shown) == sorted(zip(result[x], result["calibrated"], strict=True))
    line = chapter.lengths_figure(result).data[0]
    np.testing.assert_array_equal(np.isnan(line.y), [False, False, True] * 8)
    np.testing.assert_array_equal(line.x[1::3], result["calibrated_length"])


def test_what_was_not_run_is_said(records):
    for fig in (
        chapter.draws_figure(chapter.draws(NAME, "adam")),
        chapter.lengths_figure(chapter.lengths(list(TASKS)[1])),
    ):
        assert any("not run" in note.text for note in fig.layout.annotations)
