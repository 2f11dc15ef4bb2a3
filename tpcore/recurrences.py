"""The hot loops: the forward recurrence, the backward recurrence and the parameter products.

h_t = a(W h_{t−1} + U x_t + b) forward. Backward, D_t stands for what a rule carries: the adjoint λ_t under
back-propagation; minus the displacement, −δ_t, under target propagation. With that sign, minus the direction of a
parameter θ is Σ_t ∂_θ f_t(h_{t−1})ᵀ D_t under both.

At the sizes of interest these loops cost mostly overhead: an operation on a (16, 100) state takes longer to start than
to compute. NumPy starts one in a fraction of torch's time, so tensors on the CPU are walked as NumPy views of the same
memory, and others as torch tensors. This is the one place that knows: `array_library` chooses, and each loop is written
once, in the operations that both libraries spell alike.

The backward loops go through time in blocks that stay in the processor's cache. What is elementwise is done for a block
at once, and no array as long as the sequence is made beside the stored states.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from types import ModuleType

import numpy as np
import torch
from torch import Tensor

from tpcore.activations import Activation, Array, inverse_slope
from tpcore.inversion import regularized_inverse
from tpcore.rules import BackProp, Rule, TargetProp

BLOCK_ELEMENTS = 32_768  # values of D in one block: 128 KiB in float32
FLUSH_EVERY = 8  # steps between two looks for displacements that have vanished


@dataclass(frozen=True)
class Pass:
    """A forward pass of h_t = a(W h_{t−1} + U x_t + b): T steps, batch B, p inputs, d hidden units, time in front."""

    activation: Activation
    inputs: Tensor  # (T, B, p)
    states: Tensor  # (T + 1, B, d); states[0] is the initial state h_0
    W: Tensor  # (d, d)
    U: Tensor  # (d, p)
    bias: Tensor | None  # (d,)


@dataclass(frozen=True)
class Directions:
    """Minus the direction of each argument of a pass, as ``.grad`` will hold it."""

    inputs: Tensor | None  # (T, B, p)
    h_0: Tensor  # (B, d)
    W: Tensor  # (d, d)
    U: Tensor  # (d, p)
    bias: Tensor  # (d,)


def array_library(device: torch.device) -> ModuleType:
    """NumPy for tensors on the CPU, torch for others."""
    return np if device.type == "cpu" else torch


def _array(tensor: Tensor) -> Array:
    return tensor.detach().numpy() if array_library(tensor.device) is np else tensor.detach()


def run_forward(
    activation: Activation, inputs: Tensor, h_0: Tensor, W: Tensor, U: Tensor, bias: Tensor | None
) -> Tensor:
    """All hidden states with h_0 in front, (T + 1, B, d); the arguments' shapes are those of `Pass`."""
    steps, batch, _ = inputs.shape
    states = inputs.new_empty(steps + 1, batch, len(W))
    states[0] = h_0
    driven = states[1:].view(steps * batch, len(W))  # holds U x_t + b until the loop turns it into h_t
    torch.mm(inputs.flatten(0, 1), U.mT, out=driven)
    if bias is not None:
        driven += bias
    xp, h, Wt = array_library(states.device), _array(states), _array(W.mT)
    recurrent = xp.empty_like(h[0])
    with np.errstate(all="ignore"):  # whoever calls looks for values that are not finite
        for before, now in pairwise(list(h)):
            xp.matmul(before, Wt, out=recurrent)
            xp.add(now, recurrent, out=now)
            activation.apply_(xp, now)
    return states


def run_backward(
    rule: Rule, forward: Pass, grad_output: Tensor | None, grad_last: Tensor | None, *, inputs_too: bool
) -> Directions:
    """Minus the directions of `rule`, given the loss's gradient on the hidden states.

    `grad_output` (T, B, d) is the gradient on every h_t and `grad_last` (B, d) a further one on h_T; None means zero.
    """
    xp = array_library(forward.states.device)
    W, U, x, h = (_array(tensor) for tensor in (forward.W, forward.U, forward.inputs, forward.states))
    total_W, total_U, total_bias = xp.zeros_like(W), xp.zeros_like(U), xp.zeros_like(W[0])
    total_x = xp.empty_like(x) if inputs_too else None
    d, p = len(W), x.shape[-1]
    with np.errstate(all="ignore"):
        for t, D in carried_back(rule, forward, grad_output, grad_last):
            if t == 0:
                break
            times = slice(t, t + len(D))
            E = (forward.activation.derivative(xp, h[times]) * D).reshape(-1, d)
            total_W += E.T @ h[t - 1 : t - 1 + len(D)].reshape(-1, d)
            total_U += E.T @ x[t - 1 : t - 1 + len(D)].reshape(-1, p)
            total_bias += E.sum(0)
            if total_x is not None:
                total_x[t - 1 : t - 1 + len(D)] = (E @ U).reshape(len(D), -1, p)
    h_0, minus_W, minus_U, minus_bias = (torch.as_tensor(total) for total in (D[0], total_W, total_U, total_bias))
    return Directions(None if total_x is None else torch.as_tensor(total_x), h_0, minus_W, minus_U, minus_bias)


def carried_back(
    rule: Rule, forward: Pass, grad_output: Tensor | None, grad_last: Tensor | None
) -> Iterator[tuple[int, Array]]:
    """Yield (t, D) from the last block of steps to the first: D[i] is D_{t+i}. The last yield is (0, D_0[None]).

    A yielded array is overwritten by the next one.
    """
    xp, h = array_library(forward.states.device), _array(forward.states)
    steps, (_, batch, d) = len(h) - 1, h.shape
    gamma_h = rule.step if isinstance(rule, TargetProp) else 1.0
    sources = None if grad_output is None else _array(grad_output)
    through_time = isinstance(rule, TargetProp) and rule.accumulate == "through_time"
    pull_back = _pull_back(rule, forward)
    arriving = xp.zeros_like(h[0]) if grad_last is None else gamma_h * _array(grad_last)
    arriving_mu = xp.zeros_like(h[0])
    length = max(1, min(steps, BLOCK_ELEMENTS // max(1, batch * d)))
    workspace = xp.empty_like(h[:length])
    for stop in range(steps + 1, 1, -length):
        start = max(1, stop - length)
        D = workspace[: stop - start]
        source = None if sources is None else gamma_h * sources[start - 1 : stop - 1]
        arriving = pull_back(D, source, start, arriving)
        if through_time:
            slope = forward.activation.derivative(xp, h[start:stop])
            arriving_mu = _carry_linear(xp, D, D, slope, _array(forward.W), arriving_mu)
        yield start, D
    yield 0, arriving[None]


def _pull_back(rule: Rule, forward: Pass) -> Callable[[Array, Array | None, int, Array], Array]:
    """The function (D, source, t, arriving) -> leaving that fills D for the block of steps that starts at t."""
    xp, h, activation = array_library(forward.states.device), _array(forward.states), forward.activation
    if isinstance(rule, BackProp):
        W, slope = _array(forward.W), partial(activation.derivative, xp)
        return lambda D, source, t, arriving: _carry_linear(xp, D, source, slope(h[t : t + len(D)]), W, arriving)
    Mt = _array(regularized_inverse(forward.W, rule.r, calibrated=rule.calibrated).matrix.mT.contiguous())
    if rule.form == "linearized":
        undo = partial(inverse_slope, activation, xp, s=rule.s, calibrated=rule.calibrated, margin=rule.margin)
        return lambda D, source, t, arriving: _carry_linear(xp, D, source, undo(h[t : t + len(D)]), Mt, arriving)
    return lambda D, source, t, arriving: _carry_targets(xp, D, source, rule, forward, t, Mt, arriving)


def _carry_linear(
    xp: ModuleType, D: Array, source: Array | None, gain: Array, operator: Array, arriving: Array
) -> Array:
    """Fill D, last step first: D_{t−1} = source_{t−1} + (gain_t ⊙ D_t) operator; returns what leaves the block."""
    rows, gains = list(D), list(gain)
    sources = None if source is None else list(source)
    scaled, leaving = xp.empty_like(D[0]), xp.empty_like(D[0])
    rows[-1][...] = arriving if sources is None else sources[-1] + arriving
    for i in range(len(rows) - 1, -1, -1):
        if i % FLUSH_EVERY == 0:
            _flush_vanished(xp, rows[i])
        xp.multiply(gains[i], rows[i], out=scaled)
        into = rows[i - 1] if sources is None and i > 0 else leaving
        xp.matmul(scaled, operator, out=into)
        if sources is not None and i > 0:
            xp.add(sources[i - 1], leaving, out=rows[i - 1])
    return leaving


def _carry_targets(
    xp: ModuleType,
    D: Array,
    source: Array | None,
    rule: TargetProp,
    forward: Pass,
    t: int,
    Mt: Array,
    arriving: Array,
) -> Array:
    """The plain and the difference form: targets v = h − D, the activation inverted exactly, one step at a time."""
    activation, h = forward.activation, _array(forward.states)
    leaving = arriving
    for i in range(len(D) - 1, -1, -1):
        D[i] = leaving if source is None else source[i] + leaving
        state = h[t + i]
        undone = activation.inverse(xp, activation.clip(xp, state - D[i], rule.margin))
        if rule.form == "difference":
            own = activation.inverse(xp, activation.clip(xp, state, rule.margin))
            leaving = (own - undone) @ Mt
        else:
            drive = _array(forward.inputs)[t + i - 1] @ _array(forward.U).T
            if forward.bias is not None:
                drive = drive + _array(forward.bias)
            leaving = h[t + i - 1] - (undone - drive) @ Mt
    return leaving


def _flush_vanished(xp: ModuleType, D: Array) -> None:
    """Set to zero the rows of D that have vanished, before they become denormal numbers, which are slow on CPUs."""
    if xp is np:
        limits = np.finfo(D.dtype)
        D[np.abs(D).max(axis=-1) < limits.tiny / limits.eps] = 0
