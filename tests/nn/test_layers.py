"""Several layers: what crosses between them, against torch and against modules of one layer."""

import pytest
import torch

from tpcore import TargetProp
from tpcore.nn import GRU, RNN

CELLS = {"RNN": (torch.nn.RNN, RNN), "GRU": (torch.nn.GRU, GRU)}


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


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("accumulate", ["local", "through_time"])
def test_it_is_modules_one_above_the_other_with_the_target_step_once(cell, accumulate):
    """γ_h where the loss meets the states: at the top layer's, and at a lower layer's own last state."""
    step = 0.1
    rule = TargetProp(0.7, 0.4, calibrated=True, accumulate=accumulate, step=step)
    kind = CELLS[cell][1]
    torch.manual_seed(0)
    whole = kind(3, 5, 2, dtype=torch.float64, rule=rule)
    lower = kind(3, 5, dtype=torch.float64, rule=TargetProp(0.7, 0.4, True, accumulate=accumulate))
    upper = kind(5, 5, dtype=torch.float64, rule=rule)
    state = whole.state_dict()
    for layer, module in enumerate((lower, upper)):
        module.load_state_dict({name: state[name.replace("l0", f"l{layer}")] for name in module.state_dict()})
    x, y = data().requires_grad_(), data().requires_grad_()
    loss_of(*whole(x)).backward()
    below, last_below = lower(y)
    output, last = upper(below)
    weight = torch.linspace(-1, 1, 5, dtype=torch.float64)
    ((output * weight).sin().sum() + last.pow(3).sum() + step * last_below.pow(3).sum()).backward()
    torch.testing.assert_close(x.grad, y.grad)
    for layer, module in enumerate((lower, upper)):
        for name, parameter in module.named_parameters():
            torch.testing.assert_close(getattr(whole, name.replace("l0", f"l{layer}")).grad, parameter.grad)


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
