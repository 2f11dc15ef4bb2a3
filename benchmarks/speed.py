"""`make bench`: training steps of target propagation beside torch's and JAX's back-propagation, in time and memory.

Everything is measured on this machine, printed as tables, and written as one record into results/bench/, from which
the chapter "How fast is it?" takes its numbers.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import torch
from threadpoolctl import threadpool_info

from benchmarks import jax_steps, memory
from benchmarks.steps import (
    GRU_SHAPES,
    ON_THE_WAY,
    OVER_BP,
    RNN_SHAPES,
    Rows,
    named,
    print_header,
    spread,
    table,
    vanishing,
    without_kernels,
)
from tpcore.complexity import measure_machine, threads, time_in_turn
from tpcore.provenance import machine, machine_name, versions
from tpcore.results import default_folder, write_whole

QUICK = {(4, 10, 8, 2): 1.0}
BUSY = 0.5  # a spread of which nothing can be concluded
NOTE = (
    "TP and TP r=10 are the paper's rule, uncalibrated: displacements shrink at each step, and on long sequences, once "
    "all have vanished, the walk back stops: less work, the same result. At these shapes BP and TP calibrated go on to "
    "the first step, and so does the adjoint of TP through time."
)


def machine_limits(numbers: list[int], seconds: float) -> dict[str, Any]:
    """The rate of a large matrix product for each number of threads, and the pools of threads as they then were."""
    rates, pools = {}, {}
    for number in numbers:
        with threads(number):
            rates[str(number)] = measure_machine(seconds).operations_per_second
            pools[str(number)] = [
                {name: pool[name] for name in ("internal_api", "version", "num_threads")} for pool in threadpool_info()
            ]
            pools[str(number)].append(
                {"internal_api": "torch", "version": str(torch.__version__), "num_threads": torch.get_num_threads()}
            )
        print(f"a large matrix product, {number} thread(s): {rates[str(number)] / 1e9:.0f} GFLOP/s")
    return {"product_operations_per_second": rates, "thread_pools": pools}


def memory_of(cell: str, shapes: list[tuple[int, int, int, int]]) -> Rows:
    """Peak memory of a step, ours (calibrated target propagation) and torch's."""
    rows = []
    for shape in shapes:
        ours, theirs = (
            memory.in_a_fresh_process(name, cell=cell, **named(shape)) for name in ("TP calibrated", "torch")
        )
        rows.append({"cell": cell, **named(shape), "ours": ours["step"], "torch": theirs["step"]})
        rows[-1]["at_rest"] = {"ours": ours["at_rest"], "torch": theirs["at_rest"]}
        mark = "*" if ours["step"] > theirs["step"] else ""
        print(f"{cell} {shape[:3]!s:>17} ours {ours['step'] / 1e6:.1f} MB{mark}, torch {theirs['step'] / 1e6:.1f} MB")
    return rows


def import_seconds(least: int) -> dict[str, dict[str, float]]:
    """Seconds of fresh interpreters, in turn, that import torch, or tpcore and so torch."""
    commands = {name: [sys.executable, "-c", f"import {name}"] for name in ("torch", "tpcore")}
    runs = {name: partial(subprocess.run, command, check=True) for name, command in commands.items()}
    found = time_in_turn(runs, seconds=0, least=least)
    ours, theirs = found["tpcore"].median, found["torch"].median
    print(f"import torch {theirs:.2f} s, import tpcore {ours:.2f} s: {ours / theirs:.2f} (aim 1.10)")
    return {name: timing._asdict() for name, timing in found.items()}


def warn_if_busy(rows: Rows) -> None:
    """Say so if most rows were disturbed."""
    widest = statistics.median(spread(row) for row in rows)
    if widest > BUSY:
        print(f"half of the rows have a spread above {widest:.0%}: the machine was busy, do not conclude")


def measure(seconds: float, numbers: list[int], quick: bool) -> dict[str, Any]:
    """The whole record."""
    rnn_shapes, gru_shapes = (QUICK, QUICK) if quick else (RNN_SHAPES, GRU_SHAPES)
    record: dict[str, Any] = {"machine": machine(), "versions": versions()}
    record["date"] = datetime.now(UTC).isoformat(timespec="seconds")
    record["threads"] = "torch.set_num_threads and, for each BLAS that is loaded, threadpoolctl"
    record["note"], record["aim_over_bp"] = NOTE, OVER_BP
    record |= machine_limits(numbers, 0.1 if quick else 1.0)
    print(NOTE)
    print_header("seconds of a step over those of torch's with autograd; * above the aim")
    record["steps"] = table("RNN", rnn_shapes, numbers, seconds) + table("GRU", gru_shapes, numbers, seconds)
    print_header("without Numba")
    record["without_kernels"] = without_kernels(list(rnn_shapes)[:4], seconds)
    print_header("vanishing displacements on a walk that goes on to the first step", ON_THE_WAY)
    record["vanishing"] = vanishing(list(rnn_shapes)[min(1, len(rnn_shapes) - 1)], seconds)
    record["jax"] = jax_steps.beside_jax(list(QUICK if quick else jax_steps.SHAPES), numbers, seconds)
    print(f"\npeak memory: {memory.METHOD}; * above torch's")
    record["memory_method"] = memory.METHOD
    record["memory"] = memory_of("RNN", list(rnn_shapes)) + memory_of("GRU", list(gru_shapes))
    record["import_seconds"] = import_seconds(2 if quick else 7)
    warn_if_busy(record["steps"])
    return record


def main() -> None:
    """Measure, print, and write the record."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.speed", description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=4.0, help="time for each row of the table (default 4)")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2], help="numbers of threads (default 1 2)")
    parser.add_argument("--quick", action="store_true", help="one tiny shape, to see that it works; needs --folder")
    parser.add_argument("--name", default=machine_name(), help=f"the record's name (default {machine_name()})")
    parser.add_argument("--folder", type=Path, help="where the record goes (default results/bench)")
    given = parser.parse_args()
    if given.quick and given.folder is None:
        parser.error("--quick needs --folder: a tiny shape's record must not stand among those that the book shows")
    record = measure(given.seconds, given.threads, given.quick)
    path = (given.folder or default_folder() / "bench") / f"{given.name}.json"
    write_whole(path, (json.dumps(record, indent=1, ensure_ascii=False) + "\n").encode())
    print(f"written to {path}")


if __name__ == "__main__":
    main()
