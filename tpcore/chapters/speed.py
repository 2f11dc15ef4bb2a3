"""The explorer of the chapter on speed, which shows what `make bench` and `python -m benchmarks.gpu` recorded."""

from __future__ import annotations

import json
from typing import Any

import plotly.graph_objects as go

from tpcore.explorers import Choice, Explorer
from tpcore.explorers.figures import NEUTRAL, PALETTE, figure
from tpcore.provenance import made_here
from tpcore.results import default_folder

BENCH_RECORDS = sorted((default_folder() / "bench").glob("*.json"))
GPU_RECORDS = sorted((default_folder() / "gpu").glob("*.json"))
RECORDS = [*BENCH_RECORDS, *GPU_RECORDS]  # a new one makes the book compute its positions again
SHOWN = {
    "BP": ("back-propagation, same loops", PALETTE["orange"], "diamond"),
    "TP": ("targets, the paper's rule", PALETTE["blue"], "circle"),
    "TP calibrated": ("targets, calibrated", PALETTE["green"], "square"),
}


def bench_record() -> dict[str, Any]:
    """The record of `make bench` on such a machine and with such versions as these, else the newest.

    `of_this_machine` says which.

    Raises
    ------
    FileNotFoundError
        If there is none.
    """
    if not BENCH_RECORDS:
        folder = default_folder() / "bench"
        raise FileNotFoundError(f"no record of a benchmark in {folder}: `make bench` in the repository writes one")
    records = [json.loads(path.read_text("utf-8")) for path in BENCH_RECORDS]
    own = [record for record in records if made_here(record["versions"], record["machine"])]
    return max(own or records, key=lambda record: str(record["date"])) | {"of_this_machine": bool(own)}


def gpu_record() -> dict[str, Any]:
    """The newest record of a GPU; nothing where there is none."""
    records = [json.loads(path.read_text("utf-8")) for path in GPU_RECORDS]
    return max(records, key=lambda record: str(record["date"]), default={})


def places() -> dict[str, str]:
    """Where steps were timed: on so many threads, in digits and in words; on a GPU."""
    numbers = sorted({row["threads"] for row in bench_record()["steps"]}) if BENCH_RECORDS else [1]
    words = {number: {1: "one thread", 2: "two threads"}.get(number, f"{number} threads") for number in numbers}
    return {str(number): word for number, word in words.items()} | ({"gpu": "a GPU"} if GPU_RECORDS else {})


def ratios(cell: str, place: str) -> dict[str, Any]:
    """The time of each contender's step over that of torch's, and its quartiles, for every shape."""
    rows = gpu_record()["steps"] if place == "gpu" else bench_record()["steps"]
    rows = [row for row in rows if row["cell"] == cell and place in ("gpu", str(row["threads"]))]
    labels = [f"{row['batch']}, {row['length']}, {row['hidden']}" for row in rows]
    found: dict[str, Any] = {"labels": labels}
    for name in SHOWN:
        torch_seconds = [row["seconds"]["torch"]["median"] for row in rows]
        found[name] = [
            [row["seconds"][name][part] / whole for part in ("low", "median", "high")]
            for row, whole in zip(rows, torch_seconds, strict=True)
        ]
    return found


def ratios_figure(result: dict[str, Any]) -> go.Figure:
    """A dot for each shape and contender; the line is torch's own step."""
    longest = max(high for name in SHOWN for _, _, high in result[name])
    fig = figure("time over torch's", "B, τ, d", x_range=(0, max(1.15, 1.05 * longest)), height=420)
    fig.add_vline(x=1, line={"color": NEUTRAL, "width": 1.5, "dash": "dot"})
    for name, (label, color, symbol) in SHOWN.items():
        low, median, high = zip(*result[name], strict=True)
        errors = {
            "type": "data",
            "symmetric": False,
            "array": [top - middle for top, middle in zip(high, median, strict=True)],
            "arrayminus": [middle - bottom for middle, bottom in zip(median, low, strict=True)],
        }
        marker = {"color": color, "symbol": symbol, "size": 11}
        fig.add_scatter(x=median, y=result["labels"], name=label, mode="markers", marker=marker, error_x=errors)
    fig.update_yaxes(autorange="reversed", type="category", dtick=1)
    return fig


speed_explorer = Explorer(
    title="A training step, beside torch's own",
    description="For several sizes of network and data, the time of one training step of target propagation and of "
    "back-propagation in the same loops, divided by the time of torch's own module with autograd. Points left of the "
    "dotted line at one are faster than torch, points right of it slower. Bars run from the lower to the upper "
    "quartile.",
    controls=[
        Choice("cell", "Network", {"RNN": "RNN", "GRU": "GRU"}),
        Choice("place", "Measured on", places()),
    ],
    compute=ratios,
    draw=ratios_figure,
)
