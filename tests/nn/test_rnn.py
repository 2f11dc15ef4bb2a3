"""tpcore.nn.RNN against torch.nn.RNN and against the definitions of tests/definition.py."""

import math
from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.definition import Network, displacements, minus_directions
from tpcore import BackProp, TargetProp
from tpcore.nn import RNN, layer
from tpcore.recurrences import arrays, fused
from tpcore.rules import FORMS

TORCH_NAMES = {"W": "weight_hh_l0", "U": "weight_ih_l0", "b": "bias_ih_l0"}
sizes = st.fixed_dictionaries(
    {"tau": st.integers(1, 12), "batch": st.integers(1, 4), "d": st.integers(1, 6), "p": st.integers(1, 4)}
)
seeds = st.integers(0, 2**20)
activations = st.sampled_from(["tanh", "relu", "identity"])
accumulations = st.sampled_from(["local", "through_time"])


def module(net: Network, rule, **options) -> RNN:
    d, p = net.U.shape
    rnn = RNN(p, d, nonlinearity=net.activation, dtype=torch.float64, rule=rule, **options)
    with torch.no_grad():
        rnn.weight_hh_l0.copy_(net.W)
        rnn.weight_ih_l0.copy_(net.U)
        rnn.bias_ih_l0.copy_(net.b)
        rnn.bias_hh_l0.zero_()
    return rnn


def backward(net: Network, rule, on_steps=(-1,)):
    """Run a smooth loss on the given steps; returns the module, ∂ℓ/∂h_t for all t, and the grads of x and h_0."""
    rnn = module(net, rule)
    x, h_0 = net.x.clone().requires_grad_(), net.h_0.clone().requires_grad_()
    output, _ = rnn(x, h_0.unsqueeze(0))
    weight = torch.linspace(-1, 1, output.shape[-1], dtype=torch.float64)

    def loss(states):
        return sum((states[t] * weight).sin().sum() for t in on_steps)

    states = output.detach().requires_grad_()
    (losses,) = torch.autograd.grad(loss(states), states)
    loss(output).backward()
    return rnn, list(losses), x.grad, h_0.grad


def assert_grads(rnn, expected, tolerance=1e-9):
    for name, value in expected.items():
        scale = max(1.0, float(value.abs().max()))
        torch.testing.assert_close(getattr(rnn, TORCH_NAMES[name]).grad, value, rtol=tolerance, atol=tolerance * scale)
    torch.testing.assert_close(rnn.bias_hh_l0.grad, rnn.bias_ih_l0.grad, rtol=0, atol=0)


# Identity 1


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("layout", ["time first", "batch first", "unbatched"])
@pytest.mark.parametrize("nonlinearity", ["tanh", "relu"])
@pytest.mark.parametrize("given_state", [True, False])
def test_backprop_equals_torch(dtype, bias, layout, nonlinearity, given_state):
    torch.manual_seed(0)
    options = {
        "nonlinearity": nonlinearity,
        "bias": bias,
        "batch_first": layout == "batch first",
        "dtype": dtype,
    }
    theirs, ours = torch.nn.RNN(3, 5, **options), RNN(3, 5, **options)
    ours.load_state_dict(theirs.state_dict())
    theirs.load_state_dict(ours.state_dict())
    shape, state = (
        ((9, 3), (1, 5)) if layout == "unbatched" else ((9, 4, 3), (1, 9 if layout == "batch first" else 4, 5))
    )
    found = []
    for rnn in (theirs, ours):
        torch.manual_seed(1)
        x, h_0 = (
            torch.randn(shape, dtype=dtype, requires_grad=True),
            torch.randn(state, dtype=dtype, requires_grad=True),
        )
        output, h_n = rnn(x, h_0) if given_state else rnn(x)
        ((output * torch.randn_like(output)).sum() + h_n.pow(3).sum()).backward()
        found.append([output, h_n, x.grad, *([h_0.grad] if given_state else []), *(p.grad for p in rnn.parameters())])
    tolerance = 1e-11 if dtype == torch.float64 else 2e-5
    for expected, value in zip(*found, strict=True):
        assert value.shape == expected.shape and value.dtype == expected.dtype
        torch.testing.assert_close(value, expected, rtol=tolerance, atol=tolerance)


def test_long_sequences_cross_several_blocks():
    net = Network.random(0, tau=40, batch=2, d=3, p=2)
    whole, _, x_grad, h_grad = backward(net, BackProp(), on_steps=range(0, 40, 3))
    expected = [p.grad.clone() for p in whole.parameters()]
    original = arrays.BLOCK_ELEMENTS
    try:
        arrays.BLOCK_ELEMENTS = 2 * 3 * 7
        for rule in (BackProp(), TargetProp(1.0, accumulate="through_time")):
            small, _, x_small, h_small = backward(net, rule, on_steps=range(0, 40, 3))
            if rule == BackProp():
                torch.testing.assert_close([p.grad for p in small.parameters()], expected)
                torch.testing.assert_close((x_small, h_small), (x_grad, h_grad))
        through_time = [p.grad for p in small.parameters()]
    finally:
        arrays.BLOCK_ELEMENTS = original
    again = backward(net, rule, on_steps=range(0, 40, 3))[0]
    torch.testing.assert_close(through_time, [p.grad for p in again.parameters()])


@pytest.mark.parametrize("compiled", [True, False])
def test_the_walk_goes_on_where_only_the_displacements_have_vanished(monkeypatch, compiled):
    """With so large an r they are zero after some steps; what is differentiated through time is not."""
    torch.manual_seed(0)
    rnn, x, found = RNN(2, 4, dtype=torch.float64), torch.randn(40, 3, 2, dtype=torch.float64), []
    torch.nn.init.orthogonal_(rnn.weight_hh_l0)
    rnn.rule = TargetProp(1e30, accumulate="through_time")
    if not compiled:
        monkeypatch.setattr(arrays, "compiled_kernels", lambda: None)
        monkeypatch.setattr(fused, "compiled_kernels", lambda: None)
    for elements in (arrays.BLOCK_ELEMENTS, 3 * 4 * 5):
        monkeypatch.setattr(arrays, "BLOCK_ELEMENTS", elements)
        found.append(torch.autograd.grad(rnn(0.1 * x)[1].sum(), list(rnn.parameters())))
    torch.testing.assert_close(*found)


def test_the_last_state_may_be_read_in_either_place_or_both():
    torch.manual_seed(0)
    rnn, x = RNN(2, 4, dtype=torch.float64, rule=TargetProp(0.5)), torch.randn(6, 3, 2, dtype=torch.float64)
    found = []
    for read in (lambda o, h: 2 * o[-1], lambda o, h: 2 * h[0], lambda o, h: o[-1] + h[0]):
        rnn.zero_grad()
        read(*rnn(x)).sum().backward()
        found.append([p.grad.clone() for p in rnn.parameters()])
    torch.testing.assert_close(found[0], found[1])
    torch.testing.assert_close(found[2], found[1])


RULES = [
    BackProp(),
    TargetProp(0.5),
    TargetProp(0.5, 0.5, True),
    TargetProp(0.5, 0.5, accumulate="through_time"),
    TargetProp(1.0, form="difference"),
    TargetProp(1.0, form="plain", accumulate="through_time"),
]


@pytest.mark.parametrize("rule", RULES, ids=str)
@pytest.mark.parametrize("activation", ["tanh", "relu", "identity"])
def test_the_loops_are_the_same_compiled_in_numpy_and_in_torch(monkeypatch, rule, activation):
    assert arrays.compiled_kernels() is not None, "Numba is part of [test]"
    net = Network.random(1, tau=9, batch=3, d=4, p=2, activation=activation)
    compiled = backward(net, rule, on_steps=(3, -1))
    monkeypatch.setattr(arrays, "compiled_kernels", lambda: None)
    monkeypatch.setattr(fused, "compiled_kernels", lambda: None)
    in_numpy = backward(net, rule, on_steps=(3, -1))
    monkeypatch.setattr(layer, "as_array", lambda tensor: tensor.detach())
    in_torch = backward(net, rule, on_steps=(3, -1))
    for found, _, x_found, h_found in (in_numpy, in_torch):
        expected, _, x_grad, h_grad = compiled
        torch.testing.assert_close([p.grad for p in found.parameters()], [p.grad for p in expected.parameters()])
        torch.testing.assert_close((x_found, h_found), (x_grad, h_grad))


# Identities 4 and 5, with every form, activation, loss on every step, and s


@given(seeds, sizes, activations, accumulations, st.floats(0.05, 20), st.sampled_from(FORMS), st.booleans(), st.data())
def test_target_propagation_equals_its_definition(seed, size, activation, accumulate, r, form, calibrated, data):
    every_step = data.draw(st.booleans())
    net = Network.random(seed, activation=activation, scale=0.7, **size)
    rule = TargetProp(r, calibrated=calibrated, form=form, accumulate=accumulate, step=0.3)
    rnn, losses, x_grad, h_grad = backward(net, rule, on_steps=range(size["tau"]) if every_step else (-1,))
    delta = displacements(net, losses, r=r, calibrated=calibrated, form=form, step=0.3)
    assert_grads(rnn, minus_directions(net, delta, accumulate))
    torch.testing.assert_close(h_grad, -delta[0], rtol=1e-9, atol=1e-9 * max(1, float(delta[0].abs().max())))
    if accumulate == "local":  # ∂f_t/∂x_tᵀ δ_t
        h = net.states()
        own = torch.stack([-(net.slope(t, h[t - 1]) * delta[t]) @ net.U for t in range(1, len(h))])
        torch.testing.assert_close(x_grad, own, rtol=1e-9, atol=1e-9 * max(1, float(own.abs().max())))


@given(seeds, sizes, activations, accumulations, st.floats(0.05, 20), st.floats(0.01, 20), st.booleans())
def test_regularized_activation_equals_its_definition(seed, size, activation, accumulate, r, s, calibrated):
    net = Network.random(seed, activation=activation, scale=0.7, **size)
    rnn, losses, _, _ = backward(net, TargetProp(r, s, calibrated, accumulate=accumulate))
    delta = displacements(net, losses, r=r, s=s, calibrated=calibrated)
    assert_grads(rnn, minus_directions(net, delta, accumulate))


def test_through_time_tends_to_backprop_times_the_step():
    net = Network.random(0, tau=8, batch=3, d=5, p=2)
    bptt = backward(net, BackProp())[0].weight_hh_l0.grad
    errors = []
    for r in (1e3, 1e4, 1e5):
        found = backward(net, TargetProp(r, accumulate="through_time", step=0.01))[0].weight_hh_l0.grad
        errors.append(float((found / 0.01 - bptt).norm() / bptt.norm()))
    assert errors[2] < 1e-3
    assert errors[0] / errors[1] == pytest.approx(10, rel=0.1) and errors[1] / errors[2] == pytest.approx(10, rel=0.1)


# Identity 3


def test_exact_inversion_brings_the_target_back():
    net = Network.random(2, tau=1, batch=4, d=5, p=2)
    h = net.states()
    _, losses, _, h_grad = backward(net, TargetProp(1e-12, form="plain", step=1e-2))
    previous_target = net.h_0 - h_grad  # v_0 = h_0 + δ_0
    torch.testing.assert_close(net.step(1, previous_target), h[1] - 1e-2 * losses[0], rtol=1e-8, atol=1e-8)


# Identity 6


def test_difference_tends_to_linearized_with_a_second_order_error():
    net = Network.random(0, tau=4, batch=3, d=5, p=2, scale=0.5)
    net = replace(net, x=0.3 * net.x)  # far from saturation: no state is clipped, where the inverse has a kink
    errors = []
    for step in (1e-2, 1e-3, 1e-4):
        grads = [backward(net, TargetProp(0.5, form=form, step=step))[3] for form in ("linearized", "difference")]
        errors.append(float((grads[0] - grads[1]).norm()))
    assert errors[0] / errors[1] == pytest.approx(100, rel=0.3) and errors[1] / errors[2] == pytest.approx(
        100, rel=0.05
    )


# Identity 7


@given(seeds, st.floats(0.01, 100))
def test_on_a_linear_isometry_each_step_shrinks_by_one_plus_r(seed, r):
    net = Network.random(seed, tau=5, batch=2, d=4, p=2, activation="identity")
    net = replace(net, W=torch.linalg.qr(net.W)[0])
    h_grad = backward(net, TargetProp(r))[3]
    adjoint = backward(net, BackProp())[3]
    torch.testing.assert_close(h_grad, adjoint / (1 + r) ** 5, rtol=1e-10, atol=1e-13)


# Identity 9


@given(
    seeds,
    st.sampled_from([BackProp(), TargetProp(0.5), TargetProp(1.0, 1.0, True, accumulate="through_time")]),
)
def test_batches_permute_and_split(seed, rule):
    net = Network.random(seed, tau=6, batch=5, d=4, p=3)
    rnn, _, x_grad, h_grad = backward(net, rule, on_steps=(2, -1))
    order = torch.randperm(5, generator=torch.Generator().manual_seed(seed))
    permuted, _, x_permuted, h_permuted = backward(
        replace(net, x=net.x[:, order], h_0=net.h_0[order]), rule, on_steps=(2, -1)
    )
    torch.testing.assert_close((x_permuted, h_permuted), (x_grad[:, order], h_grad[order]), rtol=1e-10, atol=1e-12)
    torch.testing.assert_close(permuted.weight_hh_l0.grad, rnn.weight_hh_l0.grad, rtol=1e-10, atol=1e-12)
    parts = [
        backward(replace(net, x=net.x[:, k], h_0=net.h_0[k]), rule, on_steps=(2, -1))[0]
        for k in (slice(2), slice(2, 5))
    ]
    for name, parameter in rnn.named_parameters():
        total = sum(dict(part.named_parameters())[name].grad for part in parts)
        torch.testing.assert_close(total, parameter.grad, rtol=1e-10, atol=1e-12)


# Identity 10


@given(seeds, st.floats(1e-2, 10))
def test_float32_is_as_good_as_the_conditioning_allows(seed, r):
    net = Network.random(seed, tau=4, batch=3, d=5, p=2)
    exact = backward(net, TargetProp(r))[0]
    rnn = module(net, TargetProp(r)).float()
    output, _ = rnn(net.x.float(), net.h_0.float().unsqueeze(0))
    (output[-1] * torch.linspace(-1, 1, 5)).sin().sum().backward()
    condition = 1 + float(torch.linalg.matrix_norm(net.W, 2)) ** 2 / r
    # Each of four steps may lose the condition number; 1/a′ amplifies the rounding of h by at most 1/(2·margin) = 500,
    # but on these states by less than 100.
    bound = 4 * condition * 100 * torch.finfo(torch.float32).eps
    error = (rnn.weight_hh_l0.grad.double() - exact.weight_hh_l0.grad).norm() / exact.weight_hh_l0.grad.norm()
    assert float(error) < bound


# Identities 12, 13 and 14: the calibrated form


def test_calibrated_tends_to_backprop_at_first_order_in_one_over_r():
    for activation in ("tanh", "relu"):
        net = Network.random(3, tau=6, batch=3, d=5, p=2, activation=activation)
        bptt = backward(net, BackProp(), on_steps=(1, -1))[0].weight_hh_l0.grad
        errors = []
        for r in (1e3, 1e4, 1e5):
            found = backward(net, TargetProp(r, r, True), on_steps=(1, -1))[0].weight_hh_l0.grad
            errors.append(float((found - bptt).norm() / bptt.norm()))
        assert errors[2] < 1e-3
        assert errors[0] / errors[1] == pytest.approx(10, rel=0.1) and errors[1] / errors[2] == pytest.approx(
            10, rel=0.1
        )


@given(seeds, st.floats(0.1, 4), activations)
def test_the_middle_never_expands(seed, scale, activation):
    net = Network.random(seed, tau=5, batch=3, d=5, p=2, activation=activation, scale=scale)
    _, losses, _, h_grad = backward(net, TargetProp(1.0, 1.0, True))
    assert (h_grad.norm(dim=1) <= losses[-1].norm(dim=1) * (1 + 1e-9)).all()


@given(st.floats(-3, 3), st.floats(-3, 3))
def test_the_middle_gain_of_one_unit(log_w, z):
    w, slope = math.exp(log_w), 1 / math.cosh(z) ** 2
    zero = torch.zeros(1, 1, dtype=torch.float64)
    net = Network("tanh", zero + w, zero, zero[0] + z, zero.unsqueeze(0), zero)
    _, losses, _, h_grad = backward(net, TargetProp(1.0, 1.0, True))
    gain = 1 / math.cosh(math.log(w)) / math.cosh(math.log(slope))
    assert float(h_grad) == pytest.approx(gain * float(losses[-1]), rel=1e-6)


def test_calibrated_tends_to_the_exact_inverse():
    net = Network.random(4, tau=3, batch=2, d=4, p=2, scale=0.5)
    net = replace(net, W=net.W + torch.eye(4, dtype=torch.float64))
    h = net.states()
    errors = []
    for r in (1e-3, 1e-4, 1e-5):
        _, losses, _, h_grad = backward(net, TargetProp(r, r, True))
        exact = losses[-1]
        for t in (3, 2, 1):  # (W⁻¹ diag(1/a′)) applied to a row
            exact = torch.linalg.solve(net.W, (exact / net.slope(t, h[t - 1])).T).T
        errors.append(float((h_grad - exact).norm() / exact.norm()))
    assert errors[0] / errors[1] == pytest.approx(10, rel=0.3) and errors[1] / errors[2] == pytest.approx(10, rel=0.1)


@pytest.mark.parametrize("form", ["linearized", "difference", "plain"])
def test_it_is_the_sum_of_the_two_biases_that_counts(form):
    torch.manual_seed(0)
    rnn, x, found = RNN(2, 4, rule=TargetProp(1.0, form=form, step=0.1)).double(), torch.randn(5, 3, 2).double(), []
    for moved in (0.0, 0.3):
        with torch.no_grad():
            rnn.bias_ih_l0.sub_(moved)
            rnn.bias_hh_l0.add_(moved)
        found.append(torch.autograd.grad(rnn(x)[0].sin().sum(), list(rnn.parameters())))
    torch.testing.assert_close(*found)
