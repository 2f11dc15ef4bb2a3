"""Many runs, each once: on this machine's cores, or on a Dask cluster."""

from __future__ import annotations

import os
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import CancelledError
from functools import cache, partial
from pathlib import Path

import torch

from tpcore.experiments.progress import LOOK_EVERY, progress_bar
from tpcore.experiments.running import RunError, run_one
from tpcore.experiments.spec import Run

ANSWER_WITHIN = 10.0  # seconds that a scheduler has, and its first worker
DASK_WORKERS = "dask worker ADDRESS --nworkers auto --nthreads 1"


def run_all(
    runs: Sequence[Run],
    folder: Path,
    *,
    jobs: int = -1,
    dask: str | None = None,
    progress: bool = True,
) -> Counter[str]:
    """Do all runs, each once.

    Parameters
    ----------
    runs : sequence of Run
    folder : Path
        For the records; on a cluster it must be one that all machines see under this path.
    jobs : int
        How many at once on this machine; -1: as many as it has cores.
    dask : str, optional
        The address of a Dask scheduler, which then places the runs. A run whose worker dies goes to another one and on
        from its checkpoint.
    progress : bool
        Show a bar.

    Returns
    -------
    Counter
        How many were "recorded" and "skipped".

    Raises
    ------
    RunError
        If a process was killed, no scheduler answers or it has no worker, the cluster loses a run, or a worker has
        several threads.
    RecordError
        As `run_one` does.
    tpcore.tasks.files.DataError
        If data are missing.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import tpcore
    >>> from tpcore.experiments import Experiment, Method, Network, Optimizer, run_all
    >>> from tpcore.tasks import TemporalOrder
    >>> method = Method(tpcore.BackProp(), Optimizer(gamma_theta=0.1, gamma_h=0.1))
    >>> small = {"steps": 2, "network": Network(8), "seeds": (0, 1), "log_every": 1, "test_size": 10, "measures": ()}
    >>> experiment = Experiment("an example", TemporalOrder(10), {"bp": method}, **small)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     run_all(experiment.runs("example"), Path(folder), jobs=1, progress=False)["recorded"]
    2
    """
    folder = folder.absolute()
    for task in {run.setup.task for run in runs}:
        task.held_out(1, torch.Generator())  # data that are missing are missed, or fetched, now and once
    place = partial(_on_cores, jobs=jobs) if dask is None else partial(_on_dask, address=dask)
    counts: Counter[str] = Counter()
    with progress_bar(runs, folder, shown=progress):
        busy = []
        for run, outcome in place(runs, folder, wait=False):
            busy += [run] if outcome == "busy" else []
            counts[outcome] += outcome != "busy"
        counts.update(outcome for _, outcome in place(busy, folder, wait=True))
    return counts


Outcomes = Iterator[tuple[Run, str]]


def _run_named(run: Run, folder: Path, wait: bool) -> tuple[Run, str]:
    return run, run_one(run, folder, wait=wait)


def _run_for(parent: int, run: Run, folder: Path, wait: bool) -> tuple[Run, str]:
    """`_run_named` in a process of its own, which ends with the process that started it, even if that was killed."""
    if os.getpid() != parent:
        _end_with(parent)
    return _run_named(run, folder, wait)


@cache
def _end_with(parent: int) -> None:
    """From now on, end this process once its parent is another; on Windows a process keeps its parent's number."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(LOOK_EVERY)
        os._exit(1)  # at any moment: records and checkpoints are replaced as a whole

    threading.Thread(target=watch, daemon=True).start()


def _on_cores(runs: Sequence[Run], folder: Path, *, wait: bool, jobs: int) -> Outcomes:
    from joblib import Parallel, delayed
    from joblib.externals.loky.process_executor import BrokenProcessPool

    try:
        alone = len(runs) < 2  # then no other process is worth its start
        parallel = Parallel(n_jobs=1 if alone else min(jobs, len(runs)), return_as="generator_unordered")
        yield from parallel(delayed(_run_for)(os.getpid(), run, folder, wait) for run in runs)
    except BrokenProcessPool as error:
        raise RunError(
            "a process that was training was killed, perhaps for want of memory. Nothing recorded is lost: give the "
            "same command again, with fewer --jobs"
        ) from error


def _on_dask(runs: Sequence[Run], folder: Path, *, wait: bool, address: str) -> Outcomes:
    try:
        from distributed import Client, KilledWorker, as_completed
        from distributed.comm.core import CommClosedError
    except ImportError:
        raise RunError('a Dask cluster needs distributed: pip install "tpcore[dask]"') from None
    try:
        client = Client(address, timeout=ANSWER_WITHIN)
    except (OSError, ValueError) as error:
        raise RunError(f"no Dask scheduler answers at {address}: {error}") from error
    with client:
        try:
            client.wait_for_workers(1, timeout=ANSWER_WITHIN)
        except TimeoutError:
            raise RunError(f"the scheduler at {address} has no worker: start some by `{DASK_WORKERS}`") from None
        _check_threads(client.nthreads())
        futures = [client.submit(_run_named, run, folder, wait, key=f"{run.path(folder)}-{wait}") for run in runs]
        try:
            for future in as_completed(futures):
                yield future.result()
        except (KilledWorker, CancelledError, CommClosedError) as error:
            raise RunError(
                f"the cluster at {address} has lost a run ({error}). What is recorded is kept: start its scheduler and "
                "workers again if they are gone, and give the same command again"
            ) from error
        finally:
            client.cancel(futures)


def _check_threads(workers: Mapping[str, int]) -> None:
    """RunError if a worker has several threads, given by its address: a process trains one network at a time."""
    for worker, threads in workers.items():
        if threads > 1:
            raise RunError(
                f"the worker at {worker} has {threads} threads in one process, which trains one network at a time: "
                f"start it as `{DASK_WORKERS}`"
            )
