"""tpcore.nn.LSTM against torch.nn.LSTM and against the definitions of tests/lstm_definition.py."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.definition import ridge_operator
from tests.lstm_definition import LongShortTermNetwork, lstm_displacements, lstm_minus_directions
from tpcore import BackProp, GeometricTargetProp, LearnedTargetProp, RescaledBackProp, TargetProp
from tpcore.nn import LSTM, LearnedInverse, layer
from tpcore.recurrences import arrays

NAMES = {"W": "weight_hh_l0", "U": "weight_ih_l0", "b": "bias_ih_l0"}
sizes = st.fixed_dictionaries(
    {"tau": st.integers(1, 8), "batch": st.integers(1, 4), "d": st.integers(1, 5), "p": st.integers(1, 3)}
)
seeds, accumulations = st.integers(0, 2**20), st.sampled_from(["local", "through_time"])


def module(net, rule) -> LSTM:
    lstm = LSTM(net.U.shape[1], net.h_0.shape[1], dtype=torch.float64, rule=rule)
    with torch.no_grad():
        for name, known in NAMES.items():
            lstm.get_parameter(known).copy_(getattr(net, name))
        lstm.bias_hh_l0.zero_()
    return lstm


def backward(net, rule, on_steps=(-1,)):
    """A smooth loss on some steps: the module, ∂ℓ/∂h_t for all t, and what x, h_0 and c_0 receive."""
    lstm = module(net, rule)
    given_values = [value.clone().requires_grad_() for value in (net.x, net.h_0, net.c_0)]
    output, _ = lstm(given_values[0], tuple(state[None] for state in given_values[1:]))
    weight = torch.linspace(-1, 1, output.shape[-1], dtype=torch.float64) + 0.1
    loss = sum((output[t] * weight).sin().sum() for t in on_steps)
    losses = torch.zeros_like(output)
    for t in on_steps:
        losses[t] += ((output[t] * weight).cos() * weight).detach()
    loss.backward()
    return lstm, list(losses), *(value.grad for value in given_values)


def close(found, expected, tolerance=1e-9):
    torch.testing.assert_close(found, expected, rtol=tolerance, atol=tolerance * max(1, float(expected.abs().max())))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("layout", ["time first", "batch first", "unbatched"])
@pytest.mark.parametrize("given_state", [True, False])
def test_backprop_equals_torch(dtype, bias, layout, given_state):
    options = {"num_layers": 2, "bias": bias, "batch_first": layout == "batch first", "dtype": dtype}
    theirs, ours = torch.nn.LSTM(3, 5, **options), LSTM(3, 5, **options)
    ours.load_state_dict(theirs.state_dict())
    theirs.load_state_dict(ours.state_dict())
    rows, found = () if layout == "unbatched" else (4,), []
    for each in (theirs, ours):
        torch.manual_seed(1)
        x = torch.randn(
            *((9, 3) if layout == "unbatched" else (4, 9, 3) if layout == "batch first" else (9, 4, 3)), dtype=dtype
        )
        start = [torch.randn(2, *rows, 5, dtype=dtype, requires_grad=True) for _ in range(2)]
        x.requires_grad_()
        output, (h_n, c_n) = each(x, tuple(start)) if given_state else each(x)
        ((output * torch.randn_like(output)).sum() + h_n.pow(3).sum() + c_n.sin().sum()).backward()
        starts = [state.grad for state in start] if given_state else []
        found.append([output, h_n, c_n, x.grad, *starts, *(p.grad for p in each.parameters())])
    tolerance = 1e-11 if dtype == torch.float64 else 2e-5
    for expected, value in zip(*found, strict=True):
        torch.testing.assert_close(value, expected, rtol=tolerance, atol=tolerance)


@given(
    seeds,
    sizes,
    accumulations,
    st.floats(0.05, 20),
    st.booleans(),
    st.sampled_from(["linearized", "difference"]),
    st.booleans(),
)
def test_at_fixed_gates_it_equals_its_definition(seed, size, accumulate, r, calibrated, form, every_step):
    net = LongShortTermNetwork.random(seed, scale=0.5, **size)
    rule = TargetProp(r, calibrated=calibrated, form=form, accumulate=accumulate, step=0.05)
    check(net, rule, range(size["tau"]) if every_step else (-1,))


@given(seeds, sizes, accumulations, st.floats(0.05, 20), st.floats(0.01, 20), st.booleans())
def test_regularized_it_equals_its_definition(seed, size, accumulate, r, s, calibrated):
    net = LongShortTermNetwork.random(seed, **size)
    check(net, TargetProp(r, s, calibrated, accumulate=accumulate, step=0.3), (0, -1))


def check(net, rule, steps):
    lstm, losses, x_grad, h_grad, c_grad = backward(net, rule, steps)
    options = {name: getattr(rule, name) for name in ("r", "s", "calibrated", "form", "step")}
    delta = lstm_displacements(net, losses, **options)
    expected = lstm_minus_directions(net, delta, rule.accumulate)
    close(h_grad, -delta[0][0])
    close(c_grad, -delta[0][1])
    close(x_grad, expected.pop("x"))
    for name, value in expected.items():
        close(lstm.get_parameter(NAMES[name]).grad, value)


# Identities 9, 12 to 14, as far as they have a counterpart


@pytest.mark.parametrize("name", NAMES.values())
def test_calibrated_tends_to_backprop_at_first_order_in_one_over_r(name):
    net = LongShortTermNetwork.random(3, tau=6, batch=3, d=5, p=2)
    exact, errors = backward(net, BackProp(), (1, -1))[0].get_parameter(name).grad, []
    for r in (1e3, 1e4, 1e5):
        found = backward(net, TargetProp(r, r, True), (1, -1))[0].get_parameter(name).grad
        errors.append(float((found - exact).norm() / exact.norm()))
    assert errors[2] < 1e-3
    assert errors[0] / errors[1] == pytest.approx(10, rel=0.1) and errors[1] / errors[2] == pytest.approx(10, rel=0.1)


@given(seeds, st.sampled_from([BackProp(), TargetProp(0.5), TargetProp(1.0, 1.0, True, accumulate="through_time")]))
def test_batches_permute(seed, rule):
    net = LongShortTermNetwork.random(seed, tau=6, batch=5, d=4, p=3, scale=0.5)
    lstm, _, x_grad, h_grad, _ = backward(net, rule, (2, -1))
    order = torch.randperm(5, generator=torch.Generator().manual_seed(seed))
    again = LongShortTermNetwork(net.W, net.U, net.b, net.x[:, order], net.h_0[order], net.c_0[order])
    permuted, _, x_permuted, h_permuted, _ = backward(again, rule, (2, -1))
    close(x_permuted, x_grad[:, order])
    close(h_permuted, h_grad[order])
    close(permuted.weight_hh_l0.grad, lstm.weight_hh_l0.grad)


def one_step_map(net, rule):
    """The matrix of one step's map, (2 d, 2 d), for a batch of one: from (δh_1, δc_1) to (δh_0, δc_0)."""
    lstm, d, rows = module(net, rule), net.h_0.shape[1], []
    for unit in torch.eye(2 * d, dtype=torch.float64):
        start = [net.h_0.clone().requires_grad_(), net.c_0.clone().requires_grad_()]
        _, (h_n, c_n) = lstm(net.x, tuple(state[None] for state in start))
        received = torch.autograd.grad((h_n[0] * unit[:d]).sum() + (c_n[0] * unit[d:]).sum(), start)
        rows.append(torch.cat(received, -1)[0])
    return torch.stack(rows, 1)


def with_fixed_gates(net, **gates):
    d, W, U, b = net.h_0.shape[1], net.W.clone(), net.U.clone(), net.b.clone()
    for k, name in enumerate(("i", "f", "g", "o")):
        if name in gates:
            part = slice(k * d, (k + 1) * d)
            W[part], U[part] = 0, 0
            b[part] = torch.logit(torch.tensor(gates[name], dtype=torch.float64))
    return LongShortTermNetwork(W, U, b, net.x, net.h_0, net.c_0)


@given(seeds, st.floats(0.1, 4), st.floats(0.01, 0.99), st.floats(0.01, 0.99), st.floats(0.01, 0.99))
def test_the_middle_expands_by_the_square_root_of_two_at_most_at_fixed_gates(seed, scale, i, f, o):
    net = LongShortTermNetwork.random(seed, tau=1, batch=1, d=4, p=2, scale=scale)
    fixed = with_fixed_gates(net, i=i, f=f, o=o)
    assert torch.linalg.matrix_norm(one_step_map(fixed, TargetProp(1.0, 1.0, True)), 2) <= 2**0.5 * (1 + 1e-9)


@given(seeds, st.floats(0.1, 10))
def test_a_cell_that_is_kept_passes_its_displacement_on(seed, r):
    net = with_fixed_gates(LongShortTermNetwork.random(seed, tau=5, batch=2, d=4, p=2), i=1e-14, f=1 - 1e-14, o=0.5)
    lstm, start = module(net, TargetProp(r, r, True)), net.c_0.clone().requires_grad_()
    lstm(net.x, (net.h_0[None], start[None]))[1][1].sin().sum().backward()
    last = net.states()[-1][1]
    close(start.grad, last.cos())


def test_without_regularization_a_request_of_either_state_is_met_exactly_at_fixed_gates():
    """J of the step at fixed gates times the rule's map: the identity on what is asked of h alone and of c alone."""
    net = LongShortTermNetwork.random(1, tau=1, batch=1, d=4, p=2, scale=0.5)
    net.W += torch.cat([torch.eye(4, dtype=torch.float64)] * 4)
    net = with_fixed_gates(net, i=0.6, f=0.7, o=0.4)
    J = jacobian(net)
    reached = J @ one_step_map(net, TargetProp(1e-10, calibrated=True))
    close(reached[:4, :4], torch.eye(4, dtype=torch.float64), 1e-6)
    close(reached[4:, 4:], torch.eye(4, dtype=torch.float64), 1e-6)


def jacobian(net):
    d = net.h_0.shape[1]

    def step(state):
        return torch.cat(net.step(1, state[None, :d], state[None, d:]), -1)[0]

    return torch.autograd.functional.jacobian(step, torch.cat((net.h_0, net.c_0), -1)[0])


def test_beside_the_dense_regularized_inverse_of_the_step_s_jacobian():
    """The same operator for what is asked of c where the output gate is shut and the branches are isometries."""
    net = LongShortTermNetwork.random(2, tau=1, batch=1, d=4, p=2)
    net.W = torch.linalg.qr(net.W.reshape(4, 4, 4))[0].reshape(16, 4)
    net.h_0, net.x, net.b, net.c_0 = 1e-6 * net.h_0, 0 * net.x, 0 * net.b, 1e-6 * net.c_0  # where tanh is linear
    delta = torch.randn(4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    shut = with_fixed_gates(net, i=0.6, f=0.7, o=1e-9)
    dense = 2 * ridge_operator(jacobian(shut), 1.0)[:, 4:] @ delta
    found = one_step_map(shut, TargetProp(1.0, 1.0, True))[:, 4:] @ delta
    close(found, dense, 1e-5)
    open_ = with_fixed_gates(net, i=0.6, f=0.7, o=0.5)
    dense = 2 * ridge_operator(jacobian(open_), 1.0)[:, :4] @ delta
    found = one_step_map(open_, TargetProp(1.0, 1.0, True))[:, :4] @ delta
    assert torch.nn.functional.cosine_similarity(found, dense, dim=0) > 0.999


@pytest.mark.parametrize("end", [GeometricTargetProp(1.0, step=0.5), RescaledBackProp(1.0, step=0.5)], ids=str)
def test_the_far_end_of_the_geometric_mean_is_back_propagation(end):
    net = LongShortTermNetwork.random(0, tau=6, batch=3, d=5, p=2)
    found, exact = backward(net, end, (1, -1))[0], backward(net, BackProp(), (1, -1))[0]
    for name in NAMES.values():
        close(found.get_parameter(name).grad, 0.5 * exact.get_parameter(name).grad, 1e-11)


def test_in_the_geometric_middle_a_cell_s_displacement_keeps_its_length_at_fixed_gates():
    net = with_fixed_gates(LongShortTermNetwork.random(0, tau=1, batch=1, d=4, p=2, scale=3), i=0.1, f=0.3, o=0.5)
    of_cell = one_step_map(net, GeometricTargetProp(0.0))[:, 4:]
    assert torch.linalg.matrix_norm(of_cell, 2) <= 1 + 1e-9
    close(of_cell.square().sum(0).sum(), torch.tensor(4.0, dtype=torch.float64), 1e-9)


RULES = [
    BackProp(),
    TargetProp(0.5),
    TargetProp(0.5, 0.5, True, accumulate="through_time"),
    TargetProp(1.0, form="difference", step=0.1),
    GeometricTargetProp(0.5),
    RescaledBackProp(0.3),
]


@pytest.mark.parametrize("rule", RULES, ids=str)
def test_the_loops_are_the_same_compiled_in_numpy_and_in_torch(monkeypatch, rule):
    net = LongShortTermNetwork.random(1, tau=9, batch=9, d=4, p=2, scale=0.5)
    results = [backward(net, rule, (3, -1))]
    monkeypatch.setattr(arrays, "BLOCK_ELEMENTS", 9 * 4 * 4)
    monkeypatch.setattr(arrays, "WORTH_A_THREAD", 1)
    results.append(backward(net, rule, (3, -1)))
    monkeypatch.setattr(arrays, "compiled_kernels", lambda: None)
    results.append(backward(net, rule, (3, -1)))
    monkeypatch.setattr(layer, "as_array", lambda tensor: tensor.detach())
    results.append(backward(net, rule, (3, -1)))
    expected, _, *received = results[0]
    for found, _, *again in results[1:]:
        torch.testing.assert_close([p.grad for p in found.parameters()], [p.grad for p in expected.parameters()])
        torch.testing.assert_close(again, received)


@settings(max_examples=10)
@given(seeds)
def test_float32_agrees_with_float64(seed):
    net, rule = LongShortTermNetwork.random(seed, tau=4, batch=3, d=5, p=2), TargetProp(1.0, 1.0, True)
    exact, lstm = backward(net, rule)[0], module(net, rule).float()
    output, _ = lstm(net.x.float(), (net.h_0.float()[None], net.c_0.float()[None]))
    (output[-1] * (torch.linspace(-1, 1, 5) + 0.1)).sin().sum().backward()
    for name in NAMES.values():
        wanted = exact.get_parameter(name).grad
        error = (lstm.get_parameter(name).grad.double() - wanted).norm() / wanted.norm()
        condition = 1 + float(torch.linalg.matrix_norm(net.W, 2)) ** 2
        assert error < 4 * 10 * condition * torch.finfo(torch.float32).eps


def test_what_it_cannot_follow_or_take_is_refused():
    with pytest.raises(ValueError, match=r'form="plain" is not defined for tpcore\.nn\.LSTM'):
        LSTM(3, 4, rule=TargetProp(1.0, form="plain"))
    with pytest.raises(
        ValueError, match=r"LearnedTargetProp inverts a layer of tpcore\.nn\.RNN, not of tpcore\.nn\.LSTM"
    ):
        LSTM(3, 4, rule=LearnedTargetProp(LearnedInverse(3, 4)))
    with pytest.raises(ValueError, match=r"proj_size=2 is not supported by tpcore\.nn\.LSTM"):
        LSTM(3, 4, proj_size=2)
    x, state = torch.zeros(5, 2, 3), torch.zeros(1, 2, 4)
    with pytest.raises(TypeError, match=r"hx must be a pair \(h_0, c_0\), got Tensor"):
        LSTM(3, 4)(x, state)
    with pytest.raises(ValueError, match=r"c_0 must have shape \(1, 2, 4\)"):
        LSTM(3, 4)(x, (state, state[:, :1]))
