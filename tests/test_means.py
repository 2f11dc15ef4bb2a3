"""M_p against the singular values: identities 17 to 19, and what happens at the floor."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.geometric_definition import mean_operator
from tpcore import geometric_mean
from tpcore.means import FLOOR, _newton_schulz, mean_matrix

seeds = st.integers(0, 2**20)
powers = st.floats(-1, 1)


def with_condition(seed: int, condition: float, q: int, p: int) -> torch.Tensor:
    """A random W with singular values spread from 3/condition to 3."""
    g = torch.Generator().manual_seed(seed)
    k = min(q, p)
    left, right = (torch.linalg.qr(torch.randn(n, k, generator=g, dtype=torch.float64))[0] for n in (q, p))
    return left @ torch.diag(3 * torch.logspace(-math.log10(condition), 0, k, dtype=torch.float64)) @ right.T


@given(seeds, powers, st.integers(1, 7), st.integers(1, 7), st.floats(1, 100))
def test_it_is_that_of_the_singular_values(seed, p, q, columns, condition):
    W = with_condition(seed, condition, q, columns)
    expected = mean_operator(W, p)
    torch.testing.assert_close(geometric_mean(W, p), expected, rtol=1e-10, atol=1e-10 * float(expected.abs().max()))


@given(seeds, st.floats(1, 1e5), st.sampled_from([torch.float32, torch.float64]))
def test_the_polar_factor_is_orthogonal_to_rounding_whatever_the_condition(seed, condition, dtype):
    W = with_condition(seed, condition, 6, 6).to(dtype)
    M = geometric_mean(W, 0).double()
    # A singular value of W itself is known to eps σ_max: the eigenvalues give it no better than the square's rounding.
    tolerance = 20 * torch.finfo(dtype).eps * (1 if _newton_schulz(W.numpy()) is not None else condition)
    assert (M @ M.mT - torch.eye(6)).abs().max() < max(tolerance, 1e-15 * condition**2)


def test_newton_schulz_does_it_where_w_is_well_conditioned_and_the_eigenvalues_where_it_is_not():
    assert _newton_schulz(with_condition(0, 100, 8, 8).numpy()) is not None
    assert _newton_schulz(with_condition(0, 1e5, 8, 8).numpy()) is None
    orthogonal = with_condition(0, 1, 8, 8) / 3
    torch.testing.assert_close(geometric_mean(orthogonal, 0), orthogonal.mT)


@given(seeds, seeds)
def test_no_orthogonal_matrix_is_nearer_to_the_transpose_or_to_the_inverse(seed, other):
    W = with_condition(seed, 20, 5, 5)
    middle = geometric_mean(W, 0)
    skew = torch.randn(5, 5, generator=torch.Generator().manual_seed(other), dtype=torch.float64)
    for scale in (1e-3, 0.1, 10):  # near it and far from it
        competitor = middle @ torch.linalg.matrix_exp(scale * (skew - skew.T))
        for target in (W.T, torch.linalg.inv(W)):
            for order in ("fro", "nuc", 2):
                nearest, distance = (torch.linalg.matrix_norm(Q - target, order) for Q in (middle, competitor))
                assert nearest <= distance * (1 + 1e-12)


@given(seeds, powers)
def test_opposite_powers_undo_each_other(seed, p):
    W = with_condition(seed, 30, 6, 6)
    product = geometric_mean(W, p) @ geometric_mean(W, -p).mT
    torch.testing.assert_close(product, torch.eye(6, dtype=torch.float64), rtol=0, atol=1e-9)


@pytest.mark.parametrize("p", [-0.5, 0.0, 0.5, 1.0])
def test_it_is_continuous_in_p(p):
    """At its ends and in its middle too, where other code computes it."""
    W, size = with_condition(0, 30, 6, 6), math.log(30)  # |∂σᵖ/∂p| = |log σ| σᵖ
    for step in (1e-3, 1e-6, 1e-9):
        for near in {p - step, min(1.0, p + step)}:
            moved = torch.linalg.matrix_norm(geometric_mean(W, near) - geometric_mean(W, p), 2)
            assert moved <= 1.01 * step * size * 3 * 30**0.5 + 1e-12


@given(seeds, powers)
def test_of_an_isometry_every_mean_is_the_transpose(seed, p):
    W = with_condition(seed, 1, 7, 4) / 3
    torch.testing.assert_close(geometric_mean(W, p), W.mT, rtol=0, atol=1e-12)


@pytest.mark.parametrize("p", [-1.0, -0.5, 0.0, 0.5])
def test_below_the_floor_the_gain_falls_to_zero(p):
    found = [float(geometric_mean(torch.diag(torch.tensor([2.0, 2.0 * x]).double()), p)[1, 1]) for x in (1e-5, 1e-8, 0)]
    assert found[0] == pytest.approx(2e-5**p, rel=1e-5)
    assert found[1] == pytest.approx(2e-8 * (2 * FLOOR) ** (p - 1), rel=1e-5) and found[2] == 0
    assert not geometric_mean(torch.zeros(3, 2), p).any()


@pytest.mark.parametrize("scale", [1e-30, 1e-20, 1e25])
def test_the_scale_of_w_does_not_matter(scale):
    W = with_condition(0, 10, 5, 5)
    found = geometric_mean((scale * W).float(), 0).double()
    torch.testing.assert_close(found, mean_operator(W, 0), rtol=0, atol=1e-5)


def test_arrays_and_tensors_are_alike():
    W = with_condition(0, 10, 4, 6)
    for p in (-0.5, 0.0, 0.3, 1.0):
        found = mean_matrix(W.numpy(), p)
        assert isinstance(found, np.ndarray)
        np.testing.assert_allclose(found, geometric_mean(W, p).numpy(), rtol=1e-12, atol=1e-12)


def test_in_a_graph_what_cannot_be_looked_for_becomes_nan(monkeypatch):
    monkeypatch.setattr("tpcore.means.captured", lambda W: True)
    good, bad = with_condition(0, 10, 4, 4), with_condition(0, 1e5, 4, 4)
    torch.testing.assert_close(mean_matrix(good, 0), mean_operator(good, 0))
    assert mean_matrix(bad, 0).isnan().all()
    with pytest.raises(RuntimeError, match=r"p = 0\.5 takes an eigendecomposition, which no CUDA graph can hold"):
        mean_matrix(good, 0.5)


@pytest.mark.parametrize(
    ("W", "p", "error", "message"),
    [
        (torch.eye(2), 1.5, ValueError, "p must be a number from -1 to 1, got 1.5"),
        (torch.eye(2), math.nan, ValueError, "p must be a number from -1 to 1, got nan"),
        (torch.ones(2), 0, ValueError, "W must be a matrix"),
        (torch.eye(2) / 0, 0, FloatingPointError, "W holds .* values that are not finite"),
        ([[1.0]], 0, TypeError, "W must be a torch.Tensor"),
    ],
)
def test_what_is_wrong_is_named(W, p, error, message):
    with pytest.raises(error, match=message):
        geometric_mean(W, p)
