"""Running: one run to its end, once, whoever else runs it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from tpcore import checkpoints, results
from tpcore.experiments.measures import MEASURES
from tpcore.experiments.records import check_same_data, fingerprint, read_run
from tpcore.experiments.spec import Run, Setup
from tpcore.nn import SequenceClassifier
from tpcore.results import Record
from tpcore.training import TrainingRun, train

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
    path, data = run.path(folder), fingerprint(run.setup.task)
    if _ended(_known(run, folder, data)) and not checkpoints.kept(path):  # without a lock: a folder may be read-only
        return "skipped"
    with _one_run, checkpoints.locked(path, wait=wait) as held:
        if not held:
            return "busy"
        known = _known(run, folder, data)
        if _ended(known):
            checkpoints.drop(path)  # a process may have been killed between its last record and this
            return "skipped"
        with one_thread():
            _train(run, path, data, rows_known=0 if known is None else len(known.rows))
        checkpoints.drop(path)
        return "recorded"


def _known(run: Run, folder: Path, data: str | None) -> Record | None:
    """What is recorded of a run so far."""
    path = run.path(folder)
    if not path.exists():
        return None
    known = read_run(run, folder)
    check_same_data(known, data, path)
    return known


def _ended(known: Record | None) -> bool:
    return known is not None and known.status != "running"


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
    done = train_as(setup, model, optimizer, run.seed, save=save, resume=checkpoints.load(path, data))
    record.set_rows(done.rows)
    record.status = "finished" if done.diverged_at is None else "diverged"
    record.diverged_at, record.reason = done.diverged_at, done.reason
    results.write(record, path)


def train_as(
    setup: Setup,
    model: SequenceClassifier,
    optimizer: torch.optim.Optimizer,
    seed: int,
    *,
    steps: int | None = None,
    save: Callable[[dict[str, Any]], None] | None = None,
    resume: dict[str, Any] | None = None,
) -> TrainingRun:
    """Train what `Setup.build` made, to the end or for some of its steps."""
    return train(
        model, setup.task, optimizer,
        steps=setup.steps if steps is None else steps, seed=seed, batch_size=setup.batch_size,
        log_every=setup.log_every, test_size=setup.test_size, progress=False,
        measures=[MEASURES[name] for name in setup.measures], save=save, resume=resume,
        schedule=setup.optimizer.schedule(setup.steps), rule_schedule=setup.rule_schedule(model),
        clock=time.process_time,  # on one thread it is the step's time, whatever else the machine does
    )  # fmt: skip


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
