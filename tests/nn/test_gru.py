"""tpcore.nn.GRU against torch.nn.GRU and against the definitions of tests/gru_definition.py."""

from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.definition import minus_directions, ridge_operator
from tests.gru_definition import GatedNetwork, gru_displacements
from tpcore import BackProp, TargetProp
from tpcore.nn import GRU, RNN, layer
from tpcore.recurrences import arrays

NAMES = {"W": "weight_hh_l0", "U": "weight_ih_l0", "b": "bias_ih_l0", "c": "bias_hh_l0"}
sizes = st.fixed_dictionaries(
    {"tau": st.integers(1, 10), "batch": st.integers(1, 4), "d": st.integers(1, 6), "p": st.integers(1, 4)}
)
seeds = st.integers(0, 2**20)
accumulations = st.sampled_from(["local", "through_time"])


def module(net: GatedNetwork, rule, **options) -> GRU:
    gru = GRU(net.U.shape[1], net.W.shape[1], dtype=torch.float64, rule=rule, **options)
    with torch.no_grad():
        for name, torch_name in NAMES.items():
            getattr(gru, torch_name).copy_(getattr(net, name))
    return gru


def backward(net: GatedNetwork, rule, on_steps=(-1,)):
    """Run a smooth loss on the given steps; returns the module, ∂ℓ/∂h_t for all t, and the grads of x and h_0."""
    gru = module(net, rule)
    x, h_0 = net.x.clone().requires_grad_(), net.h_0.clone().requires_grad_()
    output, _ = gru(x, h_0.unsqueeze(0))
    weight = torch.linspace(-1, 1, output.shape[-1], dtype=torch.float64) + 0.1

    def loss(states):
        return sum((states[t] * weight).sin().sum() for t in on_steps)

    states = output.detach().requires_grad_()
    (losses,) = torch.autograd.grad(loss(states), states)
    loss(output).backward()
    return gru, list(losses), x.grad, h_0.grad


def assert_grads(gru, expected, tolerance=1e-9):
    for name, value in expected.items():
        scale = max(1.0, float(value.abs().max()))
        torch.testing.assert_close(getattr(gru, NAMES[name]).grad, value, rtol=tolerance, atol=tolerance * scale)


# Identity 1


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("layout", ["time first", "batch first", "unbatched"])
@pytest.mark.parametrize("num_layers", [1, 2])
def test_backprop_equals_torch(dtype, bias, layout, num_layers):
    torch.manual_seed(0)
    options = {"num_layers": num_layers, "bias": bias, "batch_first": layout == "batch first", "dtype": dtype}
    theirs, ours = torch.nn.GRU(3, 5, **options), GRU(3, 5, **options)
    ours.load_state_dict(theirs.state_dict())
    theirs.load_state_dict(ours.state_dict())
    assert [name for name, _ in ours.named_parameters()] == [name for name, _ in theirs.named_parameters()]
    batch = () if layout == "unbatched" else (9 if layout == "batch first" else 4,)
    shape, state = (9, 3) if layout == "unbatched" else (9, 4, 3), (num_layers, *batch, 5)
    found = []
    for gru in (theirs, ours):
        torch.manual_seed(1)
        x, h_0 = (torch.randn(size, dtype=dtype, requires_grad=True) for size in (shape, state))
        output, h_n = gru(x, h_0)
        ((output * torch.randn_like(output)).sum() + h_n.pow(3).sum()).backward()
        found.append([output, h_n, x.grad, h_0.grad, *(p.grad for p in gru.parameters())])
    tolerance = 1e-11 if dtype == torch.float64 else 3e-5
    for expected, value in zip(*found, strict=True):
        assert value.shape == expected.shape and value.dtype == expected.dtype
        torch.testing.assert_close(value, expected, rtol=tolerance, atol=tolerance)


# Identities 4 and 5, with both forms and a loss on every step


@given(
    seeds, sizes, accumulations, st.floats(0.05, 20), st.sampled_from([0.0, 0.1, 1.0, 20.0]), st.booleans(), st.data()
)
def test_target_propagation_equals_its_definition(seed, size, accumulate, r, s, calibrated, data):
    net = GatedNetwork.random(seed, scale=0.7, **size)
    form = data.draw(st.sampled_from(["linearized", "difference"])) if s == 0 else "linearized"
    rule = TargetProp(r, s, calibrated, form=form, accumulate=accumulate, step=0.3)
    every_step = data.draw(st.booleans())
    gru, losses, x_grad, h_grad = backward(net, rule, on_steps=range(size["tau"]) if every_step else (-1,))
    delta = gru_displacements(net, losses, r=r, s=s, calibrated=calibrated, form=form, step=0.3)
    assert_grads(gru, minus_directions(net, delta, accumulate, "WUbc"))
    torch.testing.assert_close(h_grad, -delta[0], rtol=1e-9, atol=1e-9 * max(1, float(delta[0].abs().max())))
    if accumulate == "local":  # ∂f_t/∂x_tᵀ δ_t
        h = net.states()
        x = net.x.clone().requires_grad_()
        moved = replace(net, x=x)
        distance = sum((moved.step(t, h[t - 1]) * -delta[t]).sum() for t in range(1, len(h)))
        (own,) = torch.autograd.grad(distance, x)
        torch.testing.assert_close(x_grad, own, rtol=1e-9, atol=1e-9 * max(1, float(own.abs().max())))


@pytest.mark.parametrize("form", ["linearized", "difference"])
def test_reset_gates_and_candidates_are_clipped_at_the_margin(form):
    net = GatedNetwork.random(1, tau=5, batch=3, d=4, p=2)
    _, losses, _, h_grad = backward(net, TargetProp(0.5, form=form, margin=0.6, step=0.3))
    delta = gru_displacements(net, losses, r=0.5, form=form, margin=0.6, step=0.3)
    torch.testing.assert_close(h_grad, -delta[0], rtol=1e-9, atol=1e-9)


def test_through_time_tends_to_backprop_times_the_step():
    net = GatedNetwork.random(0, tau=8, batch=3, d=5, p=2)
    bptt = backward(net, BackProp())[0].weight_hh_l0.grad
    errors = []
    for r in (1e3, 1e4, 1e5):
        found = backward(net, TargetProp(r, accumulate="through_time", step=0.01))[0].weight_hh_l0.grad
        errors.append(float((found / 0.01 - bptt).norm() / bptt.norm()))
    assert errors[2] < 1e-3
    assert errors[0] / errors[1] == pytest.approx(10, rel=0.1) and errors[1] / errors[2] == pytest.approx(10, rel=0.1)


# Identity 6


def test_difference_tends_to_linearized_with_a_second_order_error():
    net = GatedNetwork.random(0, tau=4, batch=3, d=5, p=2, scale=0.5)
    net = replace(net, x=0.3 * net.x)  # far from saturation: no candidate is clipped, where the inverse has a kink
    errors = []
    for step in (1e-2, 1e-3, 1e-4):
        grads = [backward(net, TargetProp(0.5, form=form, step=step))[3] for form in ("linearized", "difference")]
        errors.append(float((grads[0] - grads[1]).norm()))
    assert errors[0] / errors[1] == pytest.approx(100, rel=0.3)
    assert errors[1] / errors[2] == pytest.approx(100, rel=0.05)


# Identities 9 and 10


@given(seeds, st.sampled_from([BackProp(), TargetProp(0.5), TargetProp(1.0, 1.0, True, accumulate="through_time")]))
def test_batches_permute_and_split(seed, rule):
    net = GatedNetwork.random(seed, tau=6, batch=5, d=4, p=3)
    gru, _, x_grad, h_grad = backward(net, rule, on_steps=(2, -1))
    order = torch.randperm(5, generator=torch.Generator().manual_seed(seed))
    permuted = backward(replace(net, x=net.x[:, order], h_0=net.h_0[order]), rule, on_steps=(2, -1))
    torch.testing.assert_close(permuted[2:], (x_grad[:, order], h_grad[order]), rtol=1e-10, atol=1e-12)
    parts = [
        backward(replace(net, x=net.x[:, k], h_0=net.h_0[k]), rule, on_steps=(2, -1))[0]
        for k in (slice(2), slice(2, 5))
    ]
    for name, parameter in gru.named_parameters():
        total = sum(dict(part.named_parameters())[name].grad for part in parts)
        torch.testing.assert_close(total, parameter.grad, rtol=1e-10, atol=1e-12)


@given(seeds, st.floats(1e-2, 10))
def test_float32_is_as_good_as_the_conditioning_allows(seed, r):
    net = GatedNetwork.random(seed, tau=4, batch=3, d=5, p=2)
    exact = backward(net, TargetProp(r, 1.0, True))[0]
    gru = module(net, TargetProp(r, 1.0, True)).float()
    output, _ = gru(net.x.float(), net.h_0.float().unsqueeze(0))
    weight = torch.linspace(-1, 1, 5) + 0.1
    (output[-1] * weight).sin().sum().backward()
    condition = 1 + max(float(torch.linalg.matrix_norm(W, 2)) for W in net.W.chunk(3)) ** 2 / r
    bound = (
        4 * condition * 10 * torch.finfo(torch.float32).eps
    )  # four steps; the gains of the activations are at most 1
    error = (gru.weight_hh_l0.grad.double() - exact.weight_hh_l0.grad).norm() / exact.weight_hh_l0.grad.norm()
    assert float(error) < bound


# Identities 11 to 13, and the limits of the gates


def test_calibrated_tends_to_backprop_at_first_order_in_one_over_r():
    net = GatedNetwork.random(3, tau=6, batch=3, d=5, p=2)
    bptt = backward(net, BackProp(), on_steps=(1, -1))[0]
    for name in NAMES.values():
        exact, errors = getattr(bptt, name).grad, []
        for r in (1e3, 1e4, 1e5):
            found = getattr(backward(net, TargetProp(r, r, True), on_steps=(1, -1))[0], name).grad
            errors.append(float((found - exact).norm() / exact.norm()))
        assert errors[2] < 1e-3
        assert errors[0] / errors[1] == pytest.approx(10, rel=0.1)
        assert errors[1] / errors[2] == pytest.approx(10, rel=0.1)


@given(seeds, st.floats(0.1, 4), st.floats(0.05, 0.95))
def test_the_middle_expands_at_most_by_the_square_root_of_two_and_the_gates(seed, scale, update):
    net = GatedNetwork.random(seed, tau=1, batch=1, d=5, p=2, scale=scale)
    norms = []
    for network, bound in ((net, None), (net.with_gates(reset=0.7, update=update), 2**0.5)):
        rows = [gru_map(network, TargetProp(1.0, 1.0, True), unit) for unit in torch.eye(5, dtype=torch.float64)]
        norms.append(float(torch.linalg.matrix_norm(torch.stack(rows), 2)))
        if bound is None:  # the gates' terms add at most ½ (max |c_z| + max |c_ρ|), since ‖M̃‖ ≤ 1
            _, c_rho, c_z, _, _ = network.slopes(1, network.h_0)
            bound = 2**0.5 + 0.5 * float(c_z.abs().max() + c_rho.abs().max())
        assert norms[-1] <= bound * (1 + 1e-9)
    assert norms[1] <= 1 + 1e-9  # one z for all units: the average of two maps that do not expand


def gru_map(net: GatedNetwork, rule, D):
    """What one step of the rule makes of D_1 = `D`, for a batch of one."""
    gru, h_0 = module(net, rule), net.h_0.clone().requires_grad_()
    (gru(net.x, h_0.unsqueeze(0))[1][0] * D).sum().backward()
    return h_0.grad[0]


@pytest.mark.parametrize("r", [0.1, 1.0, 10.0])
def test_a_state_that_is_kept_passes_its_displacement_on(r):
    net = GatedNetwork.random(0, tau=5, batch=2, d=4, p=2).with_gates(reset=0.5, update=1 - 1e-13)
    _, losses, _, h_grad = backward(net, TargetProp(r, r, True))
    torch.testing.assert_close(h_grad, losses[-1], rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("rule", [TargetProp(0.5), TargetProp(0.5, 2.0), TargetProp(2.0, 0.5, True)], ids=str)
def test_without_gates_it_is_the_rule_of_the_rnn(rule):
    net = GatedNetwork.random(0, tau=5, batch=2, d=4, p=2).with_gates(reset=1 - 1e-13, update=1e-13)
    _, _, x_grad, h_grad = backward(net, rule)
    rnn = RNN(2, 4, dtype=torch.float64, rule=rule)
    with torch.no_grad():
        rnn.weight_hh_l0.copy_(net.W[8:])
        rnn.weight_ih_l0.copy_(net.U[8:])
        rnn.bias_ih_l0.copy_(net.b[8:])
        rnn.bias_hh_l0.copy_(net.c[8:])
    x, h_0 = net.x.clone().requires_grad_(), net.h_0.clone().requires_grad_()
    weight = torch.linspace(-1, 1, 4, dtype=torch.float64) + 0.1
    (rnn(x, h_0.unsqueeze(0))[0][-1] * weight).sin().sum().backward()
    torch.testing.assert_close((x_grad, h_grad), (x.grad, h_0.grad), rtol=1e-8, atol=1e-9)


def test_beside_the_dense_regularized_inverse_of_the_whole_jacobian():
    """Where the layer is one branch the rule is that inverse, or close to it; in between it is an average of two."""
    d, delta = 4, torch.tensor([0.3, -1.0, 0.5, 0.2], dtype=torch.float64)
    cosines = {}
    for update in (1e-9, 0.5, 1 - 1e-9):
        net = GatedNetwork.random(1, tau=1, batch=1, d=d, p=2, scale=0.5)
        net = replace(net, W=torch.linalg.qr(torch.randn(3 * d, 3 * d, dtype=torch.float64))[0][:, :d] * 1.0)
        net.W[2 * d :] = torch.linalg.qr(net.W[2 * d :])[0]
        net = replace(net, x=0.1 * net.x, h_0=0.1 * net.h_0, b=0 * net.b, c=0 * net.c)
        net = net.with_gates(reset=1 - 1e-9, update=update)  # near the origin, where tanh is linear
        J = torch.autograd.functional.jacobian(lambda h, net=net: net.step(1, h.unsqueeze(0))[0], net.h_0[0])
        dense = (1 + 1.0) * ridge_operator(J, 1.0) @ delta
        found = gru_map(net, TargetProp(1.0, 1.0, True), delta)
        cosines[update] = float(torch.nn.functional.cosine_similarity(found, dense, dim=0))
    assert cosines[1e-9] > 0.999 and cosines[1 - 1e-9] > 0.999
    assert 0 < cosines[0.5] <= 1


# Loops, threads, errors


@pytest.mark.parametrize(
    "rule",
    [
        BackProp(),
        TargetProp(0.5),
        TargetProp(0.5, margin=0.6),
        TargetProp(0.5, 0.5, True, accumulate="through_time"),
        TargetProp(1.0, form="difference"),
    ],
    ids=str,
)
def test_the_loops_are_the_same_compiled_in_numpy_and_in_torch(monkeypatch, rule):
    net = GatedNetwork.random(1, tau=9, batch=9, d=4, p=2)
    results = [backward(net, rule, on_steps=(3, -1))]
    monkeypatch.setattr(arrays, "BLOCK_ELEMENTS", 9 * 4 * 3)
    monkeypatch.setattr(arrays, "WORTH_A_THREAD", 1)
    results.append(backward(net, rule, on_steps=(3, -1)))
    monkeypatch.setattr(arrays, "compiled_kernels", lambda: None)
    results.append(backward(net, rule, on_steps=(3, -1)))
    monkeypatch.setattr(layer, "as_array", lambda tensor: tensor.detach())
    results.append(backward(net, rule, on_steps=(3, -1)))
    expected, _, x_grad, h_grad = results[0]
    for found, _, x_found, h_found in results[1:]:
        torch.testing.assert_close([p.grad for p in found.parameters()], [p.grad for p in expected.parameters()])
        torch.testing.assert_close((x_found, h_found), (x_grad, h_grad))


def test_the_plain_form_is_refused():
    with pytest.raises(ValueError, match=r'form="plain" is not defined for tpcore\.nn\.GRU'):
        GRU(3, 4, rule=TargetProp(1.0, form="plain"))
    gru = GRU(3, 4)
    gru.rule = TargetProp(1.0, form="plain")
    with pytest.raises(ValueError, match='form="plain"'):
        gru(torch.zeros(2, 1, 3))


def test_what_diverges_is_an_error():
    gru = GRU(3, 4, rule=TargetProp(1.0))
    with torch.no_grad():
        gru.weight_hh_l0[0, 0] = float("nan")
    with pytest.raises(FloatingPointError, match="weights have diverged"):
        gru(torch.randn(5, 2, 3))
