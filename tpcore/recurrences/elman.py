"""The recurrence h_t = a(W h_{t−1} + U x_t + b)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
import torch

from tpcore.activations import Activation, Array, tanh_difference
from tpcore.blas import one_blas_thread_for
from tpcore.inversion import inverse_matrix, inverse_tensor
from tpcore.means import mean_matrix
from tpcore.recurrences import fused
from tpcore.recurrences.arrays import (
    as_array,
    as_tensor,
    block_length,
    contiguous,
    empty,
    library,
    over_rows,
    torch_forward,
)
from tpcore.recurrences.backward import Hidden, Weights, walk_rows
from tpcore.recurrences.linear import Linear
from tpcore.recurrences.slopes import inverse_slope
from tpcore.rules import GeometricTargetProp, LearnedTargetProp, Linearized, Rule, TargetProp

TORCH_FORWARD = {"tanh": torch.rnn_tanh, "relu": torch.rnn_relu}


@dataclass(frozen=True)
class Elman(Hidden):
    """A forward pass of an RNN's layer: τ steps, batch B, p inputs, d hidden units, time in front."""

    activation: Activation
    inputs: Array  # (τ, B, p)
    states: Array  # (τ + 1, B, d)
    weights: Weights  # W (d, d), U (d, p), b_ih (d,), b_hh (d,)

    @classmethod
    def run(cls, activation: Activation, inputs: Array, start: tuple[Array], weights: Weights) -> Elman:
        """Compute all hidden states from h_0 (B, d)."""
        (h_0,) = start
        (batch, d), p = h_0.shape, inputs.shape[2]
        if isinstance(inputs, torch.Tensor) and activation.name in TORCH_FORWARD:
            states = torch_forward(TORCH_FORWARD[activation.name], inputs, start, *weights)
            return cls(activation, inputs, states, weights)
        cell = cls(activation, inputs, empty(inputs, len(inputs) + 1, batch, d), weights)
        cell.states[0] = h_0
        stacked = empty(inputs, d + p + 1, d)  # row by row: twice as fast
        stacked[:d], stacked[d:-1], stacked[-1] = weights.W.T, weights.U.T, weights.b_ih + weights.b_hh
        run_rows = partial(fused.forward_rows if fused.applies(inputs) else cls._run_rows, cell, stacked)
        with one_blas_thread_for(batch * d * (d + p + 1)):
            over_rows(run_rows, inputs, batch, len(inputs) * batch * d * (d + p))
        return cell

    def _run_rows(self, weights: Array, first: int, last: int) -> None:
        """Fill the states of some rows of the batch; weights (d + p + 1, d) are [Wᵀ; Uᵀ; b]."""
        xp, d, h = library(self.states), weights.shape[1], self.states[:, first:last]
        Wt, Ut, bias = weights[:d], weights[d:-1], weights[-1]
        length = block_length(h, len(self.inputs), (last - first) * d)
        workspace = empty(h, length, last - first, d)
        with np.errstate(all="ignore"):  # whoever calls looks for values that are not finite
            for start in range(0, len(self.inputs), length):
                block = self.inputs[start : start + length, first:last]
                drive = workspace[: len(block)]
                xp.matmul(block.reshape(-1, len(Ut)), Ut, out=drive.reshape(-1, d))
                drive += bias
                for (before, now), z in zip(pairwise(h[start : start + len(block) + 1]), drive, strict=True):
                    xp.matmul(before, Wt, out=now)
                    xp.add(now, z, out=now)
                    self.activation.apply_(xp, now)

    @property
    def unbounded(self) -> bool:
        """Whether hidden states may be of any size."""
        return self.activation.name != "tanh"

    @property
    def kept(self) -> tuple[Array, ...]:
        """What the backward pass needs beside inputs, states and weights."""
        return ()

    def rows(self, rows: slice) -> Elman:
        """The same for some rows of the batch."""
        return replace(self, inputs=self.inputs[:, rows], states=self.states[:, rows])

    def walker(self, rule: Rule) -> Callable[..., None]:
        """`walk_rows`, or what does the same faster."""
        return fused.backward_rows if fused.applies(self.states, rule) else walk_rows

    def slopes(self, t: int, n: int) -> Linear:
        """gain = a′(z_t), operator = W."""
        slope = self.activation.derivative(library(self.states), self.states[t : t + n])
        return Linear(slope[:, :, None], self.weights.W)

    def invert(self, rule: Linearized | LearnedTargetProp) -> Any:
        """M_rᵀ or M_pᵀ (d, d); of a learned inverse, Vᵀ (d, d), Uᵀ (p, d) and c (d,) or 0."""
        if isinstance(rule, LearnedTargetProp):
            inverse, dtype = rule.inverse, as_tensor(self.states).dtype
            V, U = (as_array(weight.to(dtype)) for weight in (inverse.V, inverse.U))
            return V.T, U.T, 0 if inverse.c is None else as_array(inverse.c.to(dtype))
        return inverse_transposed(self.weights.W, rule)

    def inverse(self, rule: Linearized, operator: Array, t: int, slopes: Linear) -> Linear:
        """gain = A_s, operator = M_rᵀ."""
        return Linear(inverse_slope(self.activation, library(self.states), slopes.gain, rule), operator)

    def step_back(self, rule: TargetProp | LearnedTargetProp, operator: Any, t: int, D: Array) -> Array:
        """The plain and the difference form: targets v = h − D, the activation inverted on its clipped range."""
        xp, h = library(self.states), self.states
        if isinstance(rule, LearnedTargetProp):
            Vt, Ut, c = operator
            return tanh_difference(xp, h[t] @ Vt + (self.inputs[t - 1] @ Ut + c), D @ Vt)
        if rule.form == "difference":
            return self.activation.inverse_difference(xp, h[t], D, rule.margin) @ operator
        undone = self.activation.inverse(xp, self.activation.clip(xp, h[t] - D, rule.margin))
        drive = self.inputs[t - 1] @ self.weights.U.T + self.weights.b_ih + self.weights.b_hh
        return h[t - 1] - (undone - drive) @ operator

    def accumulate(self, t: int, slopes: Linear, D: Array, total: Weights, inputs: Array | None) -> None:
        """Add Σ E_t h_{t−1}ᵀ, Σ E_t x_tᵀ and Σ E_t, with E = a′ ⊙ D; an input's own is Uᵀ E_t."""
        times, E = slice(t - 1, t - 1 + len(D)), (slopes.gain[:, :, 0] * D).reshape(-1, D.shape[2])
        add_recurrent_products(total, E, self.states[times])
        add_input_products(total, E, self.inputs[times])
        share = summed(E)
        total.b_ih[...] += share
        total.b_hh[...] += share
        if inputs is not None:
            inputs[times] = (E @ self.weights.U).reshape(inputs[times].shape)


def inverse_transposed(W: Array, rule: Linearized) -> Array:
    """M_rᵀ of a square W, or M_pᵀ."""
    if isinstance(rule, GeometricTargetProp):
        return contiguous(mean_matrix(W, rule.p).T)
    if isinstance(W, np.ndarray):
        found = fused.inverse_transposed(W, rule)
        return contiguous(inverse_matrix(W, rule.r, calibrated=rule.calibrated).T) if found is None else found
    return inverse_tensor(W, rule.r, calibrated=rule.calibrated).T.contiguous()


def add_recurrent_products(total: Weights, E: Array, before: Array) -> None:
    """Add Σ E h_{t−1}ᵀ to W's; E (n B, k d), h_{t−1} (n, B, d)."""
    total.W[...] += E.T @ before.reshape(-1, before.shape[2])


def add_input_products(total: Weights, E: Array, inputs: Array) -> None:
    """Add Σ E x_tᵀ to U's; E (n B, k d), x_t (n, B, p)."""
    total.U[...] += (inputs.reshape(-1, inputs.shape[2]).T @ E).T  # the thin factor first is faster


def summed(E: Array) -> Array:
    """Σ E (k d,), a bias's, from E (n B, k d)."""
    return library(E).ones_like(E[:, 0]) @ E  # a product is faster than a sum
