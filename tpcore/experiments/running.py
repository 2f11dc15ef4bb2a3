"""Running: each run once, whoever else runs; on this machine's cores, or on a Dask cluster."""

from __future__ import annotations

import os
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import CancelledError
from contextlib import contextmanager
from functools import cache, partial
from pathlib import Path
from typing import Any

import torch
from tqdm.auto import tqdm

from tpcore import checkpoints, results
from tpcore.experiments.measures import MEASURES
from tpcore.experiments.records import check_same_data, fingerprint, read_run
from tpcore.experiments.spec import Run
from tpcore.results import Record, RecordError
from tpcore.training import train

LOOK_EVERY = 2.0  # seconds between two looks, of the progress bar at the records and of a worker at its parent
ANSWER_WITHIN = 10.0  # seconds that a scheduler has, and its first worker
DASK_WORKERS = "dask worker ADDRESS --nworkers auto --nthreads 1"
_one_run = threading.Lock()  # a process trains one network at a time, on one thread: so runs repeat bit for bit


class RunError(Exception):
    """Runs that can't be started or did not come to their end.

    Examples
    --------
    >>> from tpcore.experiments import RunError
    >>> raise RunError("no Dask scheduler answers")
    Traceback (most recent call last):
        ...
    tpcore.experiments.running.RunError: no Dask scheduler answers
    """


def run_one(run: Run, folder: Path, *, wait: bool = False) -> str:
    """Do a run, or what is left of it, unless its record is complete.

    The process may be killed at any moment: the next call goes on from the last row that was written, and the record
    ends as if nothing had happened.

    Parameters
    ----------
    run : Run
    folder : Path
        For the records.
    wait : bool
        For another process that is at the same run.

    Returns
    -------
    str
        "recorded", "skipped" (its record is complete) or "busy" (another process is at it; never with `wait`, since
        then this one waits until that is done or dead).

    Raises
    ------
    RecordError
        If the record can't be written, or the one that is there was tampered with or is another run's,
        or was made from other data than those that are there now.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import tpcore
    >>> from tpcore.experiments import Experiment, Method, Network, Optimizer, run_one
    >>> from tpcore.tasks import TemporalOrder
    >>> method = Method(tpcore.BackProp(), Optimizer(gamma_theta=0.1, gamma_h=0.1))
    >>> small = {"steps": 2, "network": Network(8), "seeds": (0, 1), "log_every": 1, "test_size": 10, "measures": ()}
    >>> experiment = Experiment("an example", TemporalOrder(10), {"bp": method}, **small)
    >>> run = experiment.runs("example")[0]
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     [run_one(run, Path(folder)) for _ in range(2)]
    ['recorded', 'skipped']
    """
    path = run.path(folder)
    with _one_run, checkpoints.locked(path, wait=wait) as held:
        if not held:
            return "busy"
        data = fingerprint(run.setup.task)
        known = read_run(run, folder) if path.exists() else None
        if known is not None:
            check_same_data(known, data, path)
        if known is not None and known.status != "running":
            checkpoints.drop(path)  # a process may have been killed between its last record and this
            return "skipped"
        with one_thread():
            _train(run, path, data, rows_known=0 if known is None else len(known.rows))
        checkpoints.drop(path)
        return "recorded"


def _train(run: Run, path: Path, data: str | None, rows_known: int) -> None:
    setup = run.setup
    record = Record(run.experiment, run.stage, run.method, run.seed, setup.configuration(), data)

    def save(state: dict[str, Any]) -> None:
        # The checkpoint first: a record that is a row behind it is mended by going on, not the other way round.
        checkpoints.save(path, state, data)
        record.set_rows(state["rows"])
        if len(record.rows) >= rows_known:  # a lost checkpoint costs time, never rows
            results.write(record, path)

    model, optimizer = setup.build(run.seed)
    done = train(
        model, setup.task, optimizer,
        steps=setup.steps, seed=run.seed, batch_size=setup.batch_size, log_every=setup.log_every,
        test_size=setup.test_size, progress=False, measures=[MEASURES[name] for name in setup.measures],
        save=save, resume=checkpoints.load(path, data), schedule=setup.optimizer.schedule(setup.steps),
        clock=time.process_time,  # on one thread it is the step's time, whatever else the machine does
    )  # fmt: skip
    record.set_rows(done.rows)
    record.status = "finished" if done.diverged_at is None else "diverged"
    record.diverged_at, record.reason = done.diverged_at, done.reason
    results.write(record, path)


@contextmanager
def one_thread() -> Iterator[None]:
    """NumPy and torch on one thread: with more, sums may be taken in another order, and the last bits change."""
    from threadpoolctl import threadpool_limits

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with threadpool_limits(1):
            yield
    finally:
        torch.set_num_threads(threads)


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
    with _progress(runs, folder, shown=progress):
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


@contextmanager
def _progress(runs: Sequence[Run], folder: Path, *, shown: bool) -> Iterator[None]:
    """A bar over the steps of all runs, with the time left: it looks at the records, wherever the runs are done."""
    paths = {run.path(folder): run.setup.steps for run in runs}
    total, done = sum(paths.values()), threading.Event()
    finished: set[Path] = set()
    start = sum(_steps_done(path, steps, finished) for path, steps in paths.items())
    if not shown or start == total:
        yield
        return
    with tqdm(total=total, initial=start, unit="step", unit_scale=True, smoothing=0) as bar:

        def look() -> None:
            while not done.wait(LOOK_EVERY):
                show()

        def show() -> None:
            bar.n = sum(_steps_done(path, steps, finished) for path, steps in paths.items())
            bar.set_postfix_str(f"{len(finished)} of {len(paths)} runs", refresh=False)
            bar.refresh()

        looking = threading.Thread(target=look, daemon=True)
        looking.start()
        try:
            yield
        finally:
            done.set()
            looking.join()
            show()


def _steps_done(path: Path, steps: int, finished: set[Path]) -> int:
    """How many steps a run has behind it; one that has ended has all."""
    if path in finished or not path.exists():
        return steps if path in finished else 0
    try:
        record = results.read(path)
    except (RecordError, OSError):
        return 0  # whoever runs it says so
    if record.status != "running":
        finished.add(path)
        return steps
    return int(record.rows[-1][record.columns.index("step")])
