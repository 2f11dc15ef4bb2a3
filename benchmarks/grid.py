"""The grid that `make bench` measures: a step's time and peak memory along B, τ and d, and at the corners of a box.

One thread. It is written as a record into results/grid/, from which the chapter "Complexity regimes" takes its numbers.
"""

from __future__ import annotations

import argparse
import itertools
import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks import memory
from tpcore.complexity import MEASURED, measure_machine, measure_step, threads
from tpcore.provenance import machine, machine_name, versions
from tpcore.results import default_folder, write_whole

Values = dict[str, tuple[int, ...]]
Rows = list[dict[str, Any]]

BASE = {"batch": 20, "length": 60, "hidden": 100, "inputs": 6}
AXES: Values = {
    "batch": (2, 6, 20, 60, 200, 600, 2000),
    "length": (6, 20, 60, 200, 600, 2000),
    "hidden": (8, 16, 32, 64, 100, 128, 256, 512, 1024),
}
CORNERS: Values = {"batch": (2, 200), "length": (6, 200), "hidden": (16, 256)}
MEMORY_AXES: Values = {
    "batch": (20, 200, 600, 2000),
    "length": (60, 200, 600, 2000),
    "hidden": (8, 100, 256, 512, 1024),
}
QUICK: Values = {"batch": (2, 20), "hidden": (4, 100)}
QUICK_MEMORY: Values = {"hidden": (4,)}
AT_ONCE = 2  # processes whose memory is measured: it does not depend on how busy the machine is


def points(axes: Values, corners: Values) -> list[dict[str, int]]:
    """What differs from the base along one axis, and the corners of the box; each once."""
    along = [{**BASE, axis: value} for axis, values in axes.items() for value in values]
    box = [{**BASE, **dict(zip(corners, values, strict=True))} for values in itertools.product(*corners.values())]
    found = along + (box if corners else [])
    return [shape for place, shape in enumerate(found) if shape not in found[:place]]


def time_points(shapes: list[dict[str, int]], seconds: float) -> Rows:
    """One row a point: the seconds of every contender."""
    others = [name for name in MEASURED if name != "torch"]
    print(f"\nseconds over torch's\n{'B, τ, d':18}{'torch ms':>10}" + "".join(f"{name:>18}" for name in others))
    rows = []
    for shape in shapes:
        times = measure_step(**shape, seconds=seconds)
        rows.append({**shape, "seconds": {name: timing._asdict() for name, timing in times.items()}})
        whole = times["torch"].median
        ratios = "".join(f"{times[name].median / whole:18.2f}" for name in others)
        print(f"{_label(shape):18}{whole * 1e3:10.2f}{ratios}", flush=True)
    return rows


def memory_of_points(shapes: list[dict[str, int]]) -> Rows:
    """One row a point: the peak memory of every contender, each in a fresh process."""

    def peak(case: tuple[dict[str, int], str]) -> int:
        return memory.in_a_fresh_process(case[1], **case[0])["step"]

    with ThreadPoolExecutor(AT_ONCE) as pool:
        found = iter(pool.map(peak, itertools.product(shapes, MEASURED)))
        rows = [{**shape, "bytes": {name: next(found) for name in MEASURED}} for shape in shapes]
    print(f"\npeak memory: {memory.METHOD}")
    for row in rows:
        print(f"{_label(row):18}" + ", ".join(f"{name} {value / 1e6:.1f} MB" for name, value in row["bytes"].items()))
    return rows


def _label(shape: dict[str, Any]) -> str:
    return f"{shape['batch']}, {shape['length']}, {shape['hidden']}"


def measure(seconds: float, quick: bool) -> dict[str, Any]:
    """The whole record."""
    record: dict[str, Any] = {"machine": machine(), "versions": versions(), "base": BASE, "threads": 1}
    record["date"] = datetime.now(UTC).isoformat(timespec="seconds")
    with threads(1):
        record["rates"] = asdict(measure_machine(0.1 if quick else 2.0))
    record["times"] = time_points(points(QUICK, {}) if quick else points(AXES, CORNERS), seconds)
    record["memory_method"] = memory.METHOD
    record["memory"] = memory_of_points(points(QUICK_MEMORY if quick else MEMORY_AXES, {}))
    return record


def main() -> None:
    """Measure, print, and write the record."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.grid", description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=4.0, help="time for each point (default 4)")
    parser.add_argument("--quick", action="store_true", help="a few small points, to see that it works; needs --folder")
    parser.add_argument("--folder", type=Path, help="where the record goes (default results/grid)")
    given = parser.parse_args()
    if given.quick and given.folder is None:
        parser.error("--quick needs --folder: its record must not stand among those that the book shows")
    record = measure(given.seconds, given.quick)
    path = (given.folder or default_folder() / "grid") / f"{machine_name()}.json"
    write_whole(path, (json.dumps(record, indent=1, ensure_ascii=False) + "\n").encode())
    print(f"written to {path}")


if __name__ == "__main__":
    main()
