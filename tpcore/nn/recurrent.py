"""What the recurrent modules share: checks, layouts, layers one above the other, and the way into autograd."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from tpcore.activations import Array
from tpcore.nn.arguments import check_alike, check_finite, refuse_second_derivatives, without_autocast
from tpcore.recurrences import Cell, Weights, arrays, run_backward
from tpcore.recurrences.arrays import as_array, as_tensor
from tpcore.rules import BackProp, Rule, TargetProp, check_rule

COMPUTED = {torch.float32: torch.float32, torch.float64: torch.float64, torch.bfloat16: torch.float32}


class Recurrent(torch.nn.RNNBase):
    """Base of `RNN` and `GRU`: a torch module of the same name whose backward pass follows a rule."""

    rule: Rule
    weight_hh_l0: Tensor

    def _cell(self) -> tuple[Any, tuple[Any, ...]]:
        """The cell's class, and what its `run` takes before the inputs."""
        raise NotImplementedError

    def checked_rule(self, rule: object) -> Rule:
        """The rule, or an error if this module cannot follow it."""
        return check_rule(rule)

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, rule={self.rule!r}"

    def forward(self, input: Tensor, hx: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Run over a sequence.

        Parameters
        ----------
        input : Tensor (τ, B, p), or (B, τ, p) with batch_first, or (τ, p) unbatched
        hx : Tensor (L, B, d) for L layers, or (L, d) unbatched, optional
            The initial hidden states h_0; zeros by default.

        Returns
        -------
        output : Tensor (τ, B, d), laid out as the input, of the weights' dtype
            Every hidden state of the last layer.
        h_n : Tensor (L, B, d), or (L, d) unbatched
            The last hidden state of every layer.
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
        output, h_n = self._run_layers(inputs, self._initial_states(inputs, hx, batched))
        if not batched:
            return output.squeeze(1), h_n.squeeze(1)
        return output.transpose(0, 1) if self.batch_first else output, h_n

    def _run_layers(self, states: Tensor, h_0: Tensor | None) -> tuple[Tensor, Tensor]:
        """From inputs (τ, B, p) and h_0 (L, B, d), None for zeros, to the last layer's states and all last states."""
        rule, dtype, last = self.checked_rule(self.rule), self.weight_hh_l0.dtype, []
        states = states.to(COMPUTED[dtype])
        for layer in range(self.num_layers):
            weights = [weight.to(states.dtype) for weight in self._weights(layer)]
            start = states.new_zeros(states.shape[1], self.hidden_size) if h_0 is None else h_0[layer].to(states.dtype)
            # What comes from the layer above has γ_h in it already; a loss on this layer's own last state does not.
            below = rule if layer == self.num_layers - 1 or isinstance(rule, BackProp) else replace(rule, step=1.0)
            states, h_n = _Layer.apply(*self._cell(), below, states, start, *weights)
            last.append(h_n if below is rule else _ScaledGradient.apply(h_n, rule.step))  # type: ignore[union-attr]
        h_n = last[0].unsqueeze(0) if len(last) == 1 else torch.stack(last)
        return states.to(dtype), h_n.to(dtype)

    def run_cell(self, inputs: Tensor, h_0: Tensor, layer: int = 0) -> Cell:
        """A layer's forward pass, outside autograd: from inputs (τ, B, p) and h_0 (B, d), for a look inside."""
        kind, options = self._cell()
        computed = COMPUTED[self.weight_hh_l0.dtype]
        given, start, *weights = (as_array(t.detach().to(computed)) for t in (inputs, h_0, *self._weights(layer)))
        return kind.run(*options, given, start, Weights(*weights))

    def _weights(self, layer: int) -> list[Tensor]:
        """W, U, b_ih and b_hh of a layer; zeros for biases that it does not have."""
        W, U = getattr(self, f"weight_hh_l{layer}"), getattr(self, f"weight_ih_l{layer}")
        biases = [getattr(self, f"bias_{kind}_l{layer}") if self.bias else W.new_zeros(len(W)) for kind in ("ih", "hh")]
        return [W, U, *biases]

    def _check_tensor(self, name: str, value: Tensor, dims: tuple[int, ...]) -> None:
        weight = self.weight_hh_l0
        if weight.dtype not in COMPUTED:
            known = ", ".join(str(dtype).removeprefix("torch.") for dtype in COMPUTED)
            raise TypeError(f"tpcore.nn.{type(self).__name__} takes weights in {known}; they are {weight.dtype}")
        check_alike(name, value, weight)
        if value.ndim not in dims:
            raise ValueError(
                f"{name} must have {' or '.join(map(str, dims))} dimensions; its shape is {tuple(value.shape)}"
            )
        check_finite(name, value)

    def _initial_states(self, inputs: Tensor, hx: Tensor | None, batched: bool) -> Tensor | None:
        batch, d = inputs.shape[1], self.hidden_size
        if hx is None:
            return None
        self._check_tensor("hx", hx, (3 if batched else 2,))
        shape = (self.num_layers, batch, d) if batched else (self.num_layers, d)
        if hx.shape != shape:
            raise ValueError(f"hx must have shape {shape} for this input; its shape is {tuple(hx.shape)}")
        return hx if batched else hx.unsqueeze(1)


class _ScaledGradient(torch.autograd.Function):
    """The identity, whose gradient is multiplied by a number."""

    @staticmethod
    def forward(ctx: Any, value: Tensor, factor: float) -> Tensor:
        ctx.factor = factor
        return value.view_as(value)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        return ctx.factor * grad, None


class _Layer(torch.autograd.Function):
    """One layer over a sequence: every hidden state (τ, B, d), and the last one again."""

    @staticmethod
    def forward(
        ctx: Any, kind: Any, options: tuple[Any, ...], rule: Rule, inputs: Tensor, h_0: Tensor, *weights: Tensor
    ) -> tuple[Tensor, Tensor]:
        given = as_array(inputs)
        with without_autocast(given):
            cell = kind.run(*options, given, as_array(h_0), Weights(*map(as_array, weights)))
        states = as_tensor(cell.states)
        # An infinite state stays one under tanh; a ReLU may turn it into a zero one step on.
        if not arrays.all_finite(cell.states if cell.unbounded else cell.states[-1]):
            raise FloatingPointError(
                "a hidden state is not finite although the inputs are: the weights have diverged or are not "
                f"finite themselves (largest |W| = {float(weights[0].abs().max()):.3g}). Take smaller steps"
            )
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(inputs, *weights, states, *map(as_tensor, cell.kept))
        ctx.kind, ctx.options, ctx.rule = kind, options, rule
        return states[1:], states[-1].clone()

    @staticmethod
    def backward(ctx: Any, *grads: Tensor | None) -> tuple[Tensor | None, ...]:
        refuse_second_derivatives("a recurrent module of tpcore")
        given, *others = map(as_array, ctx.saved_tensors)
        cell = ctx.kind(*ctx.options, given, *others[4:], Weights(*others[:4]))
        arrays = (None if grad is None else as_array(grad) for grad in grads)
        with np.errstate(all="ignore"), without_autocast(given):  # what is not finite is looked for afterwards
            inputs, h_0, weights = run_backward(ctx.rule, cell, *arrays, inputs_too=ctx.needs_input_grad[3])
        _check_directions({**weights._asdict(), "h_0": h_0, "inputs": inputs}, ctx.rule, cell.weights.W)
        return None, None, None, *(None if a is None else as_tensor(a) for a in (inputs, h_0, *weights))


def _check_directions(found: dict[str, Array | None], rule: Rule, W: Array) -> None:
    if isinstance(W, Tensor):  # a GPU is asked once for all of them, and for each only if something is not finite
        flat = torch.cat([value.reshape(-1) for name, value in found.items() if value is not None and name != "inputs"])
        inputs = found["inputs"]
        if arrays.all_finite(flat.sum() if inputs is None else flat.sum() + inputs.sum()):
            return
    for name, value in found.items():
        if value is not None and not arrays.all_finite(value):
            raise FloatingPointError(
                f"the direction of {name} under {rule} is not finite (norm of W: {float(as_tensor(W).norm()):.3g}). "
                "Either the gradient of the loss was not finite (torch.amp.GradScaler, which makes it so on purpose, "
                "is not supported: use bfloat16), or what is carried back has exploded: "
                f"take smaller steps{' or a larger r' if isinstance(rule, TargetProp) else ''}"
            )
