"""Two methods on one task: the areas under their accuracy curves, by steps and by time, and who leads by how much."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tpcore.experiments.statistics import Lead, compare_pairs
from tpcore.experiments.summary import column
from tpcore.results import Record


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


def compare_methods(
    first: Sequence[Record], second: Sequence[Record], until: tuple[float | None, float | None] = (None, None)
) -> Lead:
    """Compare two methods by their mean accuracy along training, over the seeds that both have.

    A seed draws the same initial weights and batches under every method, so that the two runs of a seed are a pair.

    Parameters
    ----------
    first, second : sequence of Record
        Of one configuration each, one a seed.
    until : (float or None, float or None)
        Up to which step each counts, as in `mean_accuracy`.

    Returns
    -------
    Lead

    Raises
    ------
    ValueError
        If they have no seed in common, or as `mean_accuracy` does.

    Examples
    --------
    >>> from tpcore.experiments import compare_methods
    >>> from tpcore.results import Record
    >>> def run(method, seed, accuracy):
    ...     record = Record("adding-30", "run", method, seed, {"steps": 20, "log_every": 20})
    ...     record.set_rows([{"step": step, "accuracy": accuracy} for step in (0, 20)])
    ...     return record
    >>> found = compare_methods([run("tp", 0, 0.5), run("tp", 1, 0.7)], [run("bp", 1, 0.4), run("bp", 0, 0.4)])
    >>> round(found.difference.value, 6), found.won, found.pairs
    (0.2, 2, 2)
    """
    areas = [
        dict(zip((record.seed for record in records), mean_accuracy(records, last), strict=True))
        for records, last in zip((first, second), until, strict=True)
    ]
    seeds = [seed for seed in areas[0] if seed in areas[1]]
    if not seeds:
        raise ValueError(f"first and second must have seeds in common, got {list(areas[0])} and {list(areas[1])}")
    return compare_pairs(*(np.array([own[seed] for seed in seeds]) for own in areas))


def in_the_same_time(steps: int, costs: tuple[float, float]) -> tuple[float, float]:
    """How many steps each of two methods takes in the time in which the faster one takes all of its.

    Parameters
    ----------
    steps : int
        Those of the runs.
    costs : (float, float)
        The time of a step of each, in the same unit.

    Returns
    -------
    (float, float)

    Examples
    --------
    >>> from tpcore.experiments import in_the_same_time
    >>> in_the_same_time(40, (0.01, 0.02))
    (40.0, 20.0)
    """
    least = min(costs)
    return steps * least / costs[0], steps * least / costs[1]
