"""The linearized walks of an RNN in few calls of the compiled kernels: what `elman` and `backward` do step by step."""

from __future__ import annotations

import math
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from tpcore.activations import Activation, Array, Tanh
from tpcore.inversion import OWN_PRECISION
from tpcore.recurrences.arrays import block_length, compiled_kernels, contiguous, vanished
from tpcore.recurrences.backward import Weights, kept_of, step_of
from tpcore.rules import BackProp, GeometricTargetProp, LearnedTargetProp, Rule, TargetProp

if TYPE_CHECKING:
    from tpcore.recurrences.elman import Elman

SMALL = 48  # rows of a W
BACK_PROPAGATE, INVERT, REGULARIZE = range(3)


def applies(states: Array, rule: Rule = BackProp()) -> bool:  # noqa: B008 (a frozen value)
    """Whether the kernels do it: on the CPU, with Numba, linearized, and without powers, which NumPy is faster at."""
    if isinstance(rule, GeometricTargetProp):
        covered = rule.p in (0, 1)
    else:
        covered = not isinstance(rule, TargetProp | LearnedTargetProp) or rule.form == "linearized"
    return covered and isinstance(states, np.ndarray) and compiled_kernels() is not None


def forward_rows(cell: Elman, weights: Array, first: int, last: int) -> None:
    """Fill the states of some rows of the batch; weights (d + p + 1, d) are [Wᵀ; Uᵀ; b]."""
    kernels, h = compiled_kernels(), cell.states
    code, constants = kernels.NONLINEARITIES[cell.activation.name], kernels.tanh_constants(h.dtype)
    kernels.elman_forward(h, cell.inputs, weights, code, constants, first, last)


def backward_rows(
    rule: Rule,
    cell: Elman,
    operator: Array,
    grad_output: Array | None,
    D: Array,
    mu: Array | None,
    total: Weights,
    inputs: Array | None,
    rows: slice,
) -> None:
    """`backward.walk_rows`."""
    kernels, h, x, first = compiled_kernels(), cell.states, cell.inputs, rows.start
    step, kept, least = h.dtype.type(step_of(rule)), h.dtype.type(kept_of(rule)), vanished(h.dtype)
    source = h[:0] if grad_output is None else np.ascontiguousarray(grad_output)
    D, mu = D[rows], D[:0] if mu is None else mu[rows]
    if grad_output is not None:
        D += step * grad_output[-1, rows]
    code, how = kernels.NONLINEARITIES[cell.activation.name], gain_of(rule, cell.activation, h.dtype)
    length = block_length(h, len(x), D.size)
    E, d = np.empty((length, *D.shape), h.dtype), D.shape[1]
    given = (source, step, D, mu, E, code, how, kept, contiguous(operator), contiguous(cell.weights.W), least)
    for stop in range(len(h), 1, -length):
        start = max(1, stop - length)
        kernels.elman_backward(h, start, stop, first, *given)
        block, times = E[: stop - start], slice(start - 1, stop - 1)
        before = h[times, rows].reshape(-1, d)
        kernels.elman_products(block, before, x, start - 1, first, total.W, total.U, total.b_ih)
        if inputs is not None:
            inputs[times, rows] = (block.reshape(-1, d) @ cell.weights.U).reshape(inputs[times, rows].shape)
        if start > 1 and grad_output is None and not D.any() and not mu.any():
            break  # everything has vanished: earlier steps get nothing
    total.b_hh[...] = total.b_ih


def inverse_transposed(W: Array, rule: TargetProp) -> Array | None:
    """`elman.inverse_transposed` in one call, where W is so small that those of LAPACK take longer to start.

    None for a larger W, and for one that has to be inverted in more than its own precision.
    """
    if len(W) > SMALL or compiled_kernels() is None:
        return None
    factor = 1 + rule.r if rule.calibrated else 1.0
    found, squares = compiled_kernels().inverse_transposed(contiguous(W), contiguous(W.T), rule.r, factor)
    return found if 0.5 < math.sqrt(squares) / rule.r <= OWN_PRECISION else None  # less where r is rounded to 0


def gain_of(rule: Rule, activation: Activation, dtype: np.dtype[Any]) -> tuple[Any, ...]:
    """What undoes a slope a′ in `compiled.elman_backward`: (kind, bound, factor, 1)."""
    real = dtype.type
    if isinstance(rule, GeometricTargetProp) and rule.p == 0:
        return INVERT, real(1), real(1), real(1)  # of slopes no lower than 1: what arrives passes
    if not isinstance(rule, TargetProp):
        return BACK_PROPAGATE, real(0), real(1), real(1)
    if rule.s > 0:
        return REGULARIZE, real(rule.s), real(1 + rule.s if rule.calibrated else 1), real(1)
    return INVERT, real(_least_slope(activation.name, rule.margin)), real(1), real(1)


@cache
def _least_slope(activation: str, margin: float) -> float:
    """That of the range on which tanh is inverted; 1 of the others."""
    return float(Tanh().clip_slope(np, np.zeros(1), margin)[0]) if activation == "tanh" else 1.0
