"""Several layers: what crosses between them, against torch, the definition, and modules of one layer."""

from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.definition import Network, displacements, minus_directions
from tests.gru_definition import GatedNetwork, gru_displacements
from tpcore import BackProp, TargetProp
from tpcore.nn import GRU, RNN

CELLS = {"RNN": (torch.nn.RNN, RNN), "GRU": (torch.nn.GRU, GRU)}
DEFINED = {"RNN": (Network, displacements, "WUb"), "GRU": (GatedNetwork, gru_displacements, "WUbc")}
TORCH_NAMES = {"W": "weight_hh", "U": "weight_ih", "b": "bias_ih", "c": "bias_hh"}


def data(seed=1, tau=7, batch=3, p=3):
    return torch.randn(tau, batch, p, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def loss_of(output, h_n):
    """On every state of the last layer, and on each layer's last."""
    weight = torch.linspace(-1, 1, output.shape[-1], dtype=output.dtype)
    return (output * weight).sin().sum() + h_n.pow(3).sum()


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("layers", [2, 3])
def test_backprop_equals_torch(cell, layers):
    theirs_of, ours_of = CELLS[cell]
    torch.manual_seed(0)
    theirs, ours = (kind(3, 5, layers, dtype=torch.float64) for kind in (theirs_of, ours_of))
    ours.load_state_dict(theirs.state_dict())
    theirs.load_state_dict(ours.state_dict())
    found = []
    for module in (theirs, ours):
        x, h_0 = data().requires_grad_(), data(2, layers, 3, 5).requires_grad_()
        output, h_n = module(x, h_0)
        loss_of(output, h_n).backward()
        found.append([output, h_n, x.grad, h_0.grad, *(p.grad for p in module.parameters())])
    for expected, value in zip(*found, strict=True):
        torch.testing.assert_close(value, expected, rtol=1e-11, atol=1e-11)


def networks(cell, seed, layers, *, tau, batch, d, p):
    """The layers from the lowest up, as `tests.definition` has them: each one's inputs are the states below."""
    kind, found = DEFINED[cell][0], []
    for layer in range(layers):
        net = kind.random(seed + layer, tau=tau, batch=batch, d=d, p=p if layer == 0 else d, scale=0.7)
        found.append(net if layer == 0 else replace(net, x=torch.stack(found[-1].states()[1:])))
    return found


def defined(cell, nets, on_output, on_last, *, step, accumulate, **rule):
    """Minus the directions of each layer's parameters and inputs, and −δ_0, from the highest layer down.

    What a layer's inputs receive is the loss of the layer below, in which γ_h is already.
    """
    _, displaced, names = DEFINED[cell]
    arriving, found = [step * gradient for gradient in on_output], []
    for net, own in zip(reversed(nets), reversed(on_last), strict=True):
        losses = [*arriving[:-1], arriving[-1] + step * own]
        delta = displaced(net, losses, step=1.0, **rule)
        found.append((minus_directions(net, delta, accumulate, f"{names}x"), -delta[0]))
        arriving = list(found[-1][0]["x"])
    return found[::-1]


@settings(max_examples=30)
@given(
    st.sampled_from(["RNN", "GRU"]),
    st.integers(0, 2**20),
    st.integers(1, 3),
    st.fixed_dictionaries(
        {"tau": st.integers(1, 5), "batch": st.integers(1, 3), "d": st.integers(1, 4), "p": st.integers(1, 3)}
    ),
    st.sampled_from(["local", "through_time"]),
    st.sampled_from(["linearized", "difference", "plain"]),
    st.floats(0.1, 10),
    st.booleans(),
)
def test_it_equals_the_definition_layer_by_layer(cell, seed, layers, size, accumulate, form, r, calibrated):
    form = "linearized" if form == "plain" and cell == "GRU" else form
    options = {"r": r, "calibrated": calibrated, "form": form, "accumulate": accumulate, "step": 0.3}
    nets = networks(cell, seed, layers, **size)
    module = CELLS[cell][1](size["p"], size["d"], layers, dtype=torch.float64, rule=TargetProp(**options))
    with torch.no_grad():
        for layer, net in enumerate(nets):
            module.get_parameter(f"bias_hh_l{layer}").zero_()
            for name in DEFINED[cell][2]:
                module.get_parameter(f"{TORCH_NAMES[name]}_l{layer}").copy_(getattr(net, name))
    x, h_0 = nets[0].x.clone().requires_grad_(), torch.stack([net.h_0 for net in nets]).requires_grad_()
    output, h_n = module(x, h_0)
    loss_of(output, h_n).backward()
    leaves = output.detach().requires_grad_(), h_n.detach().requires_grad_()
    expected = defined(cell, nets, *torch.autograd.grad(loss_of(*leaves), leaves), **options)

    def assert_close(found, wanted):
        torch.testing.assert_close(found, wanted, rtol=1e-8, atol=1e-9 * max(1, float(wanted.abs().max())))

    for layer, (directions, start) in enumerate(expected):
        assert_close(h_0.grad[layer], start)
        for name in DEFINED[cell][2]:
            assert_close(module.get_parameter(f"{TORCH_NAMES[name]}_l{layer}").grad, directions[name])
    assert_close(x.grad, expected[0][0]["x"])


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("layers", [2, 3])
@pytest.mark.parametrize(
    "rule",
    [
        BackProp(),
        TargetProp(0.7, 0.4, calibrated=True, step=0.1),
        TargetProp(0.7, accumulate="through_time", step=0.1),
        TargetProp(0.7, form="difference", step=0.1),
    ],
    ids=str,
)
def test_it_is_modules_one_above_the_other_with_the_target_step_once(cell, layers, rule):
    """γ_h where the loss meets the states: at the top layer's, and at a lower layer's own last state."""
    step = getattr(rule, "step", 1.0)
    below = rule if isinstance(rule, BackProp) else replace(rule, step=1.0)
    kind = CELLS[cell][1]
    torch.manual_seed(0)
    whole = kind(3, 5, layers, dtype=torch.float64, rule=rule)
    parts = [
        kind(5 if layer else 3, 5, dtype=torch.float64, rule=rule if layer == layers - 1 else below)
        for layer in range(layers)
    ]
    state = whole.state_dict()
    for layer, part in enumerate(parts):
        part.load_state_dict({name: state[name.replace("l0", f"l{layer}")] for name in part.state_dict()})
    x, y = data().requires_grad_(), data().requires_grad_()
    start, starts = data(2, layers, 3, 5).requires_grad_(), data(2, layers, 3, 5).requires_grad_()
    loss_of(*whole(x, start)).backward()
    states, last = y, []
    for layer, part in enumerate(parts):
        states, h_n = part(states, starts[layer : layer + 1])
        last.append(h_n)
    (loss_of(states, last[-1]) + step * sum(h_n.pow(3).sum() for h_n in last[:-1])).backward()
    torch.testing.assert_close((x.grad, start.grad), (y.grad, starts.grad))
    for layer, part in enumerate(parts):
        for name, parameter in part.named_parameters():
            torch.testing.assert_close(getattr(whole, name.replace("l0", f"l{layer}")).grad, parameter.grad)


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("accumulate", ["local", "through_time"])
def test_linearized_every_layer_s_direction_is_proportional_to_the_target_step(cell, accumulate):
    torch.manual_seed(0)
    module, found = CELLS[cell][1](3, 5, 3, dtype=torch.float64), []
    for step in (1.0, 1e-3):
        module.rule = TargetProp(0.7, accumulate=accumulate, step=step)
        module.zero_grad()
        loss_of(*module(data())).backward()
        found.append([p.grad.clone() / step for p in module.parameters()])
    torch.testing.assert_close(*found)


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("layer", [0, 1, 2])
def test_a_loss_on_one_layer_s_last_state_reaches_that_layer_and_those_below(cell, layer):
    module = CELLS[cell][1](3, 5, 3, dtype=torch.float64, rule=TargetProp(1.0))
    module(data())[1][layer].sum().backward()
    for name, parameter in module.named_parameters():
        reached = parameter.grad is not None and bool(parameter.grad.any())
        assert reached == (int(name[-1]) <= layer)


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize(
    ("options", "step"),
    [({"s": True, "calibrated": True}, 1.0), ({"accumulate": "through_time"}, 0.01)],
    ids=["calibrated", "through time"],
)
def test_the_far_end_is_back_propagation_through_all_layers(cell, options, step):
    torch.manual_seed(0)
    module = CELLS[cell][1](3, 5, 3, dtype=torch.float64)
    loss_of(*module(data())).backward()
    exact = [p.grad.clone() for p in module.parameters()]
    errors = []
    for r in (1e3, 1e4, 1e5):
        module.rule = TargetProp(r, **{**options, **({"s": r} if "s" in options else {})}, step=step)
        module.zero_grad()
        loss_of(*module(data())).backward()
        found = [p.grad / step for p in module.parameters()]
        errors.append(max(float((a - b).norm() / b.norm().clamp(min=1e-12)) for a, b in zip(found, exact, strict=True)))
    assert errors[2] < 1e-3
    assert errors[0] / errors[1] == pytest.approx(10, rel=0.15) and errors[1] / errors[2] == pytest.approx(10, rel=0.15)
