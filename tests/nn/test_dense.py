"""tpcore.nn.Dense against torch.nn.Linear and against the definitions of tests/dense_definition.py."""

import copy
import math
from itertools import pairwise

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.definition import FUNCTIONS
from tests.dense_definition import Layer, in_depth
from tpcore import BackProp, TargetProp, regularized_inverse
from tpcore.nn import Dense
from tpcore.rules import FORMS

seeds = st.integers(0, 2**20)
widths = st.integers(1, 7)
activations = st.sampled_from(list(FUNCTIONS))


def normal(seed: int, *shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def module(layer: Layer, rule) -> Dense:
    q, p = layer.W.shape
    dense = Dense(p, q, layer.activation, dtype=torch.float64, rule=rule)
    dense.load_state_dict({"weight": layer.W, "bias": layer.b})
    return dense


def backward(layer: Layer, rule, x, g):
    """What .grad holds after g arrives at the output: of the input, W and b."""
    dense, x = module(layer, rule), x.clone().requires_grad_()
    dense(x).backward(g)
    return x.grad, dense.weight.grad, dense.bias.grad


def assert_close(found, expected, tolerance=1e-9):
    for value, true in zip(found, expected, strict=True):
        scale = max(1.0, float(true.abs().max()))
        torch.testing.assert_close(value, true, rtol=tolerance, atol=tolerance * scale)


# Identity 1


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("activation", FUNCTIONS)
@pytest.mark.parametrize("shape", [(3,), (4, 3), (2, 4, 3), (0, 3)])
def test_backprop_equals_torch(dtype, bias, activation, shape, device):
    torch.manual_seed(0)
    linear = torch.nn.Linear(3, 5, bias=bias, dtype=dtype, device=device)
    dense = Dense(3, 5, activation, bias, device, dtype)
    dense.load_state_dict(linear.state_dict())
    linear.load_state_dict(dense.state_dict())
    x = torch.randn(shape, dtype=dtype, device=device, requires_grad=True)
    outputs = FUNCTIONS[activation](linear(x)), dense(x)
    g = torch.randn_like(outputs[0])
    found = [
        [output, *torch.autograd.grad(output, [x, *layer.parameters()], g)]
        for output, layer in zip(outputs, (linear, dense), strict=True)
    ]
    torch.testing.assert_close(found[1], found[0], rtol=0, atol=0)


def test_backprop_can_be_differentiated_twice():
    x = normal(0, 4, 3).requires_grad_()
    assert torch.autograd.gradgradcheck(module(Layer.random(1, p=3, q=2), BackProp()), x)


# Identities 2, 4, and every form


@given(seeds, widths, widths, activations, st.floats(0.05, 20), st.sampled_from(FORMS), st.booleans())
def test_target_propagation_equals_its_definition(seed, p, q, activation, r, form, calibrated):
    layer, x, g = Layer.random(seed, p=p, q=q, activation=activation), normal(seed + 1, 4, p), normal(seed + 2, 4, q)
    rule = {"r": r, "calibrated": calibrated, "form": form}
    found = backward(layer, TargetProp(step=0.3, **rule), x, g)
    delta_in = layer.back(x, -0.3 * g, **rule)
    assert_close(found, (-delta_in / 0.3, *layer.minus_direction(x, -0.3 * g)))


@given(seeds, widths, widths, activations, st.floats(0.05, 20), st.floats(0.01, 20), st.booleans())
def test_regularized_activation_equals_its_definition(seed, p, q, activation, r, s, calibrated):
    layer, x, g = Layer.random(seed, p=p, q=q, activation=activation), normal(seed + 1, 4, p), normal(seed + 2, 4, q)
    found = backward(layer, TargetProp(r, s, calibrated), x, g)
    assert_close(found, (layer.back(x, g, r=r, s=s, calibrated=calibrated), *layer.minus_direction(x, -g)))


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("sizes", [(3, 8, 5, 2), (2, 4, 6, 9), (6, 2, 6, 2), (4, 4, 4, 4)])
def test_the_step_counts_once_through_all_layers(form, sizes):
    layers = [Layer.random(i, p=p, q=q) for i, (p, q) in enumerate(pairwise(sizes))]
    rule = {"r": 0.5, "form": form, "step": 0.03}
    network = torch.nn.Sequential(*(module(layer, TargetProp(**rule)) for layer in layers))
    x = normal(0, 5, sizes[0]).requires_grad_()
    output = network(x)
    loss = (output * torch.linspace(-1, 1, sizes[-1], dtype=torch.float64)).sin().sum()
    (gradient,) = torch.autograd.grad(loss, output, retain_graph=True)
    loss.backward()
    expected, delta_0 = in_depth(layers, x.detach(), gradient, **rule)
    for dense, directions in zip(network, expected, strict=True):
        assert_close((dense.weight.grad, dense.bias.grad), directions)
    assert_close([x.grad], [-delta_0 / 0.03])


# Identity 3


@pytest.mark.parametrize(("p", "q"), [(5, 5), (7, 4)])
def test_exact_inversion_brings_the_target_back(p, q):
    layer, x, g = Layer.random(2, p=p, q=q), normal(3, 6, p), normal(4, 6, q)
    minus_delta_in = 1e-2 * backward(layer, TargetProp(1e-12, form="plain", step=1e-2), x, g)[0]
    torch.testing.assert_close(layer(x - minus_delta_in), layer(x) - 1e-2 * g, rtol=1e-8, atol=1e-8)


# Identity 6


@pytest.mark.parametrize(("p", "q"), [(5, 5), (3, 6), (6, 3)])
def test_difference_tends_to_linearized_with_a_second_order_error(p, q):
    layer, x, g = Layer.random(0, p=p, q=q, scale=0.5), 0.3 * normal(1, 4, p), normal(2, 4, q)
    errors = []
    for step in (1e-2, 1e-3, 1e-4):
        linearized, difference = (
            step * backward(layer, TargetProp(0.5, form=form, step=step), x, g)[0]
            for form in ("linearized", "difference")
        )
        errors.append(float((linearized - difference).norm()))
    assert errors[0] / errors[1] == pytest.approx(100, rel=0.3)
    assert errors[1] / errors[2] == pytest.approx(100, rel=0.05)


# Identity 7


@given(seeds, widths, st.floats(0.01, 100))
def test_a_linear_isometry_shrinks_by_one_plus_r(seed, d, r):
    isometry = torch.linalg.qr(normal(seed, d, d))[0]
    layer, x, g = Layer("identity", isometry, normal(seed + 1, d)), normal(seed + 2, 3, d), normal(seed + 3, 3, d)
    plain, calibrated = (backward(layer, TargetProp(r, calibrated=c), x, g)[0] for c in (False, True))
    torch.testing.assert_close(plain, g @ isometry / (1 + r), rtol=1e-10, atol=1e-12)
    torch.testing.assert_close(calibrated, g @ isometry, rtol=1e-10, atol=1e-12)


# Identity 9


@given(seeds, st.sampled_from([BackProp(), TargetProp(0.5), TargetProp(1.0, form="plain", step=0.1)]))
def test_batches_permute_and_split(seed, rule):
    layer, x, g = Layer.random(seed, p=4, q=3), normal(seed + 1, 5, 4), normal(seed + 2, 5, 3)
    whole = backward(layer, rule, x, g)
    order = torch.randperm(5, generator=torch.Generator().manual_seed(seed))
    permuted = backward(layer, rule, x[order], g[order])
    assert_close(permuted, (whole[0][order], *whole[1:]), 1e-12)
    first, second = (backward(layer, rule, x[k], g[k]) for k in (slice(2), slice(2, 5)))
    assert_close((first[1] + second[1], first[2] + second[2]), whole[1:], 1e-12)


# Identity 10


@given(seeds, widths, widths, st.floats(1e-2, 10))
def test_float32_is_as_good_as_the_conditioning_allows(seed, p, q, r):
    layer, x, g = Layer.random(seed, p=p, q=q), normal(seed + 1, 3, p), normal(seed + 2, 3, q)
    exact = backward(layer, TargetProp(r), x, g)[0]
    dense, x32 = module(layer, TargetProp(r)).float(), x.float().requires_grad_()
    dense(x32).backward(g.float())
    # 1/a′ is at most 1/(2·margin) = 500, and amplifies the rounding of h as much again.
    condition = 1 + float(torch.linalg.matrix_norm(layer.W, 2)) ** 2 / r
    moved = (g * (1 / layer.slope(x)).clamp(max=500)).norm() * torch.linalg.matrix_norm(layer.W, 2) / r
    assert float((x32.grad.double() - exact).norm()) < 500 * condition * torch.finfo(torch.float32).eps * float(moved)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("form", FORMS)
def test_half_precision_weights_are_computed_with_in_float32(dtype, form, device):
    torch.manual_seed(0)
    half = Dense(5, 4, dtype=dtype, device=device, rule=TargetProp(0.5, form=form))
    single = copy.deepcopy(half).float()
    x = torch.randn(3, 5, device=device).to(dtype).requires_grad_()
    wide = x.detach().float().requires_grad_()
    found, expected = half(x), single(wide)
    assert found.dtype == dtype
    g = torch.randn_like(found)
    found.backward(g)
    expected.backward(g.float())
    for value, true in (
        (x.grad, wide.grad),
        (half.weight.grad, single.weight.grad),
        (half.bias.grad, single.bias.grad),
    ):
        assert value.dtype == dtype
        torch.testing.assert_close(value, true.to(dtype), rtol=2 * torch.finfo(dtype).eps, atol=1e-6)


def test_it_works_under_autocast(device):
    network = torch.nn.Sequential(torch.nn.Linear(3, 5), Dense(5, 4, rule=TargetProp(1.0)), Dense(4, 2)).to(device)
    with torch.autocast(device, dtype=torch.bfloat16):
        loss = network(torch.randn(6, 3, device=device)).float().square().sum()
    loss.backward()
    assert all(p.grad.dtype == torch.float32 and p.grad.isfinite().all() for p in network.parameters())


def test_under_autocast_it_computes_in_its_weights_dtype(device):
    layer = Dense(64, 64, rule=TargetProp(1.0)).to(device)
    x, grad = torch.randn(2, 6, 64, device=device)
    found = []
    for enabled in (False, True):
        layer.zero_grad()
        given = x.clone().requires_grad_()
        with torch.autocast(device, dtype=torch.bfloat16, enabled=enabled):
            output = layer(given)
            output.backward(grad)
        found.append((output, given.grad, layer.weight.grad))
    for alone, under_autocast in zip(*found, strict=True):
        assert torch.equal(alone, under_autocast)


# Identity 11, for rectangular W too


@given(seeds, widths, widths, st.floats(0.01, 100), st.booleans())
def test_calibrated_is_a_harmonic_mean_of_pseudo_inverses(seed, p, q, r, deficient):
    W = normal(seed, q, p)
    if deficient and min(p, q) > 1:
        left, sigma, right = torch.linalg.svd(W, full_matrices=False)
        W = left[:, :-1] * sigma[:-1] @ right[:-1]  # the statement holds for any rank
    left, sigma, right = torch.linalg.svd(W, full_matrices=False)
    inverse = torch.linalg.pinv(W, rtol=1e-10)
    mean = torch.linalg.pinv((W + r * inverse.T) / (1 + r), rtol=1e-12)
    layer, x = Layer("identity", W, torch.zeros(q, dtype=torch.float64)), normal(seed + 1, q, p)
    found = backward(layer, TargetProp(r, calibrated=True), x, torch.eye(q, dtype=torch.float64))[0].T
    condition = 1 + float(sigma.max()) ** 2 / r + r / float(sigma[sigma > 1e-10].min()) ** 2
    tolerance = 100 * condition * torch.finfo(torch.float64).eps
    torch.testing.assert_close(
        found, mean, rtol=0, atol=tolerance * float(1 / sigma[sigma > 1e-10].min() + sigma.max())
    )


# Identities 12, 13 and 14: the calibrated form


@pytest.mark.parametrize("activation", ["tanh", "relu"])
@pytest.mark.parametrize("sizes", [(5, 5, 5), (3, 7, 4), (6, 2, 5)])
def test_calibrated_tends_to_backprop_at_first_order_in_one_over_r(activation, sizes):
    layers = [Layer.random(i, p=p, q=q, activation=activation) for i, (p, q) in enumerate(pairwise(sizes))]
    x, g = normal(7, 4, sizes[0]), normal(8, 4, sizes[-1])

    def input_grad(rule):
        at = x.clone().requires_grad_()
        torch.nn.Sequential(*(module(layer, rule) for layer in layers))(at).backward(g)
        return at.grad

    gradient = input_grad(BackProp())
    errors = [float((input_grad(TargetProp(r, r, True)) - gradient).norm() / gradient.norm()) for r in (1e3, 1e4, 1e5)]
    assert errors[2] < 1e-3
    assert errors[0] / errors[1] == pytest.approx(10, rel=0.1) and errors[1] / errors[2] == pytest.approx(10, rel=0.1)


@given(seeds, widths, widths, st.floats(0.1, 4), activations)
def test_the_middle_never_expands(seed, p, q, scale, activation):
    layer = Layer.random(seed, p=p, q=q, activation=activation, scale=scale)
    g = normal(seed + 2, 3, q)
    found = backward(layer, TargetProp(1.0, 1.0, True), normal(seed + 1, 3, p), g)[0]
    assert (found.norm(dim=1) <= g.norm(dim=1) * (1 + 1e-9)).all()


@given(st.floats(-3, 3), st.floats(-3, 3))
def test_the_middle_gain_of_one_unit(log_w, z):
    one = torch.ones(1, 1, dtype=torch.float64)
    found = backward(Layer("tanh", math.exp(log_w) * one, z * one[0]), TargetProp(1.0, 1.0, True), 0 * one, one)[0]
    gain = 1 / math.cosh(log_w) / math.cosh(math.log(1 / math.cosh(z) ** 2))
    assert float(found) == pytest.approx(gain, rel=1e-6)


@pytest.mark.parametrize(("p", "q"), [(4, 4), (6, 3), (3, 6)])
def test_calibrated_tends_to_the_pseudo_inverse(p, q):
    layer, x, g = Layer.random(4, p=p, q=q, scale=0.5), 0.2 * normal(5, 2, p), normal(6, 2, q)  # unsaturated
    layer.W += 2 * torch.eye(q, p, dtype=torch.float64)  # well conditioned
    exact = torch.linalg.lstsq(layer.W, (g / layer.slope(x)).T, driver="gelsd").solution.T
    errors = []
    for r in (1e-4, 1e-5, 1e-6):
        found = backward(layer, TargetProp(r, r, True), x, g)[0]
        errors.append(float((found - exact).norm() / exact.norm()))
    assert errors[0] / errors[1] == pytest.approx(10, rel=0.3) and errors[1] / errors[2] == pytest.approx(10, rel=0.1)


def test_the_inverse_in_use_is_the_public_one():
    layer = Layer.random(0, p=3, q=5, activation="identity")
    g = normal(1, 2, 5)
    found = backward(layer, TargetProp(0.3), normal(2, 2, 3), g)[0]
    torch.testing.assert_close(found, regularized_inverse(layer.W, 0.3).apply(g))
