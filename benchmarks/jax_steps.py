"""Training steps beside JAX's jitted back-propagation: python -m benchmarks.jax_steps [--seconds S] [--threads 1 2].

JAX comes with the extra [bench]. It takes as many threads as there are processors that the process may use, and keeps
them: each row is measured in a fresh process, which may use no more processors than the row has threads.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import torch

from benchmarks.steps import RULES, Sizes, named
from tpcore.complexity import threads, time_in_turn, training_step
from tpcore.complexity.timing import CLASSES

# The ratio of calibrated target propagation to JAX's step that we aim at
SHAPES: dict[Sizes, float] = {
    (20, 30, 32, 6): 1.20,
    (20, 60, 100, 6): 0.85,
    (20, 120, 100, 6): 0.70,
    (16, 784, 100, 1): 0.45,
    (64, 784, 128, 1): 0.35,
}
BESIDE_JAX = ("torch", "BP", "TP", "TP calibrated")
MISSING = "not installed: pip install tpcore[bench]"


def jax_step(batch: int, length: int, hidden: int, inputs: int) -> Callable[[], Any]:
    """`tpcore.complexity.training_step` of an RNN under back-propagation in JAX; returns loss and gradients.

    The products with the inputs are one, before the loop, which is `jax.lax.scan`; all of it is one jitted function.
    """
    import jax
    import jax.numpy as jnp

    g = torch.Generator().manual_seed(0)
    scale = hidden**-0.5
    W = torch.nn.init.orthogonal_(torch.empty(hidden, hidden), generator=g)
    shapes = {"U": (hidden, inputs), "b": (hidden,), "V": (CLASSES, hidden), "c": (CLASSES,)}
    drawn = {name: scale * (2 * torch.rand(shape, generator=g) - 1) for name, shape in shapes.items()}
    parameters = {name: jnp.asarray(value.numpy()) for name, value in {"W": W, **drawn}.items()}
    x = jnp.asarray(torch.randn(length, batch, inputs, generator=g).numpy())
    labels = jnp.asarray(torch.randint(CLASSES, (batch,), generator=g).numpy())

    def loss(parameters: dict[str, Any], x: Any, labels: Any) -> Any:
        def step(h: Any, drive: Any) -> tuple[Any, None]:
            return jnp.tanh(h @ parameters["W"].T + drive), None

        drive = x @ parameters["U"].T + parameters["b"]
        h, _ = jax.lax.scan(step, jnp.zeros((batch, hidden), x.dtype), drive)
        scores = jax.nn.log_softmax(h @ parameters["V"].T + parameters["c"])
        return -jnp.take_along_axis(scores, labels[:, None], axis=1).mean()

    compiled = jax.jit(jax.value_and_grad(loss))
    return lambda: jax.block_until_ready(compiled(parameters, x, labels))


def measured(shape: Sizes, number: int, seconds: float) -> dict[str, Any]:
    """A row, in this process, which has not used JAX before: contenders in turn."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:number])
    steps: dict[str, Callable[[], Any]] = {name: training_step(RULES[name], **named(shape)) for name in BESIDE_JAX} | {
        "JAX": jax_step(**named(shape))
    }
    with threads(number):
        found = time_in_turn(steps, seconds=seconds)
    seconds_of = {name: timing._asdict() for name, timing in found.items()}
    return {"cell": "RNN", **named(shape), "threads": number, "aim": SHAPES.get(shape), "seconds": seconds_of}


def beside_jax(shapes: list[Sizes], numbers: list[int], seconds: float) -> dict[str, Any]:
    """JAX's version and a row for every shape and number of threads, printed too; or that it is not installed."""
    if find_spec("jax") is None:
        print(f"\nJAX is {MISSING}")
        return {"version": None, "missing": MISSING, "rows": []}
    from importlib.metadata import version

    print(f"\nmedian seconds over those of JAX's jitted step\n{'(B, τ, d), threads':28}{'JAX ms':>10}", end="")
    print("".join(f"{name:>15}" for name in BESIDE_JAX) + f"{'aim':>7}")
    rows = []
    for shape in shapes:
        for number in numbers:
            command = [sys.executable, "-m", "benchmarks.jax_steps", "--row", json.dumps([shape, number, seconds])]
            rows.append(json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout))
            _print(rows[-1])
    return {"version": version("jax"), "rows": rows}


def _print(row: dict[str, Any]) -> None:
    medians = {name: timing["median"] for name, timing in row["seconds"].items()}
    ratios = "".join(f"{medians[name] / medians['JAX']:>15.2f}" for name in BESIDE_JAX)
    label = f"{(row['batch'], row['length'], row['hidden'])} {row['threads']}"
    print(f"{label:28}{medians['JAX'] * 1e3:>10.2f}{ratios}{row['aim'] or '-':>7}", flush=True)


def main() -> None:
    """Measure and print, without a record: `make bench` writes these rows into its own."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.jax_steps", description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=4.0, help="time for each row (default 4)")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2], help="numbers of threads (default 1 2)")
    parser.add_argument("--row", help=argparse.SUPPRESS)  # what the fresh process is to measure
    given = parser.parse_args()
    if given.row is not None:
        shape, number, seconds = json.loads(given.row)
        print(json.dumps(measured(tuple(shape), number, seconds)))
        return
    beside_jax(list(SHAPES), given.threads, given.seconds)


if __name__ == "__main__":
    main()
