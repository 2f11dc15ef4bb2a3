"""The explorer of the chapter on speed, which shows what `make bench` recorded."""

from __future__ import annotations

import json
from typing import Any

import plotly.graph_objects as go

from tpcore.explorers import Choice, Explorer
from tpcore.figures import NEUTRAL, PALETTE, figure
from tpcore.results import default_folder, machine_name

# A new one makes the book compute its positions again.
RECORDS = sorted((default_folder() / "bench").glob("*.json"), key=lambda path: (path.stem != machine_name(), path.name))
SHOWN = {
    "BP": ("back-propagation, same loops", PALETTE["orange"], "diamond"),
    "TP": ("targets, the paper's rule", PALETTE["blue"], "circle"),
    "TP calibrated": ("targets, calibrated", PALETTE["green"], "square"),
}


def bench_record() -> dict[str, Any]:
    """The record of `make bench` on this machine, else the newest; `of_this_machine` says which.

    Raises
    ------
    FileNotFoundError
        If there is none.
    """
    if not RECORDS:
        folder = default_folder() / "bench"
        raise FileNotFoundError(f"no record of a benchmark in {folder}: `make bench` in the repository writes one")
    own = [path for path in RECORDS if path.stem == machine_name()]
    records = [json.loads(path.read_text("utf-8")) for path in own or RECORDS]
    return max(records, key=lambda record: str(record["date"])) | {"of_this_machine": bool(own)}


def thread_numbers() -> dict[str, str]:
    """The numbers of threads of the record, in digits and in words."""
    numbers = sorted({row["threads"] for row in bench_record()["steps"]}) if RECORDS else [1]
    return {str(number): {1: "one", 2: "two", 4: "four"}.get(number, str(number)) for number in numbers}


def ratios(cell: str, threads: str) -> dict[str, Any]:
    """The time of each contender's step over that of torch's, and its quartiles, for every shape."""
    rows = [row for row in bench_record()["steps"] if row["cell"] == cell and str(row["threads"]) == threads]
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
    fig = figure("time over torch's", "B, τ, d", x_range=(0, 1.15), height=420)
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
    "dotted line at one are faster than torch. Bars run from the lower to the upper quartile.",
    controls=[
        Choice("cell", "Network", {"RNN": "RNN", "GRU": "GRU"}),
        Choice("threads", "Threads", thread_numbers()),
    ],
    compute=ratios,
    draw=ratios_figure,
)
