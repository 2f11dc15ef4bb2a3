import numpy as np
import pytest
import torch

from tests.experiments.small import DIVERGING, SMALL
from tpcore.chapters import recorded as curves_of
from tpcore.chapters import rnn_experiments as chapter
from tpcore.complexity import Timing
from tpcore.experiments import outcome, recorded, registry, run_all
from tpcore.explorers.figures import figure
from tpcore.results import Record


@pytest.fixture(scope="module")
def answers():
    """What each task's network says of the first sequence, untrained and at the last stage."""
    return {task: [chapter.answer(task, step, 0) for step in (0, chapter.STAGES[-1])] for task in chapter.TASKS}


@pytest.mark.parametrize("task", chapter.TASKS)
def test_the_answers_are_those_of_the_network_at_that_stage(task, answers):
    for stage, result in zip((0, -1), answers[task], strict=True):
        model, inputs = chapter.stages(task)[stage], torch.as_tensor(result["inputs"])[None]
        for length in (1, inputs.shape[1]):  # the answer after a step is that of the sequence cut there
            with torch.no_grad():
                outputs = model(inputs[:, :length])
            last = outputs[0, -1] if chapter.TASKS[task].every_step else outputs[0]
            expected = last if task == "adding" else torch.softmax(last, 0)
            np.testing.assert_allclose(result["said"][length - 1], expected, atol=1e-6)


@pytest.mark.parametrize("task", chapter.TASKS)
def test_it_learns(task):
    kind, (first, *_, last) = chapter.TASKS[task], chapter.stages(task)
    inputs, targets = kind.held_out(200, torch.Generator().manual_seed(5))
    with torch.no_grad():
        before, after = (float(kind.loss(model(inputs), targets)) for model in (first, last))
    assert after < 0.7 * before


@pytest.mark.parametrize("task", chapter.TASKS)
def test_each_task_has_its_picture(task, answers):
    result = answers[task][1]
    drawn = chapter.answer_figure(result)
    shown = {
        "order": lambda: np.asarray(drawn.data[0].z).T,
        "adding": lambda: np.stack([trace.y for trace in drawn.data if trace.name == "network"], 1),
        "digits": lambda: np.stack([trace.y for trace in drawn.data[:10]], 1),
        "characters": lambda: np.asarray(drawn.data[0].y),
    }[task]()
    expected = result["said"]
    if task == "characters":
        expected = expected[np.arange(len(expected)), result["target"]]
        assert "".join(drawn.layout.xaxis.ticktext) == "".join(map(chapter._letter, result["target"]))
    np.testing.assert_allclose(shown, expected)


def test_letters_are_those_that_the_task_encodes():
    from tpcore.tasks import text

    numbers = {symbol: int(text._characters("pydoc")[0][i]) for i, symbol in enumerate(text.load_text("pydoc")[0])}
    for symbol, number in numbers.items():
        expected = {"\n": "↵", " ": "␣"}.get(symbol, symbol if " " < symbol < "\x7f" else "?")
        assert chapter._letter(number) == expected


def test_an_experiment_that_was_not_run_says_so_and_names_the_command(monkeypatch):
    monkeypatch.setattr(chapter, "_recorded", lambda name: {})
    drawn = chapter.curves_figure(chapter.curves("adding-30", "tp-time", "accuracy", "steps"))
    assert "not run yet" in drawn.layout.annotations[0].text
    assert "tpcore run adding-30" in drawn.layout.annotations[0].text


def test_curves_are_those_of_the_records(monkeypatch, tmp_path):
    monkeypatch.setitem(registry.EXPERIMENTS, "small", SMALL)
    monkeypatch.setitem(curves_of.METHODS, "tp", ("TP", "#2f7fc8", "solid"))
    run_all(SMALL.runs("small"), tmp_path, jobs=1, progress=False)
    found = recorded("small", folder=tmp_path)
    monkeypatch.setattr(chapter, "_recorded", lambda name: found)
    for show in ("accuracy", "angle"):
        result = chapter.curves("small", "tp", show, "steps")
        values = np.array([record.column(show) for record in found["tp"]], float)
        drawn = {trace.name: trace for trace in chapter.curves_figure(result).data if trace.mode == "lines"}
        np.testing.assert_allclose(result["methods"]["tp"]["low"], values.min(0))
        np.testing.assert_allclose(drawn["TP"].y, np.median(values, 0))
        assert list(drawn["TP"].x) == found["tp"][0].column("step")
    monkeypatch.setattr(curves_of, "step_cost", lambda record: Timing(0.02, 0.01, 0.03, 9))
    by_time = chapter.curves_figure(chapter.curves("small", "tp", "accuracy", "seconds")).data
    last = {trace.name: trace for trace in by_time if trace.mode == "lines"}["TP"].x[-1]
    assert last == pytest.approx(found["tp"][0].column("step")[-1] * 0.02)


def test_a_divergence_is_marked_and_pulls_the_accuracy_down(monkeypatch, tmp_path):
    from dataclasses import replace

    diverging = replace(SMALL, methods={"tp-time": DIVERGING})
    monkeypatch.setitem(registry.EXPERIMENTS, "small", diverging)
    run_all(diverging.runs("small"), tmp_path, jobs=1, progress=False)
    records = recorded("small", folder=tmp_path)["tp-time"]
    assert outcome(records).diverged
    fig = figure()
    curves_of.add_curve(fig, curves_of.curve(records), "tp-time")
    assert list(fig.data[-1].x) == [record.diverged_at for record in records if record.diverged_at is not None]
    assert "seeds diverged" in fig.data[-1].name
    norms = curves_of.curve(records, "direction_norm")
    assert np.isfinite(norms["median"]).all() and len(norms["steps"]) == len(norms["median"])


def test_what_was_not_timed_says_so():
    record = Record("x", "run", "tp-time", 0, {"steps": 60, "log_every": 20}, status="diverged", diverged_at=21)
    record.set_rows([{"step": 20 * i, "seconds": 0.2 * i, "accuracy": 0.1} for i in range(2)])
    fig = figure()
    curves_of.add_curve(fig, curves_of.curve([record]), "tp-time", by_time=True)
    assert [trace.name for trace in fig.data] == ["TP, through time: no cost of a step is recorded"]


def test_long_runs_are_thinned_and_keep_their_ends():
    record = Record("x", "run", "bp", 0, {"steps": 50_000, "log_every": 100}, status="finished")
    record.set_rows([{"step": 100 * i, "seconds": 0.1 * i, "accuracy": i / 500} for i in range(501)])
    found = curves_of.curve([record])
    assert len(found["steps"]) == curves_of.MOST_POINTS
    assert (found["steps"][0], found["steps"][-1], found["median"][-1]) == (0, 50_000, 1.0)
    assert np.isnan(found["seconds_per_step"]), "the seconds of a record are no cost"


def test_a_point_of_the_grid_names_its_runs(monkeypatch):
    from tpcore.experiments.grids import GRID_ORDER_60

    asked = {name: name for name in GRID_ORDER_60.methods}
    monkeypatch.setattr(chapter, "_grid", lambda: asked)
    monkeypatch.setattr(chapter, "curve", lambda name: name)
    controls = {control.name: control for control in chapter.grid_explorer.controls}
    shown = set()
    for rule in controls["rule"].options:
        for r in controls["r"].values:
            for gamma_h in controls["gamma_h"].values:
                for gamma_theta in controls["gamma_theta"].values:
                    found = chapter.grid_runs(rule, r, gamma_h, gamma_theta)["curves"]
                    shown |= set(found.values())
                    method = GRID_ORDER_60.methods[found[rule]]
                    assert (method.rule.r, method.rule.step) == (r, gamma_h)
                    assert method.optimizer.gamma_theta == gamma_theta
                    assert GRID_ORDER_60.methods[found["bp"]].optimizer == method.optimizer
    assert shown == set(asked)
