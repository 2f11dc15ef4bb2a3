import math
from dataclasses import replace

import numpy as np
import pytest

from tests.experiments.small import DIVERGING, SMALL
from tpcore import results
from tpcore.experiments import (
    chance_of,
    column,
    level_of,
    outcome,
    recorded,
    registry,
    run_all,
    searched,
    solved_at,
    sweep,
)
from tpcore.results import Record


def record_of(accuracies, seed=0, steps=60, every=20, **end):
    record = Record("small", "run", "tp", seed, {"steps": steps, "log_every": every}, **{"status": "finished", **end})
    rows = [{"step": every * i, "seconds": 0.5 * i, "accuracy": a, "norm": a} for i, a in enumerate(accuracies)]
    record.set_rows(rows)
    return record


@pytest.fixture
def small(monkeypatch):
    monkeypatch.setitem(registry.EXPERIMENTS, "small", SMALL)


def test_a_method_with_a_seed_missing_was_not_run(small, tmp_path):
    run_all(SMALL.runs("small", ["bp"]) + SMALL.runs("small", ["tp"], [0]), tmp_path, jobs=1, progress=False)
    found = recorded("small", folder=tmp_path)
    assert {method: [record.seed for record in records] for method, records in found.items()} == {"bp": [0, 1]}
    path = SMALL.runs("small", ["bp"])[1].path(tmp_path)
    unfinished = results.read(path)
    unfinished.status = "running"
    results.write(unfinished, path)
    assert recorded("small", folder=tmp_path) == {}


def test_other_settings_are_not_mixed_in(small, tmp_path):
    longer = replace(SMALL, steps=80)
    run_all(longer.runs("small"), tmp_path, jobs=1, progress=False)
    assert recorded("small", folder=tmp_path) == {}


def test_the_search_and_its_winners(small, tmp_path):
    runs = sweep("small", SMALL, ["tp"], tmp_path, jobs=1, progress=False)
    tuned = recorded("small", "tuned", tmp_path)
    assert [record.configuration for record in tuned["tp"]] == [run.setup.configuration() for run in runs]
    assert {method: len(records) for method, records in searched("small", tmp_path).items()} == {"tp": 3}
    assert recorded("small", folder=tmp_path) == {}, "its registered settings were not run"


def test_a_diverged_run_counts_as_untrained_and_has_no_norms_from_then_on(tmp_path):
    steps, values = column([record_of([0.2, 0.6, 0.8, 1.0]), record_of([0.3, 0.9], status="diverged")])
    assert steps.tolist() == [0, 20, 40, 60]
    assert values.tolist() == [[0.2, 0.6, 0.8, 1.0], [0.3, 0.9, 0.3, 0.3]]
    norms = column([record_of([0.3, 0.9], status="diverged")], "norm")[1]
    assert norms[0, :2].tolist() == [0.3, 0.9] and np.isnan(norms[0, 2:]).all()


def test_the_row_of_a_divergence_counts_as_after_it():
    record = record_of([0.2, 0.6, 0.9], status="diverged", diverged_at=40)
    assert column([record])[1].tolist() == [[0.2, 0.6, 0.2, 0.2]]
    assert outcome([record]).final == (0.2, 0.2, 0.2)
    assert np.isnan(column([record], "norm")[1][0, 2:]).all()
    at_once = record_of([0.3], status="diverged", diverged_at=0)
    assert column([at_once])[1].tolist() == [[0.3] * 4]


def test_the_last_step_is_logged_though_it_is_no_multiple():
    record = record_of([0.2, 0.6, 0.8], steps=50)
    record.rows.append([50, 2.0, 0.9, 0.9])
    assert column([record])[0].tolist() == [0, 20, 40, 50]


def test_solved_at_the_first_step_that_reaches_the_level():
    assert solved_at(record_of([0.2, 0.98, 0.99, 0.5])) == 40
    assert solved_at(record_of([0.2, 0.98, 0.99, 0.5]), level=0.9) == 20
    assert solved_at(record_of([0.2, 0.98])) is None
    lost = record_of([0.2, 0.5, 0.99], status="diverged")
    lost.diverged_at = 40
    assert solved_at(lost) is None, "at that row it had diverged"


def test_the_outcome_of_four_seeds_by_hand():
    records = [
        record_of([0.2, 1.0, 1.0, 1.0]),  # at 20
        record_of([0.2, 0.5, 0.5, 0.99]),  # at 60
        record_of([0.2, 0.9, 1.0, 0.88]),  # at 40; then it collapses: 0.88 < 0.9 · 0.99
        record_of([0.2, 0.9], status="diverged"),
    ]
    found = outcome(records)
    assert (found.seeds, found.solved, found.collapsed, found.diverged) == (4, 3, 1, 1)
    assert found.steps == 40
    assert found.final == pytest.approx((0.2, (0.88 + 0.99) / 2, 1.0))
    unasked = outcome(records, None)
    assert (unasked.solved, unasked.collapsed, unasked.steps, unasked.final) == (0, 0, None, found.final)
    never = outcome([record_of([0.2, 0.3, 0.3, 0.3])])
    assert (never.solved, never.steps) == (0, None)


def test_what_counts_as_solved_depends_on_the_task():
    levels = {
        name: level_of(name) for name in ("temporal-order-120", "adding-30", "pixel-digits", "equal-effort-digits")
    }
    assert list(levels.values()) == [0.99, 0.9, 0.9, 0.9]
    assert {level_of(name) for name in ("pixel-mnist", "cifar-10", "characters", "penn-treebank")} == {None}


def test_a_real_divergence(small, monkeypatch, tmp_path):
    diverging = replace(SMALL, methods={"tp": DIVERGING})
    monkeypatch.setitem(registry.EXPERIMENTS, "small", diverging)
    run_all(diverging.runs("small"), tmp_path, jobs=1, progress=False)
    records = recorded("small", folder=tmp_path)["tp"]
    found = outcome(records)
    assert found.diverged == sum(record.diverged_at is not None for record in records) > 0
    assert all(math.isfinite(value) for value in found.final)


def test_chance_is_one_class_of_so_many_and_for_adding_the_share_near_one_half():
    runs = {
        name: registry.EXPERIMENTS[name].runs(name)[0] for name in ("temporal-order-60", "pixel-mnist", "adding-30")
    }
    found = {name: chance_of(Record(name, "run", "bp", 0, run.setup.configuration())) for name, run in runs.items()}
    assert (found["temporal-order-60"], found["pixel-mnist"]) == (0.25, 0.1)
    answers = np.random.default_rng(0).uniform(size=(200_000, 2)).mean(1)
    assert found["adding-30"] == pytest.approx((np.abs(answers - 0.5) < 0.04).mean(), abs=0.003)
