"""The explorer of the chapter *Complexity regimes* that goes along one axis: what was measured, and how it grows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import plotly.graph_objects as go

from tpcore.chapters.complexity_regimes.costs import COMMAND, SHOWN, SIZES, grid_record, shape_of
from tpcore.chapters.complexity_regimes.costs import RECORDS as RECORDS
from tpcore.chapters.recorded import say_not_run
from tpcore.complexity import MEASURED, Timing, counted, fitted_slope
from tpcore.explorers import Choice, Explorer
from tpcore.explorers.figures import figure

PARTS = ("low", "median", "high")
AXES = {"batch": "batch size B", "length": "length τ", "hidden": "hidden size d"}
WHAT = {"time": "Time", "memory": "Peak memory"}


def along(axis: str, what: str) -> dict[str, Any]:
    """Every contender's cost along an axis through the base, its fitted slope, and the slope of what is counted."""
    record = grid_record()
    found: dict[str, Any] = {"axis": axis, "what": what, "contenders": {}}
    if record is None:
        return found
    others = [name for name in SIZES if name != axis]
    rows = record["times" if what == "time" else "memory"]
    rows = sorted((row for row in rows if all(row[n] == record["base"][n] for n in others)), key=lambda row: row[axis])
    sizes = [row[axis] for row in rows]
    for name in MEASURED:
        counts = [counted(name, **shape_of(row)) for row in rows]
        if what == "time":
            low, middle, high = ([row["seconds"][name][part] for row in rows] for part in PARTS)
            expected = [count.operations for count in counts]
        else:
            low = middle = high = [row["bytes"][name] for row in rows]
            expected = [count.bytes for count in counts]
        slopes = {"slope": fitted_slope(sizes, middle), "counted_slope": fitted_slope(sizes, expected)}
        found["contenders"][name] = {"sizes": sizes, "low": low, "median": middle, "high": high, **slopes}
    return found


def along_figure(result: dict[str, Any], own: dict[str, Any] | None = None) -> go.Figure:
    """A line for each contender, with its slope and the counted one; `own`, from `own_points`, is drawn over them."""
    title = "seconds of a step" if result["what"] == "time" else "bytes, peak"
    fig = figure(AXES[result["axis"]], title, log_x=True, log_y=True, height=480)
    for name, found in result["contenders"].items():
        label, color, symbol = SHOWN[name]
        text = f"{label}: slope {found['slope']:.2f} ({found['counted_slope']:.2f})"
        fig.add_scatter(
            x=found["sizes"], y=found["median"], name=text, mode="lines+markers", line={"color": color},
            marker={"symbol": symbol, "size": 8}, error_y=_quartiles(found),
        )  # fmt: skip
    for name, found in (own or {}).items():
        label, color, symbol = SHOWN[name]
        marker = {"symbol": f"{symbol}-open", "size": 12, "color": color}
        fig.add_scatter(
            x=found["sizes"], y=found["median"], name=f"{label}, here", mode="markers", marker=marker,
            error_y=_quartiles(found),
        )  # fmt: skip
    if not result["contenders"] and not own:
        say_not_run(fig, COMMAND)
    return fig


def _quartiles(found: dict[str, Any]) -> dict[str, Any]:
    low, middle, high = (np.array(found[part], float) for part in PARTS)
    return {"type": "data", "symmetric": False, "array": high - middle, "arrayminus": middle - low}


along_explorer = Explorer(
    title="How cost grows",
    description="The time, or the peak memory, of one training step against the batch size, the length or the hidden "
    "size, on logarithmic axes, for five methods. The legend holds the slope fitted over the upper decade, and in "
    "brackets that of the counted operations or bytes at the same sizes. Bars run from quartile to quartile.",
    controls=[Choice("axis", "Along", dict(AXES), value="hidden"), Choice("what", "Show", WHAT)],
    compute=along,
    draw=along_figure,
)


# The reader's own machine


def own_points(times: Mapping[int, Mapping[str, Timing]]) -> dict[str, Any]:
    """The reader's own measurements, by size and then by contender, for `along_figure`."""
    sizes = sorted(times)
    names = times[sizes[0]]
    return {
        name: {"sizes": sizes, **{part: [getattr(times[size][name], part) for size in sizes] for part in PARTS}}
        for name in names
    }


def own_explorer(axis: str, times: Mapping[int, Mapping[str, Timing]]) -> Explorer:
    """The recorded times along an axis, and over them what was measured just now: by size, then by contender."""
    own = own_points(times)
    return Explorer(
        title="This machine, over the record",
        description="The recorded times along the axis as lines, and the times that were measured now as open marks.",
        compute=lambda: along(axis, "time"),
        draw=lambda result: along_figure(result, own),
    )
