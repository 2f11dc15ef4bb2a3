"""The recurrence of torch.nn.LSTM: c_t = f ⊙ c_{t−1} + i ⊙ g, h_t = o ⊙ tanh c_t.

i, f, o = σ(W h_{t−1} + U x_t + b) and g = tanh(W_g h_{t−1} + U_g x_t + b_g); the four lie one after the other in each
weight, in torch's order i, f, g, o. What is carried back is a pair, of h_t first and then of c_t: (B, 2 d).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import NamedTuple

import numpy as np
import torch

from tpcore.activations import Array, Tanh
from tpcore.blas import one_blas_thread
from tpcore.recurrences.arrays import (
    block_length,
    contiguous,
    empty,
    kernels_for,
    library,
    over_rows,
    torch_forward,
    vanished,
)
from tpcore.recurrences.backward import Weights, walk_rows
from tpcore.recurrences.elman import add_input_products, add_recurrent_products, inverse_transposed, summed
from tpcore.recurrences.linear import flush_vanished, rescaling
from tpcore.rules import GeometricTargetProp, Linearized, Rule, TargetProp

CANDIDATE = slice(2, 3)  # g's place among the gates


class Gates(NamedTuple):
    """What the gates held at some steps; each (n, B, d)."""

    input: Array  # i
    forget: Array  # f
    candidate: Array  # g
    output: Array  # o
    read: Array  # tanh c_t


class PairLinear(NamedTuple):
    """A linear map of the pair over n steps: with e = D_c + into ⊙ D_h, what c_t is asked for in all,

    D_c ↦ keep ⊙ e and D_h ↦ (gain ⊙ e) operator, but that the last of four gains, the output gate's, meets D_h.
    """

    gain: Array  # (n, B, k, d), k = 4, or 1: the candidate's alone
    operator: Array  # (k d, d)
    keep: Array  # (n, B, d)
    into: Array  # (n, B, d)

    def carry(self, D: Array, source: Array | None, kept: float = 0.0) -> Array:
        """`linear.Linear.carry` for D (n, B, 2 d); a source (n, B, d) is one of the hidden states alone."""
        leaving, kernels = library(D).empty_like(D[0]), kernels_for(D)
        if kept or kernels is None:
            self._carry_steps(D, source, leaving, kept)
            return leaving
        given = D[:0] if source is None else contiguous(source)
        parts = [contiguous(part) for part in self]
        kernels.carry_pairs(D, given, *parts, leaving, vanished(D.dtype))
        return leaving

    def _carry_steps(self, D: Array, source: Array | None, leaving: Array, kept: float) -> None:
        """`compiled.carry_pairs`, one operation at a time."""
        d = self.keep.shape[2]
        for i in range(len(D) - 1, -1, -1):
            flush_vanished(D[i], i)
            hidden, into = D[i, :, :d], D[i - 1] if i > 0 else leaving
            asked = D[i, :, d:] + self.into[i] * hidden
            scaled = self.gain[i] * asked[:, None]
            if scaled.shape[1] == 4:
                scaled[:, 3] = self.gain[i, :, 3] * hidden
            into[:, :d] = scaled.reshape(len(scaled), len(self.operator)) @ self.operator
            into[:, d:] = self.keep[i] * asked
            if kept:
                into *= rescaling(library(D), D[i], into, kept)
            if source is not None and i > 0:
                into[:, : source.shape[2]] += source[i - 1]


@dataclass(frozen=True)
class LongShortTerm:
    """A forward pass of an LSTM's layer: τ steps, batch B, p inputs, d hidden units, time in front."""

    inputs: Array  # (τ, B, p)
    states: Array  # (τ + 1, B, d)
    cells: Array  # (τ + 1, B, d): c_0, …, c_τ
    gates: Array  # (τ, B, 5, d): i, f, g, o and tanh c
    weights: Weights  # W (4 d, d), U (4 d, p), b_ih (4 d,), b_hh (4 d,)
    parts = 2

    @classmethod
    def run(cls, inputs: Array, start: tuple[Array, Array], weights: Weights) -> LongShortTerm:
        """Compute all states from h_0 and c_0, each (B, d)."""
        steps, (batch, d) = len(inputs), start[0].shape
        if isinstance(inputs, torch.Tensor):
            states = torch_forward(torch.lstm, inputs, start, *weights)
        else:
            states = empty(inputs, steps + 1, batch, d)
            states[0] = start[0]
        cell = cls(inputs, states, empty(inputs, steps + 1, batch, d), empty(inputs, steps, batch, 5, d), weights)
        cell.cells[0] = start[1]
        Wt, Ut = contiguous(weights.W.T), contiguous(weights.U.T)  # row by row: twice as fast
        with one_blas_thread():
            over_rows(partial(cell._run_rows, Wt, Ut), inputs, batch, 4 * steps * batch * d * (d + len(Ut)))
        return cell

    def _run_rows(self, Wt: Array, Ut: Array, first: int, last: int) -> None:
        """Fill gates and cells of some rows of the batch, and the states where torch has not, block by block."""
        kernels, d, rows = kernels_for(self.states), len(Wt), slice(first, last)
        bias = self.weights.b_ih + self.weights.b_hh
        length = block_length(self.states, len(self.inputs), 4 * (last - first) * d)
        workspace = empty(self.inputs, length, last - first, 4 * d)
        with np.errstate(all="ignore"):  # whoever calls looks for values that are not finite
            for start in range(0, len(self.inputs), length):
                block = self.inputs[start : start + length, rows]
                drive, stop = workspace[: len(block)], start + len(block)
                library(drive).matmul(block.reshape(-1, len(Ut)), Ut, out=drive.reshape(-1, 4 * d))
                drive += bias
                h, c, gates = self.states[start : stop + 1], self.cells[start : stop + 1], self.gates[start:stop]
                if kernels is not None:
                    kernels.lstm_steps(h, c, gates, drive, Wt, kernels.tanh_constants(h.dtype), first)
                else:
                    _lstm_steps(h[:, rows], c[:, rows], gates[:, rows], drive, Wt)

    @property
    def width(self) -> int:
        """2 d."""
        return 2 * self.states.shape[2]

    @property
    def first(self) -> tuple[Array, Array]:
        """(h_0, c_0)."""
        return self.states[0], self.cells[0]

    @property
    def last(self) -> tuple[Array, Array]:
        """(h_τ, c_τ), from which the next steps start."""
        return self.states[-1], self.cells[-1]

    @property
    def unbounded(self) -> bool:
        """Whether hidden states may be of any size: |h| is below 1."""
        return False

    @property
    def kept(self) -> tuple[Array, ...]:
        """What the backward pass needs beside inputs, states and weights."""
        return self.cells, self.gates

    def rows(self, rows: slice) -> LongShortTerm:
        """The same for some rows of the batch."""
        parts = {name: getattr(self, name)[:, rows] for name in ("inputs", "states", "cells", "gates")}
        return replace(self, **parts)

    def walker(self, rule: Rule) -> Callable[..., None]:
        """`walk_rows`: the compiled kernels are those of its steps."""
        return walk_rows

    def _gates(self, t: int, n: int) -> Gates:
        return Gates(*(self.gates[t - 1 : t - 1 + n, :, k] for k in range(5)))

    def slopes(self, t: int, n: int) -> PairLinear:
        """The transposed Jacobian of (h_t, c_t): gain = (c_i, c_f, κ_g, c_o), operator = W, keep = f, into = κ_o."""
        i, f, g, o, read = self._gates(t, n)
        gain = empty(self.states, *i.shape[:2], 4, i.shape[2])
        gain[:, :, 0] = g * i * (1 - i)
        gain[:, :, 1] = self.cells[t - 1 : t - 1 + n] * f * (1 - f)
        gain[:, :, 2] = i * (1 - g * g)
        gain[:, :, 3] = read * o * (1 - o)
        return PairLinear(gain, self.weights.W, f, o * (1 - read * read))

    def invert(self, rule: Linearized) -> Array:
        """The inverses' transposes, one below the other, of the four parts of W; of W_g alone if the gates are fixed.

        Under `GeometricTargetProp` W_i, W_f and W_o stay as they are.
        """
        d, W = self.states.shape[2], self.weights.W
        if isinstance(rule, GeometricTargetProp):
            mean = inverse_transposed(W[2 * d : 3 * d], rule)
            return mean if rule.p <= 0 else library(mean).concatenate((W[: 2 * d], mean, W[3 * d :]))
        parts = [self.weights.W[k * d : (k + 1) * d] for k in ([2] if rule.s == 0 else range(4))]
        return library(self.states).concatenate([inverse_transposed(part, rule) for part in parts])

    def inverse(self, rule: Linearized, operator: Array, t: int, slopes: PairLinear) -> PairLinear:
        """e = δ_c + Ã_s(κ_o) δ_h is asked of c_t; its two branches share it by their slopes f and κ_g, at fixed gates.

        δ_c ← (1 + s) f/(f² + κ_g² + s) e and δ_h ← M̃_g((1 + s) κ_g/(f² + κ_g² + s) e), and s/(1 + s) of what the gates
        would send by their slopes; uncalibrated, all of it divided by (1 + r)(1 + s): see the book's appendix on the
        LSTM. Under `GeometricTargetProp`, with σ² = f² + κ_g²: e = δ_c + κ_oᵖ δ_h, δ_c ← σᵖ⁻¹ f e, δ_h ← M_p(σᵖ⁻¹ κ_g
        e), and max(p, 0) of the gates' own.
        """
        if isinstance(rule, GeometricTargetProp):
            return self._geometric(rule, operator, t, slopes)
        s = rule.s
        # M_rᵀ is M̃_rᵀ/(1 + r) already if uncalibrated
        shrink, shrink_kept = (1.0, 1.0) if rule.calibrated else (1 / (1 + s), 1 / (1 + s) / (1 + rule.r))
        if s == 0:
            forget, kappa, read = self._clipped_slopes(rule, t, len(slopes.gain))
            both = forget * forget + kappa * kappa
            return PairLinear((kappa / both)[:, :, None], operator, shrink_kept * forget / both, 1 / read)
        forget, kappa, read = slopes.keep, slopes.gain[:, :, 2], slopes.into
        into = (1 + s) * read / (read * read + s)
        both = (1 + s) / (forget * forget + kappa * kappa + s)
        gain = slopes.gain * (shrink * s / (1 + s))
        gain[:, :, 2] = shrink * kappa * both
        return PairLinear(gain, operator, shrink_kept * forget * both, into)

    def _geometric(self, rule: GeometricTargetProp, operator: Array, t: int, slopes: PairLinear) -> PairLinear:
        p, forget, kappa, read = rule.p, slopes.keep, slopes.gain[:, :, 2], slopes.into
        if p <= 0:
            forget, kappa, read = self._clipped_slopes(rule, t, len(slopes.gain))
        both = (forget * forget + kappa * kappa) ** ((p - 1) / 2)
        if p <= 0:
            return PairLinear((kappa * both)[:, :, None], operator, forget * both, read**p)
        gain = slopes.gain * p
        gain[:, :, 2] = kappa * both
        return PairLinear(gain, operator, forget * both, read**p)

    def _clipped_slopes(self, rule: Linearized, t: int, n: int) -> tuple[Array, Array, Array]:
        """f, κ_g and κ_o, with gates and activations clipped to where they can be undone."""
        xp, margin = library(self.states), rule.margin
        i, f, g, o, read = self._gates(t, n)
        i, f, o = (xp.clip(gate, margin, 1.0) for gate in (i, f, o))
        slopes = (Tanh().clip_slope(xp, 1 - value * value, margin) for value in (g, read))
        return f, i * next(slopes), o * next(slopes)

    def step_back(self, rule: TargetProp, operator: Array, t: int, D: Array) -> Array:
        """The difference form: the gates held fixed, both activations inverted on their clipped range."""
        xp, d, margin = library(self.states), self.states.shape[2], rule.margin
        i, _, g, o, read = (gate[0] for gate in self._gates(t, 1))
        forget, kappa, _ = (slope[0] for slope in self._clipped_slopes(rule, t, 1))
        i, o = xp.clip(i, margin, 1.0), xp.clip(o, margin, 1.0)
        asked = D[:, d:] + Tanh().inverse_difference(xp, read, D[:, :d] / o, margin)
        asked /= forget * forget + kappa * kappa  # the branches' shares of what c_t is to move by: f² and κ_g² of it
        moved = Tanh().inverse_difference(xp, g, kappa * kappa * asked / i, margin)
        leaving = xp.concatenate((moved @ operator, forget * asked), -1)
        leaving[:, d:] /= 1.0 if rule.calibrated else 1 + rule.r
        return leaving

    def accumulate(self, t: int, slopes: PairLinear, D: Array, total: Weights, inputs: Array | None) -> None:
        """Add Σ E_t h_{t−1}ᵀ, Σ E_t x_tᵀ and Σ E_t; E is what arrives at the four pre-activations."""
        d, times = self.states.shape[2], slice(t - 1, t - 1 + len(D))
        hidden = D[..., :d]
        E = slopes.gain * (D[..., d:] + slopes.into * hidden)[:, :, None]
        E[:, :, 3] = slopes.gain[:, :, 3] * hidden
        flat = E.reshape(-1, 4 * d)
        add_recurrent_products(total, flat, self.states[times])
        add_input_products(total, flat, self.inputs[times])
        share = summed(flat)
        total.b_ih[...] += share
        total.b_hh[...] += share
        if inputs is not None:
            inputs[times] = (flat @ self.weights.U).reshape(inputs[times].shape)


def _lstm_steps(h: Array, c: Array, gates: Array, drive: Array, Wt: Array) -> None:
    """`compiled.lstm_steps`; where torch has filled the states, the gates of all steps at once."""
    xp, d = library(h), len(Wt)

    def fill(before: Array, kept: Array, z: Array) -> None:
        z = before @ Wt + z
        for k in (0, 1, 3):  # σ(a) = ½ + ½ tanh(a/2)
            kept[..., k, :] = 0.5 + 0.5 * xp.tanh(0.5 * z[..., k * d : (k + 1) * d])
        kept[..., 2, :] = xp.tanh(z[..., 2 * d : 3 * d])

    if xp is torch:
        fill(h[:-1], gates, drive)
    for t in range(len(drive)):
        if xp is np:
            fill(h[t], gates[t], drive[t])
        c[t + 1] = gates[t, :, 1] * c[t] + gates[t, :, 0] * gates[t, :, 2]
        gates[t, :, 4] = xp.tanh(c[t + 1])
        if xp is np:
            h[t + 1] = gates[t, :, 3] * gates[t, :, 4]
