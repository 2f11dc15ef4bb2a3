"""Two methods on one task: the area under their accuracy curves, by steps and by measured time, and who wins."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

import numpy as np

from tpcore.experiments.summary import column
from tpcore.results import Record

NO_CLEAR_WINNER = "no clear winner"


def seconds_per_step(records: Sequence[Record]) -> float:
    """The processor's time of a training step, median over the seeds.

    The steps up to the first row after the start are left out: in a new process they hold what is compiled or loaded
    once.

    Parameters
    ----------
    records : sequence of Record
        Of one method. A run that diverged before its second logged step does not count.

    Returns
    -------
    float
        NaN if no run came so far.

    Examples
    --------
    >>> from tpcore.experiments import seconds_per_step
    >>> from tpcore.results import Record
    >>> record = Record("adding-30", "run", "bp", 0, {})
    >>> record.set_rows([{"step": step, "seconds": time} for step, time in [(0, 0.0), (20, 1.5), (40, 1.7)]])
    >>> round(seconds_per_step([record]), 6)
    0.01
    """
    found = []
    for record in records:
        steps, seconds = record.column("step"), record.column("seconds")
        if len(steps) > 2:
            found.append((seconds[-1] - seconds[1]) / (steps[-1] - steps[1]))
    return statistics.median(found) if found else float("nan")


def mean_accuracy(records: Sequence[Record], until: float | None = None) -> np.ndarray:
    """The area under each seed's accuracy curve up to a step, over that step.

    The curve is straight between logged steps. From a divergence on, the accuracy is the untrained network's.

    Parameters
    ----------
    records : sequence of Record
        Of one configuration, one a seed.
    until : float, optional
        A number of steps above 0, at most that of the runs, which is the default.

    Returns
    -------
    numpy.ndarray (seeds,)

    Raises
    ------
    ValueError
        If ``until`` is not above 0, or is more than the steps of the runs.

    Examples
    --------
    >>> from tpcore.experiments import mean_accuracy
    >>> from tpcore.results import Record
    >>> record = Record("adding-30", "run", "bp", 0, {"steps": 40, "log_every": 20})
    >>> record.set_rows([{"step": step, "accuracy": value} for step, value in [(0, 0.0), (20, 0.5), (40, 1.0)]])
    >>> mean_accuracy([record]).tolist(), mean_accuracy([record], until=10).tolist()
    ([0.5], [0.125])
    """
    steps, values = column(records)
    until = float(steps[-1]) if until is None else until
    if not 0 < until <= steps[-1]:
        raise ValueError(f"until must be above 0 and at most {steps[-1]}, the steps of these runs, got {until!r}")
    inside = steps < until
    x = np.append(steps[inside], until)
    ends = [np.interp(until, steps, row) for row in values]
    y = np.column_stack([values[:, inside], ends])
    pieces = np.diff(x) * (y[:, 1:] + y[:, :-1]) / 2
    return np.asarray(pieces.sum(1) / until)


def in_the_same_time(first: Sequence[Record], second: Sequence[Record]) -> tuple[float, float]:
    """How many steps each of two methods takes in the time in which the faster one takes all of its.

    Parameters
    ----------
    first, second : sequence of Record
        Of one method each, with as many steps.

    Returns
    -------
    (float, float)
        At most the steps of the runs; all of them for both if a time is not known.

    Examples
    --------
    >>> from tpcore.experiments import in_the_same_time
    >>> from tpcore.results import Record
    >>> records = [Record("adding-30", "run", name, 0, {"steps": 40, "log_every": 20}) for name in ("bp", "tp")]
    >>> for record, pace in zip(records, (0.01, 0.02)):
    ...     record.set_rows([{"step": step, "seconds": step * pace, "accuracy": 0.1} for step in (0, 20, 40)])
    >>> [round(steps, 6) for steps in in_the_same_time([records[0]], [records[1]])]
    [40.0, 20.0]
    """
    paces = [seconds_per_step(records) for records in (first, second)]
    steps = [float(records[0].configuration["steps"]) for records in (first, second)]
    time = min(step * pace for step, pace in zip(steps, paces, strict=True))
    if not np.isfinite(time) or time <= 0:
        return steps[0], steps[1]
    return min(steps[0], time / paces[0]), min(steps[1], time / paces[1])


def winner_of(areas: dict[str, np.ndarray]) -> str:
    """The method of which every seed has a larger area than every seed of the others, or "no clear winner".

    If both of two methods were alike and their five seeds independent, one would be called the winner in 2 of 252
    comparisons.

    Parameters
    ----------
    areas : dict of str to numpy.ndarray (seeds,)
        As `mean_accuracy` returns them, by method; two or more.

    Returns
    -------
    str

    Examples
    --------
    >>> import numpy as np
    >>> from tpcore.experiments import winner_of
    >>> winner_of({"bp": np.array([0.5, 0.6]), "tp": np.array([0.7, 0.8])})
    'tp'
    >>> winner_of({"bp": np.array([0.5, 0.6]), "tp": np.array([0.6, 0.8])})
    'no clear winner'
    """
    best = max(areas, key=lambda name: areas[name].min())
    others = [areas[name].max() for name in areas if name != best]
    return best if areas[best].min() > max(others) else NO_CLEAR_WINNER
