"""What is measured beside the counts: steps of named contenders at a shape, and what their noise allows to say."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from tpcore.complexity.counts import Count, Shape, count
from tpcore.complexity.timing import CLASSES, Timing, threads, time_in_turn, training_step
from tpcore.nn import LearnedInverse
from tpcore.rules import BackProp, LearnedTargetProp, Rule, TargetProp

# Each with the contender whose operations are counted for it. torch's own module does back-propagation; a calibrated
# inversion has the products of an uncalibrated one.
MEASURED = {"torch": "BP", "BP": "BP", "TP": "TP", "TP calibrated": "TP", "learned inverse": "learned inverse"}
BUSY = 0.5  # distance between quartiles over the median, from which on nothing is concluded


class Comparison(NamedTuple):
    """The time of one contender over another's.

    Parameters
    ----------
    ratio : float
        Of the medians.
    low, high : float
        The ratio with one of the times at its lower and the other at its upper quartile.
    conclusive : bool
        Whether low and high lie on one side of 1, and neither time spreads by more than half of its median.

    Examples
    --------
    >>> from tpcore.complexity import Comparison
    >>> Comparison(ratio=1.1, low=0.9, high=1.3, conclusive=False).conclusive
    False
    """

    ratio: float
    low: float
    high: float
    conclusive: bool


def contender_step(
    contender: str, *, batch: int, length: int, hidden: int, inputs: int, cell: str = "RNN"
) -> Callable[[], None]:
    """A training step as `training_step` makes it, by the name of a contender.

    Parameters
    ----------
    contender : {"torch", "BP", "TP", "TP calibrated", "learned inverse"}
        torch's own module with autograd; ours with back-propagation, the paper's local rule at r = 1, the calibrated
        one at r = s = 1, and through a learned inverse, which is trained too.
    batch, length, hidden, inputs : int
        B, τ, d and p.
    cell : {"RNN", "GRU"}
        A learned inverse is for the RNN.

    Returns
    -------
    function without arguments

    Raises
    ------
    ValueError
        If there is no such contender or cell.

    Examples
    --------
    >>> from tpcore.complexity import contender_step
    >>> contender_step("learned inverse", batch=4, length=10, hidden=8, inputs=2)()
    """
    rules: dict[str, Rule | None] = {
        "torch": None,
        "BP": BackProp(),
        "TP": TargetProp(1.0),
        "TP calibrated": TargetProp(1.0, 1.0, calibrated=True),
    }
    if contender == "learned inverse":
        rules[contender] = LearnedTargetProp(LearnedInverse(inputs, hidden))
    if contender not in rules:
        raise ValueError(f"contender must be one of {', '.join(map(repr, MEASURED))}, got {contender!r}")
    return training_step(rules[contender], batch=batch, length=length, hidden=hidden, inputs=inputs, cell=cell)


def measure_step(
    contenders: Iterable[str] = tuple(MEASURED),
    *,
    batch: int,
    length: int,
    hidden: int,
    inputs: int = 6,
    seconds: float = 1.0,
) -> dict[str, Timing]:
    """Time one training step of several contenders at a shape, turn by turn, on one thread of the CPU.

    Parameters
    ----------
    contenders : iterable of str
        As for `contender_step`.
    batch, length, hidden, inputs : int
    seconds : float
        For all of them; each is timed at least 5 times, however long that takes.

    Returns
    -------
    dict of str to Timing

    Raises
    ------
    ValueError
        If there is no such contender.

    Examples
    --------
    >>> from tpcore.complexity import measure_step
    >>> times = measure_step(("BP", "TP"), batch=4, length=10, hidden=8, seconds=0.02)
    >>> times["TP"].runs >= 5
    True
    """
    with threads(1):
        steps = {
            name: contender_step(name, batch=batch, length=length, hidden=hidden, inputs=inputs) for name in contenders
        }
        return time_in_turn(steps, seconds=seconds, least=5)


def compare_times(times: Mapping[str, Timing], contender: str, other: str) -> Comparison:
    """The time of a contender over another's, and whether the noise allows to say which is faster.

    Parameters
    ----------
    times : mapping of str to Timing
        As `measure_step` returns it.
    contender, other : str

    Returns
    -------
    Comparison

    Examples
    --------
    >>> from tpcore.complexity import Timing, compare_times
    >>> times = {"BP": Timing(1.0, 0.95, 1.1, runs=9), "TP": Timing(1.2, 1.15, 1.3, runs=9)}
    >>> compare_times(times, "TP", "BP").conclusive
    True
    """
    ours, theirs = times[contender], times[other]
    low, high = ours.low / theirs.high, ours.high / theirs.low
    quiet = all((time.high - time.low) / time.median <= BUSY for time in (ours, theirs))
    return Comparison(ours.median / theirs.median, low, high, quiet and not low <= 1 <= high)


def counted(contender: str, *, batch: int, length: int, hidden: int, inputs: int) -> Count:
    """The operations and the memory of what `contender_step` does.

    The learned inverse runs the network forward once more for its own loss, which the count does not hold.

    Parameters
    ----------
    contender, batch, length, hidden, inputs
        As for `contender_step`.

    Returns
    -------
    Count

    Examples
    --------
    >>> from tpcore.complexity import counted
    >>> counted("torch", batch=4, length=10, hidden=8, inputs=2).contender
    'BP'
    """
    return count(MEASURED[contender], Shape(batch, length, hidden, inputs, CLASSES))
