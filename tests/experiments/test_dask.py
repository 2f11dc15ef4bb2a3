"""A real scheduler and two worker processes on this machine, one of them killed in the middle."""

import json
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from threading import Thread

import pytest

from tests.experiments.small import SMALL
from tpcore import results
from tpcore.experiments import run_all, run_one

ROOT = Path(__file__).parents[2]
RUNS = replace(SMALL, steps=1500, log_every=50, seeds=(0, 1, 2), measures=()).runs("small")


def start(program, *arguments):
    command = [sys.executable, "-m", f"distributed.cli.dask_{program}", *arguments]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


@pytest.fixture
def cluster(tmp_path):
    """The scheduler's address and the two workers."""
    file = tmp_path / "scheduler.json"
    options = ("--scheduler-file", str(file), "--no-dashboard")
    processes = [start("scheduler", "--host", "127.0.0.1", "--port", "0", *options)]
    try:
        wait_until(lambda: file.exists() and file.read_text().endswith("}"))
        local = ("--nthreads", "1", "--no-nanny", "--local-directory", str(tmp_path))
        processes += [start("worker", *local, *options) for _ in range(2)]
        yield json.loads(file.read_text())["address"], processes[1:]
    finally:
        for process in processes:
            process.kill()
            process.wait()


def wait_until(condition, seconds=120):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "nothing happens"
        time.sleep(0.02)


def under_way(folder):
    there = [run for run in RUNS if run.path(folder).exists()]
    return [run for run in there if results.read(run.path(folder)).status == "running"]


def test_a_worker_is_killed_and_every_run_is_there_once(cluster, tmp_path):
    address, workers = cluster
    folder, outcome = tmp_path / "results", {}

    def work():
        outcome.update(run_all(RUNS, folder, dask=address, progress=False))

    working = Thread(target=work)
    working.start()
    wait_until(lambda: len(under_way(folder)) == 2)
    on_both = under_way(folder)
    workers[0].kill()
    assert workers[0].wait() != 0 and workers[1].poll() is None
    working.join(120)
    assert sum(outcome.values()) == len(RUNS)
    assert all(run.path(folder).exists() for run in RUNS) and under_way(folder) == []
    assert len(list(folder.rglob("*.jsonl"))) == len(RUNS), "each once"
    for run in on_both:  # one of them was on the worker that was killed
        run_one(run, tmp_path / "alone")
        assert results.read(run.path(folder)).result() == results.read(run.path(tmp_path / "alone")).result()
