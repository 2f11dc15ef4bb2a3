"""Where the time of a training step goes, in microseconds a line: python -m benchmarks.parts [B τ d p].

Processor time on one thread, so that what else runs on the machine counts little; medians over many steps.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any
from unittest import mock

import torch

from benchmarks.steps import RULES, Sizes, named
from tpcore.complexity import threads, training_step
from tpcore.nn import layer, recurrent
from tpcore.recurrences import backward, compiled, elman, fused

SHAPES: list[Sizes] = [(20, 30, 32, 6), (20, 60, 100, 6)]
CONTENDERS = ("BP", "TP", "TP calibrated")
REST = "autograd, head and loss, and what calls the rest"
PARTS: dict[str, list[tuple[Any, str]]] = {
    "forward: checks of the input": [(recurrent, "refuse_tracing"), (recurrent.Recurrent, "_check_tensor")],
    "forward: weights and first states": [
        (recurrent.Recurrent, "_weights"),
        (recurrent.Recurrent, "checked_rule"),
    ],
    "forward: the loop": [(elman.Elman, "run")],
    "tensors as arrays, and back": [(layer, "as_array"), (layer, "as_tensor"), (layer, "_version_of")],
    "backward: M_r": [(backward, "operator_of")],
    "backward: the loop": [(fused, "backward_rows")],
    "backward: products of the parameters": [(compiled, "elman_products")],
    "backward: checks of the directions": [(layer, "check_directions"), (layer, "warn_of_clipping")],
    "backward: what calls these": [(layer, "run_backward"), (layer.Layer, "backward")],
}
OPTIMIZER = "optimizer (SGD)"


class Clock:
    """Seconds of each part: what a part calls that is another part counts for that one alone."""

    def __init__(self) -> None:
        self.seconds: Counter[str] = Counter()
        self._inside, self._since = [REST], time.thread_time()

    def turn(self, change: Callable[[], Any]) -> None:
        """Charge what has passed to the part that is inside, then let another be inside."""
        now = time.thread_time()
        self.seconds[self._inside[-1]] += now - self._since
        change()
        self._since = now

    def timed(self, part: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function, counted as that part."""

        def counted(*arguments: Any, **options: Any) -> Any:
            self.turn(lambda: self._inside.append(part))
            try:
                return function(*arguments, **options)
            finally:
                self.turn(self._inside.pop)

        return counted


def microseconds(rule: str, shape: Sizes, steps: int) -> dict[str, float]:
    """The median of each part of a step over so many steps, after some to warm up."""
    found: list[Counter[str]] = []
    step = training_step(RULES[rule], **named(shape))
    with ExitStack() as stack:
        stack.enter_context(threads(1))
        clock = Clock()
        for part, places in PARTS.items():
            for owner, name in places:
                function = clock.timed(part, getattr(owner, name))
                bound = isinstance(owner.__dict__[name], (staticmethod, classmethod))
                patched = staticmethod(function) if bound else function
                stack.enter_context(mock.patch.object(owner, name, patched))
        for _ in range(steps + 10):
            clock.turn(clock.seconds.clear)
            step()
            clock.turn(lambda: found.append(clock.seconds.copy()))
        optimizer = _optimizer(shape, steps)
    return {part: 1e6 * statistics.median(seconds[part] for seconds in found[10:]) for part in [*PARTS, REST]} | {
        OPTIMIZER: optimizer
    }


def _optimizer(shape: Sizes, steps: int) -> float:
    """Of an RNN's parameters and its head's."""
    _, _, hidden, inputs = shape
    modules = torch.nn.ModuleList([torch.nn.RNN(inputs, hidden), torch.nn.Linear(hidden, 10)])
    for parameter in modules.parameters():
        parameter.grad = torch.zeros_like(parameter)
    optimizer, found = torch.optim.SGD(modules.parameters(), lr=0.1), []
    for _ in range(steps):
        before = time.thread_time()
        optimizer.step()
        found.append(time.thread_time() - before)
    return 1e6 * statistics.median(found)


def main() -> None:
    """Print a table for each shape."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.parts", description=__doc__.splitlines()[0])
    parser.add_argument("shape", type=int, nargs="*", help="B τ d p (default: two short ones)")
    parser.add_argument("--steps", type=int, default=200, help="how many are timed (default 200)")
    given = parser.parse_args()
    if given.shape and len(given.shape) != 4:
        parser.error(f"a shape is four numbers, B τ d p, got {given.shape}")
    for shape in [tuple(given.shape)] if given.shape else SHAPES:
        tables = {rule: microseconds(rule, shape, given.steps) for rule in CONTENDERS}
        print(f"\nmicroseconds at {shape}\n{'':52}" + "".join(f"{rule:>15}" for rule in CONTENDERS))
        for part in tables[CONTENDERS[0]]:
            print(f"{part:52}" + "".join(f"{tables[rule][part]:>15.0f}" for rule in CONTENDERS))
        print(f"{'all':52}" + "".join(f"{sum(tables[rule].values()):>15.0f}" for rule in CONTENDERS))


if __name__ == "__main__":
    main()
