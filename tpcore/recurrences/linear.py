"""The linear map that carries something one step back, and the walk of such maps through a block of steps."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from tpcore.activations import Array
from tpcore.recurrences.arrays import contiguous, gpu_kernels_for, kernels_for, library, vanished

FLUSH_EVERY = 8  # steps between two looks for displacements that have vanished, in loops that are not compiled


class Linear(NamedTuple):
    """A linear map of n steps, D ↦ keep ⊙ D + (gain ⊙ D) operator; without `keep`, its first term is zero."""

    gain: Array  # (n, B, k, d)
    operator: Array  # (k d, d)
    keep: Array | None = None  # (n, B, d)

    def carry(self, D: Array, source: Array | None, kept: float = 0.0) -> Array:
        """Fill D, whose last step is given: D_{t−1} = source_{t−1} + the map of D_t; returns what leaves it.

        Each row keeps its norm to the power of `kept`.
        """
        leaving, kernels, of_gpu = library(D).empty_like(D[0]), kernels_for(D), gpu_kernels_for(D)
        if kept or (kernels is None and of_gpu is None):
            self._carry_steps(D, source, leaving, kept)
            return leaving
        addends = [None if addend is None else contiguous(addend) for addend in (source, self.keep)]
        gain, operator = contiguous(self.gain), contiguous(self.operator)
        if kernels is not None:
            given, keep = (D[:0] if addend is None else addend for addend in addends)
            kernels.carry_steps(D, given, gain, operator, keep, leaving, vanished(D.dtype))
        elif not of_gpu.carry_steps(D, addends[0], gain, operator, addends[1], leaving):
            self._carry_steps(D, source, leaving)
        return leaving

    def _carry_steps(self, D: Array, source: Array | None, leaving: Array, kept: float = 0.0) -> None:
        """`compiled.carry_steps`, one operation at a time."""
        xp, rows, expanded, gains = library(D), list(D), list(D[:, :, None]), list(self.gain)
        scaled = xp.empty_like(gains[0])
        for i in range(len(rows) - 1, -1, -1):
            flush_vanished(rows[i], i)
            into = rows[i - 1] if i > 0 else leaving
            xp.multiply(gains[i], expanded[i], out=scaled)
            xp.matmul(scaled.reshape(len(scaled), len(self.operator)), self.operator, out=into)
            if self.keep is not None:
                xp.add(into, self.keep[i] * rows[i], out=into)
            if kept:
                xp.multiply(into, rescaling(xp, rows[i], into, kept), out=into)
            if source is not None and i > 0:
                xp.add(into, source[i - 1], out=into)


def rescaling(xp: Any, before: Array, after: Array, kept: float) -> Array:
    """(‖before‖/‖after‖)^kept for each row, (B, 1); 1 where nothing is left after."""
    norms = [xp.linalg.norm(rows, axis=-1)[:, None] for rows in (before, after)]
    return xp.where(norms[1] > 0, norms[0] / norms[1], 1.0) ** kept


def flush_vanished(D: Array, step: int) -> None:
    """On a CPU, every few steps: set to zero the rows of D that have vanished, before they become denormal numbers."""
    if isinstance(D, np.ndarray) and step % FLUSH_EVERY == 0:
        D[np.abs(D).max(axis=-1) < vanished(D.dtype)] = 0
