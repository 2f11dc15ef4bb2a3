"""Going back through a recurrence: one walk for every cell and every rule."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from typing import Any, NamedTuple, Protocol

import numpy as np

from tpcore.activations import Array
from tpcore.blas import one_blas_thread
from tpcore.recurrences.arrays import block_length, empty, library, over_rows, zeros
from tpcore.recurrences.linear import Linear
from tpcore.rules import (
    BackProp,
    GeometricTargetProp,
    LearnedTargetProp,
    Linearized,
    RescaledBackProp,
    Rule,
    TargetProp,
)


class Weights(NamedTuple):
    """A layer's parameters, or minus their directions; k = 1 for the RNN, 3 for the GRU, 4 for the LSTM."""

    W: Array  # (k d, d)
    U: Array  # (k d, p)
    b_ih: Array  # (k d,)
    b_hh: Array  # (k d,)


class Hidden:
    """The state of a cell that has hidden states alone."""

    states: Array
    parts = 1

    @property
    def width(self) -> int:
        """m = d."""
        return self.states.shape[2]

    @property
    def first(self) -> tuple[Array, ...]:
        """(h_0,), each part of the state (B, d)."""
        return (self.states[0],)

    @property
    def last(self) -> tuple[Array, ...]:
        """(h_τ,), from which the next steps start."""
        return (self.states[-1],)


class Cell(Protocol):
    """One layer's forward pass, on arrays of one library, with all that going back needs.

    What is carried, (B, m), is as wide as the state: m = d, or 2 d for the LSTM's pair, of which the hidden state is
    first."""

    inputs: Array  # (τ, B, p)
    states: Array  # (τ + 1, B, d); states[0] is h_0
    weights: Weights
    parts: int  # of a state

    @property
    def width(self) -> int:
        """m."""

    @property
    def first(self) -> tuple[Array, ...]:
        """The parts of the state, (B, d), from which it started."""

    @property
    def last(self) -> tuple[Array, ...]:
        """Those that it has reached."""

    @property
    def unbounded(self) -> bool:
        """Whether hidden states may be of any size."""

    @property
    def kept(self) -> tuple[Array, ...]:
        """What the backward pass needs beside these."""

    def rows(self, rows: slice) -> Cell:
        """The same for some rows of the batch."""

    def walker(self, rule: Rule) -> Callable[..., None]:
        """`walk_rows`, or what does the same faster."""

    def slopes(self, t: int, n: int) -> Linear:
        """The transposed Jacobians ∂f/∂h_{t−1}ᵀ of the steps t … t + n − 1."""

    def invert(self, rule: Linearized | LearnedTargetProp) -> Any:
        """What inverts the layer at all steps and for all samples: the weights' regularized inverse, transposed."""

    def inverse(self, rule: Linearized, operator: Array, t: int, slopes: Linear) -> Linear:
        """What replaces ``slopes(t, n)`` under a linearized rule."""

    def step_back(self, rule: TargetProp | LearnedTargetProp, operator: Any, t: int, D: Array) -> Array:
        """D_{t−1} from D_t, (B, m), under the other forms."""

    def accumulate(self, t: int, slopes: Linear, D: Array, total: Weights, inputs: Array | None) -> None:
        """Add the steps' shares of the parameters' directions, and set the inputs' (τ, B, p)."""


def step_of(rule: Rule) -> float:
    """γ_h, by which the loss's gradients are multiplied."""
    return 1.0 if isinstance(rule, BackProp) else rule.step


def kept_of(rule: Rule) -> float:
    """The power to which a sample's norm is kept from step to step."""
    return 1 - rule.p if isinstance(rule, RescaledBackProp) else 0.0


def accumulates_through_time(rule: Rule) -> bool:
    """Whether an adjoint μ_t is carried beside the displacements."""
    return not isinstance(rule, BackProp) and rule.accumulate == "through_time"


def run_backward(
    rule: Rule,
    cells: Sequence[Cell],
    grad_outputs: Sequence[Array | None],
    grad_last: Array | None,
    *,
    inputs_too: bool,
) -> tuple[list[Array | None], Array, Weights]:
    """Minus the directions of `rule` for the inputs (τ, B, p) of each cell, the first state (B, m) and the weights.

    The cells follow each other in time: each starts from the last states of the one before, of its first rows alone if
    some sequences have ended. `grad_outputs` holds the loss's gradients on every h_t, (τ, B, d) for each cell, and
    `grad_last` (B, m) a further one on the last state of every sequence; None means zero.
    """
    xp = library(cells[0].states)
    D, mu, received, totals = cells[0].states[0, :0], None, [], []
    with one_blas_thread() if xp is np else nullcontext():
        operator = operator_of(rule, cells[0])
        for cell, grad_output in zip(reversed(cells), reversed(grad_outputs), strict=True):
            D, mu = _with_those_that_end(rule, cell, D, mu, grad_last)
            inputs = zeros(cell.inputs, *cell.inputs.shape) if inputs_too else None
            totals += _back_through(rule, cell, operator, grad_output, D, mu, inputs)
            received.append(inputs)
    total = totals[0] if len(totals) == 1 else Weights(*map(sum, zip(*totals, strict=True)))
    return received[::-1], D, total


def _with_those_that_end(
    rule: Rule, cell: Cell, D: Array, mu: Array | None, grad_last: Array | None
) -> tuple[Array, Array | None]:
    """What arrives at the last step of a cell: D and μ of its first rows, and the loss's gradient on the others."""
    batch, going_on = cell.states.shape[1], len(D)
    arriving = zeros(cell.states, batch, cell.width)
    if going_on:
        arriving[:going_on] = D
    if grad_last is not None:
        arriving[going_on:] = step_of(rule) * grad_last[going_on:batch]
    if not accumulates_through_time(rule):
        return arriving, None
    arriving_mu = zeros(cell.states, batch, cell.width)
    if mu is not None:
        arriving_mu[:going_on] = mu
    return arriving, arriving_mu


def _back_through(
    rule: Rule,
    cell: Cell,
    operator: Any,
    grad_output: Array | None,
    D: Array,
    mu: Array | None,
    inputs: Array | None,
) -> list[Weights]:
    """Walk through a cell, its rows shared out among threads; returns each thread's shares of the directions."""
    batch, d = D.shape[0], cell.states.shape[2]
    if isinstance(D, np.ndarray) and grad_output is not None and not grad_output[:-1].any():
        # Read as output[-1]: as cheap, then, as the last state itself, and what vanishes may end the walk.
        D[:, :d] += step_of(rule) * grad_output[-1]
        grad_output = None
    walk = cell.walker(rule)

    def of_rows(first: int, last: int) -> Weights:
        total = Weights(*(zeros(weight, *weight.shape) for weight in cell.weights))
        with np.errstate(all="ignore"):  # whoever calls looks for values that are not finite
            walk(rule, cell, operator, grad_output, D, mu, total, inputs, slice(first, last))
        return total

    return over_rows(of_rows, cell.states, batch, 2 * len(cell.states) * batch * d * len(cell.weights.W))


def operator_of(rule: Rule, cell: Cell) -> Any:
    """What a rule multiplies by at every step: W, or what inverts the layer."""
    return cell.weights.W if isinstance(rule, BackProp | RescaledBackProp) else cell.invert(rule)


def walk_rows(
    rule: Rule,
    cell: Cell,
    operator: Any,
    grad_output: Array | None,
    D: Array,
    mu: Array | None,
    total: Weights,
    inputs: Array | None,
    rows: slice,
) -> None:
    """Of some rows of the batch: add their shares to `total`, set their `inputs`, make what arrives what leaves."""
    part, mine = cell.rows(rows), None if inputs is None else inputs[:, rows]
    on_output, mu = None if grad_output is None else grad_output[:, rows], None if mu is None else mu[rows]
    for t, carried, slopes in carried_back(rule, part, operator, on_output, D[rows], mu):
        if slopes is not None:
            part.accumulate(t, slopes, carried, total, mine)


def carried_back(
    rule: Rule, cell: Cell, operator: Any, grad_output: Array | None, D: Array, mu: Array | None = None
) -> Iterator[tuple[int, Array, Linear | None]]:
    """Yield (t, D, slopes) from the last block of steps to the first: D[i] is D_{t+i}; finally (0, D_0[None], None).

    `operator` is ``cell.invert(rule)`` under target propagation, W under back-propagation. What arrives at the last
    step, D and, where one is given, μ, each (B, m), becomes what leaves the first. With μ, the blocks are those of μ. A
    yielded array is overwritten by the next one. Steps to which nothing is carried any more are left out.
    """
    h, xp, d, gamma_h = cell.states, library(cell.states), cell.states.shape[2], step_of(rule)
    length = block_length(h, len(h) - 1, D.shape[0] * D.shape[1])
    workspace = empty(h, length, *D.shape)
    workspace_mu = None if mu is None else xp.empty_like(workspace)
    for stop in range(len(h), 1, -length):
        start = max(1, stop - length)
        block, slopes = workspace[: stop - start], cell.slopes(start, stop - start)
        source = None if grad_output is None else gamma_h * grad_output[start - 1 : stop - 1]
        block[-1] = D
        if source is not None:
            block[-1, :, :d] += source[-1]
        D[...] = _one_block(rule, cell, operator, block, source, start, slopes)
        if mu is not None and workspace_mu is not None:
            adjoint = workspace_mu[: len(block)]
            adjoint[-1] = block[-1] + mu
            mu[...] = slopes.carry(adjoint, block)
            block = adjoint
        yield start, block, slopes
        if xp is np and grad_output is None and not D.any() and not np.any(mu):
            break  # everything has vanished: earlier steps get nothing
    yield 0, D[None], None


def _one_block(rule: Rule, cell: Cell, operator: Any, D: Array, source: Array | None, t: int, slopes: Linear) -> Array:
    """Fill D, the block of steps from t, whose last is given; returns what leaves it."""
    if isinstance(rule, BackProp):
        return slopes.carry(D, source)
    if isinstance(rule, RescaledBackProp):
        return slopes.carry(D, source, kept_of(rule))
    if isinstance(rule, GeometricTargetProp) or (isinstance(rule, TargetProp) and rule.form == "linearized"):
        return cell.inverse(rule, operator, t, slopes).carry(D, source)
    for i in range(len(D) - 1, 0, -1):
        D[i - 1] = cell.step_back(rule, operator, t + i, D[i])
        if source is not None:
            D[i - 1, :, : source.shape[2]] += source[i - 1]
    return cell.step_back(rule, operator, t, D[0])
