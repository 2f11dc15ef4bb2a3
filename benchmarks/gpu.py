"""`python -m benchmarks.gpu`: training steps on a GPU, beside torch's, launched one by one and captured as graphs.

The tables are written as a record into results/gpu/, from which the chapter "How fast is it?" takes them.

A captured step is launched as a whole, so that the time to launch its kernels no longer counts. Whatever makes the CPU
wait for the GPU cannot be captured, and a capture that failed may leave the process unfit for more; so each contender
is captured in a fresh process, `python -m benchmarks.gpu --capture '{"contender": "BP", ...}'`, which prints the
seconds, or why there are none.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

from benchmarks.steps import GRU_SHAPES, RNN_SHAPES, RULES, Sizes, named, print_header, print_row, time_steps
from tpcore.complexity import time_in_turn, training_step
from tpcore.provenance import machine, versions
from tpcore.recurrences.arrays import triton_kernels
from tpcore.results import default_folder, write_whole

WIDE: list[Sizes] = [(64, 100, 256, 64), (64, 100, 512, 64)]  # too wide for the kernel: the loops run
SHAPES: dict[str, list[Sizes]] = {"RNN": [*RNN_SHAPES, *WIDE], "GRU": [*GRU_SHAPES]}
TO_CAPTURE: list[Sizes] = [(20, 60, 100, 6), (16, 784, 100, 1)]
CAPTURED = ("torch", "BP", "TP calibrated")
WARM_UP = 3  # steps before a capture: libraries choose their algorithms in the first ones


def measure(seconds: float) -> dict[str, Any]:
    """The whole record."""
    record: dict[str, Any] = {"gpu": torch.cuda.get_device_name(), "machine": machine(), "versions": versions()}
    record["date"] = datetime.now(UTC).isoformat(timespec="seconds")
    record["triton"] = triton_kernels() is not None
    record["tf32"] = {"cudnn": torch.backends.cudnn.allow_tf32, "matmul": torch.backends.cuda.matmul.allow_tf32}
    print_header(f"on the GPU, {record['gpu']}")
    record["steps"] = []
    for cell, shapes in SHAPES.items():
        for shape in shapes:
            row = time_steps(cell, shape, seconds, device="cuda")
            row["memory"] = {name: peak_memory(cell, shape, name) for name in ("torch", "TP calibrated")}
            record["steps"].append(row)
            print_row(row)
    record["captured"] = [captured_row(shape, seconds / len(CAPTURED)) for shape in TO_CAPTURE]
    return record


def peak_memory(cell: str, shape: Sizes, contender: str) -> int:
    """Bytes on the GPU that a step takes beyond what was there before it."""
    step = training_step(RULES[contender], cell=cell, device="cuda", **named(shape))
    step()  # the gradients of the first one stay
    torch.cuda.synchronize()
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    step()
    torch.cuda.synchronize()
    return torch.cuda.max_memory_allocated() - before


def captured_row(shape: Sizes, seconds: float) -> dict[str, Any]:
    """The seconds of each contender's captured step at a shape, or why it can't be captured."""
    found = {name: captured(name, shape, seconds) for name in CAPTURED}
    for name, timing in found.items():
        told = timing if isinstance(timing, str) else f"{timing['median'] * 1e3:.2f} ms"
        print(f"captured, {shape[:3]}, {name}: {told}", flush=True)
    return {"cell": "RNN", **named(shape), "seconds": found}


def captured(contender: str, shape: Sizes, seconds: float) -> dict[str, float] | str:
    """The same for one contender, in a fresh process."""
    task = json.dumps({"contender": contender, "shape": shape, "seconds": seconds})
    command = [sys.executable, "-m", "benchmarks.gpu", "--capture", task]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode:
        return f"not captured: the process ended with status {result.returncode}"
    return json.loads(result.stdout)


def capture(task: dict[str, Any]) -> dict[str, float] | str:
    """What the fresh process does."""
    try:
        step = training_step(RULES[task["contender"]], device="cuda", **named(tuple(task["shape"])))
        times = time_in_turn({"captured": captured_step(step)}, seconds=task["seconds"])
        return times["captured"]._asdict()
    except (RuntimeError, AssertionError) as error:
        first: BaseException = error  # leaving a capture that failed raises an error of its own
        while first.__context__ is not None:
            first = first.__context__
        return f"not captured: {type(first).__name__}: {str(first).splitlines()[0]}"


def captured_step(step: Callable[[], None]) -> Callable[[], None]:
    """A training step as one graph; the step itself must be kept, the graph works on its tensors."""
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(WARM_UP):
            step()
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        step()

    def replay() -> None:
        graph.replay()
        torch.cuda.synchronize()

    return replay


def main() -> None:
    """Measure, print, and write the record."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu", description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=4.0, help="time for each row of the table (default 4)")
    parser.add_argument("--folder", type=Path, help="where the record goes (default results/gpu)")
    parser.add_argument("--capture", type=json.loads, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.capture is not None:
        print(json.dumps(capture(given.capture)))
        return
    if not torch.cuda.is_available():
        parser.error("torch finds no GPU here; `make bench` measures the CPU")
    record = measure(given.seconds)
    name = "-".join(re.findall(r"[a-z0-9]+", record["gpu"].lower()))
    path = (given.folder or default_folder() / "gpu") / f"{name}.json"
    write_whole(path, (json.dumps(record, indent=1, ensure_ascii=False) + "\n").encode())
    print(f"written to {path}")


if __name__ == "__main__":
    main()
