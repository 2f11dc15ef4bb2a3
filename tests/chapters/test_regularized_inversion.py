"""The figures of "Regularized inversion" against dense minimization and calculus, and the claims of its text."""

import math

import numpy as np
import pytest
import torch
from scipy.optimize import minimize_scalar

from tpcore.chapters.regularized_inversion import layer, matrix
from tpcore.explorers.grid import positions

EXPLORERS = [matrix.filter_explorer, matrix.line_explorer, matrix.disc_explorer, layer.unit_explorer]
REGULARIZATIONS = [1e-3, 0.1, 1.0, 10.0]
every_r = pytest.mark.parametrize("r", REGULARIZATIONS)


def ridge(W: np.ndarray, r: float) -> np.ndarray:
    """M_r from a least-squares solver on the augmented system, column by column."""
    q, p = W.shape
    stacked = np.vstack([W, math.sqrt(r) * np.eye(p)])
    return np.linalg.lstsq(stacked, np.vstack([np.eye(q), np.zeros((p, q))]), rcond=None)[0]


def ends(explorer):
    """The first and the last position of every control, and all options of a choice."""
    sliders = {c.name: {c.positions[0], c.positions[-1], c.value} for c in explorer.controls if c.name != "view"}
    return [v for _, v in positions(explorer) if all(v[name] in kept for name, kept in sliders.items())]


@pytest.mark.parametrize("explorer", EXPLORERS, ids=lambda e: e.title)
def test_axes_and_traces_stay_put(explorer):
    """A moved slider changes what is drawn, not where: a reader can compare two positions."""
    figures = [explorer.draw(explorer.compute(**values)) for values in ends(explorer)]
    ranges = {(figure.layout.xaxis.range, figure.layout.yaxis.range, figure.layout.height) for figure in figures}
    assert len(ranges) == 1
    assert all(figure.data for figure in figures)


# The filter


def test_matrix_has_the_wanted_spectrum_and_a_dense_one():
    sigma = torch.tensor([3.0, 1.0, 0.2], dtype=torch.float64)
    W = matrix.matrix_with_spectrum(sigma)
    np.testing.assert_allclose(np.linalg.svd(W.numpy(), compute_uv=False), sigma.numpy(), rtol=1e-12)
    assert (W.abs() > 1e-3).all()


@every_r
@pytest.mark.parametrize("kappa", [1.0, 100.0])
def test_filter_is_the_spectrum_of_the_ridge_operator(r, kappa):
    result = matrix.filter_on_spectrum(r, kappa)
    sigma, gain = result["sigma"], result["gain"]
    assert sigma[0] / sigma[-1] == pytest.approx(kappa)
    W = matrix.matrix_with_spectrum(torch.as_tensor(sigma)).numpy()
    np.testing.assert_allclose(np.sort(gain), np.sort(np.linalg.svd(ridge(W, r), compute_uv=False)), rtol=1e-9)
    on_curve = np.exp(np.interp(np.log(sigma), np.log(matrix.SIGMA), np.log(result["curve"])))
    np.testing.assert_allclose(gain, on_curve, rtol=5e-3)  # the curve is drawn through 121 points
    assert result["curve"].max() <= 0.5 / math.sqrt(r) * (1 + 1e-12)
    assert matrix.SIGMA[result["curve"].argmax()] == pytest.approx(math.sqrt(r), rel=0.08)


# One dimension


@every_r
def test_line_holds_both_minimizers(r):
    result = matrix.line_inverses(r)
    middle = matrix.TARGET * np.ones_like(matrix.WEIGHTS)
    np.testing.assert_allclose(matrix.WEIGHTS * result["exact"][1], middle)
    for i in range(0, len(matrix.WEIGHTS), 9):
        w = matrix.WEIGHTS[i]
        for row, y in enumerate((0.8, 1.0, 1.2)):
            best = minimize_scalar(lambda u, w=w, y=y: 0.5 * (w * u - y) ** 2 + 0.5 * r * u**2)
            assert result["regularized"][row, i] == pytest.approx(
                best.x, rel=1e-6, abs=1e-7
            )  # Brent's method sees half the digits


# Two dimensions


@every_r
@pytest.mark.parametrize("kappa", [1.0, 10.0])
def test_disc_is_mapped_by_each_matrix(r, kappa):
    W = matrix.plane_matrix(kappa).numpy()
    sigma = np.linalg.svd(W, compute_uv=False)
    np.testing.assert_allclose(sigma, [matrix.LARGEST, matrix.LARGEST / kappa])
    maps, back = (matrix.disc_images(view, r, kappa) for view in ("maps", "back"))
    for key, one in (("W", W), ("exact", np.linalg.inv(W)), ("regularized", ridge(W, r))):
        np.testing.assert_allclose(maps[key], matrix.CIRCLE @ one.T, atol=1e-9)
    np.testing.assert_allclose(back["regularized"], matrix.CIRCLE @ (ridge(W, r) @ W).T, atol=1e-9)
    kept = sigma**2 / (sigma**2 + r)  # the half-axes of the disc that comes back
    radii = np.linalg.norm(back["regularized"], axis=1)
    assert radii.max() <= kept.max() + 1e-9 and radii.min() >= kept.min() - 1e-9


def test_error_has_its_best_regularization_in_between():
    """The text: too small an r amplifies the error, too large a one answers with too little."""
    results = [matrix.disc_images("error", r, kappa=10.0) for r in (1e-6, 1e-3, 0.03, 1.0, 1e3)]
    off = [result["regularized_rms"] for result in results]
    assert off[0] > off[1] > off[2] < off[3] < off[4]
    assert off[0] == pytest.approx(results[0]["exact_rms"], rel=1e-3)
    assert off[4] == pytest.approx(1.0, rel=0.01)  # nothing comes back: as far off as the circle is large
    u = np.asarray(matrix.STARTS)
    recomputed = np.sqrt(np.mean(np.sum((results[2]["regularized"] - u) ** 2, axis=1)))
    assert off[2] == pytest.approx(recomputed)


# A tanh unit


def objective(u, v, r, w):
    return 0.5 * (np.tanh(w * u + 0.5) - v) ** 2 + 0.5 * r * u**2


@every_r
@pytest.mark.parametrize("w", [0.25, 1.0, 4.0])
def test_minimizer_is_global_and_stationary(r, w):
    v = np.array([-1.3, -1.0, -0.7, 0.0, math.tanh(0.5), 0.9, 0.999, 1.2])
    u = layer.minimizer_of_unit(v, r, w)
    h = np.tanh(w * u + 0.5)
    np.testing.assert_allclose(r * u + w * (1 - h**2) * (h - v), 0, atol=2e-7)
    anywhere = np.linspace(-60, 60, 200_001)
    lowest = np.array([objective(anywhere, target, r, w).min() for target in v])
    assert (objective(u, v, r, w) <= lowest + 1e-12).all()


@every_r
@pytest.mark.parametrize("margin", [0.1, 1e-3])
def test_closed_form_minimizes_the_distance_of_pre_activations(r, margin):
    for v in (-1.3, -0.5, 0.0, 0.95, 1.3):
        z = math.atanh(min(max(v, margin - 1), 1 - margin))
        best = minimize_scalar(lambda u, z=z: 0.5 * (2.0 * u + 0.5 - z) ** 2 + 0.5 * r * u**2)
        found = layer.inverse_of_unit(np.array([v]), r, 2.0, margin)
        assert found[0] == pytest.approx(best.x, rel=1e-6, abs=1e-8)


def test_all_three_agree_for_small_r_well_inside():
    result = layer.unit_inverses(1e-3, 4.0, 1e-3)
    inside = np.abs(layer.TARGETS) < 0.8
    for key in ("closed", "minimizer"):
        np.testing.assert_allclose(result[key][inside], result["exact"][inside], atol=1e-3)
    assert np.isnan(result["exact"][np.abs(layer.TARGETS) >= 1]).all()


@every_r
@pytest.mark.parametrize("w", [0.25, 1.0, 4.0])
@pytest.mark.parametrize("margin", [0.1, 1e-3])
def test_minimizer_is_never_larger_than_the_closed_form_within_the_margins(r, w, margin):
    result = layer.unit_inverses(r, w, margin)
    inside = np.abs(layer.TARGETS) <= 1 - margin
    assert (np.abs(result["minimizer"]) <= np.abs(result["closed"]) + 1e-6)[inside].all()


@every_r
def test_layer_minimizer_is_stationary_and_each_point_wins_at_its_own_objective(r):
    g = torch.Generator().manual_seed(2)
    W = torch.randn(8, 6, generator=g, dtype=torch.float64)
    c, v = torch.randn(2, 8, generator=g, dtype=torch.float64)
    z, v = v, torch.tanh(v)
    closed = torch.as_tensor(ridge(W.numpy(), r)) @ (z - c)
    found = layer.layer_minimizer(W, c, v, r, start=closed)
    h = torch.tanh(W @ found + c)
    torch.testing.assert_close(r * found, W.T @ ((1 - h**2) * (v - h)), rtol=1e-6, atol=1e-7)
    in_pre_activations, in_outputs = (
        [0.5 * (undo(W @ u + c) - goal).square().sum() + 0.5 * r * u.square().sum() for u in (closed, found)]
        for undo, goal in ((lambda z: z, z), (torch.tanh, v))
    )
    assert in_pre_activations[0] < in_pre_activations[1] and in_outputs[1] < in_outputs[0]


def test_for_large_r_one_divides_by_the_slope_and_the_other_multiplies():
    """In several dimensions, as the text has it; the minimizer by Newton's method with autograd's derivatives."""
    g = torch.Generator().manual_seed(1)
    W = torch.randn(4, 4, generator=g, dtype=torch.float64)
    c = 1.5 * torch.randn(4, generator=g, dtype=torch.float64)
    slope = 1 - torch.tanh(c) ** 2
    near = torch.tanh(c) + 1e-5 * torch.randn(4, generator=g, dtype=torch.float64)
    r = 1e7
    closed = torch.linalg.solve(W.T @ W + r * torch.eye(4, dtype=W.dtype), W.T @ (torch.atanh(near) - c))
    torch.testing.assert_close(r * closed, W.T @ ((near - torch.tanh(c)) / slope), rtol=1e-3, atol=1e-9)

    def loss(u):
        return 0.5 * (torch.tanh(W @ u + c) - near).square().sum() + 0.5 * r * u.square().sum()

    u = torch.zeros(4, dtype=torch.float64)
    for _ in range(3):
        hessian = torch.autograd.functional.hessian(loss, u)
        u = u - torch.linalg.solve(hessian, torch.autograd.functional.jacobian(loss, u))
    torch.testing.assert_close(r * u, W.T @ (slope * (near - torch.tanh(c))), rtol=1e-3, atol=1e-9)
