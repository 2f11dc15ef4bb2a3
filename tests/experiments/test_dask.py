"""A real scheduler and two worker processes on this machine, one of them killed in the middle."""

import json
import subprocess
import sys
import time
from concurrent.futures import CancelledError
from dataclasses import replace
from pathlib import Path
from threading import Thread
from unittest.mock import MagicMock

import distributed
import pytest

from tests.experiments.small import SMALL
from tpcore import results
from tpcore.experiments import RunError, many, run_all, run_one

ROOT = Path(__file__).parents[2]
RUNS = replace(SMALL, steps=1500, log_every=50, seeds=(0, 1, 2), measures=()).runs("small")


def start(program, *arguments):
    command = [sys.executable, "-m", f"distributed.cli.dask_{program}", *arguments]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


@pytest.fixture
def cluster(tmp_path):
    """The scheduler's address, the two workers, and the scheduler."""
    file = tmp_path / "scheduler.json"
    options = ("--scheduler-file", str(file), "--no-dashboard")
    processes = [start("scheduler", "--host", "127.0.0.1", "--port", "0", *options)]
    try:
        wait_until(lambda: file.exists() and file.read_text().endswith("}"))
        local = ("--nthreads", "1", "--no-nanny", "--local-directory", str(tmp_path))
        processes += [start("worker", *local, *options) for _ in range(2)]
        yield json.loads(file.read_text())["address"], (*processes[1:], processes[0])
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
    address, workers = cluster[0], cluster[1][:2]
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


def test_a_scheduler_that_dies_is_named_and_what_is_recorded_is_kept(cluster, tmp_path):
    address, (*_, scheduler) = cluster
    folder = tmp_path / "results"
    killed = Thread(target=lambda: (wait_until(lambda: len(under_way(folder)) == 2), scheduler.kill()))
    killed.start()
    with pytest.raises(RunError, match=r"(?s)has lost a run .*give the same command again"):
        run_all(RUNS, folder, dask=address, progress=False)
    killed.join()
    assert len(list(folder.rglob("*.jsonl"))) >= 2


class Lost:
    """Stands for a run that the cluster gave up."""

    def __init__(self, error):
        self.error = error

    def result(self):
        raise self.error


@pytest.mark.parametrize(
    "error",
    [
        distributed.KilledWorker("run", MagicMock(address="tcp://one:1"), 3),
        CancelledError("run"),
        distributed.comm.CommClosedError("closed"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_a_run_that_the_cluster_gives_up(monkeypatch, tmp_path, error):
    client = MagicMock()
    client.return_value.nthreads.return_value = {"tcp://one:1": 1}
    monkeypatch.setattr(distributed, "Client", client)
    monkeypatch.setattr(distributed, "as_completed", lambda futures: [Lost(error)])
    with pytest.raises(RunError, match=r"the cluster at tcp://host:1 has lost a run .*What is recorded is kept"):
        run_all(RUNS, tmp_path, dask="tcp://host:1", progress=False)


def test_a_scheduler_without_workers_is_named(monkeypatch, tmp_path):
    monkeypatch.setattr(many, "ANSWER_WITHIN", 1.0)
    with distributed.LocalCluster(n_workers=0, dashboard_address=":0", processes=False) as cluster:
        address = cluster.scheduler_address
        with pytest.raises(RunError, match=f"the scheduler at {address} has no worker: start some by `dask worker "):
            run_all(RUNS, tmp_path, dask=address, progress=False)


def test_a_worker_with_several_threads_is_refused(monkeypatch, tmp_path):
    client = MagicMock()
    client.return_value.nthreads.return_value = {"tcp://one:1": 1, "tcp://two:2": 8}
    monkeypatch.setattr(distributed, "Client", client)
    with pytest.raises(RunError, match=r"the worker at tcp://two:2 has 8 threads .*--nworkers auto --nthreads 1"):
        run_all(RUNS, tmp_path, dask="tcp://host:1", progress=False)
    client.return_value.submit.assert_not_called()
