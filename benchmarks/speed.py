"""`make bench`: training steps of target propagation beside torch's back-propagation, in time and memory.

Everything is measured on this machine, printed as a table, and written as one record into results/bench/, from which
the chapter "How fast is it?" takes its numbers.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from unittest import mock

import torch

import tpcore
from benchmarks.memory import in_a_fresh_process
from tpcore.complexity import Shape, count, measure_machine, threads, time_in_turn, training_step
from tpcore.recurrences import arrays, fused
from tpcore.results import default_folder, machine, versions, write_whole

Rows = list[dict[str, Any]]

# (batch, length, hidden, inputs) and the ratio to torch's step that we aim at
RNN_SHAPES = {
    (20, 60, 100, 6): 0.40,
    (16, 784, 100, 1): 0.30,
    (20, 120, 100, 6): 0.40,
    (20, 30, 32, 6): 0.45,
    (64, 784, 128, 1): 0.45,
    (512, 784, 128, 1): 0.65,
}
GRU_SHAPES = dict.fromkeys([(20, 60, 100, 6), (16, 784, 100, 1), (20, 30, 32, 6), (64, 784, 128, 1)], 0.70)
RULES: dict[str, tpcore.BackProp | tpcore.TargetProp | None] = {
    "torch": None,
    "BP": tpcore.BackProp(),
    "TP": tpcore.TargetProp(1.0),
    "TP r=10": tpcore.TargetProp(10.0),
    "TP calibrated": tpcore.TargetProp(1.0, 1.0, calibrated=True),
    "TP through time": tpcore.TargetProp(1.0, accumulate="through_time"),
}


def named(shape: tuple[int, int, int, int]) -> dict[str, int]:
    """The shape as the arguments of `training_step`."""
    return dict(zip(("batch", "length", "hidden", "inputs"), shape, strict=True))


def time_steps(
    cell: str, shape: tuple[int, int, int, int], number: int, seconds: float, aim: float | None, device: str
) -> dict[str, Any]:
    """One row: the seconds of every contender at a shape and a number of threads."""
    steps = {name: training_step(rule, cell=cell, device=device, **named(shape)) for name, rule in RULES.items()}
    if device != "cpu":
        steps = {name: _synchronized(step) for name, step in steps.items()}
    with threads(number):
        found = time_in_turn(steps, seconds=seconds)
    row = {"cell": cell, **named(shape), "threads": number, "device": device, "aim": aim}
    row["seconds"] = {name: timing._asdict() for name, timing in found.items()}
    if cell == "RNN":
        batch, length, hidden, inputs = shape
        operations = count("TP", Shape(batch, length, hidden, inputs, 10)).operations
        row["operations_per_second"] = operations / found["TP calibrated"].median
    ratios = {name: timing.median / found["torch"].median for name, timing in found.items()}
    label = f"{cell} {shape[:3]!s:>17} {number} thread{'s' if number > 1 else ' '}"
    print(
        f"{label} torch {found['torch'].median * 1e3:8.2f} ms"
        + "".join(f"  {name} {ratio:.2f}" for name, ratio in ratios.items() if name != "torch")
        + (f"  (aim {aim:.2f})" if aim else ""),
        flush=True,
    )
    return row


def _synchronized(step: Any) -> Any:
    def synchronized() -> None:
        step()
        torch.cuda.synchronize()

    return synchronized


def without_kernels(seconds: float, shapes: list[tuple[int, int, int, int]]) -> Rows:
    """The same steps in loops of NumPy, as where Numba is not installed."""
    print("without Numba:")
    with (
        mock.patch.object(arrays, "compiled_kernels", lambda: None),
        mock.patch.object(fused, "compiled_kernels", lambda: None),
    ):
        return [time_steps("RNN", shape, 1, seconds, None, "cpu") for shape in shapes]


def memory(shapes: list[tuple[str, tuple[int, int, int, int]]]) -> Rows:
    """Peak memory of a step, ours and torch's."""
    rows = []
    for cell, shape in shapes:
        ours, theirs = (in_a_fresh_process(ours=ours, cell=cell, **named(shape)) for ours in (True, False))
        rows.append({"cell": cell, **named(shape), "ours": ours, "torch": theirs})
        print(f"{cell} {shape[:3]!s:>17} memory: ours {ours / 1e6:.0f} MB, torch {theirs / 1e6:.0f} MB", flush=True)
    return rows


def import_seconds(repeats: int) -> dict[str, float]:
    """Median seconds of fresh interpreters that import torch, or tpcore and so torch."""
    taken: dict[str, list[float]] = {"torch": [], "tpcore": []}
    for name in ["torch", "tpcore"] * (repeats + 1):
        start = time.perf_counter()
        subprocess.run([sys.executable, "-c", f"import {name}"], check=True)
        taken[name].append(time.perf_counter() - start)
    found = {name: statistics.median(times[1:]) for name, times in taken.items()}  # the first reads the disk
    print(f"import torch {found['torch']:.2f} s, import tpcore {found['tpcore']:.2f} s")
    return found


def measure(seconds: float, numbers: list[int], quick: bool, device: str) -> dict[str, Any]:
    """The whole record."""
    rnn_shapes = {(4, 10, 8, 2): None} if quick else RNN_SHAPES
    gru_shapes = rnn_shapes if quick else GRU_SHAPES
    record: dict[str, Any] = {"machine": machine(), "versions": versions()}
    record["date"] = datetime.now(UTC).isoformat(timespec="seconds")
    record["threads"] = "torch.set_num_threads and, for each BLAS that is loaded, threadpoolctl"
    rates = {}
    for number in numbers:
        with threads(number):
            rates[str(number)] = measure_machine(0.1 if quick else 1.0).operations_per_second
    record["product_operations_per_second"] = rates
    print("ratios to torch's step with autograd:")
    record["steps"] = [
        time_steps(cell, shape, number, seconds, aim, device)
        for cell, shapes in (("RNN", rnn_shapes), ("GRU", gru_shapes))
        for shape, aim in shapes.items()
        for number in numbers
    ]
    record["without_kernels"] = without_kernels(seconds, list(rnn_shapes)[:4])
    record["memory"] = memory([(cell, shape) for cell in ("RNN", "GRU") for shape in list(gru_shapes)[-3:]])
    record["import_seconds"] = import_seconds(1 if quick else 5)
    record["gpu"] = torch.cuda.get_device_name() if device != "cpu" else "not run"
    return record


def main() -> None:
    """Measure, print, and write the record."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=4.0, help="time for each row of the table (default 4)")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2], help="numbers of threads (default 1 2)")
    parser.add_argument("--quick", action="store_true", help="one tiny shape, to see that it works")
    parser.add_argument("--device", default="cpu", help="cpu (default) or cuda")
    parser.add_argument("--name", default="this-machine", help="the record's name (default this-machine)")
    parser.add_argument("--folder", type=Path, default=default_folder() / "bench", help="where the record goes")
    given = parser.parse_args()
    if given.device != "cpu" and not torch.cuda.is_available():
        parser.error(f"--device {given.device}: torch finds no GPU here; leave it out to measure the CPU")
    record = measure(given.seconds, given.threads, given.quick, given.device)
    path = given.folder / f"{given.name}.json"
    write_whole(path, (json.dumps(record, indent=1, ensure_ascii=False) + "\n").encode())
    print(f"written to {path}")


if __name__ == "__main__":
    main()
