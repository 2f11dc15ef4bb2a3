"""The chapter's verdict and tables against records written by hand, and its means and table against plain formulas."""

import itertools
from dataclasses import replace

import numpy as np
import pytest

from tests.explorers.written import write
from tpcore.chapters import targets_first as chapter
from tpcore.experiments import experiment_named
from tpcore.experiments.registry import EXPERIMENTS
from tpcore.experiments.search import trials, winner
from tpcore.experiments.spec import Run
from tpcore.experiments.verdicts import AHEAD, LEVEL, UNCLEAR

SOLVED = {"bp": 1, "bp-rescaled-by-loss": 0, "isometric-by-loss": 8, "calibrated-by-loss": 5}  # of ten seeds


def write_all(folder, methods):
    experiment = experiment_named(chapter.MAIN)
    for method in methods:
        for number, run in enumerate(trials(chapter.MAIN, experiment, method)):
            write(run, 5000 if number == 3 else None, folder)
        setup = experiment.setup(winner(chapter.MAIN, experiment, method, folder))
        for place, seed in enumerate(experiment.seeds):
            write(Run(chapter.MAIN, "tuned", method, seed, setup), 6000 if place < SOLVED[method] else None, folder)


@pytest.fixture
def folder(monkeypatch, tmp_path):
    monkeypatch.setenv("TPCORE_RESULTS", str(tmp_path))
    monkeypatch.setitem(EXPERIMENTS, chapter.MAIN, replace(experiment_named(chapter.MAIN), seeds=range(20, 30)))
    forget()
    yield tmp_path
    forget()


def forget():
    chapter.tuned.cache_clear()
    chapter.tried.cache_clear()


def test_nothing_is_decided_before_all_four_are_run(folder):
    write_all(folder, ["bp", "isometric-by-loss"])
    said = chapter.verdict()
    assert said.startswith("The contest is not decided.") and "Recorded so far: 32 of 64 trials of" in said
    assert f"1 of 16 under {chapter.LABELS['bp']}; " in said
    assert chapter.LABELS["bp-rescaled-by-loss"] in said.partition("Not run to the end")[2] and "ahead" not in said
    assert f"{chapter.LABELS['isometric-by-loss']}, on 8 of 10 seeds" in said, "what is there is said"
    assert chapter.begun() == [chapter.MAIN] and f"`{chapter.MAIN}`" not in chapter.not_begun()
    rows = {row[0]: row[1:] for row in chapter.outcomes(chapter.MAIN)}
    assert rows[chapter.LABELS["calibrated-by-loss"]][0] == "not run"
    assert rows[chapter.LABELS["isometric-by-loss"]][0].startswith("8 of 10 [")


def test_the_verdict_is_that_of_the_records(folder):
    write_all(folder, SOLVED)
    said = chapter.verdict()
    for method, count in SOLVED.items():
        assert f"{chapter.LABELS[method]}, on {count} of 10 seeds" in said
    assert said.startswith("At τ = 300 it can, and it is ahead of back-propagation given the same lengths.")
    assert said.count("ahead by") == 2 and "no clear difference" in said, "the calibrated one is near"


def test_the_answer_says_no_more_than_the_verdicts():
    for words in ((True, LEVEL, AHEAD), (False, AHEAD, AHEAD)):
        assert chapter.in_short(*words).endswith("do not show that it can.")
    assert chapter.in_short(True, AHEAD, UNCLEAR).endswith("given the same lengths it has no clear lead left.")


def test_trials_that_have_ended_are_shown_though_the_search_has_not(folder):
    experiment = experiment_named(chapter.MAIN)
    runs = trials(chapter.MAIN, experiment, "bp")[:3]
    for run, step in zip(runs, (5000, None, None), strict=True):
        write(run, step, folder)
    rows = {row[0]: row[1:] for row in chapter.searches(chapter.MAIN)}
    assert rows[chapter.LABELS["bp"]][:2] == ["3 of 16", "1 of 3"]
    assert rows[chapter.LABELS["isometric-by-loss"]] == ["0 of 16", "–", "–"]
    optimizers = [run.setup.optimizer for run in runs]
    found = chapter.draws()["bp"]
    assert sorted(x for x, _ in found) == pytest.approx(sorted(o.gamma_theta * o.gamma_h for o in optimizers))
    assert max(y for _, y in found) > 0.5 and min(y for _, y in found) == 0.25
    (marks,) = [trace for trace in chapter.draws_figure(chapter.draws()).data if trace.name == chapter.LABELS["bp"]]
    assert len(marks.x) == 3


def test_draws_are_counted_in_pairs(folder):
    """Of each search one trial at the most solves the task: the fourth."""
    experiment = experiment_named(chapter.MAIN)
    for method, steps in {"bp": 5000, "isometric-by-loss": 3000, "calibrated-by-loss": None}.items():
        for number, run in enumerate(trials(chapter.MAIN, experiment, method)):
            write(run, steps if number == 3 else None, folder)
    said = chapter.draw_by_draw()
    assert f"better at 1 and worse at 0 of 16: {chapter.LABELS['isometric-by-loss']}; better at 0" in said
    assert f"better at 0 and worse at 1 of 16: {chapter.LABELS['calibrated-by-loss']}." in said


def test_a_run_is_shown_with_its_place_beside_that_of_back_propagation(folder):
    write_all(folder, SOLVED)
    record = chapter.fresh()[chapter.RULE]["20"]
    record.columns.append("position")
    for step, row in zip(record.column("step"), record.rows, strict=True):
        row.append(float(step >= 7000))
    result = chapter.moved(chapter.RULE, "20")
    assert list(result["curves"]) == [chapter.RULE, "bp"]
    own, bp, place = chapter.moved_figure(result).data
    assert own.y[-1] == 1 and bp.x[0] == 0 and sum(place.y) == sum(step >= 7000 for step in place.x)
    (folder / chapter.MAIN / "tuned").rename(folder / "elsewhere")
    forget()
    assert chapter.fresh() == {} and len(chapter.moved_figure(chapter.moved(chapter.RULE, "")).data) == 1


def test_finding_and_using_are_told_apart(folder):
    write_all(folder, ["isometric-by-loss"])
    (row,) = (row for row in chapter.outcomes(chapter.MAIN) if row[0] == chapter.LABELS["isometric-by-loss"])
    assert row[2:] == ["6,000 (8 of 10)", "0 (8 of 10)", "0 of 8"]  # a record by hand leaps from chance to the level


@pytest.mark.parametrize("weight", [0.0, 0.3, 0.5, 1.0])
def test_the_means_are_ordered_and_meet_at_the_ends(weight):
    exponents = (-2.0, -1.0, -0.5, 0.0, 0.5, 1.0, 2.0)
    found = {q: chapter.power_mean(q, weight) for q in exponents}
    for q, larger in itertools.pairwise(exponents):
        assert np.all(found[q] <= found[larger] * (1 + 1e-12))
    r = weight / (1 - weight) if weight < 1 else np.inf
    sigma = chapter.GAIN_AXIS
    np.testing.assert_allclose(found[-1.0], sigma if weight == 1 else (1 + r) * sigma / (sigma**2 + r))
    np.testing.assert_allclose(found[0.0], sigma ** (2 * weight - 1))
    np.testing.assert_allclose(found[1.0], (1 - weight) / sigma + weight * sigma)
    if weight in (0.0, 1.0):
        for mean in found.values():
            np.testing.assert_allclose(mean, sigma if weight else 1 / sigma)
    if weight == 0.5:
        for q in (-2.0, -0.5, 1.0):
            np.testing.assert_allclose(found[q], np.cosh(q * np.log(sigma)) ** (1 / q))


def test_the_figure_shows_the_chosen_mean_beside_those_with_names():
    result = chapter.means(-0.5, 0.5)
    lines = {trace.name: trace.y for trace in chapter.means_figure(result).data}
    np.testing.assert_allclose(lines["chosen, q = −0.5"], chapter.power_mean(-0.5, 0.5))
    np.testing.assert_allclose(lines["harmonic, q = −1"], chapter.power_mean(-1.0, 0.5))
