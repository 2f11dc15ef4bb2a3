"""`make bench` runs to its end and leaves a whole record, on any machine, however busy."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from benchmarks import speed

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def record(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bench")
    command = [sys.executable, "-m", "benchmarks.speed", "--quick", "--seconds", "0.05", "--threads", "1"]
    result = subprocess.run([*command, "--folder", str(folder)], cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    (path,) = folder.iterdir()
    assert str(path) in result.stdout
    return json.loads(path.read_text("utf-8"))


def test_every_contender_is_timed(record):
    assert {row["cell"] for row in record["steps"]} == {"RNN", "GRU"}
    for row in record["steps"] + record["without_kernels"]:
        assert set(row["seconds"]) == set(speed.RULES)
        for timing in row["seconds"].values():
            assert 0 < timing["low"] <= timing["median"] <= timing["high"] and timing["runs"] >= 3


def test_it_says_where_when_and_how(record):
    assert record["machine"]["cores"] >= 1 and record["versions"]["torch"] and record["date"]
    assert "threadpoolctl" in record["threads"] and record["gpu"] == "not run"
    assert record["product_operations_per_second"]["1"] > 0
    assert all(row["ours"] >= 0 and row["torch"] >= 0 for row in record["memory"])
    assert record["import_seconds"]["tpcore"] > 0


def test_a_gpu_that_is_not_there_is_an_error(monkeypatch, capsys):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(sys, "argv", ["speed", "--quick", "--device", "cuda"])
    with pytest.raises(SystemExit):
        speed.main()
    assert "finds no GPU here" in capsys.readouterr().err
