"""Training steps timed in turn: rows of the record, and a line of the table for each."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any
from unittest import mock

import torch

import tpcore
from tpcore.complexity import Shape, count, threads, time_in_turn, training_step
from tpcore.recurrences import arrays, fused
from tpcore.rules import Rule

Sizes = tuple[int, int, int, int]  # batch, length, hidden, inputs
Rows = list[dict[str, Any]]

# The ratio to torch's step that we aim at
RNN_SHAPES: dict[Sizes, float] = {
    (20, 60, 100, 6): 0.40,
    (16, 784, 100, 1): 0.30,
    (20, 120, 100, 6): 0.40,
    (20, 30, 32, 6): 0.45,
    (64, 784, 128, 1): 0.45,
    (512, 784, 128, 1): 0.65,
}
GRU_SHAPES: dict[Sizes, float] = dict.fromkeys(
    [(20, 60, 100, 6), (16, 784, 100, 1), (20, 30, 32, 6), (64, 784, 128, 1)], 0.70
)
RULES: dict[str, Rule | None] = {
    "torch": None,
    "BP": tpcore.BackProp(),
    "TP": tpcore.TargetProp(1.0),
    "TP r=10": tpcore.TargetProp(10.0),
    "TP calibrated": tpcore.TargetProp(1.0, 1.0, calibrated=True),
    "TP through time": tpcore.TargetProp(1.0, accumulate="through_time"),
}
AIMED = ("TP", "TP r=10", "TP calibrated")  # local and linearized: the aims are theirs
ON_THE_WAY = ("torch", "BP", "TP", "TP r=10", "TP calibrated")
OVER_BP = 1.10  # the aim for "TP calibrated", which like back-propagation goes all the way, over "BP"


def named(shape: Sizes) -> dict[str, int]:
    """The shape as the arguments of `training_step`."""
    return dict(zip(("batch", "length", "hidden", "inputs"), shape, strict=True))


def time_steps(
    cell: str,
    shape: Sizes,
    seconds: float,
    *,
    number: int = 1,
    device: str = "cpu",
    aim: float | None = None,
    rules: Iterable[str] = RULES,
    both_ends: bool = False,
) -> dict[str, Any]:
    """One row: the seconds of every contender at a shape and a number of threads."""
    options: dict[str, Any] = {"cell": cell, "device": device, "both_ends": both_ends, **named(shape)}
    steps = {name: training_step(RULES[name], **options) for name in rules}
    if device != "cpu":
        steps = {name: _synchronized(step) for name, step in steps.items()}
    with threads(number):
        found = time_in_turn(steps, seconds=seconds)
    row = {"cell": cell, **named(shape), "threads": number, "device": device, "aim": aim}
    row["seconds"] = {name: timing._asdict() for name, timing in found.items()}
    if cell == "RNN" and "TP calibrated" in found:
        operations = count("TP", Shape(*shape, outputs=10)).operations
        row["operations_per_second"] = operations / found["TP calibrated"].median
    return row


def _synchronized(step: Callable[[], None]) -> Callable[[], None]:
    def synchronized() -> None:
        step()
        torch.cuda.synchronize()

    return synchronized


def print_header(title: str, rules: Iterable[str] = RULES) -> None:
    """What the columns of `print_row` are."""
    columns = "".join(f"{name:>{_width(name)}}" for name in rules if name != "torch")
    print(f"\n{title}\n{'cell (B, τ, d), threads':28}{'torch ms':>10}{columns}{'TP/BP':>8}{'aim':>7}{'spread':>8}")


def spread(row: dict[str, Any]) -> float:
    """The widest distance between a contender's quartiles, over its median."""
    return max((timing["high"] - timing["low"]) / timing["median"] for timing in row["seconds"].values())


def print_row(row: dict[str, Any]) -> None:
    """The medians over torch's, the aim, and the spread."""
    medians = {name: timing["median"] for name, timing in row["seconds"].items()}
    place = row["threads"] if row["device"] == "cpu" else row["device"]
    label = f"{row['cell']} {(row['batch'], row['length'], row['hidden'])} {place}"
    ratios = "".join(
        _marked(median / medians["torch"], row["aim"] if name in AIMED else None, _width(name))
        for name, median in medians.items()
        if name != "torch"
    )
    over_bp = _marked(medians["TP calibrated"] / medians["BP"], OVER_BP, 8) if "TP calibrated" in medians else " " * 8
    aim = f"{row['aim']:.2f}" if row["aim"] else "-"
    print(f"{label:28}{medians['torch'] * 1e3:>10.2f}{ratios}{over_bp}{aim:>7}{spread(row):>8.0%}", flush=True)


def _width(name: str) -> int:
    return max(8, len(name) + 2)


def _marked(ratio: float, aim: float | None, width: int) -> str:
    return f"{f'{ratio:.2f}' + ('*' if aim and ratio > aim else ' '):>{width}}"


def table(cell: str, shapes: dict[Sizes, float], numbers: list[int], seconds: float) -> Rows:
    """Every shape at every number of threads."""
    rows = []
    for shape, aim in shapes.items():
        for number in numbers:
            rows.append(time_steps(cell, shape, seconds, number=number, aim=aim))
            print_row(rows[-1])
    return rows


def without_kernels(shapes: list[Sizes], seconds: float) -> Rows:
    """The same steps in loops of NumPy, as where Numba is not installed."""
    rows = []
    with (
        mock.patch.object(arrays, "compiled_kernels", lambda: None),
        mock.patch.object(fused, "compiled_kernels", lambda: None),
    ):
        for shape in shapes:
            rows.append(time_steps("RNN", shape, seconds))
            print_row(rows[-1])
    return rows


def vanishing(shape: Sizes, seconds: float) -> Rows:
    """A loss on the first state too: displacements vanish, but the walk back must go on to the first step."""
    rows = []
    for cell in ("RNN", "GRU"):
        rows.append(time_steps(cell, shape, seconds, rules=ON_THE_WAY, both_ends=True))
        print_row(rows[-1])
    return rows
