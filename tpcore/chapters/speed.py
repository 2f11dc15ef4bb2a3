"""What the chapter on speed shows of the records of `make bench` and `python -m benchmarks.gpu`: figure and tables."""

from __future__ import annotations

import json
from statistics import median
from typing import Any

import plotly.graph_objects as go

from tpcore.chapters.recorded import say_not_run
from tpcore.chapters.tables import folded, from_a_record, table
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
    rows = gpu_record()["steps"] if place == "gpu" else bench_record()["steps"] if BENCH_RECORDS else []
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
    longest = max((high for name in SHOWN for _, _, high in result[name]), default=1)
    fig = figure("time over torch's", "B, τ, d", x_range=(0, max(1.15, 1.05 * longest)), height=420)
    if not result["labels"]:
        say_not_run(fig, "make bench")
        return fig
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


# In words and in tables


def ratio(row: dict[str, Any], name: str, other: str = "torch") -> float:
    """The median time of one contender's step over another's."""
    return float(row["seconds"][name]["median"] / row["seconds"][other]["median"])


def label(row: dict[str, Any]) -> str:
    """Network, B, τ, d, and on a CPU the number of threads."""
    threads = f"; {row['threads']} thr." if row["threads"] else ""
    return f"{row['cell']} {row['batch']}, {row['length']}, {row['hidden']}{threads}"


@from_a_record
def answer() -> Any:
    """The chapter's answer, from the records."""
    from IPython.display import Markdown

    rows = [row for row in bench_record()["steps"] if row["cell"] == "RNN"]
    ours, targets = (median(ratio(row, *pair) for row in rows) for pair in (("BP",), ("TP calibrated", "BP")))
    longest = max(row["length"] for row in rows)
    stopped = median(ratio(row, "TP", "TP calibrated") for row in rows if row["length"] == longest)
    said = (
        f"On the recorded CPU the loops of `tpcore` take {ours:.2f} of the time of `torch.nn.RNN`, and the "
        f"calibrated rule takes {targets:.2f} of back-propagation's in the same loops: targets cost what gradients "
        f"cost. The paper's rule takes {stopped:.2f} of the calibrated rule's time at τ = {longest}, because "
        "what it carries has vanished and the walk back ends."
    )
    if GPU_RECORDS:
        alone = [ratio(row, "TP calibrated") for row in gpu_record()["steps"]]
        graphs = {row["length"]: ratio(row, "TP calibrated") for row in gpu_record()["captured"]}
        of = " and ".join(f"{value:.2f} at τ = {length}" for length, value in sorted(graphs.items()))
        said += (
            f" On a GPU a calibrated step takes {min(alone):.1f} to {max(alone):.1f} times torch's when it is started "
            f"operation by operation, and captured as a graph {of}."
        )
    return Markdown(said)


@from_a_record
def cpu_tables() -> Any:
    """Every ratio on a CPU, with and without compiled loops; a star marks what misses its aim."""
    record = bench_record()
    where = record["machine"]
    versions = ", ".join(f"{name} {version}" for name, version in record["versions"].items())
    own = "Measured on this machine" if record["of_this_machine"] else "This machine has no record; another's"
    place = f"{own}: {where['processor']}, {where['cores']} cores, {record['date'][:10]}; {versions}."
    names = ("BP", "TP", "TP calibrated", "TP through time")

    def rows(steps: list[dict[str, Any]]) -> list[list[str]]:
        found = []
        for row in steps:
            spread = max((t["high"] - t["low"]) / t["median"] for t in row["seconds"].values())
            missed = {name: ratio(row, name) > (row["aim"] or 9) for name in ("TP", "TP calibrated")}
            cells = [f"{ratio(row, name):.2f}{'*' * missed.get(name, False)}" for name in names]
            over = ratio(row, "TP calibrated", "BP")
            star = "*" * (over > record["aim_over_bp"])
            found.append(
                [
                    label(row),
                    *cells,
                    "–" if row["aim"] is None else f"{row['aim']:.2f}",
                    f"{over:.2f}{star}",
                    f"{spread:.0%}",
                ]
            )
        return found

    head = ["network B, τ, d", *names, "aim", "calibrated over BP", "spread"]
    aim = (
        "Times over torch's. The *aim* is what the two local rules were to stay under; calibrated over BP was to stay "
        f"under {record['aim_over_bp']:g}; a star marks a miss. The *spread* is the widest distance between quartiles, "
        "over the median."
    )
    without = ["Without the compiled loops of the extra `[fast]`:", table(head, rows(record["without_kernels"]))]
    return folded("All ratios on the CPU", place, aim, table(head, rows(record["steps"])), *without)


@from_a_record
def limit_table() -> Any:
    """The share of the processor's arithmetic that a calibrated step uses, and whether a larger r costs anything."""
    record = bench_record()
    limits = record["product_operations_per_second"]
    rows = []
    for row in record["steps"]:
        if row["cell"] == "RNN":
            limit, rate = limits[str(row["threads"])], row["operations_per_second"]
            rows.append([label(row), f"{rate / 1e9:.0f}", f"{limit / 1e9:.0f}", f"{rate / limit:.0%}"])
    head = ["network B, τ, d", "GFLOP/s", "of a large product", "share"]
    vanishing = [
        [label(row), f"{ratio(row, 'TP r=10', 'TP'):.2f}", f"{ratio(row, 'TP', 'TP calibrated'):.2f}"]
        for row in record["vanishing"]
    ]
    return folded(
        "How far from the machine's limit, and what a vanishing displacement costs",
        "Counted operations of the calibrated rule over measured time, beside a large matrix product on as many "
        "threads. What is missing goes into starting operations, moving memory, tanh, and thin products.",
        table(head, rows),
        "With a loss on the first state too, so that no walk stops early, most of what r = 10 carries has vanished. "
        "It is set to zero before it becomes a *denormal* number, which many processors compute far more slowly.",
        table(["network B, τ, d", "r = 10 over r = 1", "r = 1 over calibrated"], vanishing),
    )


@from_a_record
def memory_table() -> Any:
    """Peak memory of a step beside torch's, at rest, and the time of the import."""
    record = bench_record()
    rows = [
        [label(row | {"threads": 0}), *(f"{row[of] / 1e6:.1f}" for of in ("ours", "torch"))] for row in record["memory"]
    ]
    rest = [f"{median(row['at_rest'][of] for row in record['memory']) / 1e6:.0f}" for of in ("ours", "torch")]
    seconds = [f"{record['import_seconds'][name]['median']:.2f} s" for name in ("tpcore", "torch")]
    rows += [["at rest, before a step", *rest], ["import", *seconds]]
    return folded("Memory, in MB", record["memory_method"] + ".", table(["network B, τ, d", "ours", "torch"], rows))


def gpu_tables() -> Any:
    """The ratios on a GPU, the memory, and the captured steps."""
    record = gpu_record()
    if not record:
        return "No record of a GPU is here: python -m benchmarks.gpu"
    steps = [
        [
            label(row | {"threads": 0}),
            *(f"{ratio(row, name):.2f}" for name in SHOWN),
            f"{row['memory']['TP calibrated'] / row['memory']['torch']:.2f}",
        ]
        for row in record["steps"]
    ]
    captured = [
        [
            label(row | {"threads": 0}),
            *(_milliseconds(row["seconds"][name]) for name in ("torch", "BP", "TP calibrated")),
        ]
        for row in record["captured"]
    ]
    return folded(
        "All ratios on the GPU",
        f"{record['gpu']}, {record['date'][:10]}, torch {record['versions']['torch']}. Over torch's time and memory:",
        table(["network B, τ, d", *SHOWN, "memory, TP calibrated"], steps),
        "Captured as a graph, in milliseconds:",
        table(["network B, τ, d", "torch", "BP", "TP calibrated"], captured),
    )


def _milliseconds(timing: dict[str, float] | str) -> str:
    """A step that was not captured says why instead."""
    return "–" if isinstance(timing, str) else f"{timing['median'] * 1e3:.2f}"
