"""A training step, to be timed: contenders in one process, turn by turn."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from threadpoolctl import threadpool_limits

from tpcore.checks import check_option
from tpcore.nn import GRU, RNN, orthonormal_
from tpcore.rules import LearnedTargetProp, Rule

CLASSES = 10


class Timing(NamedTuple):
    """Seconds of an operation: the median and the quartiles of so many runs.

    Parameters
    ----------
    median, low, high : float
    runs : int

    Examples
    --------
    >>> from tpcore.complexity import Timing
    >>> Timing(median=0.2, low=0.1, high=0.4, runs=9).median
    0.2
    """

    median: float
    low: float
    high: float
    runs: int


def training_step(
    rule: Rule | None,
    *,
    batch: int,
    length: int,
    hidden: int,
    inputs: int,
    cell: str = "RNN",
    device: str = "cpu",
    both_ends: bool = False,
) -> Callable[[], None]:
    """One training step of a recurrent classifier, without the optimizer's, as a function to be timed.

    zero_grad, forward, cross-entropy on the last hidden state, backward; with a learned inverse, its own loss and
    backward too. W is orthonormal, all else as torch initializes it.

    Parameters
    ----------
    rule : BackProp, TargetProp, LearnedTargetProp, or None
        None: torch's own module with autograd.
    batch, length, hidden, inputs : int
        B, τ, d and p.
    cell : {"RNN", "GRU"}
    device : str
    both_ends : bool
        A loss on the first state too: the walk back must then go on to the first step, whatever vanishes on the way.

    Returns
    -------
    function without arguments

    Raises
    ------
    ValueError
        If there is no such cell.

    Examples
    --------
    >>> from tpcore.complexity import time_in_turn, training_step
    >>> shape = {"batch": 4, "length": 10, "hidden": 8, "inputs": 2}
    >>> times = time_in_turn({"torch": training_step(None, **shape)}, seconds=0.01)
    >>> times["torch"].median > 0
    True
    """
    classes: dict[str, Any] = {"RNN": torch.nn.RNN, "GRU": torch.nn.GRU} if rule is None else {"RNN": RNN, "GRU": GRU}
    check_option("cell", cell, tuple(classes))
    options = {} if rule is None else {"rule": rule}
    with torch.random.fork_rng(devices=[]):  # whoever times a step in a script keeps the script's draws
        torch.default_generator.manual_seed(0)
        recurrent = classes[cell](inputs, hidden, batch_first=True, **options).to(device)
        for part in recurrent.weight_hh_l0.detach().split(hidden):
            orthonormal_(part)
        head = torch.nn.Linear(hidden, CLASSES).to(device)
        x, labels = torch.randn(batch, length, inputs).to(device), torch.randint(CLASSES, (batch,)).to(device)
    inverse = rule.inverse if isinstance(rule, LearnedTargetProp) else None
    parameters = [*recurrent.parameters(), *head.parameters(), *(inverse.parameters() if inverse else ())]

    def step() -> None:
        for parameter in parameters:
            parameter.grad = None
        output, h_n = recurrent(x)
        last = output[:, -1] + output[:, 0] if both_ends else h_n[0]
        torch.nn.functional.cross_entropy(head(last), labels).backward()
        if inverse is not None:
            inverse.reconstruction_loss(recurrent, x).backward()

    return step


def time_in_turn(
    steps: Mapping[str, Callable[[], None]],
    *,
    seconds: float,
    least: int = 3,
    clock: Callable[[], float] = time.perf_counter,
) -> dict[str, Timing]:
    """Time operations in this process, turn by turn for about `seconds` in all, after one turn to warm up.

    Turn by turn, so that what disturbs the machine disturbs all of them.

    Parameters
    ----------
    steps : dict of str to function
    seconds : float
    least : int
        Turns that are taken however long they last.
    clock : function
        What the operations are timed by; `time.process_time` counts the processor's time alone.

    Returns
    -------
    dict of str to Timing

    Examples
    --------
    >>> from tpcore.complexity import time_in_turn
    >>> time_in_turn({"nothing": lambda: None}, seconds=0.0, least=4)["nothing"].runs
    4
    """
    for step in steps.values():
        step()
    taken: dict[str, list[float]] = {name: [] for name in steps}
    begin, turns = time.perf_counter(), 0
    while turns < least or time.perf_counter() - begin < seconds:
        for name, step in steps.items():
            start = clock()
            step()
            taken[name].append(clock() - start)
        turns += 1
    return {name: _summary(times) for name, times in taken.items()}


def _summary(times: list[float]) -> Timing:
    low, median, high = statistics.quantiles(times, n=4) if len(times) > 1 else [times[0]] * 3
    return Timing(median, low, high, len(times))


@contextmanager
def threads(number: int) -> Any:
    """All of it on so many threads: torch's and those of every BLAS that is loaded; then as before.

    Parameters
    ----------
    number : int, at least 1

    Returns
    -------
    context manager

    Examples
    --------
    >>> import torch
    >>> from tpcore.complexity import threads
    >>> with threads(1):
    ...     print(torch.get_num_threads())
    1
    """
    import scipy.linalg.lapack  # noqa: F401 (a library that is loaded later would not be limited)

    before = torch.get_num_threads()
    torch.set_num_threads(number)
    try:
        with threadpool_limits(number):
            yield
    finally:
        torch.set_num_threads(before)
