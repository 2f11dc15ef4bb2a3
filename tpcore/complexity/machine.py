"""A roofline estimate of a step's time, from two measured constants of the machine."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch

from tpcore.complexity.counts import NUMBER, Count


@dataclass(frozen=True)
class Machine:
    """Two constants of a machine: how fast it multiplies large matrices and moves memory, in float32.

    Parameters
    ----------
    operations_per_second, bytes_per_second : float > 0
    operations_spread, bytes_spread : float ≥ 0
        Of the measurements: the distance between their quartiles over their median.
    threads : int

    Raises
    ------
    ValueError
        If a rate is not a finite number above 0.

    Examples
    --------
    >>> from tpcore.complexity import Machine
    >>> Machine(operations_per_second=50e9, bytes_per_second=10e9).threads
    1
    """

    operations_per_second: float
    bytes_per_second: float
    operations_spread: float = 0.0
    bytes_spread: float = 0.0
    threads: int = 1

    def __post_init__(self) -> None:
        for name in ("operations_per_second", "bytes_per_second"):
            if not 0 < getattr(self, name) < math.inf:
                raise ValueError(f"{name} must be a finite number above 0, got {getattr(self, name)!r}")


def measure_machine(seconds: float = 1.0) -> Machine:
    """Measure this machine's CPU with torch's current number of threads: a (768, 768) product, and a copy of 64 MiB.

    Each is repeated for half of `seconds`, and at least 5 times; the rates are medians. A spread of more than some
    tenths says that the machine was busy.

    Parameters
    ----------
    seconds : float
        For both together.

    Returns
    -------
    Machine

    Examples
    --------
    >>> from tpcore.complexity import measure_machine
    >>> measure_machine(seconds=0.1).operations_per_second > 0
    True
    """
    n, length = 768, 2**24
    matrix, product = torch.ones(n, n), torch.empty(n, n)
    source, copy = torch.ones(length), torch.empty(length)
    multiplied, spread = _timed(lambda: torch.mm(matrix, matrix, out=product), seconds / 2)
    copied, copy_spread = _timed(lambda: copy.copy_(source), seconds / 2)
    moved = 2 * NUMBER * length
    return Machine(2 * n**3 / multiplied, moved / copied, spread, copy_spread, torch.get_num_threads())


def _timed(operation: Callable[[], object], seconds: float) -> tuple[float, float]:
    """The median seconds of an operation, after one to warm up, and the distance between its quartiles over it."""
    operation()
    times: list[float] = []
    begin = time.perf_counter()
    while time.perf_counter() - begin < seconds or len(times) < 5:
        start = time.perf_counter()
        operation()
        times.append(time.perf_counter() - start)
    low, middle, high = statistics.quantiles(times, n=4)
    return middle, (high - low) / middle


def roofline_seconds(count: Count, machine: Machine) -> float:
    """An estimate of the time of a step: each part is limited by arithmetic or by memory, whichever is slower.

    All numbers are in float32, inversions too, as `tpcore.regularized_inverse` has them where r is not far below the
    squares of W's singular values. The estimate knows no caches (too slow
    where all fits in one), no overhead of starting an operation, and no small or thin matrix whose product is slower
    than a large one's (too fast where matrices are small).

    Parameters
    ----------
    count : Count
    machine : Machine

    Returns
    -------
    float
        Seconds.

    Examples
    --------
    >>> from tpcore.complexity import Machine, Shape, count, roofline_seconds
    >>> machine = Machine(operations_per_second=50e9, bytes_per_second=10e9)
    >>> round(roofline_seconds(count("BP", Shape(512, 784, 128, 1, 10)), machine), 2)
    1.08
    """
    seconds = 0.0
    for work in count.parts.values():
        arithmetic = work.operations / machine.operations_per_second
        seconds += max(arithmetic, work.moved * NUMBER / machine.bytes_per_second)
    return seconds
