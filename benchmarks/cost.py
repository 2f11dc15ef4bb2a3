"""`python -m benchmarks.cost`: a training step of every method of the paper's, the fair and the regime experiments.

Within an experiment the methods take their steps in turn, in one process on one thread, by the processor's time, with
the settings under which they are recorded: of a search, its winner's. Steps to a level, times this cost, is what the
book calls the time to it. Weights stay at their start, for all step sizes are set to zero: where a rule's walk back
stops early, it stops where it does before training. The record goes into results/cost/, medians with quartiles.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

from tpcore.complexity import threads, time_in_turn
from tpcore.experiments.fair import FAIR
from tpcore.experiments.paper import PAPER
from tpcore.experiments.regimes import REGIMES
from tpcore.experiments.search import winner
from tpcore.experiments.spec import Setup
from tpcore.provenance import machine, machine_name, versions
from tpcore.results import default_folder, write_whole
from tpcore.tasks.files import DataError

EXPERIMENTS = {**PAPER, **FAIR, **REGIMES}
SEED = 0


def setups(name: str, folder: Path) -> dict[str, Setup]:
    """The settings of each method of an experiment: its winner's, or the registered ones where there was no search."""
    experiment, found = EXPERIMENTS[name], {}
    for method, registered in experiment.methods.items():
        try:
            chosen = registered if name in PAPER else winner(name, experiment, method, folder)
        except FileNotFoundError:
            chosen = registered
        found[method] = experiment.setup(chosen)
    return found


def still_step(setup: Setup) -> Callable[[], None]:
    """A training step with a setup, again and again on one batch, that leaves the weights as they are."""
    model, optimizer = setup.build(SEED)
    for group in optimizer.param_groups:
        group["lr"] = 0.0
    inputs, targets = setup.task.batch(setup.batch_size, torch.Generator().manual_seed(SEED))

    def step() -> None:
        optimizer.zero_grad()
        setup.task.loss(model(inputs), targets).backward()
        optimizer.step()

    return step


def time_methods(name: str, folder: Path, seconds: float) -> dict[str, Any]:
    """For each method of an experiment, by the key of its settings: the seconds of a step."""
    found = setups(name, folder)
    with threads(1):
        times = time_in_turn(
            {method: still_step(setup) for method, setup in found.items()}, seconds=seconds, clock=time.process_time
        )
    return {
        setup.key(): {"experiment": name, "method": method, "seconds": times[method]._asdict()}
        for method, setup in found.items()
    }


def main() -> None:
    """Measure, print, and write the record."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.cost", description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=20.0, help="time for each experiment (default 20)")
    parser.add_argument("--folder", type=Path, help="where the record goes (default results/cost)")
    given = parser.parse_args()
    record: dict[str, Any] = {"machine": machine(), "versions": versions(), "threads": 1, "clock": "process_time"}
    record["date"] = datetime.now(UTC).isoformat(timespec="seconds")
    record["steps"], record["not timed"] = {}, {}
    for name in EXPERIMENTS:
        try:
            rows = time_methods(name, default_folder(), given.seconds)
        except DataError as error:
            record["not timed"][name] = str(error).split(" (")[0]
            print(f"{name}: not timed: {error}", flush=True)
            continue
        record["steps"].update(rows)
        medians = (f"{row['method']} {row['seconds']['median'] * 1e3:.2f}" for row in rows.values())
        print(f"{name}, ms: {', '.join(medians)}", flush=True)
    path = (given.folder or default_folder() / "cost") / f"{machine_name()}.json"
    write_whole(path, (json.dumps(record, indent=1, ensure_ascii=False) + "\n").encode())
    print(f"written to {path}")


if __name__ == "__main__":
    main()
