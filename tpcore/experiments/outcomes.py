"""What came of runs: whether they learned, solved their task, and kept it."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tpcore.experiments.registry import experiment_named
from tpcore.experiments.spec import from_configuration
from tpcore.experiments.summary import column
from tpcore.results import Record
from tpcore.tasks.adding import TOLERANCE, Adding

SOLVED = 0.99
KEPT = 0.9
LEARNED = 2.0  # times chance
LEVELS = {"TemporalOrder": SOLVED, "Adding": 0.9}
DIGITS = 0.9


def level_of(name: str) -> float | None:
    """The held-out accuracy that counts as solved in an experiment, set before it was run; None if none was.

    Adding counts an answer as right within a width, and not every one of scikit-learn's digits can be read: 0.9 for
    both. For other images and for text there is no such level.

    Parameters
    ----------
    name : str
        The experiment's.

    Returns
    -------
    float or None

    Raises
    ------
    ValueError
        If there is no such experiment.

    Examples
    --------
    >>> from tpcore.experiments import level_of
    >>> level_of("temporal-order-60"), level_of("pixel-mnist")
    (0.99, None)
    """
    task = experiment_named(name).task
    return DIGITS if getattr(task, "images", "") == "digits" else LEVELS.get(type(task).__name__)


def chance_of(record: Record) -> float:
    """The accuracy of whoever has learned nothing on a record's task.

    One class of so many; for adding, the share that is right by always answering one half, 1 − (1 − 2·0.04)². For text
    always guessing the commonest symbol is right more often than one symbol of so many.

    Parameters
    ----------
    record : Record

    Returns
    -------
    float in [0, 1]

    Examples
    --------
    >>> from tpcore.experiments import chance_of, experiment_named
    >>> from tpcore.results import Record
    >>> run = experiment_named("temporal-order-60").runs("temporal-order-60")[0]
    >>> chance_of(Record(run.experiment, run.stage, run.method, run.seed, run.setup.configuration()))
    0.25
    """
    task = from_configuration(record.configuration["task"])
    return 1 - (1 - 2 * TOLERANCE) ** 2 if isinstance(task, Adding) else 1 / task.output_size


def learns(records: Sequence[Record]) -> bool:
    """Whether any of a method's runs has learned: is right twice as often as chance at two logged steps in a row.

    Once alone may be luck: a network that always names one class, and another at each evaluation, comes as far.

    Parameters
    ----------
    records : sequence of Record
        Of one configuration, one a seed.

    Returns
    -------
    bool

    Examples
    --------
    >>> from tpcore.experiments import experiment_named, learns
    >>> from tpcore.results import Record
    >>> run = experiment_named("temporal-order-60").runs("temporal-order-60")[0]
    >>> record = Record(run.experiment, run.stage, run.method, run.seed, run.setup.configuration())
    >>> record.set_rows([{"step": step, "accuracy": value} for step, value in ((0, 0.2), (200, 0.6), (400, 0.4))])
    >>> learns([record])
    False
    """
    return any(found_at(record) is not None for record in records)


def solved_at(record: Record, level: float = SOLVED) -> int | None:
    """The first logged step at which the held-out accuracy reaches a level; None if it never does before a divergence.

    Parameters
    ----------
    record : Record
    level : float in [0, 1]

    Returns
    -------
    int or None

    Examples
    --------
    >>> from tpcore.experiments import solved_at
    >>> from tpcore.results import Record
    >>> record = Record("adding-30", "run", "bp", 0, {})
    >>> record.set_rows([{"step": 0, "accuracy": 0.25}, {"step": 20, "accuracy": 1.0}])
    >>> solved_at(record)
    20
    """
    pairs = list(zip(record.column("step"), record.column("accuracy"), strict=True))[: record.rows_kept()]
    return next((int(step) for step, accuracy in pairs if accuracy >= level), None)


def found_at(record: Record) -> int | None:
    """The first logged step at which a run is twice as often right as chance, and at the next too; None if never.

    Parameters
    ----------
    record : Record

    Returns
    -------
    int or None

    Examples
    --------
    >>> from tpcore.experiments import experiment_named, found_at
    >>> from tpcore.results import Record
    >>> run = experiment_named("temporal-order-60").runs("temporal-order-60")[0]
    >>> record = Record(run.experiment, run.stage, run.method, run.seed, run.setup.configuration())
    >>> record.set_rows([{"step": 200 * k, "accuracy": value} for k, value in enumerate((0.2, 0.6, 0.3, 0.6, 0.7))])
    >>> found_at(record)
    600
    """
    steps, accuracy = record.column("step"), np.array(record.column("accuracy"), dtype=float)
    high = accuracy[: record.rows_kept()] >= LEARNED * chance_of(record)
    both = np.flatnonzero(high[:-1] & high[1:])
    return int(steps[both[0]]) if len(both) else None


@dataclass(frozen=True)
class Outcome:
    """What came of one setup over its seeds.

    Parameters
    ----------
    seeds : int
        How many were run.
    solved : int
        How many reached the level; none if there is no level.
    collapsed : int
        How many of these ended below KEPT (0.9) of the level.
    diverged : int
        How many stopped since something was not finite.
    steps : float or None
        Of those that reached the level, the median step at which they did.
    final : (float, float, float)
        The accuracy at the end: lowest, median, highest; a diverged run counts as untrained.

    Examples
    --------
    >>> from tpcore.experiments import Outcome
    >>> found = Outcome(seeds=5, solved=4, collapsed=1, diverged=0, steps=1200, final=(0.3, 0.99, 1.0))
    >>> f"{found.solved} of {found.seeds}"
    '4 of 5'
    """

    seeds: int
    solved: int
    collapsed: int
    diverged: int
    steps: float | None
    final: tuple[float, float, float]


def outcome(records: Sequence[Record], level: float | None = SOLVED) -> Outcome:
    """Sum up the runs of one setup.

    Parameters
    ----------
    records : sequence of Record
        Of one configuration, one a seed.
    level : float in [0, 1], optional
        The accuracy that counts as solved; None: there is no such level.

    Returns
    -------
    Outcome

    Examples
    --------
    >>> from tpcore.experiments import outcome
    >>> from tpcore.results import Record
    >>> record = Record("adding-30", "run", "bp", 0, {"steps": 20, "log_every": 20}, status="finished")
    >>> record.set_rows([{"step": 0, "accuracy": 0.25}, {"step": 20, "accuracy": 1.0}])
    >>> outcome([record])
    Outcome(seeds=1, solved=1, collapsed=0, diverged=0, steps=20, final=(1.0, 1.0, 1.0))
    """
    end = column(records)[1][:, -1]
    steps = [None if level is None else solved_at(record, level) for record in records]
    reached = [step for step in steps if step is not None]
    return Outcome(
        seeds=len(records),
        solved=len(reached),
        collapsed=sum(
            bool(last < KEPT * (level or 0)) for step, last in zip(steps, end, strict=True) if step is not None
        ),
        diverged=sum(record.status == "diverged" for record in records),
        steps=statistics.median(reached) if reached else None,
        final=(float(end.min()), float(np.median(end)), float(end.max())),
    )
