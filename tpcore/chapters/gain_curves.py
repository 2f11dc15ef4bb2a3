"""The calibrated gain between those of the exact inverse and of the transpose, as two chapters draw it."""

from __future__ import annotations

from typing import Any

import numpy as np
import plotly.graph_objects as go

from tpcore.explorers.figures import NEUTRAL, PALETTE

GAIN_AXIS = np.logspace(-2, 2, 161)
EXACT = {"color": NEUTRAL, "width": 1.5, "dash": "dot"}
TRANSPOSE = {"color": PALETTE["orange"], "dash": "dash"}
CALIBRATED = {"color": PALETTE["green"], "width": 3.5}


def calibrated_gain(x: np.ndarray, r: float) -> np.ndarray:
    """(1 + r)x/(x² + r): of the calibrated inverse on a singular value x at r, and on a slope x at s = r."""
    return (1 + r) * x / (x**2 + r)


def largest_gain(r: float) -> float:
    """(1 + r)/(2√r), at x = √r."""
    return (1 + r) / (2 * r**0.5)


def add_gain_curves(fig: go.Figure, x: np.ndarray, gain: np.ndarray, **options: Any) -> None:
    """Add the curves of the exact inverse, the transpose and the calibrated inverse against x."""
    for y, name, line in (
        (1 / x, "exact inverse", EXACT),
        (x, "transpose", TRANSPOSE),
        (gain, "calibrated", CALIBRATED),
    ):
        fig.add_scatter(x=x, y=y, name=name, mode="lines", line=line, **options)


def add_largest_gain(fig: go.Figure, r: float) -> None:
    """Mark the largest gain, at √r."""
    largest, dot = largest_gain(r), {"size": 10, "color": PALETTE["green"]}
    fig.add_scatter(x=[r**0.5], y=[largest], name=f"largest: {largest:.3g}", mode="markers", marker=dot)
