"""The tests side by side: who is ahead by hand-written records, at the best steps and at equal ones."""

import numpy as np
import pytest

from tests.explorers.written import write
from tpcore.chapters.draw_by_draw import side_by_side as chapter
from tpcore.experiments import experiment_named
from tpcore.experiments.verdicts import AHEAD, BEHIND

TEST = "length-order-120"
EARLY, MIDDLE, LATE, NEVER = 1000, 3000, 6000, None
# For each of the four lengths the step at which all seeds solve the task: the best are EARLY against MIDDLE.
SOLVED = {"bp": (NEVER, MIDDLE, LATE, MIDDLE), "calibrated-local": (NEVER, EARLY, EARLY, LATE)}


def runs(rule):
    """The runs of a rule, a list a step."""
    names = [name for name in experiment_named(TEST).methods if name.startswith(rule)]
    return [[run for run in experiment_named(TEST).runs(TEST) if run.method == name] for name in names]


@pytest.fixture
def records(monkeypatch, tmp_path):
    """All runs of one test; of the other two none."""
    monkeypatch.setenv("TPCORE_RESULTS", str(tmp_path))
    for rule, steps in SOLVED.items():
        for own, step in zip(runs(rule), steps, strict=True):
            for run in own:
                # of back-propagation's directions one in five is shorter than the limit of 0.01; TP's carry γ_h
                norm = 0.005 if rule == "bp" and run.seed == 4 else 1.0
                norm *= run.setup.optimizer.gamma_h if rule != "bp" else 1.0
                write(run, step, tmp_path, measured={"direction_norm": norm})
    chapter.runs_by_step.cache_clear()
    yield
    chapter.runs_by_step.cache_clear()


def test_each_test_has_equal_steps_on_both_sides():
    for test in chapter.TESTS:
        steps = chapter.runs_by_step(test)
        assert list(steps["bp"]) == list(steps["calibrated-local"]) and len(steps["bp"]) == 4
        assert len(experiment_named(test).seeds) == 5 and len(experiment_named(test).methods) == 8


def test_the_steps_are_how_far_the_recurrent_part_moves(records):
    steps = chapter.side_by_side(TEST)["steps"]
    np.testing.assert_allclose(steps, [0.2 * gamma_h * 0.01 for gamma_h in (0.3, 1.0, 3.0, 10.0)])
    np.testing.assert_allclose(chapter.side_by_side("adam-order-120")["steps"], [2e-5, 6e-5, 2e-4, 6e-4])


def test_who_is_ahead_at_its_best_and_at_equal_steps(records):
    row = dict(zip(chapter.VERDICTS_HEAD, chapter.verdicts()[list(chapter.TESTS).index(TEST)], strict=True))
    # all five seeds alike: 1,000 steps against 3,000, of 10,000, between a quarter and one
    by_area = 0.75 * 2000 / 10_000
    assert (
        row["calibrated, each at its best step"]
        == f"ahead by {by_area:.2f} [{by_area:.2f}, {by_area:.2f}], 5 of 5 pairs"
    )
    assert row["p (corrected)"] == "0.062 (0.062)", "one test was run"
    # nothing at the first length, the calibrated rule at two, back-propagation at the last
    assert row["calibrated at equal steps"] == "neither learns at 1; ahead at 2; behind at 1"
    low, _, high = row["BP"].split("\N{NO-BREAK SPACE}")
    by_hand = np.where(np.arange(0, 10_001, 250) >= MIDDLE, 1.0, 0.25).mean()
    assert float(low) == float(high) == pytest.approx(by_hand, abs=0.02)


def test_the_answer_is_given_when_all_three_were_run(records, monkeypatch):
    assert chapter.answer().startswith("The tests were not run here")
    (found,) = chapter.contests().values()
    ahead, behind = (found[0], AHEAD), (found[0], BEHIND)
    given = dict(zip(chapter.TESTS, (ahead, behind, behind), strict=True))
    monkeypatch.setattr(chapter, "contests", lambda: given)
    assert "not their direction" in chapter.answer() and "none of 3 tests have a winner" in chapter.answer()
    monkeypatch.setattr(chapter, "contests", lambda: given | {"length-order-120": ahead})
    with pytest.raises(ValueError, match="not their direction"):
        chapter.answer()


def test_what_was_not_run_is_said(records):
    rows = chapter.verdicts()
    assert [row[1] for row in rows].count("not run") == 2
    fig = chapter.side_by_side_figure(chapter.side_by_side("adam-order-120"))
    assert any("tpcore run adam-order-120" in note.text for note in fig.layout.annotations)
    assert {row[2] for row in chapter.seeds("adam-order-120")} == {"not run"}


def test_every_seed_is_a_dot(records):
    result = chapter.side_by_side(TEST)
    fig = chapter.side_by_side_figure(result)
    dots = [trace for trace in fig.data if trace.mode == "markers"]
    assert [len(trace.x) for trace in dots] == [20, 20]
    for trace, line, rule in zip(dots, (fig.data[0], fig.data[2]), chapter.RULES, strict=True):
        np.testing.assert_allclose(trace.y, np.concatenate(result[rule]))
        np.testing.assert_allclose(line.y, [own.mean() for own in result[rule]])


def test_a_row_for_each_rule_and_step(records):
    rows = chapter.seeds(TEST)
    assert [row[3] for row in rows] == ["0 of 5", *["5 of 5"] * 3] * 2
    assert [row[0] for row in rows] == ["BP"] * 4 + ["calibrated, local"] * 4


def test_how_many_directions_are_longer_than_the_one_length(records, monkeypatch, tmp_path):
    assert chapter.longer_than_the_limit() == "90.00%"
    monkeypatch.setenv("TPCORE_RESULTS", str(tmp_path / "empty"))
    chapter.runs_by_step.cache_clear()
    assert chapter.longer_than_the_limit() == "not run"
