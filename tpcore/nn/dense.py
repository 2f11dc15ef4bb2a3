"""`Dense`: torch.nn.Linear and an activation, whose backward pass follows a rule."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import torch
from torch import Tensor

from tpcore.activations import Activation, activation_named
from tpcore.blas import one_blas_thread
from tpcore.checks import check_integer, check_option
from tpcore.inversion import all_finite, regularized_inverse
from tpcore.means import geometric_mean
from tpcore.nn.arguments import check_alike, refuse_second_derivatives, without_autocast
from tpcore.recurrences.slopes import inverse_slope
from tpcore.rules import (
    BackProp,
    GeometricTargetProp,
    LearnedTargetProp,
    Linearized,
    RescaledBackProp,
    Rule,
    check_rule,
)

INVERTED_BY_ONE_THREAD = 256**2  # values of a W; more threads would wait for each other, and for torch's
FUNCTIONS: dict[str, Callable[[Tensor], Tensor]] = {"tanh": torch.tanh, "relu": torch.relu, "identity": lambda z: z}


class Dense(torch.nn.Linear):
    r"""A dense layer h = a(W x + b) whose ``loss.backward()`` follows a rule.

    Parameter names, initial values and state dicts are those of `torch.nn.Linear`.

    Parameters
    ----------
    in_features, out_features : int
        p and q. They may differ.
    activation : {"tanh", "relu", "identity"}
    bias, device, dtype
        As in torch.nn.Linear. Weights in half precision are computed with in float32 by `TargetProp`.
    rule : BackProp, TargetProp or GeometricTargetProp
        What flows backward. May be changed at any time: ``dense.rule = ...``.

    Notes
    -----
    Under `BackProp` everything is torch's own: gradients, second derivatives, forward mode. Under `TargetProp`, with g
    what arrives at the output, the layer's displacement is δ = −γ_h g, and

    - ``.grad`` of a parameter θ holds minus the local direction, −∂_θ f(x; θ)ᵀ δ with x held fixed;
    - the input receives −δ_in/γ_h, where δ_in is M_r A_s δ (linearized), f⁻¹(h + δ) − f⁻¹(h) (difference) or
      f⁻¹(h + δ) − x (plain), with f⁻¹(v) = M_r (a⁻¹(clip(v)) − b).

    A layer below with the same rule makes exactly δ_in out of what it receives: γ_h counts once, however many layers
    follow each other, and layers of plain torch below take values of a gradient's size. Where the input needs no
    gradient, W is not inverted.

    A rectangular W (q, p) has the same operator M_r = (WᵀW + rI)⁻¹Wᵀ, of shape (p, q). With p > q it gives the
    shortest δ_in; with p < q it drops the part of δ that no input can reach. The harmonic mean of the calibrated form
    becomes one of pseudo-inverses, M̃_r = ((W + r (W⁺)ᵀ)/(1 + r))⁺: on each singular direction the weighted harmonic
    mean of 1/σ (weight 1) and σ (weight r), and zero on the null spaces. As r → 0 it tends to W⁺. M_p of
    `GeometricTargetProp` is the geometric mean there, at p = 0 a partial isometry, and zero on the null spaces too.

    Raises
    ------
    ValueError, TypeError
        For an unknown activation, widths below 1, a rule with ``accumulate="through_time"`` (a single layer has no
        time), wrong shapes, dtypes or devices.
    FloatingPointError
        When a direction of a parameter or of the input is not finite under `TargetProp`: training has diverged.
        ``.grad`` of this layer is then left as it was.
    RuntimeError
        With ``create_graph=True`` under `TargetProp`: a direction is not a gradient, and has no second derivatives.

    Examples
    --------
    >>> import torch, tpcore
    >>> rule = tpcore.TargetProp(r=1.0, s=1.0, calibrated=True)
    >>> hidden, output = tpcore.nn.Dense(6, 100, rule=rule), tpcore.nn.Dense(100, 4, "identity", rule=rule)
    >>> output(hidden(torch.randn(20, 6))).square().sum().backward()
    >>> hidden.weight.grad.shape
    torch.Size([100, 6])

    References
    ----------
    Roulet & Harchaoui, TMLR 2023, section 3, for the inverse; for layers in depth, Lee et al., *Difference target
    propagation*, ECML 2015.
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        activation: str = "tanh",
        bias: bool = True,
        device: Any = None,
        dtype: torch.dtype | None = None,
        *,
        rule: Rule = BackProp(),  # noqa: B008 (a frozen value)
    ) -> None:
        check_option("activation", activation, tuple(FUNCTIONS))
        check_integer("in_features", in_features)
        check_integer("out_features", out_features)
        super().__init__(in_features, out_features, bias=bias, device=device, dtype=dtype)
        self.activation = activation
        self.rule = _check_layer_rule(rule)

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, activation={self.activation!r}, rule={self.rule!r}"

    def forward(self, input: Tensor) -> Tensor:
        """Inputs (..., p) to outputs (..., q), of the input's dtype."""
        rule = _check_layer_rule(self.rule)
        self._check_input(input)
        if isinstance(rule, BackProp):
            return FUNCTIONS[self.activation](torch.nn.functional.linear(input, self.weight, self.bias))
        return _Layer.apply(input, self.weight, self.bias, activation_named(self.activation), rule)

    def _check_input(self, input: Tensor) -> None:
        check_alike("input", input, self.weight)
        if input.shape[-1:] != (self.in_features,):
            raise ValueError(
                f"input must have shape (..., p) with p = in_features = {self.in_features}; "
                f"its shape is {tuple(input.shape)}"
            )


def _check_layer_rule(rule: object) -> Rule:
    checked = check_rule(rule)
    if isinstance(checked, LearnedTargetProp):
        raise ValueError("tpcore.LearnedTargetProp inverts a layer of tpcore.nn.RNN, not of tpcore.nn.Dense")
    if isinstance(checked, RescaledBackProp):
        raise ValueError("tpcore.RescaledBackProp keeps lengths from step to step, and tpcore.nn.Dense has no steps")
    if isinstance(checked, Linearized) and checked.accumulate != "local":
        raise ValueError(
            f'accumulate="{checked.accumulate}" adds up over the steps of a recurrence, and tpcore.nn.Dense has none: '
            'use accumulate="local"'
        )
    return checked


class _Layer(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, input: Tensor, W: Tensor, bias: Tensor | None, activation: Activation, rule: Linearized
    ) -> Tensor:
        ctx.computed_in = torch.promote_types(W.dtype, torch.float32)
        x, wide_W, wide_bias = (None if t is None else t.to(ctx.computed_in) for t in (input, W, bias))
        with without_autocast(x):
            h = torch.nn.functional.linear(x, wide_W, wide_bias)  # type: ignore[arg-type]
            activation.apply_(torch, h)
        ctx.save_for_backward(input, W, bias, h)
        ctx.activation, ctx.rule = activation, rule
        return h.to(input.dtype)

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor | None, ...]:
        refuse_second_derivatives("tpcore.nn.Dense under target propagation")
        rule, activation, arguments = ctx.rule, ctx.activation, ctx.saved_tensors[:3]
        wide: list[Any] = [None if t is None else t.to(ctx.computed_in) for t in ctx.saved_tensors]
        x, W, bias, h = wide
        x, h = x.reshape(-1, W.shape[1]), h.reshape(-1, W.shape[0])
        D = rule.step * grad_output.reshape(h.shape).to(h.dtype)  # −δ: so .grad holds minus the direction
        E = activation.derivative(torch, h) * D
        into_input, into_W, into_bias, *_ = ctx.needs_input_grad
        with without_autocast(x), one_blas_thread() if W.numel() <= INVERTED_BY_ONE_THREAD else nullcontext():
            found = {
                "the input": _carry(rule, activation, D, x, h, W, bias) / rule.step if into_input else None,
                "weight": E.mT @ x if into_W else None,
                "bias": E.sum(0) if into_bias else None,
            }
        given = {
            name: None if value is None else value.reshape(argument.shape).to(argument.dtype)
            for (name, value), argument in zip(found.items(), arguments, strict=True)
        }
        check_directions(given, rule)
        return *given.values(), None, None


def _carry(
    rule: Linearized, activation: Activation, D: Tensor, x: Tensor, h: Tensor, W: Tensor, bias: Tensor | None
) -> Tensor:
    """−δ_in for −δ = D, both with one row a sample: (N, q) to (N, p)."""
    if isinstance(rule, GeometricTargetProp):
        passed = inverse_slope(activation, torch, activation.derivative(torch, h), rule) * D
        return passed @ geometric_mean(W, rule.p).mT
    inverse = regularized_inverse(W, rule.r, calibrated=rule.calibrated)
    if rule.form == "linearized":
        return inverse.apply(inverse_slope(activation, torch, activation.derivative(torch, h), rule) * D)
    if rule.form == "difference":
        return inverse.apply(activation.inverse_difference(torch, h, D, rule.margin))
    undone = activation.inverse(torch, activation.clip(torch, h - D, rule.margin))
    return x - inverse.apply(undone if bias is None else undone - bias)


def check_directions(found: dict[str, Tensor | None], rule: object) -> None:
    """Raise FloatingPointError if the direction of something is not finite."""
    for name, value in found.items():
        if value is not None and not all_finite(value):
            raise FloatingPointError(
                f"the direction of {name} under {rule} is not finite. Either the gradient of the loss or the input was "
                "not finite (torch.amp.GradScaler, which makes it so on purpose, is not supported: use bfloat16), or "
                "what is carried back has exploded: take smaller steps or a larger r"
            )
