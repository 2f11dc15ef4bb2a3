"""tpcore.nn.Dense in someone else's loop, and what can go wrong with it."""

import copy
import io
import math
import pickle
from functools import partial

import pytest
import torch

from tpcore import BackProp, TargetProp
from tpcore.nn import Dense

OPTIMIZERS = {"momentum": partial(torch.optim.SGD, lr=0.3, momentum=0.9), "adam": partial(torch.optim.Adam, lr=0.03)}


@pytest.mark.parametrize("optimizer", OPTIMIZERS.values(), ids=OPTIMIZERS)
@pytest.mark.parametrize("form", ["linearized", "difference"])
def test_a_network_in_depth_trains(optimizer, form, device):
    torch.manual_seed(0)
    rule = TargetProp(1.0, calibrated=True, form=form, step=0.1)
    hidden = [Dense(2, 32, rule=rule), Dense(32, 8, rule=rule), Dense(8, 16, rule=rule)]
    network = torch.nn.Sequential(*hidden, torch.nn.Linear(16, 2)).to(device)
    opt = optimizer(network.parameters())
    angle, labels = math.tau * torch.rand(100, device=device), torch.arange(100, device=device) % 2
    points = (1.0 + labels.unsqueeze(1)) * torch.stack([angle.cos(), angle.sin()], 1)  # a circle around another
    for _ in range(120):
        opt.zero_grad()
        torch.nn.functional.cross_entropy(network(points), labels).backward()
        opt.step()
    assert float((network(points).argmax(1) == labels).float().mean()) > 0.98


def test_strides_do_not_matter(device):
    rule = TargetProp(0.5)
    torch.manual_seed(0)
    dense = Dense(3, 4, rule=rule, device=device)
    base = torch.randn(3, 5, 2, device=device)
    for x in (base.permute(2, 1, 0), base[:, :, 0].T, base[:, 0, :1].T.expand(2, 6, 3)):
        found = []
        for at in (x, x.contiguous()):
            dense.zero_grad()
            at = at.detach().requires_grad_()
            output = dense(at)
            output.backward(torch.ones(1, device=device).expand_as(output))
            found.append((output, at.grad, dense.weight.grad.clone()))
        torch.testing.assert_close(found[0], found[1])
        assert found[0][1].shape == x.shape


def test_an_empty_batch_is_handled_as_torch_does(device):
    for layer in (torch.nn.Linear(3, 4), Dense(3, 4, rule=TargetProp(1.0, form="plain"))):
        x = torch.zeros(2, 0, 3, device=device, requires_grad=True)
        output = layer.to(device)(x)
        output.sum().backward()
        assert output.shape == (2, 0, 4) and x.grad.shape == (2, 0, 3)
        assert not layer.weight.grad.any() and not layer.bias.grad.any()


def test_a_frozen_parameter_stays_without_grad():
    dense = Dense(3, 4, rule=TargetProp(1.0))
    dense.weight.requires_grad_(False)
    x = torch.randn(2, 3, requires_grad=True)
    dense(x).sum().backward()
    assert dense.weight.grad is None and dense.bias.grad is not None and x.grad is not None


def test_nothing_is_inverted_where_the_input_needs_no_gradient(monkeypatch):
    monkeypatch.setattr("tpcore.nn.dense.regularized_inverse", None)
    dense = Dense(3, 4, rule=TargetProp(1.0))
    dense(torch.randn(2, 3)).sum().backward()
    assert dense.weight.grad is not None
    with pytest.raises(TypeError):
        dense(torch.randn(2, 3, requires_grad=True)).sum().backward()


def test_copies_and_files_keep_everything():
    dense = Dense(3, 4, "relu", rule=TargetProp(0.7, step=0.2))
    file = io.BytesIO()
    torch.save(dense, file)
    file.seek(0)
    for other in (
        copy.deepcopy(dense),
        pickle.loads(pickle.dumps(dense)),
        torch.load(file, weights_only=False),
    ):
        assert other.rule == dense.rule and other.activation == "relu"
        x = torch.randn(2, 3)
        torch.testing.assert_close(other.eval()(x), dense(x), rtol=0, atol=0)
        other(x).sum().backward()
        assert other.weight.grad is not None and dense.weight.grad is None
    assert "activation='relu', rule=TargetProp(r=0.7" in repr(dense)


def test_without_gradients_nothing_is_recorded():
    with torch.no_grad():
        output = Dense(3, 4, rule=TargetProp(1.0))(torch.randn(2, 3, requires_grad=True))
    assert output.grad_fn is None and not output.requires_grad


# What goes wrong


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"activation": "gelu"}, ValueError, "activation must be one of 'tanh', 'relu', 'identity', got 'gelu'"),
        ({"rule": "tp"}, TypeError, "rule must be tpcore.BackProp"),
        ({"rule": TargetProp(1.0, accumulate="through_time")}, ValueError, 'through_time.*use accumulate="local"'),
    ],
)
def test_unsupported_options_are_refused(arguments, error, message):
    with pytest.raises(error, match=message):
        Dense(3, 4, **arguments)


def test_a_rule_set_later_is_checked_too():
    dense = Dense(3, 4)
    dense.rule = TargetProp(1.0, accumulate="through_time")
    with pytest.raises(ValueError, match='use accumulate="local"'):
        dense(torch.zeros(2, 3))


@pytest.mark.parametrize("rule", [BackProp(), TargetProp(1.0)])
@pytest.mark.parametrize(
    ("x", "error", "message"),
    [
        ([1.0, 2.0, 3.0], TypeError, "input must be a torch.Tensor, got list"),
        (torch.zeros(2, 4), ValueError, r"shape \(..., p\) with p = in_features = 3; its shape is \(2, 4\)"),
        (torch.tensor(1.0), ValueError, r"its shape is \(\)"),
        (torch.zeros(2, 3).double(), TypeError, "input is torch.float64 on cpu but the weights are torch.float32"),
        (torch.zeros(2, 3).long(), TypeError, "input is torch.int64"),
        (torch.zeros(2, 3, device="meta"), TypeError, "on meta but the weights are torch.float32 on cpu"),
    ],
)
def test_bad_input_is_explained(rule, x, error, message):
    with pytest.raises(error, match=message):
        Dense(3, 4, rule=rule)(x)


@pytest.mark.parametrize(
    ("x", "factor"), [(torch.zeros(2, 3), math.nan), (torch.zeros(2, 3), math.inf), (torch.full((2, 3), math.nan), 1.0)]
)
def test_a_direction_that_is_not_finite_never_reaches_grad(x, factor):
    dense = Dense(3, 4, rule=TargetProp(1.0))
    with pytest.raises(FloatingPointError, match=r"direction of weight under TargetProp\(r=1.0.*is not finite"):
        (dense(x).sum() * factor).backward()
    assert dense.weight.grad is None and dense.bias.grad is None


def test_an_exploding_displacement_is_an_error():
    dense = Dense(2, 2, rule=TargetProp(1e-12))
    with torch.no_grad():
        dense.weight.copy_(1e-6 * torch.eye(2))
    x = torch.zeros(1, 2, requires_grad=True)
    with pytest.raises(FloatingPointError, match=r"the input under .* exploded: take smaller steps or a larger r"):
        (1e37 * dense(x)).sum().backward()


def test_second_derivatives_are_refused_under_target_propagation():
    dense, x = Dense(3, 4, rule=TargetProp(1.0)), torch.randn(2, 3, requires_grad=True)
    output = dense(x)
    for at in (dense.weight, x):  # the second as the gradient penalty of a GAN has it: nothing arrives that needs grad
        with pytest.raises(RuntimeError, match=r"create_graph=True asks for second derivatives; tpcore.nn.Dense"):
            torch.autograd.grad(output, at, torch.ones_like(output), create_graph=True)
    with pytest.raises(RuntimeError, match="create_graph=True"):
        torch.autograd.functional.hessian(lambda x: dense(x).square().sum(), x.detach())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((0, 4), "in_features must be an integer of at least 1, got 0"),
        ((3, 2.5), "out_features must be an integer of at least 1, got 2.5"),
        ((3, 4, ["tanh"]), r"activation must be one of 'tanh', 'relu', 'identity', got \['tanh'\]"),
    ],
)
def test_what_is_no_layer_is_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        Dense(*arguments)


def test_half_precision_is_taken_under_autocast_alone():
    for rule in (BackProp(), TargetProp(1.0)):
        with pytest.raises(TypeError, match=r"input is torch.bfloat16 on cpu but the weights are torch.float32"):
            Dense(3, 4, rule=rule)(torch.zeros(2, 3, dtype=torch.bfloat16))


def test_a_direction_that_overflows_half_precision_is_an_error():
    dense = Dense(1, 1, "identity", dtype=torch.float16, rule=TargetProp(1.0))
    output = dense(torch.full((1, 1), 1000.0, dtype=torch.float16))
    with pytest.raises(FloatingPointError, match=r"direction of weight .* not finite"):
        output.backward(torch.full_like(output, 1000.0))  # their product is above 65504
    assert dense.weight.grad is None


def test_parameter_names_are_torch_s():
    linear, dense = torch.nn.Linear(3, 4), Dense(3, 4)
    assert list(dense.state_dict()) == list(linear.state_dict())
    assert isinstance(dense, torch.nn.Linear)
