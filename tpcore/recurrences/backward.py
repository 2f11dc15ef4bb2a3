"""Going back through a recurrence: one walk for every cell and every rule."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import nullcontext
from functools import cache
from typing import Any, NamedTuple, Protocol

import numpy as np

from tpcore.activations import Array
from tpcore.blas import one_blas_thread
from tpcore.recurrences.arrays import (
    block_length,
    contiguous,
    empty,
    gpu_kernels_for,
    kernels_for,
    library,
    over_rows,
    zeros,
)
from tpcore.rules import (
    BackProp,
    GeometricTargetProp,
    LearnedTargetProp,
    Linearized,
    RescaledBackProp,
    Rule,
    TargetProp,
)

FLUSH_EVERY = 8  # steps between two looks for displacements that have vanished, in loops that are not compiled


class Weights(NamedTuple):
    """A layer's parameters, or minus their directions; k = 1 for the RNN, 3 for the GRU."""

    W: Array  # (k d, d)
    U: Array  # (k d, p)
    b_ih: Array  # (k d,)
    b_hh: Array  # (k d,)


class Linear(NamedTuple):
    """A linear map of n steps, D ↦ keep ⊙ D + (gain ⊙ D) operator; without `keep`, its first term is zero."""

    gain: Array  # (n, B, k, d)
    operator: Array  # (k d, d)
    keep: Array | None = None  # (n, B, d)


class Cell(Protocol):
    """One layer's forward pass, on arrays of one library, with all that going back needs."""

    inputs: Array  # (τ, B, p)
    states: Array  # (τ + 1, B, d); states[0] is h_0
    weights: Weights

    @property
    def unbounded(self) -> bool:
        """Whether hidden states may be of any size."""

    @property
    def kept(self) -> tuple[Array, ...]:
        """What the backward pass needs beside these."""

    def rows(self, rows: slice) -> Cell:
        """The same for some rows of the batch."""

    def walker(self, rule: Rule) -> Callable[..., Array]:
        """`walk_rows`, or what does the same faster."""

    def slopes(self, t: int, n: int) -> Linear:
        """The transposed Jacobians ∂f/∂h_{t−1}ᵀ of the steps t … t + n − 1."""

    def invert(self, rule: Linearized | LearnedTargetProp) -> Any:
        """What inverts the layer at all steps and for all samples: the weights' regularized inverse, transposed."""

    def inverse(self, rule: Linearized, operator: Array, t: int, slopes: Linear) -> Linear:
        """What replaces ``slopes(t, n)`` under a linearized rule."""

    def step_back(self, rule: TargetProp | LearnedTargetProp, operator: Any, t: int, D: Array) -> Array:
        """D_{t−1} from D_t, (B, d), under the other forms."""

    def accumulate(self, t: int, slopes: Linear, D: Array, total: Weights, inputs: Array | None) -> None:
        """Add the steps' shares of the parameters' directions, and set the inputs' (τ, B, p)."""


def run_backward(
    rule: Rule, cell: Cell, grad_output: Array | None, grad_last: Array | None, *, inputs_too: bool
) -> tuple[Array | None, Array, Weights]:
    """Minus the directions of `rule` for the inputs (τ, B, p), h_0 (B, d) and the weights.

    `grad_output` (τ, B, d) is the loss's gradient on every h_t and `grad_last` (B, d) a further one on h_τ; None means
    zero.
    """
    xp, (_, batch, d) = library(cell.states), cell.states.shape
    inputs = zeros(cell.inputs, *cell.inputs.shape) if inputs_too else None

    if xp is np and grad_output is not None and not grad_output[:-1].any():
        # Read as output[-1]: as cheap, then, as the last state itself, and what vanishes may end the walk.
        grad_last = grad_output[-1] if grad_last is None else grad_last + grad_output[-1]
        grad_output = None
    walk = cell.walker(rule)

    def of_rows(first: int, last: int) -> tuple[Array, Weights]:
        total = Weights(*(zeros(weight, *weight.shape) for weight in cell.weights))
        with np.errstate(all="ignore"):  # whoever calls looks for values that are not finite
            D_0 = walk(rule, cell, operator, grad_output, grad_last, total, inputs, slice(first, last))
        return D_0, total

    with one_blas_thread() if xp is np else nullcontext():
        operator = operator_of(rule, cell)
        parts = over_rows(of_rows, cell.states, batch, 2 * len(cell.states) * batch * d * len(cell.weights.W))
    if len(parts) == 1:
        return inputs, *parts[0]
    h_0 = xp.concatenate([start for start, _ in parts])
    return inputs, h_0, Weights(*map(sum, zip(*(total for _, total in parts), strict=True)))


def operator_of(rule: Rule, cell: Cell) -> Any:
    """What a rule multiplies by at every step: W, or what inverts the layer."""
    return cell.weights.W if isinstance(rule, BackProp | RescaledBackProp) else cell.invert(rule)


def walk_rows(
    rule: Rule,
    cell: Cell,
    operator: Any,
    grad_output: Array | None,
    grad_last: Array | None,
    total: Weights,
    inputs: Array | None,
    rows: slice,
) -> Array:
    """Add the shares of some rows of the batch to `total`, set their `inputs`, and return their D_0."""
    part, mine = cell.rows(rows), None if inputs is None else inputs[:, rows]
    on_output = None if grad_output is None else grad_output[:, rows]
    on_last = None if grad_last is None else grad_last[rows]
    for t, D, slopes in carried_back(rule, part, operator, on_output, on_last):
        if slopes is not None:
            part.accumulate(t, slopes, D, total, mine)
    return D[0]


def carried_back(
    rule: Rule, cell: Cell, operator: Any, grad_output: Array | None, grad_last: Array | None
) -> Iterator[tuple[int, Array, Linear | None]]:
    """Yield (t, D, slopes) from the last block of steps to the first: D[i] is D_{t+i}; finally (0, D_0[None], None).

    `operator` is ``cell.invert(rule)`` under target propagation, W under back-propagation. A yielded array is
    overwritten by the next one. Steps to which nothing is carried any more are left out.
    """
    h, xp = cell.states, library(cell.states)
    gamma_h = 1.0 if isinstance(rule, BackProp) else rule.step
    through_time = not isinstance(rule, BackProp) and rule.accumulate == "through_time"
    arriving = xp.zeros_like(h[0]) if grad_last is None else gamma_h * grad_last
    arriving_mu = 0
    length = block_length(h, len(h) - 1, h.shape[1] * h.shape[2])
    workspace = empty(h, length, *h[0].shape)
    workspace_mu = xp.empty_like(workspace) if through_time else None
    for stop in range(len(h), 1, -length):
        start = max(1, stop - length)
        D, slopes = workspace[: stop - start], cell.slopes(start, stop - start)
        source = None if grad_output is None else gamma_h * grad_output[start - 1 : stop - 1]
        D[-1] = arriving if source is None else source[-1] + arriving
        arriving = _one_block(rule, cell, operator, D, source, start, slopes)
        if workspace_mu is not None:
            mu = workspace_mu[: len(D)]
            mu[-1] = D[-1] + arriving_mu
            arriving_mu = _carry(mu, D, slopes)
            D = mu
        yield start, D, slopes
        if xp is np and grad_output is None and not arriving.any() and not np.any(arriving_mu):
            break  # everything has vanished: earlier steps get nothing
    yield 0, arriving[None], None


def _one_block(rule: Rule, cell: Cell, operator: Any, D: Array, source: Array | None, t: int, slopes: Linear) -> Array:
    """Fill D, the block of steps from t, whose last is given; returns what leaves it."""
    if isinstance(rule, BackProp):
        return _carry(D, source, slopes)
    if isinstance(rule, RescaledBackProp):
        return _carry_steps(D, source, slopes, library(D).empty_like(D[0]), 1 - rule.p)
    if isinstance(rule, GeometricTargetProp) or (isinstance(rule, TargetProp) and rule.form == "linearized"):
        return _carry(D, source, cell.inverse(rule, operator, t, slopes))
    for i in range(len(D) - 1, 0, -1):
        D[i - 1] = cell.step_back(rule, operator, t + i, D[i])
        if source is not None:
            D[i - 1] += source[i - 1]
    return cell.step_back(rule, operator, t, D[0])


def _carry(D: Array, source: Array | None, linear: Linear) -> Array:
    """Fill D, whose last step is given: D_{t−1} = source_{t−1} + the linear map of D_t; returns what leaves it."""
    leaving, kernels, of_gpu = library(D).empty_like(D[0]), kernels_for(D), gpu_kernels_for(D)
    if kernels is None and of_gpu is None:
        return _carry_steps(D, source, linear, leaving)
    addends = [None if addend is None else contiguous(addend) for addend in (source, linear.keep)]
    gain, operator = contiguous(linear.gain), contiguous(linear.operator)
    if kernels is not None:
        given, keep = (D[:0] if addend is None else addend for addend in addends)
        kernels.carry_steps(D, given, gain, operator, keep, leaving, _vanished(D.dtype))
    elif not of_gpu.carry_steps(D, addends[0], gain, operator, addends[1], leaving):
        _carry_steps(D, source, linear, leaving)
    return leaving


def _carry_steps(D: Array, source: Array | None, linear: Linear, leaving: Array, kept: float = 0.0) -> Array:
    """`compiled.carry_steps`, one operation at a time; each row keeps its norm to the power of `kept`."""
    xp, rows, expanded, gains = library(D), list(D), list(D[:, :, None]), list(linear.gain)
    scaled = xp.empty_like(gains[0])
    for i in range(len(rows) - 1, -1, -1):
        if xp is np and i % FLUSH_EVERY == 0:
            _flush_vanished(rows[i])
        into = rows[i - 1] if i > 0 else leaving
        xp.multiply(gains[i], expanded[i], out=scaled)
        xp.matmul(scaled.reshape(len(scaled), len(linear.operator)), linear.operator, out=into)
        if linear.keep is not None:
            xp.add(into, linear.keep[i] * rows[i], out=into)
        if kept > 0:
            into *= rescaling(xp, rows[i], into, kept)
        if source is not None and i > 0:
            xp.add(into, source[i - 1], out=into)
    return leaving


def rescaling(xp: Any, before: Array, after: Array, kept: float) -> Array:
    """(‖before‖/‖after‖)^kept for each row, (B, 1); 1 where nothing is left after."""
    norms = [xp.linalg.norm(rows, axis=-1)[:, None] for rows in (before, after)]
    return xp.where(norms[1] > 0, norms[0] / norms[1], 1.0) ** kept


def _flush_vanished(D: np.ndarray) -> None:
    """Set to zero the rows of D that have vanished, before they become denormal numbers, which are slow on CPUs."""
    D[np.abs(D).max(axis=-1) < _vanished(D.dtype)] = 0


@cache
def _vanished(dtype: np.dtype[Any]) -> Any:
    """What is smaller has vanished: so small that the sums it enters, and soon it itself, would be denormal."""
    limits = np.finfo(dtype)
    return limits.tiny / limits.eps
