"""`RNN`: torch.nn.RNN whose backward pass follows a rule."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from tpcore.activations import Activation, activation_named
from tpcore.inversion import all_finite
from tpcore.recurrences import Directions, Pass, run_backward, run_forward
from tpcore.rules import BackProp, Rule, check_rule


class RNN(torch.nn.RNN):
    """A drop-in for `torch.nn.RNN` whose ``loss.backward()`` follows a rule.

    h_t = a(W h_{t−1} + U x_t + b). The constructor, shapes, initial state, parameter names and state dicts are those of
    `torch.nn.RNN` with one layer and one direction; the losses may be on any of the hidden states.

    Parameters
    ----------
    input_size, hidden_size : int
        p and d.
    nonlinearity : {"tanh", "relu", "identity"}
    bias, batch_first, device, dtype
        As in torch.nn.RNN; dtype float32 or float64.
    rule : BackProp or TargetProp
        What flows backward. May be changed at any time: ``rnn.rule = ...``.

    Notes
    -----
    After ``backward()``, ``.grad`` of a parameter holds minus the rule's direction (the gradient, for `BackProp`).
    Under `TargetProp` an input x_t receives what a parameter used at step t alone would; h_0 receives −δ_0.

    Raises
    ------
    ValueError, TypeError
        For options that are not supported (layers, dropout, two directions, packed sequences), wrong shapes, dtypes or
        devices, and inputs or initial states that are not finite.
    FloatingPointError
        When hidden states or directions are not finite: training has diverged. ``.grad`` is then left as it was.

    Examples
    --------
    >>> import torch, tpcore
    >>> rnn = tpcore.nn.RNN(6, 100, batch_first=True, rule=tpcore.TargetProp(r=1.0))
    >>> output, h_n = rnn(torch.randn(20, 60, 6))
    >>> output.shape, h_n.shape
    (torch.Size([20, 60, 100]), torch.Size([1, 20, 100]))
    >>> h_n.square().sum().backward()
    >>> rnn.weight_hh_l0.grad.shape
    torch.Size([100, 100])

    References
    ----------
    Roulet & Harchaoui, TMLR 2023, sections 2 and 3.
    """

    weight_ih_l0: Tensor
    weight_hh_l0: Tensor
    bias_ih_l0: Tensor
    bias_hh_l0: Tensor

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        nonlinearity: str = "tanh",
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        device: Any = None,
        dtype: torch.dtype | None = None,
        *,
        rule: Rule = BackProp(),  # noqa: B008 (a frozen value)
    ) -> None:
        activation_named(nonlinearity)
        for name, value, only in (
            ("num_layers", num_layers, 1),
            ("dropout", dropout, 0.0),
            ("bidirectional", bidirectional, False),
        ):
            if value != only:
                raise ValueError(f"{name}={value!r} is not supported by tpcore.nn.RNN yet: use {name}={only!r}")
        known = nonlinearity if nonlinearity in ("tanh", "relu") else "tanh"  # torch.nn.RNN knows no identity
        super().__init__(
            input_size,
            hidden_size,
            nonlinearity=known,
            bias=bias,
            batch_first=batch_first,
            device=device,
            dtype=dtype,
        )
        self.nonlinearity = nonlinearity
        self.rule = check_rule(rule)

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, nonlinearity={self.nonlinearity!r}, rule={self.rule!r}"

    def forward(self, input: Tensor, hx: Tensor | None = None) -> tuple[Tensor, Tensor]:  # type: ignore[override]
        """Run over a sequence.

        Parameters
        ----------
        input : Tensor (τ, B, p), or (B, τ, p) with batch_first, or (τ, p) unbatched
        hx : Tensor (1, B, d), or (1, d) unbatched, optional
            The initial hidden state h_0; zeros by default.

        Returns
        -------
        output : Tensor (τ, B, d), laid out as the input
            Every hidden state.
        h_n : Tensor (1, B, d), or (1, d) unbatched
            The last one.
        """
        self._check_tensor("input", input, (2, 3))
        batched = input.ndim == 3
        inputs = input.unsqueeze(1) if not batched else input.transpose(0, 1) if self.batch_first else input
        if inputs.shape[0] == 0 or inputs.shape[2] != self.input_size:
            layout = "(τ, p)" if not batched else "(B, τ, p)" if self.batch_first else "(τ, B, p)"
            raise ValueError(
                f"input must have shape {layout} with τ ≥ 1 and p = input_size = {self.input_size}; "
                f"its shape is {tuple(input.shape)}"
            )
        h_0 = self._initial_state(inputs, hx, batched)
        bias = (self.bias_ih_l0, self.bias_hh_l0) if self.bias else (None, None)
        output, h_n = _Recurrence.apply(
            inputs, h_0, self.weight_hh_l0, self.weight_ih_l0, *bias,
            activation_named(self.nonlinearity), check_rule(self.rule),
        )  # fmt: skip
        if not batched:
            return output.squeeze(1), h_n
        return output.transpose(0, 1) if self.batch_first else output, h_n.unsqueeze(0)

    def _check_tensor(self, name: str, value: object, dims: tuple[int, ...]) -> None:
        weight = self.weight_hh_l0
        if not isinstance(value, Tensor):
            raise TypeError(f"{name} must be a torch.Tensor, got {type(value).__name__}")
        if weight.dtype not in (torch.float32, torch.float64):
            raise TypeError(f"tpcore.nn.RNN computes in float32 or float64; its weights are {weight.dtype}")
        if value.dtype != weight.dtype or value.device != weight.device:
            raise TypeError(
                f"{name} is {value.dtype} on {value.device} but the weights are {weight.dtype} on {weight.device}: "
                f"use {name}.to(weight)"
            )
        if value.ndim not in dims:
            raise ValueError(
                f"{name} must have {' or '.join(map(str, dims))} dimensions; its shape is {tuple(value.shape)}"
            )
        check_finite(name, value)

    def _initial_state(self, inputs: Tensor, hx: Tensor | None, batched: bool) -> Tensor:
        if hx is None:
            return inputs.new_zeros(inputs.shape[1], self.hidden_size)
        self._check_tensor("hx", hx, (3 if batched else 2,))
        shape = (1, inputs.shape[1], self.hidden_size) if batched else (1, self.hidden_size)
        if hx.shape != shape:
            raise ValueError(f"hx must have shape {shape} for this input; its shape is {tuple(hx.shape)}")
        return hx[0] if batched else hx


def check_finite(name: str, value: Tensor) -> None:
    """Raise ValueError if a given tensor holds NaN or infinity."""
    if not all_finite(value):
        bad = ~torch.isfinite(value)
        raise ValueError(
            f"{name} holds {int(bad.sum())} values that are not finite, the first at {bad.nonzero()[0].tolist()}"
        )


class _Recurrence(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        inputs: Tensor,
        h_0: Tensor,
        W: Tensor,
        U: Tensor,
        b_ih: Tensor | None,
        b_hh: Tensor | None,
        activation: Activation,
        rule: Rule,
    ) -> tuple[Tensor, Tensor]:
        bias = None if b_ih is None or b_hh is None else b_ih + b_hh
        states = run_forward(activation, inputs, h_0, W, U, bias)
        if not all_finite(states[-1]):
            raise FloatingPointError(
                "the last hidden state is not finite although the inputs are: the weights have diverged or are not "
                f"finite themselves (largest |W| = {float(W.abs().max()):.3g}). Take smaller steps"
            )
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(inputs, states, W, U, bias)
        ctx.activation, ctx.rule = activation, rule
        return states[1:], states[-1].clone()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_output: Tensor | None, grad_last: Tensor | None) -> tuple[Tensor | None, ...]:
        inputs, states, W, U, bias = ctx.saved_tensors
        forward = Pass(ctx.activation, inputs, states, W, U, bias)
        found = run_backward(ctx.rule, forward, grad_output, grad_last, inputs_too=ctx.needs_input_grad[0])
        _check_directions(found, ctx.rule, W)
        biases = (None, None) if bias is None else (found.bias, found.bias.clone())  # each has a .grad of its own
        return found.inputs, found.h_0, found.W, found.U, *biases, None, None


def _check_directions(found: Directions, rule: Rule, W: Tensor) -> None:
    for name, value in (("W", found.W), ("U", found.U), ("h_0", found.h_0), ("inputs", found.inputs)):
        if value is not None and not all_finite(value):
            raise FloatingPointError(
                f"the direction of {name} under {rule} is not finite (norm of W: {float(W.norm()):.3g}). "
                "Either the gradient of the loss was not finite, or what is carried back has exploded: "
                "take smaller steps or a larger r"
            )
