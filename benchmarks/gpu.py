"""Training steps on a GPU: launched one by one, and captured as graphs.

A captured step is launched as a whole, so that the time to launch its many small kernels no longer counts. Whatever
makes the CPU wait for the GPU cannot be captured, and a capture that failed may leave the process unfit for more; so
each contender is captured in a fresh process, `python -m benchmarks.gpu '{"contender": "BP", ...}'`, which prints the
seconds of each shape, or why there are none.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import torch

from benchmarks.steps import RULES, Sizes, named, print_header, print_row, time_steps
from tpcore.complexity import time_in_turn, training_step

WARM_UP = 3  # steps before a capture: libraries choose their algorithms in the first ones


def on_gpu(shapes: dict[Sizes, float], seconds: float) -> dict[str, Any]:
    """The RNN's table on the GPU, and each contender captured."""
    print_header("on the GPU")
    rows = []
    for shape, aim in shapes.items():
        rows.append(time_steps("RNN", shape, seconds, device="cuda", aim=aim))
        print_row(rows[-1])
    graphs = {name: captured(name, list(shapes), seconds / len(RULES)) for name in RULES}
    for name, found in graphs.items():
        times = found if isinstance(found, str) else ", ".join(f"{time['median'] * 1e3:.2f} ms" for time in found)
        print(f"captured, {name}: {times}", flush=True)
    return {"name": torch.cuda.get_device_name(), "steps": rows, "captured": graphs}


def captured(contender: str, shapes: list[Sizes], seconds: float) -> list[dict[str, float]] | str:
    """The seconds of a contender's captured step at each shape, or why it can't be captured."""
    task = json.dumps({"contender": contender, "shapes": shapes, "seconds": seconds})
    command = [sys.executable, "-m", "benchmarks.gpu", task]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode:
        return f"not captured: the process ended with status {result.returncode}"
    return json.loads(result.stdout)


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
    """Capture, time, and print the seconds of each shape or the reason."""
    task = json.loads(sys.argv[1])
    found: Any = []
    try:
        for shape in task["shapes"]:
            step = training_step(RULES[task["contender"]], device="cuda", **named(tuple(shape)))
            times = time_in_turn({"captured": captured_step(step)}, seconds=task["seconds"])
            found.append(times["captured"]._asdict())
    except (RuntimeError, AssertionError) as error:
        first: BaseException = error  # leaving a capture that failed raises an error of its own
        while first.__context__ is not None:
            first = first.__context__
        found = f"not captured: {type(first).__name__}: {str(first).splitlines()[0]}"
    print(json.dumps(found))


if __name__ == "__main__":
    main()
