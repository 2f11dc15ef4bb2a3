"""The grid is measured to its end on any machine, and its record is whole."""

import itertools
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import grid
from tpcore.complexity import MEASURED, Machine
from tpcore.provenance import machine_name

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def record(tmp_path_factory):
    folder = tmp_path_factory.mktemp("grid")
    command = [sys.executable, "-m", "benchmarks.grid", "--quick", "--seconds", "0.05", "--folder", str(folder)]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    result = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    return json.loads((folder / f"{machine_name()}.json").read_text("utf-8"))


def test_every_contender_is_measured_at_every_point(record):
    assert record["base"] == grid.BASE and record["threads"] == 1
    assert [{name: row[name] for name in grid.BASE} for row in record["times"]] == grid.points(grid.QUICK, {})
    for row in record["times"]:
        assert list(row["seconds"]) == list(MEASURED)
        for timing in row["seconds"].values():
            assert 0 < timing["low"] <= timing["median"] <= timing["high"] and timing["runs"] >= 5
    assert [{name: row[name] for name in grid.BASE} for row in record["memory"]] == grid.points(grid.QUICK_MEMORY, {})
    for row in record["memory"]:
        assert list(row["bytes"]) == list(MEASURED) and min(row["bytes"].values()) >= 0


def test_it_says_where_when_and_how_fast_the_machine_is(record):
    assert record["machine"]["cores"] >= 1 and record["versions"]["torch"] and record["date"]
    assert Machine(**record["rates"]).threads == 1 and "VmHWM" in record["memory_method"]


def test_the_axes_cross_in_the_base_and_span_two_decades():
    shapes = grid.points(grid.AXES, grid.CORNERS)
    assert len({tuple(shape.items()) for shape in shapes}) == len(shapes)
    for axis, values in grid.AXES.items():
        others = [name for name in grid.BASE if name != axis]
        along = {shape[axis] for shape in shapes if all(shape[name] == grid.BASE[name] for name in others)}
        assert along == set(values) and max(values) >= 100 * min(values)
        assert set(grid.MEMORY_AXES[axis]) <= set(values)
    corners = {(shape["batch"], shape["length"], shape["hidden"]) for shape in shapes}
    assert corners >= set(itertools.product(*grid.CORNERS.values()))


def test_a_quick_record_stays_apart(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["grid", "--quick"])
    with pytest.raises(SystemExit):
        grid.main()
    assert "--quick needs --folder" in capsys.readouterr().err
