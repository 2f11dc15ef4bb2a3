"""Explorers for the tests: the functions stand at the top of a module, as an explorer's must."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import plotly.graph_objects as go

from tpcore.explorers import Choice, Explorer, LogSlider, Slider, Stops
from tpcore.explorers.figures import band, figure


def curve(r: float, k: int, rule: str) -> dict[str, Any]:
    if log := os.environ.get("TPCORE_TEST_LOG"):  # one file a call, so that processes need not share one
        Path(log, f"{rule}-{k}-{r}").touch()
    x = np.logspace(-2, 2, 30)
    return {"x": x, "y": x / (x**2 + r), "k": k, "rule": rule, "r": r}


def curve_figure(result: dict[str, Any]) -> go.Figure:
    drawn = figure("singular value σ", "gain ‖δ<sub>t</sub>‖", log_x=True, log_y=True)
    drawn.add_scatter(x=result["x"], y=1 / result["x"], name="pseudo-inverse")
    if result["rule"] == "local":
        drawn.add_scatter(x=result["x"], y=result["y"], name=f"r = {result['r']:.3g}", line_dash="dash")
        drawn.add_traces(band(result["x"], result["y"] * 0.5, result["y"] * (2 + result["k"]), "#d0681c", "band"))
    drawn.add_hline(y=1)
    drawn.add_annotation(x=0, y=0, text="gain 1")
    return drawn


def failing(r: float) -> dict[str, Any]:
    if r > 1:
        raise FloatingPointError("W diverged")
    return {"r": r}


def interrupted(r: float) -> dict[str, Any]:
    if r > 1:
        raise KeyboardInterrupt
    return {"r": r}


def point_figure(result: dict[str, Any]) -> go.Figure:
    return figure().add_scatter(x=[0, 1], y=[result["r"], 1 / 3])


def map_of(n: int) -> dict[str, Any]:
    return {"z": np.outer(np.arange(n), np.linspace(0.1, 1, 4))}


def map_figure(result: dict[str, Any]) -> go.Figure:
    return figure("column", "row").add_heatmap(z=result["z"])


def example() -> Explorer:
    return Explorer(
        title="The filter",
        description="The filter of the regularized inverse against the singular value.",
        controls=[
            LogSlider("r", "Regularization <i>r</i>", 1e-1, 1e1, points=3, value=1.0),
            Choice("rule", "Rule", {"local": "Target propagation, local", "bp": "Back-propagation"}),
            Slider("k", "Steps back", 0, 2, points=3, value=1, active_when={"rule": ("local",)}),
        ],
        compute=curve,
        draw=curve_figure,
    )


def example_map() -> Explorer:
    return Explorer(
        title="Map",
        description="A map.",
        controls=[Slider("n", "Rows", 2, 4, points=3)],
        compute=map_of,
        draw=map_figure,
    )


def cell_of(row: float, column: int) -> dict[str, Any]:
    return {"row": ROWS.index(row), "column": column}


ROWS = (0.1, 1.0, 30.0)


def cells_figure(result: dict[str, Any]) -> go.Figure:
    drawn = figure("column", "row").add_heatmap(z=[[1, 2, 3], [4, 5, 6], [7, 8, 9]], meta=["row", "column"])
    return drawn.add_scatter(x=[result["column"]], y=[result["row"]], mode="markers")


def example_cells() -> Explorer:
    return Explorer(
        title="Cells",
        description="A map whose cells are tapped.",
        controls=[Stops("row", "Row", ROWS), Slider("column", "Column", 0, 2, points=3)],
        compute=cell_of,
        draw=cells_figure,
    )


def one_slider(compute: Any) -> Explorer:
    slider = LogSlider("r", "r", 0.1, 10, points=3, value=1.0)
    return Explorer(title="Point", description="A point.", controls=[slider], compute=compute, draw=point_figure)
