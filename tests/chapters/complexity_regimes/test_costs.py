"""The figures on complexity show the counts and what the record holds; the map, what the records of its cells say."""

import json
from dataclasses import replace

import numpy as np
import pytest

from tests.experiments.test_contests import record_of
from tpcore.chapters import recorded
from tpcore.chapters.complexity_regimes import costs as chapter
from tpcore.chapters.complexity_regimes import regime_map, scaling
from tpcore.complexity import CONTENDERS, MEASURED, PARTS, Shape, Timing, count, crossover_hidden, ratio
from tpcore.explorers import grid

BASE = {"batch": 20, "length": 60, "hidden": 100, "inputs": 6}


@pytest.fixture
def record(tmp_path, monkeypatch):
    """A record in which time goes exactly like d² or τ, and TP takes half as long again as BP."""
    shapes = [{**BASE, "hidden": d} for d in (10, 100, 1000)] + [{**BASE, "length": length} for length in (6, 600)]

    def timing(shape, name):
        seconds = 1e-6 * shape["hidden"] ** 2 * shape["length"] * (1.5 if name.startswith("TP") else 1.0)
        return {"median": seconds, "low": 0.9 * seconds, "high": 1.2 * seconds, "runs": 9}

    content = {
        "base": BASE,
        "rates": {"operations_per_second": 5e10, "bytes_per_second": 1e10},
        "times": [{**shape, "seconds": {name: timing(shape, name) for name in MEASURED}} for shape in shapes],
        "memory": [{**shape, "bytes": dict.fromkeys(MEASURED, 8 * shape["hidden"])} for shape in shapes],
    }
    path = tmp_path / "machine.json"
    path.write_text(json.dumps(content), "utf-8")
    for module in (chapter, scaling):
        monkeypatch.setattr(module, "RECORDS", [path])
    return content


@pytest.fixture
def no_record(monkeypatch):
    monkeypatch.setattr(chapter, "RECORDS", [])


def test_the_bars_are_the_counts_and_the_numbers_above_them_the_ratios():
    values = [control.positions for control in chapter.operations_explorer.controls]
    for position in (0, -1):
        sizes = [along[position] for along in values]
        result = chapter.operations(*sizes)
        shape = Shape(*sizes, chapter.OUTPUTS)
        np.testing.assert_allclose(result["parts"].sum(1), [ratio(shape, name) for name in CONTENDERS])
    shape = Shape(20, 60, 100, 6, chapter.OUTPUTS)
    fig = chapter.operations_figure(chapter.operations(20, 60, 100, 6))
    forward = next(trace for trace in fig.data if trace.name == "forward")
    whole = count("BP", shape).operations
    assert forward.y[0] == pytest.approx(count("BP", shape).parts["forward"].operations / whole)
    bars = [trace for trace in fig.data if trace.type == "bar"]
    tops = [max(trace.base[place] + trace.y[place] for trace in bars) for place in range(len(CONTENDERS))]
    assert tops[0] == pytest.approx(1) and tops[1] == pytest.approx(ratio(shape))
    assert max(tops) == chapter.HIGHEST, "what goes beyond is cut"
    texts = [annotation.text for annotation in fig.layout.annotations]
    assert texts[:2] == ["×1.00", f"×{ratio(shape):.2f}"] and len(texts) == len(CONTENDERS)
    assert {trace.name for trace in bars} <= set(PARTS)
    torn = [trace for trace in fig.data if trace.type == "scatter"]
    assert len(torn) == sum(text.startswith("↑") for text in texts) == sum(top == chapter.HIGHEST for top in tops) > 0


def test_the_plane_shows_every_point_and_the_crossover(record):
    for how, expected in (("measured", 1.5), ("counted", None)):
        result = chapter.crossing("TP", how)
        assert result["steps"] == [row["batch"] * row["length"] for row in record["times"]]
        if expected:
            assert result["ratio"] == pytest.approx([expected] * 5)
        else:
            shapes = [Shape(*chapter.shape_of(row).values(), 10) for row in record["times"]]
            assert result["ratio"] == pytest.approx([ratio(shape) for shape in shapes])
        fig = chapter.crossing_figure(result)
        assert sum(len(trace.x) for trace in fig.data if trace.type == "scatter" and trace.mode == "markers") == 5
        line = next(trace for trace in fig.data if trace.name == "inversion = 1 × recurrence")
        assert line.y[-1] == pytest.approx(crossover_hidden(line.x[-1]))


def test_the_misfit_is_that_of_all_points(record):
    result = chapter.estimates("BP")["contenders"]
    assert list(result) == ["BP"] and list(chapter.estimates("all")["contenders"]) == list(MEASURED)
    ratios = np.array(result["BP"]["measured"]) / np.array(result["BP"]["estimated"])
    assert chapter.misfit({"contenders": result}) == pytest.approx(tuple(np.quantile(ratios, [0.25, 0.5, 0.75])))
    assert any("median" in a.text for a in chapter.estimates_figure({"contenders": result}).layout.annotations)


def test_slopes_along_an_axis_are_those_of_the_record(record):
    for axis, slope in (("hidden", 2.0), ("length", 1.0)):
        found = scaling.along(axis, "time")["contenders"]["TP"]
        assert found["slope"] == pytest.approx(slope) and found["sizes"] == sorted(found["sizes"])
    assert scaling.along("hidden", "memory")["contenders"]["BP"]["slope"] == pytest.approx(1.0)
    assert 2 < scaling.along("hidden", "time")["contenders"]["TP"]["counted_slope"] < 3
    lines = {trace.name: trace for trace in scaling.along_figure(scaling.along("hidden", "time")).data}
    line = next(trace for name, trace in lines.items() if name.startswith("BP, our loops: slope 2.00"))
    middle, top = line.y[0], line.y[0] + line.error_y.array[0]
    assert top / middle == pytest.approx(1.2) and (middle - line.error_y.arrayminus[0]) / middle == pytest.approx(0.9)


def test_the_reader_s_points_lie_over_the_record_s(record):
    times = {d: {"BP": Timing(0.1 * d, 0.05 * d, 0.3 * d, 9)} for d in (32, 16)}
    fig = scaling.own_explorer("hidden", times).evaluate()
    own = fig.data[-1]
    assert (list(own.x), list(own.y), own.name) == ([16, 32], [1.6, 3.2], "BP, our loops, here")
    assert list(own.error_y.arrayminus) == pytest.approx([0.8, 1.6])


def test_without_a_record_the_figures_say_how_to_make_one(no_record):
    for drawn in (
        chapter.crossing_figure(chapter.crossing("TP", "measured")),
        chapter.estimates_figure(chapter.estimates("all")),
        scaling.along_figure(scaling.along("batch", "time")),
    ):
        assert "make bench" in drawn.layout.annotations[-1].text
    assert scaling.own_explorer("hidden", {16: {"BP": Timing(1.0, 0.5, 2.0, 9)}}).evaluate().data


def test_a_new_record_is_computed_again(record, monkeypatch):
    modules = (chapter.__name__, scaling.__name__)
    before = [grid.code_key(name) for name in modules]
    for module in (chapter, scaling):
        monkeypatch.setattr(module, "RECORDS", [])
    assert all(grid.code_key(name) != key for name, key in zip(modules, before, strict=True))


# The regime map


def records_of(method, *levels, last):
    records = [record_of([0.1, level, last, last], seed) for seed, level in enumerate(levels)]
    for record in records:
        record.method = method
    return records


@pytest.fixture
def cells(monkeypatch):
    """TP is ahead by steps and takes three times as long; only two cells were run, one of them with one method."""
    slow, fast = records_of("tp-local", 0.7, 0.8, last=0.9), records_of("bp", 0.5, 0.6, last=0.8)
    mixed = records_of("tp-time", 0.45, 0.9, last=0.8)
    run = {(14, 64): {"bp": fast, "tp-local": slow, "tp-time": mixed}, (4, 16): {"bp": fast}}
    monkeypatch.setattr(regime_map, "cell_records", lambda length, width: run.get((length, width), {}))
    monkeypatch.setitem(regime_map.REGIMES, "regime-14-64", replace(regime_map.REGIMES["regime-14-64"], steps=60))

    def cost(record):
        seconds = 0.01 if record.method == "bp" else 0.03
        return Timing(seconds, seconds, seconds, 9)

    for module in (regime_map, recorded):
        monkeypatch.setattr(module, "step_cost", cost)


def test_a_cell_is_won_by_steps_and_lost_by_time(cells):
    by_steps = regime_map.contest(14, 64, "tp-local", "steps")
    assert by_steps["word"] == "ahead"
    assert by_steps["lead"].difference.value == pytest.approx((0.2 + 0.1 + 0.05) / 3)
    by_time = regime_map.contest(14, 64, "tp-local", "seconds")  # 60 steps of BP are 20 of TP
    assert by_time["word"] == "behind"
    assert by_time["lead"].difference.value == pytest.approx((0.1 + 0.75) / 2 - (0.325 + 0.675 + 0.8) / 3)
    assert regime_map.contest(14, 64, "tp-time", "steps")["word"] == "no clear difference"
    assert regime_map.contest(4, 16, "tp-local", "steps") is None


def test_a_cell_whose_steps_were_not_timed_has_no_verdict_by_time(cells, monkeypatch):
    monkeypatch.setattr(regime_map, "step_cost", lambda record: None)
    assert regime_map.contest(14, 64, "tp-local", "seconds") is None
    assert regime_map.contest(14, 64, "tp-local", "steps")["word"] == "ahead"


def test_the_map_shows_every_cell_and_the_chosen_one_s_curves(cells):
    result = regime_map.regime("tp-local", "steps", 14, 64)
    assert np.isfinite(result["difference"]).sum() == 1 and list(result["curves"]) == ["bp", "tp-local"]
    fig = regime_map.regime_figure(result)
    texts = [annotation.text for annotation in fig.layout.annotations]
    assert sum(text.startswith("TP<br>+0.1") for text in texts) == 1
    assert texts.count("not run") == len(regime_map.LENGTHS) * len(regime_map.WIDTHS) - 1
    assert fig.data[0].meta == ("length", "width"), "a tap on a cell moves the sliders"
    by_time = regime_map.regime_figure(regime_map.regime("tp-local", "seconds", 14, 64))
    ends = {trace.name: trace.x[-1] for trace in by_time.data if trace.type == "scatter" and trace.mode == "lines"}
    assert max(ends.values()) == pytest.approx(1.8) and min(ends.values()) == pytest.approx(0.6)


def test_a_cell_that_was_not_run_says_so_with_its_command(cells):
    fig = regime_map.regime_figure(regime_map.regime("calibrated-local", "seconds", 196, 192))
    assert "tpcore sweep regime-196-192" in fig.layout.annotations[-1].text
    assert len(fig.data) == 2
