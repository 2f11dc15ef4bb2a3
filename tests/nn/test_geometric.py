"""GeometricTargetProp and RescaledBackProp in the modules, by tests/geometric_definition.py: identities 15, 16, 19."""

from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.definition import Network, minus_directions
from tests.dense_definition import Layer
from tests.geometric_definition import (
    gated_mean_displacements,
    mean_displacements,
    mean_operator,
    mean_slope,
    rescaled_adjoints,
)
from tests.gru_definition import GatedNetwork
from tests.nn import test_dense as dense
from tests.nn import test_gru as gru
from tests.nn import test_rnn as rnn
from tpcore import BackProp, GeometricTargetProp, RescaledBackProp
from tpcore.diagnostics import carried
from tpcore.nn import GRU, RNN, Dense, layer
from tpcore.recurrences import arrays, fused

seeds, sizes, activations, accumulations = rnn.seeds, rnn.sizes, rnn.activations, rnn.accumulations
powers = st.one_of(st.sampled_from([-1.0, 0.0, 1.0]), st.floats(-1, 1))


def close(found, expected, tolerance=1e-9):
    torch.testing.assert_close(found, expected, rtol=tolerance, atol=tolerance * max(1, float(expected.abs().max())))


@given(seeds, sizes, activations, accumulations, powers, st.booleans())
def test_the_rnn_equals_its_definition(seed, size, activation, accumulate, p, every_step):
    net = Network.random(seed, activation=activation, scale=0.7, **size)
    net = replace(net, W=net.W + 1.5 * torch.eye(size["d"]))  # far from singular, where p < 0 explodes
    rule = GeometricTargetProp(p, accumulate, step=0.3)
    module, losses, _, h_grad = rnn.backward(net, rule, range(size["tau"]) if every_step else (-1,))
    delta = mean_displacements(net, losses, p=p, step=0.3)
    rnn.assert_grads(module, minus_directions(net, delta, accumulate), 1e-7)
    close(h_grad, -delta[0], 1e-7)


@given(seeds, gru.sizes, gru.accumulations, powers)
def test_the_gru_equals_its_definition(seed, size, accumulate, p):
    net = GatedNetwork.random(seed, scale=0.3, **size)
    W = net.W.clone()
    W[-size["d"] :] += torch.eye(size["d"])
    net = replace(net, W=W)
    module, losses, _, h_grad = gru.backward(net, GeometricTargetProp(p, accumulate, step=0.3), (0, -1))
    delta = gated_mean_displacements(net, losses, p=p, step=0.3)
    gru.assert_grads(module, minus_directions(net, delta, accumulate, "WUbc"), 1e-7)
    close(h_grad, -delta[0], 1e-7)


@given(seeds, dense.widths, dense.widths, activations, powers)
def test_the_dense_layer_equals_its_definition(seed, p, q, activation, power):
    layer, x, g = Layer.random(seed, p=p, q=q, activation=activation), dense.normal(1, 4, p), dense.normal(2, 4, q)
    layer.W[range(min(p, q)), range(min(p, q))] += 3  # far from singular
    found = dense.backward(layer, GeometricTargetProp(power, step=0.3), x, g)
    gain = mean_slope(activation, layer.slope(x), power, 1e-3)
    close(found[0], (gain * g) @ mean_operator(layer.W, power).T, 1e-7)
    dense.assert_close(found[1:], layer.minus_direction(x, -0.3 * g))


# Identity 15


@pytest.mark.parametrize("kind", ["RNN", "relu", "two layers", "GRU", "GRU of two layers"])
@pytest.mark.parametrize("end", [GeometricTargetProp(1.0, step=0.25), RescaledBackProp(1.0, step=0.25)], ids=str)
def test_the_far_end_is_back_propagation_to_rounding(kind, end):
    torch.manual_seed(0)
    layers = 2 if "two" in kind else 1
    options = {"nonlinearity": "relu"} if kind == "relu" else {}
    module = (GRU if "GRU" in kind else RNN)(3, 8, layers, dtype=torch.float64, **options)
    x, found = torch.randn(12, 4, 3, dtype=torch.float64), []
    for module.rule in (BackProp(), end):
        module.zero_grad()
        output, h_n = module(x)
        (output.sin().sum() + h_n.pow(3).sum()).backward()
        found.append([parameter.grad / getattr(module.rule, "step", 1) for parameter in module.parameters()])
    torch.testing.assert_close(*found, rtol=1e-13, atol=1e-13)


def test_the_far_end_of_a_dense_network_is_back_propagation_to_rounding():
    x, found = dense.normal(0, 5, 3).requires_grad_(), []
    for rule in (BackProp(), GeometricTargetProp(1.0)):
        torch.manual_seed(0)
        network = torch.nn.Sequential(
            Dense(3, 9, rule=rule, dtype=torch.float64), Dense(9, 2, rule=rule, dtype=torch.float64)
        )
        found.append(torch.autograd.grad(network(x).sin().sum(), [x, *network.parameters()]))
    torch.testing.assert_close(*found, rtol=1e-13, atol=1e-13)


# Identity 16


def norms(net, rule):
    """‖δ_t‖ of each sample, for t = 0 … τ."""
    module = rnn.module(net, rule)
    return torch.from_numpy(carried(module, rule, net.x, net.h_0, torch.ones_like(net.h_0))).norm(dim=2)


@given(seeds, st.floats(0.1, 10), st.sampled_from(["tanh", "relu", "identity"]))
def test_in_the_middle_each_sample_keeps_its_norm(seed, scale, activation):
    """Whatever W is, and where units are saturated: inputs of this size leave slopes of zero."""
    net = Network.random(seed, tau=30, batch=3, d=5, p=2, activation=activation)
    W = torch.linalg.svd(net.W)
    sigma = scale * torch.logspace(-2, 0, 5, dtype=torch.float64)
    net = replace(net, W=W.U @ torch.diag(sigma) @ W.Vh, x=30 * net.x)
    if activation != "tanh":
        net = replace(net, W=net.W / scale)  # or states would grow without bound
    found = norms(net, GeometricTargetProp(0.0))
    torch.testing.assert_close(found, found[-1:].expand_as(found), rtol=1e-12, atol=0)


@given(seeds, sizes, st.floats(0, 1), st.booleans())
def test_rescaled_back_propagation_equals_its_definition(seed, size, p, every_step):
    net = Network.random(seed, scale=0.7, **size)
    steps = range(size["tau"]) if every_step else (-1,)
    module, losses, _, h_grad = rnn.backward(net, RescaledBackProp(p, step=0.3), steps)
    delta = rescaled_adjoints(net, losses, p=p, step=0.3)
    rnn.assert_grads(module, minus_directions(net, delta, "local"))
    close(h_grad, -delta[0])


@given(seeds)
def test_rescaled_at_zero_each_sample_keeps_its_norm_until_nothing_is_left(seed):
    found = norms(Network.random(seed, tau=20, batch=3, d=5, p=2), RescaledBackProp(0.0))
    torch.testing.assert_close(found, found[-1:].expand_as(found), rtol=1e-12, atol=0)
    dead = replace(
        Network.random(seed, tau=5, batch=2, d=4, p=2, activation="relu"), b=torch.full((4,), -100.0).double()
    )
    assert not norms(dead, RescaledBackProp(0.0))[:-1].any()


# Identity 19


@given(seeds, powers)
def test_on_a_linear_isometry_every_mean_is_back_propagation(seed, p):
    net = Network.random(seed, tau=6, batch=2, d=4, p=2, activation="identity")
    net = replace(net, W=torch.linalg.qr(net.W)[0])
    expected = rnn.backward(net, BackProp())
    found = rnn.backward(net, GeometricTargetProp(p))
    torch.testing.assert_close(found[3], expected[3], rtol=0, atol=1e-12)
    torch.testing.assert_close(found[0].weight_hh_l0.grad, expected[0].weight_hh_l0.grad, rtol=0, atol=1e-11)


# The loops


RULES = [
    *(GeometricTargetProp(p) for p in (-0.5, 0.0, 0.5, 1.0)),
    GeometricTargetProp(0.0, "through_time"),
    RescaledBackProp(0.0),
    RescaledBackProp(0.3),
]


@pytest.mark.parametrize("rule", RULES, ids=str)
@pytest.mark.parametrize("cell", [RNN, GRU])
def test_the_loops_are_the_same_compiled_in_numpy_and_in_torch(monkeypatch, rule, cell):
    torch.manual_seed(0)
    module, x = cell(2, 4, dtype=torch.float64, rule=rule), torch.randn(9, 3, 2, dtype=torch.float64)

    def directions():
        output, h_n = module(x)
        return torch.autograd.grad(output[3].sin().sum() + h_n.sin().sum(), list(module.parameters()))

    compiled = directions()
    for place in (arrays, fused):
        monkeypatch.setattr(place, "compiled_kernels", lambda: None)
    torch.testing.assert_close(directions(), compiled)
    monkeypatch.setattr(layer, "as_array", lambda tensor: tensor.detach())
    torch.testing.assert_close(directions(), compiled)


def test_a_layer_without_steps_refuses_the_control():
    with pytest.raises(ValueError, match="RescaledBackProp keeps lengths from step to step"):
        Dense(2, 3, rule=RescaledBackProp(0.0))
    with pytest.raises(ValueError, match='accumulate="through_time" adds up over the steps of a recurrence'):
        Dense(2, 3, rule=GeometricTargetProp(0.0, "through_time"))
