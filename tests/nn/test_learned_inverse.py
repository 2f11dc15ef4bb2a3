"""The learned inverse and its rule against their definitions, in float64."""

from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.definition import Network, minus_directions
from tpcore import LearnedTargetProp
from tpcore.nn import RNN, LearnedInverse, layer
from tpcore.recurrences import arrays, fused

NAMES = {"W": "weight_hh_l0", "U": "weight_ih_l0", "b": "bias_ih_l0"}
sizes = st.fixed_dictionaries(
    {"tau": st.integers(1, 8), "batch": st.integers(1, 4), "d": st.integers(1, 5), "p": st.integers(1, 4)}
)


def inverse_for(net: Network, seed: int = 0, **options) -> LearnedInverse:
    torch.manual_seed(seed)
    return LearnedInverse(net.U.shape[1], len(net.W), dtype=torch.float64, **options)


def module(net: Network, rule) -> RNN:
    rnn = RNN(net.U.shape[1], len(net.W), nonlinearity=net.activation, dtype=torch.float64, rule=rule)
    with torch.no_grad():
        rnn.bias_hh_l0.zero_()
        for name, torch_name in NAMES.items():
            getattr(rnn, torch_name).copy_(getattr(net, name))
    return rnn


def displacements(net: Network, inverse: LearnedInverse, losses, step: float):
    """δ_0, …, δ_τ, one step and one sample at a time, with the inverse written out."""
    V, U = inverse.V.detach(), inverse.U.detach()
    c = 0 if inverse.c is None else inverse.c.detach()

    def g(v, x):
        return torch.tanh(V @ v + U @ x + c)

    h, tau = net.states(), len(net.x)
    delta = [torch.zeros_like(net.h_0) for _ in range(tau + 1)]
    for t in range(tau, 0, -1):
        delta[t] = delta[t] - step * losses[t - 1]
        for k in range(len(net.h_0)):
            x = net.x[t - 1, k]
            delta[t - 1][k] = g(h[t][k] + delta[t][k], x) - g(h[t][k], x)
    return delta


def backward(net: Network, rule, on_steps=(-1,)):
    rnn = module(net, rule)
    x, h_0 = net.x.clone().requires_grad_(), net.h_0.clone().requires_grad_()
    output, _ = rnn(x, h_0.unsqueeze(0))
    states = output.detach().requires_grad_()

    def loss(h):
        return sum(h[t].sin().sum() for t in on_steps)

    (losses,) = torch.autograd.grad(loss(states), states)
    loss(output).backward()
    return rnn, list(losses), x.grad, h_0.grad


@given(
    st.integers(0, 2**20),
    sizes,
    st.sampled_from(["tanh", "relu", "identity"]),
    st.sampled_from(["local", "through_time"]),
    st.booleans(),
    st.booleans(),
)
def test_directions_equal_the_definition(seed, size, activation, accumulate, every_step, bias):
    net = Network.random(seed, activation=activation, scale=0.7, **size)
    inverse = inverse_for(net, seed, bias=bias)
    rule = LearnedTargetProp(inverse, step=0.3, accumulate=accumulate)
    rnn, losses, x_grad, h_grad = backward(net, rule, range(size["tau"]) if every_step else (-1,))
    delta = displacements(net, inverse, losses, 0.3)
    for name, expected in minus_directions(net, delta, accumulate).items():
        scale = max(1.0, float(expected.abs().max()))
        torch.testing.assert_close(getattr(rnn, NAMES[name]).grad, expected, rtol=1e-9, atol=1e-9 * scale)
    torch.testing.assert_close(h_grad, -delta[0], rtol=1e-9, atol=1e-9)
    if accumulate == "local":
        h = net.states()
        own = torch.stack([-(net.slope(t, h[t - 1]) * delta[t]) @ net.U for t in range(1, len(h))])
        torch.testing.assert_close(x_grad, own, rtol=1e-9, atol=1e-9 * max(1, float(own.abs().max())))
    assert all(parameter.grad is None for parameter in inverse.parameters())


def test_numpy_and_torch_agree(monkeypatch):
    net = Network.random(1, tau=6, batch=3, d=4, p=2)
    rule = LearnedTargetProp(inverse_for(net), accumulate="through_time")
    expected, _, x_grad, h_grad = backward(net, rule, (2, -1))
    monkeypatch.setattr(arrays, "compiled_kernels", lambda: None)
    monkeypatch.setattr(fused, "compiled_kernels", lambda: None)
    monkeypatch.setattr(layer, "as_array", lambda tensor: tensor.detach())
    monkeypatch.setattr("tpcore.recurrences.elman.as_array", lambda tensor: tensor.detach())
    found, _, x_found, h_found = backward(net, rule, (2, -1))
    torch.testing.assert_close([p.grad for p in found.parameters()], [p.grad for p in expected.parameters()])
    torch.testing.assert_close((x_found, h_found), (x_grad, h_grad))


def test_a_right_inverse_brings_a_small_target_back():
    """With W = I, U = 0 and weak states, tanh is its own inverse to third order, and so is g with V = I."""
    net = Network.random(0, tau=1, batch=2, d=3, p=2)
    net = replace(net, W=torch.eye(3).double(), U=0 * net.U, b=0 * net.b, h_0=1e-3 * net.h_0)
    inverse = inverse_for(net)
    with torch.no_grad():
        inverse.V.copy_(torch.eye(3))
        inverse.U.zero_()
        inverse.c.zero_()
    _, losses, _, h_grad = backward(net, LearnedTargetProp(inverse, step=1e-4))
    torch.testing.assert_close(-h_grad, -1e-4 * losses[-1], rtol=1e-5, atol=0)


def test_any_number_of_threads_gives_the_same_to_rounding(monkeypatch):
    net = Network.random(1, tau=9, batch=9, d=4, p=2)
    rule = LearnedTargetProp(inverse_for(net))
    expected, _, x_grad, h_grad = backward(net, rule, (3, -1))
    monkeypatch.setattr(arrays, "WORTH_A_THREAD", 1)
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        found, _, x_found, h_found = backward(net, rule, (3, -1))
    finally:
        torch.set_num_threads(before)
    torch.testing.assert_close([p.grad for p in found.parameters()], [p.grad for p in expected.parameters()])
    torch.testing.assert_close((x_found, h_found), (x_grad, h_grad))


def test_an_inverse_with_the_right_slope_meets_the_target_to_second_order():
    """g(h_1) = h_0 and ∂g/∂v = (∂f/∂h)⁻¹ there: then f(h_0 + δ_0) = v_1 up to the square of the step."""
    net = Network.random(3, tau=1, batch=1, d=4, p=2, scale=0.5)
    net = replace(net, W=net.W + torch.eye(4, dtype=torch.float64), h_0=net.h_0.tanh())  # in the range of g
    h_0, h_1 = net.states()
    jacobian = net.slope(1, h_0).T * net.W
    inverse = inverse_for(net)
    with torch.no_grad():
        inverse.V.copy_(torch.linalg.inv(jacobian) / (1 - h_0**2).T)
        inverse.c.copy_((torch.atanh(h_0) - h_1 @ inverse.V.T - net.x[0] @ inverse.U.T)[0])
    assert inverse.reconstruction_loss(module(net, LearnedTargetProp(inverse)), net.x, h_0[None]) < 1e-25
    errors = []
    for step in (1e-3, 1e-4, 1e-5):
        _, losses, _, h_grad = backward(net, LearnedTargetProp(inverse, step=step))
        errors.append(float((net.step(1, h_0 - h_grad) - (h_1 - step * losses[0])).norm()))
    assert errors[0] / errors[1] == pytest.approx(100, rel=0.3)
    assert errors[1] / errors[2] == pytest.approx(100, rel=0.05)


@pytest.mark.parametrize("batch_first", [True, False])
@pytest.mark.parametrize("given_state", [True, False])
@pytest.mark.parametrize("noise", [0.0, 0.1])
def test_the_reconstruction_loss_is_its_formula(batch_first, given_state, noise):
    net = Network.random(2, tau=5, batch=3, d=4, p=2)
    net = net if given_state else replace(net, h_0=0 * net.h_0)
    inverse = inverse_for(net, noise=noise)
    rnn = module(net, LearnedTargetProp(inverse))
    rnn.batch_first = batch_first
    inputs = net.x.transpose(0, 1) if batch_first else net.x
    torch.manual_seed(3)
    loss = inverse.reconstruction_loss(rnn, inputs, net.h_0.unsqueeze(0) if given_state else None)
    loss.backward()
    torch.manual_seed(3)
    before = torch.stack(net.states()[:-1])
    before = before + noise * torch.randn_like(before) if noise else before
    V, U, c = (parameter.detach().clone().requires_grad_() for parameter in inverse.parameters())
    total = 0.0
    for t in range(1, 6):
        for k in range(3):
            g = torch.tanh(V @ net.step(t, before[t - 1])[k] + U @ net.x[t - 1, k] + c)
            total = total + 0.5 * (g - before[t - 1, k]).square().sum() / 15
    torch.testing.assert_close(loss, total)
    for parameter, expected in zip(inverse.parameters(), torch.autograd.grad(total, (V, U, c)), strict=True):
        torch.testing.assert_close(parameter.grad, expected)
    assert all(parameter.grad is None for parameter in rnn.parameters())


def test_one_sequence_without_a_batch():
    net = Network.random(2, tau=5, batch=1, d=4, p=2)
    inverse = inverse_for(net)
    rnn = module(net, LearnedTargetProp(inverse))
    batched = inverse.reconstruction_loss(rnn, net.x, net.h_0[None])
    torch.testing.assert_close(inverse.reconstruction_loss(rnn, net.x[:, 0], net.h_0), batched)
