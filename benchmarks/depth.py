"""`python -m benchmarks.depth`: layers in depth on the digits, by back-propagation and by targets, tuned alike.

Dense networks of 2, 4, 8 and 16 hidden layers and a small convolutional network. Every rule has the same search, DRAWS
draws of Adam's step size and of r, judged on a part of the training images; the winner then trains from fresh seeds and
is judged on the test images. Initial weights and batches are the same for all rules. The record goes into
results/depth/, from which the chapter "Use it in your own project" takes it.
"""

from __future__ import annotations

import argparse
import json
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch

import tpcore
from tpcore.complexity import threads
from tpcore.provenance import machine, machine_name, versions
from tpcore.results import default_folder, write_whole
from tpcore.tasks import Pixels

DEPTHS, WIDTH = (2, 4, 8, 16), 64
CHANNELS = ((1, 8, 1), (8, 16, 2), (16, 16, 2))  # in, out, stride
RULES = ("bp", "paper", "calibrated")
STEPS, EVERY, BATCH = 200, 20, 32
DRAWS, SEEDS = 8, range(100, 110)
STEP_SIZES, R = (3e-4, 1e-2), (1e-2, 1e2)  # ends of the draws, uniform on a logarithmic axis


def draws() -> list[tuple[float, float]]:
    """(Adam's step size, r): the same for every rule and network."""
    rng = np.random.default_rng(0)
    ends = np.log(np.array([STEP_SIZES, R]))
    return [tuple(map(float, np.exp(ends[:, 0] + rng.random(2) * np.diff(ends)[:, 0]))) for _ in range(DRAWS)]


def network(depth: int | None, rule: str, r: float) -> torch.nn.Module:
    """A dense network of so many hidden layers; None: the convolutional one."""
    flow: Any = tpcore.BackProp()
    if rule != "bp":
        flow = tpcore.TargetProp(r, r, calibrated=True) if rule == "calibrated" else tpcore.TargetProp(r)
    if depth is not None:
        layers = [tpcore.nn.Dense(WIDTH, WIDTH, "tanh", rule=flow) for _ in range(depth)]
        return torch.nn.Sequential(*layers, torch.nn.Linear(WIDTH, 10))
    blocks: list[torch.nn.Module] = []
    for channels_in, channels_out, stride in CHANNELS:
        layer = torch.nn.Conv2d(channels_in, channels_out, 3, stride=stride, padding=1)
        block = torch.nn.Sequential(layer, torch.nn.Tanh())
        inverted = {"calibrated": rule == "calibrated", "tolerance": 1e-2}
        blocks.append(block if rule == "bp" else tpcore.nn.Inverted(block, r=r, **inverted))
    return torch.nn.Sequential(torch.nn.Unflatten(1, (1, 8, 8)), *blocks, torch.nn.Flatten(), torch.nn.Linear(64, 10))


def train(depth: int | None, rule: str, step_size: float, r: float, seed: int, *, validation: bool) -> dict[str, Any]:
    """Held-out accuracy every EVERY steps, chance from a divergence on; and the seconds of a step."""
    task = Pixels("digits", chunk=64, validation=validation)
    torch.manual_seed(seed)
    model = network(depth, rule, r)
    optimizer = torch.optim.Adam(model.parameters(), lr=step_size)
    data = torch.Generator().manual_seed(seed)
    images, labels = task.held_out(1000, torch.Generator().manual_seed(0))
    accuracy, spent, diverged = [], 0.0, False
    for step in range(1, STEPS + 1):
        start = time.process_time()
        batch, classes = task.batch(BATCH, data)
        optimizer.zero_grad()
        try:
            torch.nn.functional.cross_entropy(model(batch[:, 0]), classes).backward()
            optimizer.step()
        except FloatingPointError:
            diverged = True
            break
        spent += time.process_time() - start
        if step % EVERY == 0:
            with torch.no_grad():
                accuracy.append((model(images[:, 0]).argmax(1) == labels).double().mean().item())
    accuracy += [0.1] * (STEPS // EVERY - len(accuracy))
    return {"accuracy": accuracy, "diverged": diverged, "seconds_per_step": spent / step}


def measure(depth: int | None) -> dict[str, Any]:
    """The search and the runs of every rule on one network."""
    row: dict[str, Any] = {"depth": depth, "rules": {}}
    for rule in RULES:
        tried = [train(depth, rule, step_size, r, seed=0, validation=True) for step_size, r in draws()]
        scores = [float(np.mean(run["accuracy"])) for run in tried]
        step_size, r = draws()[int(np.argmax(scores))]
        runs = [train(depth, rule, step_size, r, seed, validation=False) for seed in SEEDS]
        row["rules"][rule] = {
            "scores": scores,
            "step_size": step_size,
            "r": None if rule == "bp" else r,
            "accuracy": [run["accuracy"] for run in runs],
            "diverged": sum(run["diverged"] for run in runs),
            "seconds_per_step": float(np.median([run["seconds_per_step"] for run in runs])),
        }
        ends = [run["accuracy"][-1] for run in runs]
        print(
            f"depth {depth}, {rule}: step size {step_size:.1e}, r {r:.2g}, accuracy {np.median(ends):.3f}", flush=True
        )
    return row


def main() -> None:
    """Train, print, and write the record."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.depth", description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, help="where the record goes (default results/depth)")
    folder = parser.parse_args().folder or default_folder() / "depth"
    record: dict[str, Any] = {"machine": machine(), "versions": versions(), "steps": STEPS, "every": EVERY}
    record["date"] = datetime.now(UTC).isoformat(timespec="seconds")
    record["draws"], record["seeds"] = draws(), list(SEEDS)
    with threads(1):
        record["networks"] = [measure(depth) for depth in (*DEPTHS, None)]
    path = folder / f"{machine_name()}.json"
    write_whole(path, (json.dumps(record, ensure_ascii=False) + "\n").encode())
    print(f"written to {path}")


if __name__ == "__main__":
    main()
