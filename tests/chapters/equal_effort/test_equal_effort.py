"""The figures and tables of equal effort against records written by hand, and how they treat what was not run."""

from dataclasses import replace

import numpy as np
import pytest

from tests.explorers.written import write
from tpcore.chapters import equal_effort_records as shared
from tpcore.chapters.equal_effort import answer, tables
from tpcore.chapters.equal_effort import explorers as chapter
from tpcore.complexity import Timing
from tpcore.experiments import experiment_named, mean_accuracy
from tpcore.experiments.fair import FAIR, RULES
from tpcore.experiments.registry import EXPERIMENTS
from tpcore.experiments.search import trials, winner
from tpcore.experiments.spec import Run
from tpcore.experiments.verdicts import AHEAD, UNCLEAR

NAME = "equal-effort-order-60"
FRESH = {  # steps of the fresh seeds
    "bp": (2000, 2200, 2400, 2600, None),
    "bp-adam": (1000, 1000, 1000, 1000, 1000),
    "calibrated-local": (400, 600, 800, 1000, 1200),
    "calibrated-local-adam": (2000, 2000, 2000, 2000, None),
    "tp-local": (None,) * 5,
}
BEST = {"bp": (3, 2000), "bp-adam": (0, 800), "calibrated-local": (5, 400), "calibrated-local-adam": (1, 600),
        "tp-local": (2, None)}  # fmt: skip


@pytest.fixture
def records(monkeypatch, tmp_path):
    """Five methods of the experiment, each with its search; in the trials that did not win nothing is solved."""
    monkeypatch.setenv("TPCORE_RESULTS", str(tmp_path))
    experiment = replace(experiment_named(NAME), seeds=tuple(range(5)))
    monkeypatch.setitem(EXPERIMENTS, NAME, experiment)
    for method, steps in FRESH.items():
        for number, run in enumerate(trials(NAME, experiment, method)):
            best, step = BEST[method]
            write(run, step if number == best else None, tmp_path)
        setup = experiment.setup(winner(NAME, experiment, method, tmp_path))
        for seed, step in zip(experiment.seeds, steps, strict=True):
            collapses = (method, seed) == ("bp", 0)
            write(Run(NAME, "tuned", method, seed, setup), step, tmp_path, end=0.5 if collapses else 1.0)
    forget()
    yield experiment
    forget()


def forget():
    for cached in (shared.tuned, shared.tried, tables.contests):
        cached.cache_clear()


def test_every_method_has_a_name_of_its_own_and_a_kind():
    labels = [chapter.style_of(method)[0] for method in chapter.all_methods()]
    assert len(set(labels)) == len(labels)
    assert chapter.rule_and_kind("calibrated-local-adam") == ("calibrated-local", "adam")
    assert chapter.rule_and_kind("tp-time") == ("tp-time", "")
    for experiment in FAIR.values():
        assert {chapter.rule_and_kind(method)[1] for method in experiment.methods} <= set(shared.KINDS)
    colors = [color for _, color, _ in shared.RULE_STYLES.values()]
    assert set(shared.RULE_STYLES) == set(RULES) and len(set(colors)) == len(colors)
    assert chapter.rule_and_kind("calibrated-local-adapted") == ("calibrated-local-adapted", "")


def test_every_task_has_a_level_and_a_place():
    assert set(chapter.LEVELS) == set(FAIR)
    assert {*chapter.columns_of("order"), *chapter.columns_of("others")} == set(FAIR)


def test_half_the_memory_is_right_one_time_in_six_at_adding():
    """As the chapter's prose has it: the best answer of a network that knows one of the two numbers."""
    numbers = np.random.default_rng(0).uniform(size=(200_000, 2))
    off = (numbers[:, 0] + 0.5) / 2 - numbers.mean(1)
    assert (np.abs(off) < 0.04).mean() == pytest.approx(1 / 6, abs=0.01) and np.abs(off).max() <= 0.25


def test_success_counts_seeds(records):
    cells = chapter.success("order")["cells"]
    first = {method: row[0] for method, row in cells.items()}
    assert first["bp"] == [4, 5] and first["calibrated-local"] == [5, 5] and first["tp-local"] == [0, 5]
    assert set(cells) == set(FRESH) and all(cell is None for row in cells.values() for cell in row[1:])
    traces = chapter.success_figure(chapter.success("order")).data
    assert [trace.text for trace in traces if trace.name == "BP"] == [("4/5",)]
    assert len(traces[-1].x) == sum(cell is None for row in cells.values() for cell in row)


def test_steps_and_seconds_of_each_seed(records, monkeypatch):
    monkeypatch.setattr(shared, "step_cost", lambda record: Timing(0.002, 0.001, 0.003, 9))
    by_step, by_time = (chapter.reaching(NAME, unit)["methods"] for unit in chapter.UNITS)
    np.testing.assert_array_equal(by_step["bp"], [2000, 2200, 2400, 2600, np.nan])
    np.testing.assert_allclose(by_time["bp"], by_step["bp"] * 0.002)
    assert set(by_step) == set(FRESH)
    for unit in chapter.UNITS:
        traces = chapter.reaching_figure(chapter.reaching(NAME, unit)).data
        crosses = [len(trace.x) for trace in traces if trace.marker.symbol == "x" and trace.name.startswith("BP,")]
        assert sum(crosses) == 1


def test_curves_of_a_contest(records):
    result = chapter.tuned_curves(f"{NAME} adam")
    assert list(result["curves"]) == ["bp-adam", "calibrated-local-adam"]
    assert len(chapter.tuned_figure(result).layout.annotations) == 0
    empty = chapter.tuned_figure(chapter.tuned_curves("equal-effort-order-500 "))
    assert any("not run" in (note.text or "") for note in empty.layout.annotations)


def test_only_what_was_run_can_be_chosen(records):
    choice = shared.contests_run(shared.tuned, f"{NAME} adam")
    assert choice.options == {f"{NAME} ": "τ = 60, plain", f"{NAME} adam": "τ = 60, Adam"}
    assert choice.value == f"{NAME} adam" and shared.task_and_kind(choice.value) == (NAME, "adam")
    assert shared.contests_run(lambda name: {}, f"{NAME} ").options == {f"{NAME} ": "not run"}
    assert list(chapter.solved_tasks()) == [NAME]


def test_a_profile_counts_the_seeds_that_end_at_or_above(records):
    """Of back-propagation's five one ends at 0.5 and one, never solving it, at 0.25."""
    result = chapter.endings(f"{NAME} ")
    assert list(result["shares"]) == ["bp", "tp-local", "calibrated-local"]
    by_hand = [sum(end >= accuracy for end in (0.5, 1, 1, 1, 0.25)) / 5 for accuracy in chapter.ACCURACIES]
    np.testing.assert_allclose(result["shares"]["bp"], by_hand)
    (line,) = [trace for trace in chapter.endings_figure(result).data if trace.name == "BP"]
    np.testing.assert_allclose(line.y, by_hand)


def test_tables_of_outcomes_and_searches(records):
    rows = {row[0]: row[1:] for row in tables.outcomes(NAME)}
    assert len(rows) == len(FRESH) and rows["BP"][:3] == ["4 of 5", "1 of 4 [5%,\xa070%]", "2,300"]
    every = sum(row[0] == "5 of 5" for row in rows.values())
    assert 0 < every < len(FRESH)
    assert tables.solved_by(NAME) == f"{every} of {len(FRESH)} methods solve it on every seed"
    assert "paper's, time; " in tables.not_run(NAME) and "BP;" not in tables.not_run(NAME)
    found = {row[0]: row[1:] for row in tables.searches(NAME)}
    optimizer = trials(NAME, records, "bp")[3].setup.optimizer
    assert found["BP"][:4] == [f"{optimizer.gamma_theta:g}", f"{optimizer.gamma_h:g}", "–", "1 of 8"]
    assert found["calibrated, local"][2] == f"{trials(NAME, records, 'calibrated-local')[5].setup.rule.r:g}"
    (row,) = [row for row in tables.stability([NAME]) if row[0] == "BP"]
    steps = np.arange(0, records.steps + 1, records.log_every)
    lapse = 1 / (steps > FRESH["bp"][0]).sum()  # of one of nine runs, the last logged step alone
    assert row[1:] == [10, 9, 1, "0.11 [0.02,\xa00.43]", f"{lapse / 9:.0%}", 0, 16, 2, 0]
    assert rows["BP"][-1] == f"{lapse / 4:.0%}" and rows["paper's, local"][-1] == "–"


def test_a_lapse_counts_though_the_run_recovers(records):
    record = chapter.tuned(NAME)["bp-adam"][0]
    place, accuracy = record.columns.index("accuracy"), record.column("accuracy")
    first = accuracy.index(1.0)
    for row in record.rows[first + 1 : first + 4]:
        row[place] = 0.5
    assert tables.lapses(NAME, [record]) == [3 / (len(accuracy) - first - 1)]


def test_who_is_ahead(records):
    rows = tables.compared(NAME)
    assert all(len(row) == len(tables.COMPARED_HEAD) for row in rows)
    said = {(row[0], row[2].partition(":")[0]): row[4] for row in rows}
    plain = said["same optimizer: plain", "calibrated, local"]
    one, other = (mean_accuracy(chapter.tuned(NAME)[method]) for method in ("calibrated-local", "bp"))
    middle = np.sort(one - other)[1:-1].mean()
    assert plain.startswith(f"ahead by {middle:.2f} [") and plain.endswith("], 5 of 5 pairs")
    assert said["same optimizer: Adam", "calibrated, local, Adam"].startswith("behind by ")
    assert said["same rule but for calibration", "calibrated, local"].startswith("ahead by ")
    best = said["best of its family, BP: plain, Adam (16 trials to 16)", "calibrated, local"]
    assert best.startswith("no clear difference: ")  # seeds at 400 to 1,200 steps against all at 1,000
    assert said["best of its family, paper's: plain (8 trials to 8)", "calibrated, local"].startswith("ahead by ")
    assert len(said) == 5
    assert tables.verdicts(NAME) == "3 × ahead, 1 × behind, 1 × no clear difference"
    assert rows[0][-1] == "0.062 (0.31)", "2 of 32 swaps, times five comparisons"
    assert tables.best_pair(NAME, ("bp",), ("calibrated-local",)) == ("bp-adam", "calibrated-local")
    assert tables.best_pair(NAME, ("bp",), ("tp-local",)) == ("bp", "tp-local"), "only one side has Adam"
    assert tables.best_pair(NAME, ("bp",), ("tp-time",)) is None


def test_the_answer_is_that_of_the_records(records):
    said = answer.answer().replace("\xa0", " ")
    assert "for both it is ahead in 1 of 2 contests (τ = 60, plain SGD) and behind in 1 (τ = 60, Adam)." in said
    assert "with each side's best, the calibrated rule is ahead in none of 1 contests and behind in none." in said
    assert "p of 5 pairs of runs is at least 0.06" in said
    rows = {(row[0], row[1]): row[2:] for row in answer.counted()}
    assert rows["BP, same optimizer", "all"] == [2, 1, 1, 0, 0, 0]
    assert rows["the paper's rule, uncalibrated", "all"] == [1, 1, 0, 0, 0, 0]
    assert answer.missing() == f"{137 - len(FRESH)} of 137"
    assert answer.chosen_r() == [trials(NAME, records, "calibrated-local")[5].setup.rule.r], "Adam fails on a seed"


def test_the_answer_fails_where_the_records_do_not_say_it(records, monkeypatch):
    """Were the best calibrated method ahead, it might be worth having beside back-propagation."""
    (best,) = [each for each in tables.contests(NAME) if each.how.startswith(answer.BEST)]
    others = [each for each in tables.contests(NAME) if each is not best]
    monkeypatch.setattr(answer, "contests", lambda name: [*others, replace(best, word=AHEAD)] * (name == NAME))
    with pytest.raises(ValueError, match="one number less"):
        answer.answer()


def test_a_lead_among_failures_is_counted_apart(monkeypatch):
    rows = [tables.Compared("how", ("one", "other"), None, word, solved) for solved in ((5, 0), (0, 0))
            for word in (AHEAD, UNCLEAR)]  # fmt: skip
    monkeypatch.setattr(tables, "contests", lambda name: rows)
    assert tables.verdicts(NAME) == "1 × ahead, 1 × ahead where no side solves it, 2 × no clear difference"


def test_without_records_nothing_is_claimed(monkeypatch, tmp_path):
    monkeypatch.setenv("TPCORE_RESULTS", str(tmp_path))
    forget()
    for name in FAIR:
        assert tables.compared(name) == tables.searches(name) == []
        assert tables.outcomes(name) == [] and tables.not_run(name).startswith("BP; BP, momentum; ")
    assert tables.stability(list(FAIR)) == [] and "was not run here" in answer.answer()
    for explorer in (chapter.success_explorer, chapter.reaching_explorer, chapter.tuned_explorer,
                     chapter.endings_explorer):  # fmt: skip
        explorer.evaluate()
    forget()
