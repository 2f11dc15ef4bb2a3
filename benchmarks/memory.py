"""Peak memory of a training step, in a fresh process: python -m benchmarks.memory '{"cell": "RNN", ...}'.

What is measured is by how much the largest resident memory of the process, over two steps, exceeds what it was after a
step of a tiny batch. It prints that number of bytes.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import torch

import tpcore
from tpcore.complexity import training_step

STATUS = Path("/proc/self/status")


def peak() -> int:
    """The largest resident memory so far, in bytes."""
    if STATUS.exists():  # on Linux a child's ru_maxrss begins with its parent's
        (line,) = [line for line in STATUS.read_text().splitlines() if line.startswith("VmHWM")]
        return 1024 * int(line.split()[1])
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def in_a_fresh_process(*, ours: bool, **shape: Any) -> int:
    """Bytes by which the steps exceed a tiny one."""
    command = [sys.executable, "-m", "benchmarks.memory", json.dumps({"ours": ours, **shape})]
    return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def main() -> None:
    """Measure, and print the bytes."""
    shape = json.loads(sys.argv[1])
    rule = tpcore.TargetProp(1.0, 1.0, calibrated=True) if shape.pop("ours") else None
    torch.set_num_threads(1)
    training_step(rule, **{**shape, "batch": 2, "length": 3})()
    before = peak()
    step = training_step(rule, **shape)
    step()
    step()
    print(peak() - before)


if __name__ == "__main__":
    main()
