import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tests.definition import FUNCTIONS
from tpcore import TargetProp
from tpcore.activations import ACTIVATIONS, activation_named
from tpcore.recurrences.slopes import inverse_slope

vectors = arrays(np.float64, st.integers(1, 8), elements=st.floats(-3, 3))
every_activation = pytest.mark.parametrize("name", list(ACTIVATIONS))


def applied(name, z):
    h = z.copy()
    activation_named(name).apply_(np, h)
    return h


@every_activation
@given(z=vectors)
def test_value_and_derivative_equal_autograd(name, z):
    tensor = torch.tensor(z, requires_grad=True)
    value = FUNCTIONS[name](tensor)
    (slope,) = torch.autograd.grad(value.sum(), tensor)
    h = applied(name, z)
    np.testing.assert_allclose(h, value.detach().numpy(), rtol=1e-14)
    np.testing.assert_allclose(activation_named(name).derivative(np, h), slope.numpy(), atol=1e-14)


@every_activation
@given(z=vectors)
def test_inverse_is_exact_inside_the_clipped_range(name, z):
    activation, margin = activation_named(name), 1e-3
    v = activation.clip(np, applied(name, z), margin)
    np.testing.assert_allclose(applied(name, activation.inverse(np, v)), v, rtol=1e-12, atol=1e-14)
    inside = np.abs(v - applied(name, z)) == 0
    np.testing.assert_allclose(activation.inverse(np, v)[inside], z[inside], rtol=1e-9, atol=1e-12)


@every_activation
def test_the_inverse_is_finite_for_any_target(name):
    activation = activation_named(name)
    v = np.array([-1e30, -1.0, 0.0, 1.0, 1e30])
    assert np.isfinite(activation.inverse(np, activation.clip(np, v, 1e-3))).all()


@given(z=vectors, s=st.floats(1e-3, 1e3))
def test_calibrated_slope_is_the_weighted_harmonic_mean(z, s):
    slope = 1 / np.cosh(z) ** 2
    found = inverse_slope(activation_named("tanh"), np, slope, TargetProp(1.0, s, calibrated=True))
    np.testing.assert_allclose(found, (1 + s) / (slope + s / slope), rtol=1e-6)


@every_activation
@given(z=vectors)
def test_exact_inverse_slope_is_one_over_the_derivative_at_the_clipped_state(name, z):
    activation, margin = activation_named(name), 1e-2
    h = applied(name, z)
    at = torch.tensor(activation.inverse(np, activation.clip(np, h, margin)), requires_grad=True)
    (slope,) = torch.autograd.grad(FUNCTIONS[name](at).sum(), at)
    found = inverse_slope(activation, np, activation.derivative(np, h), TargetProp(1.0, margin=margin))
    np.testing.assert_allclose(found, 1 / slope.numpy(), rtol=1e-10)


def test_an_unknown_name_lists_the_known():
    with pytest.raises(ValueError, match="nonlinearity must be one of 'tanh', 'relu', 'identity', got 'gelu'"):
        activation_named("gelu")
