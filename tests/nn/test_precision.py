"""Differences of inverses in float32: as precise for a small γ_h as for a large one."""

import copy

import mpmath
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import tpcore
from tpcore import LearnedTargetProp, TargetProp
from tpcore.activations import ACTIVATIONS, tanh_difference
from tpcore.nn import GRU, LSTM, RNN, Dense, LearnedInverse

EPS = float(np.finfo(np.float32).eps)
numbers = st.floats(-5, 5, width=32)
sizes = st.floats(-12, 0.5)


def exactly(value):
    return mpmath.mpf(float(value))


@given(
    st.sampled_from(["tanh", "relu", "identity"]),
    numbers,
    sizes,
    st.sampled_from([-1, 1]),
    st.sampled_from([1e-3, 1e-2]),
)
def test_the_difference_of_inverses_is_mpmath_s(name, z, exponent, sign, margin):
    """Its error is that of h and D themselves: rounding, over their distance from ±1 where they enter."""
    activation, z = ACTIVATIONS[name], np.array([z], np.float32)
    activation.apply_(np, z)
    h, D = z, np.array([sign * 10**exponent], np.float32)
    found = activation.inverse_difference(np, h, D, margin)
    assert found.dtype == np.float32
    ranges = {"tanh": (margin - 1, 1 - margin), "relu": (margin, mpmath.inf), "identity": (-mpmath.inf, mpmath.inf)}
    lowest, highest = ranges[name]

    def undone(v):
        clipped = min(max(v, mpmath.mpf(lowest)), mpmath.mpf(highest))
        return mpmath.atanh(clipped) if name == "tanh" else clipped

    with mpmath.workdps(40):
        expected = undone(exactly(h[0])) - undone(exactly(h[0]) - exactly(D[0]))
    rounding = 4 * EPS / margin if name == "tanh" else 4 * EPS
    assert abs(float(found[0]) - float(expected)) <= 8 * EPS * abs(float(expected)) + rounding * min(
        1.0, abs(float(D[0]))
    ) + (0 if abs(h[0]) < 1 - 2 * margin and abs(h[0]) > 2 * margin else rounding)


@given(st.floats(-100, 100, width=32), sizes, st.sampled_from([-1, 1]))
def test_the_difference_of_tanh_is_mpmath_s(a, exponent, sign):
    a, q = np.array([a], np.float32), np.array([sign * 10**exponent], np.float32)
    found = tanh_difference(np, a, q)
    with mpmath.workdps(200):
        expected = mpmath.tanh(exactly(a[0])) - mpmath.tanh(exactly(a[0]) - exactly(q[0]))
    tiny = float(np.finfo(np.float32).tiny)
    assert abs(float(found[0]) - float(expected)) <= (16 + 4 * abs(float(a[0]))) * EPS * abs(float(expected)) + tiny


@pytest.mark.parametrize("kind", ["RNN", "GRU", "LSTM", "learned"])
@pytest.mark.parametrize("step", [1e-6, 1e-4, 1e-2])
@pytest.mark.parametrize("clipped", [False, True])
def test_float32_agrees_with_float64_after_many_steps(kind, step, clipped):
    """Sixteen steps back: the relative error stays that of the conditioning, whatever γ_h is."""
    torch.manual_seed(0)
    inverse = LearnedInverse(3, 8, dtype=torch.float64)
    module = {"RNN": RNN, "GRU": GRU, "LSTM": LSTM, "learned": RNN}[kind](3, 8, dtype=torch.float64)
    with torch.no_grad():
        torch.nn.init.orthogonal_(module.weight_hh_l0[-8:])
    x, found = (3.0 if clipped else 0.1) * torch.randn(16, 4, 3, dtype=torch.float64), []
    for dtype in (torch.float64, torch.float32):
        each = copy.deepcopy(module).to(dtype)
        learned = LearnedTargetProp(copy.deepcopy(inverse).to(dtype), step=step)
        each.rule = learned if kind == "learned" else TargetProp(1.0, form="difference", step=step)
        h_0 = torch.zeros(1, 4, 8, dtype=dtype, requires_grad=True)
        output, _ = each(x.to(dtype), (h_0, torch.zeros_like(h_0)) if kind == "LSTM" else h_0)
        (output[-1] * torch.linspace(-1, 1, 8, dtype=dtype)).sum().backward()
        found.append((each.weight_hh_l0.grad.double() / step, h_0.grad.double() / step))
    for exact, value in zip(*found, strict=True):  # of what is left of the displacement after sixteen steps too
        assert (value - exact).norm() / exact.norm() < (1e-2 if clipped else 1e-3)


@pytest.mark.parametrize("step", [1e-6, 1e-3])
def test_a_dense_layer_agrees_too(step):
    torch.manual_seed(0)
    layer, x = Dense(5, 6, rule=TargetProp(0.5, form="difference", step=step), dtype=torch.float64), torch.randn(4, 5)
    found = []
    for dtype in (torch.float64, torch.float32):
        given_x = x.to(dtype).requires_grad_()
        copy.deepcopy(layer).to(dtype)(given_x).sin().sum().backward()
        found.append(given_x.grad.double())
    torch.testing.assert_close(found[1], found[0], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("scale", [1e-30, 1.0])
@pytest.mark.parametrize("r", [1e9, 1e11, 1e30, 1e200, 1e301, 1.7e308])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_calibrated_a_huge_r_is_the_transpose(scale, r, dtype):
    W = scale * torch.randn(5, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64).to(dtype)
    found = tpcore.regularized_inverse(W, r, calibrated=True).matrix
    torch.testing.assert_close(found, W.mT, rtol=1e-5, atol=0)
