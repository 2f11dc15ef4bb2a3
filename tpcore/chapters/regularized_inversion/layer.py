"""The explorer of the chapter *Regularized inversion* that inverts a tanh unit, and the minimizer for a layer."""

from __future__ import annotations

from typing import Any

import numpy as np
import plotly.graph_objects as go
import torch
from torch import Tensor

from tpcore.activations import activation_named
from tpcore.chapters.regularized_inversion.matrix import EXACT, REGULARIZED, rows
from tpcore.explorers import Explorer, LogSlider
from tpcore.explorers.figures import NEUTRAL, PALETTE, figure
from tpcore.inversion import regularized_inverse

OFFSET = 0.5
REACHABLE = np.tanh(np.linspace(-5.2, 5.2, 89))  # denser near ±1, where artanh is steep
TARGETS = np.concatenate([np.linspace(-1.3, -1, 13), REACHABLE, np.linspace(1, 1.3, 13)])


def inverse_of_unit(v: np.ndarray, r: float, w: float, margin: float) -> np.ndarray:
    """Compute the closed form M_r (artanh(clip(v)) − c) for f(u) = tanh(w u + c), c = 0.5, in the shape of v."""
    tanh = activation_named("tanh")
    z = torch.as_tensor(tanh.inverse(np, tanh.clip(np, v, margin)) - OFFSET)
    return rows(regularized_inverse(torch.tensor([[w]], dtype=torch.float64), r).apply(z[:, None])[:, 0])


def minimizer_of_unit(v: np.ndarray, r: float, w: float, cells: int = 2000, zooms: int = 8) -> np.ndarray:
    """Compute argmin_u ½(f(u) − v)² + (r/2)u² for f(u) = tanh(w u + c), c = 0.5, for each entry of v.

    The objective may have several valleys. A grid over the interval that must hold the minimizer, |u| ≤ |f(0) − v|/√r,
    finds the deepest; finer grids around its best point follow it down.
    """
    radius = np.abs(np.tanh(OFFSET) - v) / r**0.5 + 1e-12
    middle, grid = np.zeros_like(v), np.linspace(-1, 1, cells + 1)
    for _ in range(zooms):
        u = middle[:, None] + radius[:, None] * grid
        objective = (np.tanh(w * u + OFFSET) - v[:, None]) ** 2 + r * u**2
        middle = np.take_along_axis(u, objective.argmin(1)[:, None], 1)[:, 0]
        radius, grid = radius * 2 / (len(grid) - 1), np.linspace(-1, 1, 21)
    return middle


def layer_minimizer(W: Tensor, c: Tensor, v: Tensor, r: float, *, start: Tensor) -> Tensor:
    """Find a minimizer of ½‖tanh(W u + c) − v‖² + (r/2)‖u‖², by L-BFGS from `start`.

    Parameters
    ----------
    W : Tensor (q, p)
    c, v : Tensor (q,)
    r : float > 0
    start : Tensor (p,)
        The objective may have several minima; the start decides which is found.

    Returns
    -------
    Tensor (p,)
    """
    u = start.clone().requires_grad_()
    optimizer = torch.optim.LBFGS(
        [u], max_iter=1000, tolerance_grad=1e-9, tolerance_change=0.0, line_search_fn="strong_wolfe"
    )

    def objective() -> Tensor:
        optimizer.zero_grad()
        loss = 0.5 * (torch.tanh(W @ u + c) - v).square().sum() + 0.5 * r * u.square().sum()
        loss.backward()
        return loss

    optimizer.step(objective)
    return u.detach()


def unit_inverses(r: float, w: float, margin: float) -> dict[str, Any]:
    """Compute three inverses of f(u) = tanh(w u + 0.5) against the target v; the exact one is NaN where |v| ≥ 1."""
    with np.errstate(invalid="ignore", divide="ignore"):
        exact = (np.arctanh(TARGETS) - OFFSET) / w
    return {
        "exact": np.where(np.isfinite(exact), exact, np.nan),
        "closed": inverse_of_unit(TARGETS, r, w, margin),
        "minimizer": minimizer_of_unit(TARGETS, r, w),
        "margin": margin,
    }


def unit_figure(result: dict[str, Any]) -> go.Figure:
    """Draw the inverses against the target; beyond the shaded margins the closed form clips."""
    fig = figure("target v", "u", x_range=(-1.3, 1.3), y_range=(-6, 6), height=420)
    edge = 1 - result["margin"]
    for side in (-1, 1):
        fig.add_vline(x=side * edge, line={"color": NEUTRAL, "width": 1, "dash": "dot"})
    fig.add_scatter(x=TARGETS, y=result["exact"], mode="lines", name="exact", line=EXACT)
    fig.add_scatter(
        x=TARGETS, y=result["minimizer"], mode="lines", name="true minimizer",
        line={"color": PALETTE["purple"], "width": 2.5},
    )  # fmt: skip
    fig.add_scatter(x=TARGETS, y=result["closed"], mode="lines", name="closed form", line=REGULARIZED)
    return fig


unit_explorer = Explorer(
    title="Three inverses of a tanh unit",
    description="The input u that an inverse gives for a target v. The exact inverse exists between −1 and 1 and runs "
    "to infinity at both. The closed form bends as it does up to the margin and is constant beyond. The true minimizer "
    "of the regularized distance stays flatter.",
    controls=[
        LogSlider("r", "Regularization r", 1e-3, 1e1, points=17, value=0.1),
        LogSlider("w", "Weight w", 0.25, 4.0, points=5, value=1.0),
        LogSlider("margin", "Margin ε", 1e-4, 1e-1, points=4, value=1e-3),
    ],
    compute=unit_inverses,
    draw=unit_figure,
)
