"""Peak memory of a training step, in a fresh process: python -m benchmarks.memory '{"contender": "TP", ...}'.

What is measured is by how much the largest resident memory of the process, over two steps, exceeds what is resident
after a step of a tiny batch, when everything that is loaded or compiled once is there. It prints both, in bytes.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import torch

from tpcore.complexity import contender_step

STATUS, CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")
METHOD = (
    "a fresh process for each case: the largest resident memory over two steps, beyond what is resident after a tiny "
    'step ("at rest"); on Linux VmHWM, set back before the steps, elsewhere ru_maxrss; one thread'
)


def peak() -> int:
    """The largest resident memory so far, in bytes."""
    if STATUS.exists():  # on Linux a child's ru_maxrss begins with its parent's
        (line,) = [line for line in STATUS.read_text().splitlines() if line.startswith("VmHWM")]
        return 1024 * int(line.split()[1])
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def forget_peak() -> None:
    """Let the peak be what is resident now, where the system can; what loading took must not hide the steps."""
    if CLEAR.exists():
        CLEAR.write_text("5")


def in_a_fresh_process(contender: str, **shape: Any) -> dict[str, int]:
    """Bytes at rest, and bytes by which the steps exceed them."""
    command = [sys.executable, "-m", "benchmarks.memory", json.dumps({"contender": contender, **shape})]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def main() -> None:
    """Measure, and print the bytes."""
    shape = json.loads(sys.argv[1])
    torch.set_num_threads(1)
    contender_step(**{**shape, "batch": 2, "length": 3})()
    forget_peak()
    at_rest = peak()
    step = contender_step(**shape)
    step()
    step()
    print(json.dumps({"at_rest": at_rest, "step": peak() - at_rest}))


if __name__ == "__main__":
    main()
