"""What a reader can do wrong with tpcore.nn.RNN, what a run can run into, and what must be left alone."""

import math

import pytest
import torch
from torch.nn.utils.rnn import pack_sequence

from tpcore import TargetProp
from tpcore.nn import RNN


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"proj_size": 2}, "proj_size=2 is not supported by tpcore.nn.RNN: leave it out"),
        ({"nonlinearity": "gelu"}, "nonlinearity must be one of 'tanh', 'relu', 'identity', got 'gelu'"),
    ],
)
def test_unsupported_options_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        RNN(3, 4, **options)


def test_a_rule_that_is_none_is_refused():
    with pytest.raises(TypeError, match="rule must be"):
        RNN(3, 4, rule="tp")
    rnn = RNN(3, 4)
    rnn.rule = None
    with pytest.raises(TypeError, match="rule must be"):
        rnn(torch.zeros(2, 1, 3))


x = torch.zeros(5, 2, 3)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (([[1.0]],), TypeError, "input must be a torch.Tensor, got list"),
        (
            (pack_sequence([torch.zeros(5, 4)]),),
            ValueError,
            r"packed from sequences with p = input_size = 3 .*\(5, 4\)",
        ),
        ((torch.zeros(5, 2, 4),), RuntimeError, r"shape \(τ, B, p\)"),
        ((x.to_sparse(),), TypeError, "input must be a dense tensor, got torch.sparse_coo"),
        ((torch.zeros(5, 2, 4),), ValueError, r"shape \(τ, B, p\) .* p = input_size = 3; its shape is \(5, 2, 4\)"),
        ((x[:0],), ValueError, "τ ≥ 1"),
        ((x[0, 0],), ValueError, r"input must have 2 or 3 dimensions; its shape is \(3,\)"),
        ((x.double(),), TypeError, "input is torch.float64 on cpu but the weights are torch.float32"),
        ((x.double(),), ValueError, "input is torch.float64"),  # as torch's own modules
        ((x, torch.zeros(1, 2, 4).double()), RuntimeError, "hx is torch.float64"),
        ((x, torch.zeros(1, 3, 4)), ValueError, r"hx must have shape \(1, 2, 4\).*its shape is \(1, 3, 4\)"),
        ((x, torch.zeros(2, 4)), ValueError, "hx must have 3 dimensions"),
        ((x + math.inf,), ValueError, r"input holds 30 values that are not finite, the first at \[0, 0, 0\]"),
        ((x, torch.full((1, 2, 4), math.nan)), ValueError, "hx holds 8 values that are not finite"),
    ],
)
def test_bad_input_is_explained(arguments, error, message):
    with pytest.raises(error, match=message):
        RNN(3, 4)(*arguments)


def test_a_dtype_that_it_does_not_take_is_named():
    with pytest.raises(TypeError, match=r"takes weights in float32, float64, bfloat16; they are torch.float16"):
        RNN(3, 4, dtype=torch.float16)(torch.zeros(5, 2, 3, dtype=torch.float16))


def test_a_gradient_that_is_not_finite_never_reaches_grad():
    rnn = RNN(3, 4, rule=TargetProp(1.0))
    output, _ = rnn(torch.randn(5, 2, 3))
    with pytest.raises(FloatingPointError, match=r"direction of W under TargetProp.*not finite"):
        (output.sum() * math.nan).backward()
    assert all(p.grad is None for p in rnn.parameters())


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_weights_that_diverged_are_named(value):
    for nonlinearity in ("tanh", "relu"):
        rnn = RNN(3, 4, rule=TargetProp(1.0), nonlinearity=nonlinearity)
        with torch.no_grad():
            rnn.weight_hh_l0[0, 0] = value
        with pytest.raises(FloatingPointError, match=r"weights have diverged|W holds 1 of 16 values"):
            rnn(torch.randn(5, 2, 3))[0].sum().backward()
        assert all(p.grad is None for p in rnn.parameters())


def test_a_state_that_was_infinite_on_the_way_is_an_error():
    rnn = RNN(1, 1, nonlinearity="relu", bias=False)
    with torch.no_grad():
        rnn.weight_hh_l0.fill_(-1)
        rnn.weight_ih_l0.fill_(1e30)
        with pytest.raises(FloatingPointError, match="a hidden state is not finite"):
            rnn(torch.tensor([[[1e30]], [[0.0]]]))  # then 0, as if nothing had happened


def test_a_bias_s_direction_that_is_not_finite_is_an_error():
    rnn = RNN(1, 1, rule=TargetProp(1e30))
    with torch.no_grad():
        for parameter in rnn.parameters():
            parameter.zero_()
    with pytest.raises(FloatingPointError, match="direction of b_ih"):
        (rnn(torch.zeros(1, 4, 1))[0] * 3e38).sum().backward()
    assert all(parameter.grad is None for parameter in rnn.parameters())


def test_the_layer_that_exploded_and_those_below_are_left_as_they_were():
    rnn = RNN(3, 4, num_layers=2, nonlinearity="identity", rule=TargetProp(1e-12))
    with torch.no_grad():
        rnn.weight_hh_l0.copy_(1e-4 * torch.eye(4))
        rnn.weight_hh_l1.copy_(torch.eye(4))
    with pytest.raises(FloatingPointError, match="not finite"):
        rnn(torch.randn(60, 2, 3))[1][-1].sum().backward()
    assert all(p.grad is None for name, p in rnn.named_parameters() if name.endswith("l0"))


def test_an_exploding_displacement_is_an_error():
    rnn = RNN(3, 4, rule=TargetProp(1e-6))
    with torch.no_grad():
        rnn.weight_hh_l0.copy_(0.01 * torch.eye(4))
    with pytest.raises(FloatingPointError, match="exploded: take smaller steps or a larger r"):
        rnn(torch.randn(100, 2, 3))[1].sum().backward()


def test_vanished_displacements_are_zero_not_denormal():
    rnn = RNN(1, 8, rule=TargetProp(50.0))
    x = torch.randn(300, 2, 1, requires_grad=True)
    rnn(x)[1].sum().backward()
    smallest = torch.finfo(torch.float32).tiny
    assert (x.grad[0] == 0).all()
    assert not ((x.grad != 0) & (x.grad.abs() < smallest)).any()


def test_without_gradients_nothing_is_recorded():
    with torch.no_grad():
        output, h_n = RNN(3, 4, rule=TargetProp(1.0))(torch.randn(5, 2, 3))
    assert output.grad_fn is None and h_n.grad_fn is None
    torch.testing.assert_close(output[-1], h_n[0])
