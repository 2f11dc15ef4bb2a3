"""tpcore.nn.Inverted against dense Jacobians, by autograd, and dense least squares, in float64."""

import copy
import math
import warnings

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.definition import ridge_operator
from tests.dense_definition import Layer
from tpcore.nn import Dense, Inverted

seeds = st.integers(0, 2**20)
widths = st.integers(1, 6)
EXACT = {"tolerance": 1e-12, "max_iterations": 2000}


class Attention(torch.nn.Module):
    """Self-attention with a causal mask, then heads joined again."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = torch.nn.MultiheadAttention(4, 2, batch_first=True)

    def forward(self, x):
        mask = torch.ones(x.shape[1], x.shape[1], dtype=torch.bool, device=x.device).triu(1)
        return self.inner(x, x, x, attn_mask=mask, need_weights=False)[0]


MODULES = {
    "convolution": (lambda: torch.nn.Conv2d(2, 3, 3, padding=1), (2, 2, 4, 4)),
    "strided": (lambda: torch.nn.Conv1d(2, 3, 3, stride=2), (2, 2, 7)),
    "transposed": (lambda: torch.nn.ConvTranspose1d(3, 2, 3), (2, 3, 4)),
    "batch norm": (lambda: torch.nn.BatchNorm1d(3), (5, 3)),
    "layer norm": (lambda: torch.nn.LayerNorm(4), (3, 4)),
    "average pool": (lambda: torch.nn.AvgPool2d(2), (2, 2, 4, 4)),
    "maximum pool": (lambda: torch.nn.MaxPool2d(2), (2, 2, 4, 4)),
    "attention": (Attention, (2, 5, 4)),
    "transformer": (lambda: torch.nn.TransformerEncoderLayer(4, 2, 8, dropout=0.0, batch_first=True), (2, 3, 4)),
    "in place": (lambda: torch.nn.Sequential(torch.nn.ReLU(inplace=True), torch.nn.Linear(4, 3)), (3, 4)),
    "block": (
        lambda: torch.nn.Sequential(torch.nn.Conv1d(2, 2, 3), torch.nn.BatchNorm1d(2), torch.nn.GELU()),
        (4, 2, 6),
    ),
    "embedded": (lambda: torch.nn.Flatten(), (2, 3, 2)),
}
named_modules = pytest.mark.parametrize(("make", "shape"), MODULES.values(), ids=MODULES)


def normal(seed: int, *shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def jacobian(module, x):
    """∂output/∂input of the whole batch, as a matrix, and the output's shape."""
    still = copy.deepcopy(module)  # running statistics of the original are left alone
    found = torch.autograd.functional.jacobian(lambda at: still(at.clone()), x)
    return found.reshape(-1, x.numel()), found.shape[: found.ndim - x.ndim]


def ridge(J, g, r, calibrated=False):
    """argmin_u ½‖J u − g‖² + (r/2)‖u‖², from the stacked problem by QR."""
    return (ridge_operator(J, r) @ g.ravel()) * ((1 + r) if calibrated else 1)


def backward(module, x, g, r, **options):
    x = x.clone().requires_grad_()
    Inverted(module, r, **EXACT | options)(x).backward(g)
    return x.grad


def module_of(layer: Layer) -> Dense:
    q, p = layer.W.shape
    dense = Dense(p, q, layer.activation, dtype=torch.float64)
    dense.load_state_dict({"weight": layer.W, "bias": layer.b})
    return dense


def instance(make, shape):
    torch.manual_seed(0)
    module, x = make().double(), normal(1, *shape)
    J, out = jacobian(module, x)
    return module, x, J, normal(2, *out)


# Identities 2, 4 and 8


@named_modules
@pytest.mark.parametrize("calibrated", [False, True])
def test_the_input_receives_the_regularized_inverse_of_the_jacobian(make, shape, calibrated):
    module, x, J, g = instance(make, shape)
    found = backward(module, x, g, 0.3, calibrated=calibrated, step=0.1)
    torch.testing.assert_close(found, ridge(J, g, 0.3, calibrated).view(shape), rtol=1e-9, atol=1e-9)


@named_modules
@pytest.mark.parametrize("input_too", [True, False])
def test_parameters_receive_their_local_derivative(make, shape, input_too):
    module, x, _, g = instance(make, shape)
    alone = copy.deepcopy(module)
    output = alone(x.clone().requires_grad_().clone())
    (0.5 * (output - (output.detach() - 0.1 * g)).square().sum()).backward()  # the target is h + δ, δ = −γ_h g
    if not input_too and not list(module.parameters()):
        assert not Inverted(module, 0.3)(x).requires_grad
        return
    Inverted(module, 0.3, step=0.1)(x.clone().requires_grad_(input_too)).backward(g)
    for found, expected in zip(module.parameters(), alone.parameters(), strict=True):
        torch.testing.assert_close(found.grad, expected.grad, rtol=1e-9, atol=1e-12)


@given(seeds, widths, widths, st.sampled_from(["tanh", "relu", "identity"]), st.floats(0.05, 20), st.booleans())
def test_a_dense_layer_equals_its_dense_inverse(seed, p, q, activation, r, calibrated):
    layer, x, g = Layer.random(seed, p=p, q=q, activation=activation), normal(seed + 1, 3, p), normal(seed + 2, 3, q)
    found = backward(module_of(layer), x, g, r, calibrated=calibrated)
    for row, at, arriving in zip(found, x, g, strict=True):
        J = layer.slope(at).unsqueeze(1) * layer.W  # diag(a′) W, sample by sample
        torch.testing.assert_close(row, ridge(J, arriving, r, calibrated), rtol=1e-8, atol=1e-9)


def test_the_step_counts_once_through_all_layers():
    first, second = Layer.random(0, p=4, q=6), Layer.random(1, p=6, q=3)
    x, g, wrapped = normal(2, 5, 4), normal(3, 5, 3), []
    for layer in (first, second):
        wrapped.append(Inverted(module_of(layer), 0.5, step=0.03, **EXACT))
    at = x.clone().requires_grad_()
    torch.nn.Sequential(*wrapped)(at).backward(g)
    h, delta = first(x), -0.03 * g
    directions = [second.minus_direction(h, delta)]
    for layer, below in ((second, h), (first, x)):
        slopes = layer.slope(below)
        delta = torch.stack([ridge(s.unsqueeze(1) * layer.W, d, 0.5) for s, d in zip(slopes, delta, strict=True)])
        directions.insert(0, first.minus_direction(x, delta)) if layer is second else None
    torch.testing.assert_close(at.grad, -delta / 0.03, rtol=1e-8, atol=1e-10)
    for inverted, (W, b) in zip(wrapped, directions, strict=True):
        torch.testing.assert_close(inverted.module.weight.grad, W, rtol=1e-8, atol=1e-10)
        torch.testing.assert_close(inverted.module.bias.grad, b, rtol=1e-8, atol=1e-10)


# Identities 1 and 12: the far end is back-propagation


@named_modules
def test_calibrated_tends_to_backprop_at_first_order_in_one_over_r(make, shape):
    module, x, J, g = instance(make, shape)
    gradient = (J.T @ g.ravel()).view(shape)
    errors = []
    for r in (1e4, 1e5, 1e6):
        found = backward(module, x, g, r, calibrated=True)
        errors.append(float((found - gradient).norm() / gradient.norm()))
    size = float(torch.linalg.matrix_norm(J, 2)) ** 2
    assert errors[2] <= 1e-6 * max(1, size)  # |(1 + r)/(σ² + r) − 1| ≤ |1 − σ²|/r
    if errors[0] > 1e-8:  # a module that only moves numbers is an isometry, at every r
        assert errors[0] / errors[1] == pytest.approx(10, rel=0.1)
        assert errors[1] / errors[2] == pytest.approx(10, rel=0.1)


# Identities 7, 13 and 14


@given(seeds, widths, st.floats(0.01, 100))
def test_an_isometry_shrinks_by_one_plus_r_or_not_at_all(seed, d, r):
    isometry = torch.nn.Linear(d, d, dtype=torch.float64)
    isometry.weight.data = torch.linalg.qr(normal(seed, d, d))[0]
    g = normal(seed + 1, 3, d)
    for calibrated, gain in ((False, 1 / (1 + r)), (True, 1.0)):
        found = backward(isometry, normal(seed + 2, 3, d), g, r, calibrated=calibrated)
        torch.testing.assert_close(found, gain * g @ isometry.weight.detach(), rtol=1e-9, atol=1e-11)


@settings(max_examples=25)  # each takes many products with the Jacobian
@given(seeds, st.floats(0.1, 10), st.sampled_from(["block", "attention", "convolution", "layer norm"]))
def test_the_middle_never_expands(seed, scale, name):
    make, shape = MODULES[name]
    module = make().double()
    for i, parameter in enumerate(module.parameters()):
        parameter.data = scale * normal(seed + i, *parameter.shape)
    x = normal(seed, *shape)
    g = torch.randn_like(module(x))
    with warnings.catch_warnings():  # the bound holds at every iterate: conjugate gradients grow towards the solution
        warnings.simplefilter("ignore", RuntimeWarning)
        found = backward(module, x, g, 1.0, calibrated=True, max_iterations=30)
    assert float(found.norm()) <= float(g.norm()) * (1 + 1e-9)


@given(st.floats(-3, 3))
def test_the_middle_gain_of_one_unit(log_sigma):
    unit = Dense(1, 1, "identity", dtype=torch.float64)
    unit.weight.data.fill_(math.exp(log_sigma))
    one = torch.ones(1, 1, dtype=torch.float64)
    assert float(backward(unit, one, one, 1.0, calibrated=True)) == pytest.approx(1 / math.cosh(log_sigma), rel=1e-9)


@pytest.mark.parametrize("shape", [(4, 4), (3, 6), (6, 3)])
def test_calibrated_tends_to_the_pseudo_inverse(shape):
    linear = torch.nn.Linear(*reversed(shape), dtype=torch.float64)
    linear.weight.data = torch.eye(*shape, dtype=torch.float64) + 0.2 * normal(0, *shape)
    x, g = normal(1, 2, shape[1]), normal(2, 2, shape[0])
    exact = torch.linalg.lstsq(linear.weight.detach(), g.T, driver="gelsd").solution.T
    errors = [float((backward(linear, x, g, r, calibrated=True) - exact).norm()) for r in (1e-3, 1e-4, 1e-5)]
    assert errors[0] / errors[1] == pytest.approx(10, rel=0.1) and errors[1] / errors[2] == pytest.approx(10, rel=0.1)


# Identity 9


@given(seeds)
def test_batches_permute_and_split(seed):
    module = torch.nn.Sequential(torch.nn.Conv1d(2, 3, 3), torch.nn.Tanh()).double()
    x = normal(seed, 5, 2, 6)
    g = normal(seed + 1, *module(x).shape)

    def run(k):
        module.zero_grad()
        into = backward(module, x[k], g[k], 0.5)
        return into, module[0].weight.grad.clone()

    into, weight = run(slice(None))
    order = torch.randperm(5, generator=torch.Generator().manual_seed(seed))
    permuted, same = run(order)
    torch.testing.assert_close((permuted, same), (into[order], weight), rtol=1e-9, atol=1e-10)
    (first, some), (second, rest) = run(slice(2)), run(slice(2, 5))
    torch.testing.assert_close((torch.cat([first, second]), some + rest), (into, weight), rtol=1e-9, atol=1e-10)


# Identity 10


@named_modules
def test_float32_is_as_good_as_the_conditioning_allows(make, shape, device):
    module, x, J, g = instance(make, shape)
    exact = ridge(J, g, 0.1).view(shape)
    at = x.float().to(device).requires_grad_()
    inverted = Inverted(module.float().to(device), 0.1, tolerance=1e-6, max_iterations=2000)
    inverted(at).backward(g.float().to(device))
    condition = 1 + float(torch.linalg.matrix_norm(J, 2)) ** 2 / 0.1
    # Beside the tolerance, each product with J may be wrong by a few roundings of each of a few operations.
    bound = condition * (1e-6 + 30 * torch.finfo(torch.float32).eps)
    assert at.grad.dtype == torch.float32
    assert float((at.grad.double().cpu() - exact).norm()) <= bound * float(exact.norm())


# The tolerance


@pytest.mark.parametrize("tolerance", [1e-2, 1e-5, 1e-9])
def test_the_tolerance_is_met(tolerance):
    module, x, J, g = instance(*MODULES["block"])
    u = backward(module, x, g, 0.01, tolerance=tolerance).ravel()
    pulled = J.T @ g.ravel()
    assert float((pulled - J.T @ (J @ u) - 0.01 * u).norm()) <= 1.01 * tolerance * float(pulled.norm())


def test_a_tolerance_that_is_not_met_is_a_warning():
    module, x, _, g = instance(*MODULES["convolution"])
    at = x.clone().requires_grad_()
    output = Inverted(module, 1e-6, max_iterations=3)(at)
    with pytest.warns(RuntimeWarning, match=r"after 3 iterations the relative residual is .* above tolerance = 1e-06"):
        output.backward(g)
    assert at.grad.isfinite().all()


@pytest.mark.parametrize("size", [1e-30, 1e30])
def test_the_size_of_what_arrives_does_not_matter(size):
    torch.manual_seed(0)
    module, x = torch.nn.Conv1d(2, 3, 3), torch.randn(2, 2, 6)
    g = torch.randn_like(module(x))
    found = []
    for factor in (1.0, size):
        at = x.clone().requires_grad_()
        Inverted(module, 0.5)(at).backward(factor * g)
        found.append(at.grad / factor)
    torch.testing.assert_close(*found)
