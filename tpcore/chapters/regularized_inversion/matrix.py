"""The explorers of the chapter *Regularized inversion* that invert a matrix: by singular values, and in the plane."""

from __future__ import annotations

from typing import Any

import numpy as np
import plotly.graph_objects as go
import torch
from torch import Tensor

from tpcore.explorers import Choice, Explorer, LogSlider
from tpcore.explorers.figures import NEUTRAL, PALETTE, band, figure
from tpcore.inversion import regularized_inverse

REGULARIZED = {"color": PALETTE["blue"], "width": 3.5}
EXACT = {"color": NEUTRAL, "width": 2, "dash": "dashdot"}


def matrix_with_spectrum(sigma: Tensor, seed: int = 0) -> Tensor:
    """Make a square float64 matrix with these singular values and random singular vectors.

    Parameters
    ----------
    sigma : Tensor (d,)
    seed : int

    Returns
    -------
    Tensor (d, d)
    """
    generator = torch.Generator().manual_seed(seed)
    left, right = torch.linalg.qr(torch.randn(2, len(sigma), len(sigma), generator=generator, dtype=torch.float64))[0]
    return left @ torch.diag(sigma.double()) @ right.T


# The filter

UNITS = 9
SIGMA = np.logspace(-2, 2, 121)


def filter_on_spectrum(r: float, kappa: float) -> dict[str, Any]:
    """Compute the filter σ/(σ² + r) as a curve, and at the singular values of a matrix of condition number κ.

    The matrix has nine singular values, evenly spaced in the logarithm from √κ to 1/√κ.
    """
    spectrum = torch.logspace(0.5, -0.5, UNITS, base=kappa, dtype=torch.float64)
    inverse = regularized_inverse(matrix_with_spectrum(spectrum), r)
    return {
        "r": r,
        "curve": SIGMA / (SIGMA**2 + r),
        "sigma": spectrum.numpy(),
        "gain": inverse.filter_factors.numpy(),
    }


def filter_figure(result: dict[str, Any]) -> go.Figure:
    """Draw the filter between the inverse and the scaled transpose; points where W has singular values."""
    fig = figure(
        "singular value σ", "gain", log_x=True, log_y=True, x_range=(1e-2, 1e2), y_range=(1e-4, 1e2), height=440
    )
    r, root = result["r"], result["r"] ** 0.5
    transpose = {"color": PALETTE["orange"], "width": 2, "dash": "dash"}
    fig.add_scatter(x=SIGMA, y=result["curve"], mode="lines", name="filter, σ/(σ²+r)", line=REGULARIZED)
    fig.add_scatter(x=SIGMA, y=1 / SIGMA, mode="lines", name="inverse, 1/σ", line=EXACT)
    fig.add_scatter(x=SIGMA, y=SIGMA / r, mode="lines", name="transpose, σ/r", line=transpose)
    fig.add_scatter(
        x=result["sigma"], y=result["gain"], mode="markers", name="σ<sub>i</sub> of W",
        marker={"color": PALETTE["blue"], "size": 10}, hovertemplate="σ = %{x:.3g}, gain %{y:.3g}",
    )  # fmt: skip
    fig.add_scatter(
        x=[root], y=[0.5 / root], mode="markers", name="cap, 1/(2√r)",
        marker={"color": PALETTE["red"], "size": 13, "symbol": "diamond"}, hovertemplate="σ = √r: gain %{y:.3g}",
    )  # fmt: skip
    fig.add_hline(y=0.5 / root, line={"color": PALETTE["red"], "width": 1.5, "dash": "dot"})
    text = f"largest gain on W<br>inverse: {1 / result['sigma'].min():.3g}<br>filter: {result['gain'].max():.3g}"
    fig.add_annotation(
        text=text, x=0.98, y=0.03, xref="paper", yref="paper", xanchor="right", yanchor="bottom", align="right"
    )
    return fig


filter_explorer = Explorer(
    title="The filter of a regularized inverse",
    description="Gain against the singular value on two logarithmic axes. The filter follows the rising line of the "
    "scaled transpose up to the square root of r, where it is highest, and then the falling line of the exact inverse. "
    "Points on it mark the singular values of a matrix W.",
    controls=[
        LogSlider("r", "Regularization r", 1e-3, 1e2, points=31, value=0.1),
        LogSlider("kappa", "Condition number κ of W", 1.0, 1e3, points=7, value=1e2),
    ],
    compute=filter_on_spectrum,
    draw=filter_figure,
)


# One dimension

WEIGHTS = 3 * np.linspace(0, 1, 91)[1:] ** 2  # denser near 0, where both curves are steep
TARGET, TARGET_ERROR = 1.0, 0.2


def line_inverses(r: float) -> dict[str, Any]:
    """Compute u = y/w and u = w y/(w² + r) for y = 1, against w > 0, each as rows: at y − 0.2, y and y + 0.2."""
    y = np.array([[TARGET - TARGET_ERROR], [TARGET], [TARGET + TARGET_ERROR]])
    return {"r": r, "exact": y / WEIGHTS, "regularized": y * WEIGHTS / (WEIGHTS**2 + r)}


def line_figure(result: dict[str, Any]) -> go.Figure:
    """Draw both inverses against w on both sides of 0, with the bands that an error in y makes."""
    fig = figure("weight w", "u", x_range=(-3, 3), y_range=(-5, 5), height=400)
    for key, name, line in (("exact", "y/w", EXACT), ("regularized", "w y/(w²+r)", REGULARIZED)):
        low, middle, high = result[key]
        for sign in (-1, 1):
            fig.add_traces(band(sign * WEIGHTS, sign * low, sign * high, str(line["color"]), name))
        gap = [np.nan] if key == "exact" else [0.0]  # the regularized inverse goes through 0
        w, u = (np.concatenate([-half[::-1], gap, half]) for half in (WEIGHTS, middle))
        fig.add_scatter(x=w, y=u, mode="lines", name=name, line=line, connectgaps=False)
    root = result["r"] ** 0.5
    fig.add_scatter(
        x=[-root, root], y=[-0.5 / root, 0.5 / root], mode="markers", name="largest, at w = ±√r",
        marker={"color": PALETTE["red"], "size": 12, "symbol": "diamond"}, hovertemplate="w = %{x:.3g}: u = %{y:.3g}",
    )  # fmt: skip
    return fig


line_explorer = Explorer(
    title="One weight, inverted",
    description="The input u against the weight w. The exact inverse y over w runs to infinity on both sides of w = 0, "
    "and so does the band that an error in y makes around it. The regularized one goes through 0 and stays bounded.",
    controls=[LogSlider("r", "Regularization r", 1e-2, 1e1, points=25, value=0.1)],
    compute=line_inverses,
    draw=line_figure,
)


# Two dimensions

LARGEST = 1.25  # σ₁ of W; σ₂ = σ₁/κ
ANGLES = np.linspace(0, 2 * np.pi, 91)
CIRCLE = np.stack([np.cos(ANGLES), np.sin(ANGLES)], axis=1)
STARTS = np.stack([np.cos(ANGLES[:-1:2]), np.sin(ANGLES[:-1:2])], axis=1)
OUTPUT_ERROR = 0.1
VIEWS = {"maps": "W and its inverses", "back": "There and back", "error": "Back, with an error"}


def plane_matrix(kappa: float) -> Tensor:
    """Make a 2 × 2 matrix with singular values 1.25 and 1.25/κ, whose singular vectors lie along no axis."""
    turns = [torch.tensor([[np.cos(a), -np.sin(a)], [np.sin(a), np.cos(a)]]) for a in (0.5, -0.4)]
    return turns[0] @ torch.diag(torch.tensor([LARGEST, LARGEST / kappa], dtype=torch.float64)) @ turns[1]


def disc_images(view: str, r: float, kappa: float) -> dict[str, Any]:
    """Compute what W, W⁻¹, M_r and their compositions make of the unit circle; rows are points of the plane.

    The view "error" holds W⁻¹(W u + e) and M_r(W u + e) for points u of the circle and normal errors e of deviation
    0.1 in each coordinate, with the root mean square distances to u.
    """
    W = plane_matrix(kappa)
    inverse, exact = regularized_inverse(W, r), torch.linalg.inv(W)
    circle = torch.as_tensor(CIRCLE)
    if view == "maps":
        return {
            "view": view,
            "W": rows(circle @ W.T),
            "exact": rows(circle @ exact.T),
            "regularized": rows(inverse.apply(circle)),
        }
    if view == "back":
        return {"view": view, "regularized": rows(inverse.apply(circle @ W.T))}
    u = torch.as_tensor(STARTS)
    error = OUTPUT_ERROR * torch.randn(u.shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    found = {"exact": (u @ W.T + error) @ exact.T, "regularized": inverse.apply(u @ W.T + error)}
    distances = {f"{name}_rms": float((point - u).square().sum(1).mean().sqrt()) for name, point in found.items()}
    return {"view": view, **{name: rows(point) for name, point in found.items()}, **distances}


def disc_figure(result: dict[str, Any]) -> go.Figure:
    """Draw closed curves, or clouds of points, around the unit circle; one unit is as long on both axes."""
    fig = figure("first coordinate", "second coordinate", x_range=(-2.5, 2.5), y_range=(-2.5, 2.5), height=460)
    fig.update_xaxes(constrain="domain")
    fig.update_yaxes(scaleanchor="x", constrain="range")
    fig.add_scatter(
        x=CIRCLE[:, 0], y=CIRCLE[:, 1], mode="lines", name="unit circle",
        line={"color": NEUTRAL, "width": 1.5, "dash": "dot"},
    )  # fmt: skip
    if result["view"] == "error":
        for key, name, color in (("exact", "W⁻¹", NEUTRAL), ("regularized", "M<sub>r</sub>", PALETTE["blue"])):
            points = result[key]
            fig.add_scatter(
                x=points[:, 0], y=points[:, 1], mode="markers", name=f"{name}, off by {result[key + '_rms']:.2g}",
                marker={"color": color, "size": 8},
            )  # fmt: skip
        return fig
    names = {"W": "W", "exact": "W⁻¹", "regularized": "M<sub>r</sub>" if result["view"] == "maps" else "M<sub>r</sub>W"}
    lines = {"W": {"color": PALETTE["olive"], "width": 2.5}, "exact": EXACT, "regularized": REGULARIZED}
    for key in (key for key in names if key in result):
        fig.add_scatter(x=result[key][:, 0], y=result[key][:, 1], mode="lines", name=names[key], line=lines[key])
    return fig


disc_explorer = Explorer(
    title="What happens to a disc",
    description="The unit circle in the plane and its images. W flattens it to an ellipse, the exact inverse stretches "
    "it far out in the direction that W flattened, and the regularized inverse stretches it no more than one over "
    "twice the square root of r.",
    controls=[
        Choice("view", "Show", VIEWS),
        LogSlider("r", "Regularization r", 1e-3, 1e1, points=13, value=10 ** (-4 / 3)),
        LogSlider("kappa", "Condition number κ of W", 1.0, 31.622776602, points=7, value=10**1.25),
    ],
    compute=disc_images,
    draw=disc_figure,
)


def rows(points: Tensor) -> np.ndarray:
    """As plotly takes them."""
    return np.asarray(points.numpy())
