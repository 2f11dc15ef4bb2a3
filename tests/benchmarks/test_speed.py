"""`make bench` runs to its end and leaves a whole record, on any machine, however busy."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from benchmarks import gpu, speed, steps
from tpcore.provenance import machine_name

ROOT = Path(__file__).parents[2]
COMMAND = [sys.executable, "-m", "benchmarks.speed", "--quick", "--seconds", "0.05", "--threads", "1"]


@pytest.fixture(scope="module")
def printed_and_record(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bench")
    environment = os.environ | {"OMP_NUM_THREADS": "1"}  # other tests run beside it
    command = [*COMMAND, "--folder", str(folder)]
    result = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    (path,) = folder.iterdir()
    assert path.stem == machine_name()
    return result.stdout, json.loads(path.read_text("utf-8"))


@pytest.fixture
def record(printed_and_record):
    return printed_and_record[1]


def test_every_contender_is_timed(record):
    assert {row["cell"] for row in record["steps"]} == {row["cell"] for row in record["vanishing"]} == {"RNN", "GRU"}
    for row in record["steps"] + record["without_kernels"]:
        assert set(row["seconds"]) == set(steps.RULES)
    for row in record["vanishing"]:
        assert set(row["seconds"]) == set(steps.ON_THE_WAY)
    for row in record["steps"] + record["without_kernels"] + record["vanishing"]:
        for timing in row["seconds"].values():
            assert 0 < timing["low"] <= timing["median"] <= timing["high"] and timing["runs"] >= 3
        assert row["cell"] == "GRU" or row["operations_per_second"] > 0


def test_it_has_rows_beside_jax_or_says_that_there_is_none(record):
    assert (record["jax"]["version"] is None) == ("missing" in record["jax"]) == (record["jax"]["rows"] == [])


def test_it_says_where_when_and_how(record):
    assert record["machine"]["cores"] >= 1 and record["versions"]["torch"] and record["date"]
    assert "threadpoolctl" in record["threads"]
    pools = record["thread_pools"]["1"]
    assert {pool["num_threads"] for pool in pools if pool["internal_api"] in ("torch", "openblas", "mkl")} == {1}
    assert record["product_operations_per_second"]["1"] > 0
    assert "stops" in record["note"] and record["aim_over_bp"] == 1.1
    assert record["import_seconds"]["tpcore"]["median"] > 0


def test_memory_is_that_of_a_step_beyond_what_was_there(record):
    assert {row["cell"] for row in record["memory"]} == {"RNN", "GRU"} and "VmHWM" in record["memory_method"]
    for row in record["memory"]:
        for whose in ("ours", "torch"):
            assert 0 <= row[whose] < row["at_rest"][whose]


def test_the_table_has_a_line_for_every_row(printed_and_record):
    printed, record = printed_and_record
    lines = printed.splitlines()
    for cell in ("RNN", "GRU"):
        rows = [row for kind in ("steps", "without_kernels", "vanishing") for row in record[kind]]
        expected = [row for row in rows if row["cell"] == cell]
        assert len([line for line in lines if line.startswith(f"{cell} (4, 10, 8) 1 ")]) == len(expected)


def test_memory_grows_by_the_states_that_are_kept():
    shape = {"cell": "RNN", "batch": 64, "length": 400, "hidden": 128, "inputs": 1}
    states = 4 * 64 * 401 * 128
    step = speed.memory.in_a_fresh_process("TP calibrated", **shape)["step"]
    assert states < step < 2 * states


def test_ratios_above_their_aim_are_marked(capsys):
    def timing(median):
        return {"median": median, "low": median, "high": median, "runs": 3}

    row = {"cell": "RNN", "batch": 1, "length": 2, "hidden": 3, "threads": 1, "device": "cpu", "aim": 0.4}
    seconds = {"torch": 1.0, "BP": 0.5, "TP": 0.39, "TP calibrated": 0.6}
    steps.print_row(row | {"seconds": {name: timing(median) for name, median in seconds.items()}})
    line = " ".join(capsys.readouterr().out.split())
    assert line == "RNN (1, 2, 3) 1 1000.00 0.50 0.39 0.60* 1.20* 0.40 0%"


@pytest.mark.parametrize(
    ("command", "given", "message"), [(gpu, [], "finds no GPU here"), (speed, ["--quick"], "--quick needs --folder")]
)
def test_what_can_t_be_measured_is_an_error(command, given, message, monkeypatch, capsys):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(sys, "argv", ["command", *given])
    with pytest.raises(SystemExit):
        command.main()
    assert message in capsys.readouterr().err


def test_a_capture_gives_times_or_the_reason_why_not():
    found = gpu.captured("BP", (2, 3, 4, 2), 0.01)
    if torch.cuda.is_available() and not isinstance(found, str):
        assert found["median"] > 0
    else:
        assert isinstance(found, str) and found.startswith("not captured: ") and len(found) > len("not captured: ")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here; its tables need one")
def test_the_record_of_a_gpu(monkeypatch, tmp_path):
    for name, few in (("SHAPES", {"RNN": [(4, 10, 8, 2)], "GRU": [(4, 10, 8, 2)]}), ("TO_CAPTURE", [(4, 10, 8, 2)])):
        monkeypatch.setattr(gpu, name, few)
    monkeypatch.setattr(sys, "argv", ["gpu", "--seconds", "0.05", "--folder", str(tmp_path)])
    gpu.main()
    record = json.loads(next(tmp_path.iterdir()).read_text("utf-8"))
    assert record["gpu"] == torch.cuda.get_device_name() and record["triton"] in (True, False)
    for row in record["steps"]:
        assert set(row["seconds"]) == set(steps.RULES) and row["device"] == "cuda"
        assert min(row["memory"].values()) > 0
    (row,) = record["captured"]
    assert set(row["seconds"]) == set(gpu.CAPTURED)
