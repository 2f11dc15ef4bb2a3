import math
from dataclasses import replace

import numpy as np
import pytest

from tests.experiments.small import SMALL
from tpcore import results
from tpcore.experiments import Search, run_all, sweep
from tpcore.experiments.search import score, trials, winner
from tpcore.results import Record
from tpcore.tasks import Pixels


def values(run):
    optimizer = run.setup.optimizer
    return optimizer.gamma_theta, optimizer.gamma_h


def test_every_method_gets_the_same_trials():
    bp, tp = (trials("small", SMALL, method) for method in ("bp", "tp"))
    assert len(bp) == len(tp) == 3
    assert [values(run) for run in bp] == [values(run) for run in tp]
    assert all(run.setup.rule.step == run.setup.optimizer.gamma_h for run in tp)
    assert len({run.setup.rule.r for run in tp}) == 3
    assert {run.seed for run in (*bp, *tp)} == {1000} and {run.stage for run in bp} == {"search"}
    assert trials("small", SMALL, "tp") == tp, "a seed repeats"
    other = replace(SMALL, search=replace(SMALL.search, seed=2000))
    assert [values(run) for run in trials("small", other, "tp")] != [values(run) for run in tp]


def test_the_first_draws_stay_what_they_were():
    """Records are filed under the values: other draws would leave every trial there is aside."""
    drawn = [(*values(run), run.setup.rule.r) for run in trials("small", SMALL, "tp")]
    assert drawn == [(0.0348, 0.0299, 0.759), (0.348, 0.0139, 3.02), (0.011, 0.0643, 1.91)]
    assert [values(run) for run in trials("small", SMALL, "bp")] == [(*steps,) for *steps, _ in drawn]


def test_draws_are_uniform_in_the_logarithm():
    ranges = {"gamma_theta": (1e-3, 1e1), "gamma_h": (1e-2, 1.0), "r": (1e-1, 1e1)}
    many = replace(SMALL, search=Search(2000, ranges))
    runs = trials("small", many, "tp")
    drawn = {
        "gamma_theta": [run.setup.optimizer.gamma_theta for run in runs],
        "gamma_h": [run.setup.optimizer.gamma_h for run in runs],
        "r": [run.setup.rule.r for run in runs],
    }
    for name, (low, high) in ranges.items():
        place = (np.log(drawn[name]) - math.log(low)) / (math.log(high) - math.log(low))
        counts = np.histogram(place, 10, (-1e-9, 1 + 1e-9))[0]
        assert counts.sum() == 2000 and (abs(counts - 200) < 5 * 200**0.5).all(), name


def test_choices_are_drawn_alike_and_for_every_method_the_same():
    choices = {"clip": (0.5, 1.0, 2.0), "epsilon": (1e-8, 1e-30)}
    search = Search(60, {"gamma_theta": (1e-3, 1.0), "recurrent_step": (1e-5, 1e-3)}, choices)
    ranges = {"r": (0.1, 10.0)}
    methods = {name: replace(method, ranges=ranges if name == "tp" else {}) for name, method in SMALL.methods.items()}
    bp, tp = (trials("small", replace(SMALL, methods=methods, search=search), name) for name in methods)
    drawn = [
        [(o.gamma_theta, o.gamma_h, o.clip, o.epsilon) for o in (run.setup.optimizer for run in runs)]
        for runs in (bp, tp)
    ]
    assert drawn[0] == drawn[1] and len({run.setup.rule.r for run in tp}) > 50
    for place, (name, among) in enumerate(choices.items(), 2):
        counts = [sum(values[place] == choice for values in drawn[0]) for choice in among]
        assert sum(counts) == 60 and min(counts) > 0.8 * 60 / len(among), name
    recurrent = [theta * h for theta, h, *_ in drawn[0]]
    assert 1e-5 <= min(recurrent) < 2e-5 and 5e-4 < max(recurrent) <= 1e-3
    assert {run.setup.rule.step for run in tp} == {0.1}, "the rule's own step stays"


def test_trials_are_run_in_turn(tmp_path, monkeypatch):
    """So that a search which is stopped has as many of each method."""
    begun = []
    monkeypatch.setattr("tpcore.experiments.search.run_all", lambda runs, *_, **__: begun.extend(runs))
    with pytest.raises(FileNotFoundError):
        sweep("small", SMALL, None, tmp_path)
    assert [run.method for run in begun] == ["bp", "tp"] * 3


def test_finite_data_are_searched_on_a_part_of_the_training_data(tmp_path):
    digits = replace(SMALL, task=Pixels("digits"))
    assert {run.setup.task for run in trials("small", digits, "bp")} == {Pixels("digits", validation=True)}
    runs = sweep("small", replace(digits, steps=2, seeds=(0,)), ["bp"], tmp_path, jobs=1, progress=False)
    assert [run.setup.task for run in runs] == [Pixels("digits")], "the winner is tested on the test images"


def test_seeds_of_the_winner_must_be_fresh():
    with pytest.raises(ValueError, match="the search's seed, 1000, must not be one of the experiment's seeds"):
        trials("small", replace(SMALL, seeds=(0, 1000)), "bp")


def record_of(accuracies, status="finished"):
    record = Record("small", "search", "bp", 0, {"steps": 50, "log_every": 20}, status=status)
    record.set_rows([{"step": 20 * i, "accuracy": accuracy} for i, accuracy in enumerate(accuracies)])
    return record


def test_the_score_is_the_mean_accuracy_and_a_diverged_run_stays_at_its_start():
    # four rows are expected: steps 0, 20, 40 and 50
    assert score(record_of([0.2, 0.6, 0.8, 1.0])) == pytest.approx(0.65)
    assert score(record_of([0.2, 0.6], "diverged")) == pytest.approx((0.2 + 0.6 + 0.2 + 0.2) / 4)
    at_its_row = record_of([0.2, 0.6, 0.9], "diverged")
    at_its_row.diverged_at = 40
    assert score(at_its_row) == pytest.approx((0.2 + 0.6 + 0.2 + 0.2) / 4)


def test_the_winner_has_the_best_score(tmp_path):
    runs = trials("small", SMALL, "tp")
    with pytest.raises(FileNotFoundError):
        winner("small", SMALL, "tp", tmp_path)
    run_all(runs, tmp_path, jobs=1, progress=False)
    scores = [np.mean(results.read(run.path(tmp_path)).column("accuracy")) for run in runs]
    best = runs[int(np.argmax(scores))].setup
    found = winner("small", SMALL, "tp", tmp_path)
    assert (found.rule, found.optimizer) == (best.rule, best.optimizer)


def test_a_sweep_runs_the_winners_on_the_experiment_s_seeds_and_repeats_nothing(tmp_path):
    runs = sweep("small", SMALL, None, tmp_path, jobs=1, progress=False)
    assert [(run.stage, run.method, run.seed) for run in runs] == [
        ("tuned", method, seed) for seed in (0, 1) for method in ("bp", "tp")
    ]
    for run in runs:
        best = winner("small", SMALL, run.method, tmp_path)
        assert (run.setup.rule, run.setup.optimizer) == (best.rule, best.optimizer)
    stages = [record.stage for record in results.read_all(tmp_path)]
    assert stages == ["search"] * 6 + ["tuned"] * 4
    before = {path: path.read_bytes() for path in tmp_path.rglob("*.jsonl")}
    sweep("small", SMALL, ["tp"], tmp_path, jobs=1, progress=False)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*.jsonl")} == before


def test_more_trials_keep_those_there_are():
    few = trials("small", SMALL, "tp")
    more = trials("small", replace(SMALL, search=replace(SMALL.search, trials=7)), "tp")
    assert more[: len(few)] == few and len(more) == 7


def test_a_method_s_own_ranges_move_its_draws_and_no_other_s():
    """The same places on another axis."""
    own = replace(SMALL.methods["bp"], ranges={"gamma_theta": (1e-4, 1e-2)})
    moved = trials("small", replace(SMALL, methods={**SMALL.methods, "bp": own}), "bp")
    for run, before in zip(moved, trials("small", SMALL, "bp"), strict=True):
        assert run.setup.optimizer.gamma_theta == pytest.approx(before.setup.optimizer.gamma_theta / 100, rel=1e-2)
        assert run.setup.optimizer.gamma_h == before.setup.optimizer.gamma_h
