"""The gated recurrence of torch.nn.GRU: h_t = (1 − z) ⊙ n + z ⊙ h_{t−1}.

ρ = σ(W_ρ h_{t−1} + U_ρ x_t + b), z = σ(W_z h_{t−1} + U_z x_t + b), n = tanh(U_n x_t + b_in + ρ ⊙ m) with
m = W_n h_{t−1} + b_hn. The three gates lie one after the other in each weight, in torch's order ρ, z, n.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise
from types import ModuleType
from typing import NamedTuple

import numpy as np
import torch

from tpcore.activations import Array, Tanh
from tpcore.blas import one_blas_thread
from tpcore.recurrences.arrays import (
    block_length,
    contiguous,
    empty,
    gate_kernels_for,
    kernels_for,
    library,
    over_rows,
    torch_forward,
)
from tpcore.recurrences.backward import Hidden, Weights, walk_rows
from tpcore.recurrences.elman import add_input_products, add_recurrent_products, inverse_transposed, summed
from tpcore.recurrences.linear import Linear
from tpcore.rules import GeometricTargetProp, Linearized, Rule, TargetProp


class Gates(NamedTuple):
    """What the gates held at some steps; each (n, B, d)."""

    reset: Array  # ρ
    update: Array  # z
    candidate: Array  # n
    inner: Array  # m


@dataclass(frozen=True)
class Gated(Hidden):
    """A forward pass of a GRU's layer: τ steps, batch B, p inputs, d hidden units, time in front."""

    inputs: Array  # (τ, B, p)
    states: Array  # (τ + 1, B, d)
    gates: Array  # (τ, B, 4, d): ρ, z, n, m
    weights: Weights  # W (3 d, d), U (3 d, p), b_ih (3 d,), b_hh (3 d,)

    @classmethod
    def run(cls, inputs: Array, start: tuple[Array], weights: Weights) -> Gated:
        """Compute all hidden states from h_0 (B, d)."""
        (h_0,) = start
        steps, (batch, d) = len(inputs), h_0.shape
        if isinstance(inputs, torch.Tensor):
            states = torch_forward(torch.gru, inputs, start, *weights)
        else:
            states = empty(inputs, steps + 1, batch, d)
            states[0] = h_0
        cell = cls(inputs, states, empty(inputs, steps, batch, 4, d), weights)
        Wt, Ut = contiguous(weights.W.T), contiguous(weights.U.T)  # row by row: twice as fast
        with one_blas_thread():
            over_rows(partial(cell._run_rows, Wt, Ut), inputs, batch, 3 * steps * batch * d * (d + len(Ut)))
        return cell

    def _run_rows(self, Wt: Array, Ut: Array, first: int, last: int) -> None:
        """Fill the gates of some rows of the batch, and the states where torch has not, block by block."""
        d = len(Wt)
        bias = self.weights.b_ih + 0  # of ρ and z all of it, of n the input's part: the other is in m
        bias[: 2 * d] += self.weights.b_hh[: 2 * d]
        length = block_length(self.states, len(self.inputs), 3 * (last - first) * d)
        workspace = empty(self.inputs, length, last - first, 3 * d)
        with np.errstate(all="ignore"):  # whoever calls looks for values that are not finite
            for start in range(0, len(self.inputs), length):
                block = self.inputs[start : start + length, first:last]
                drive = workspace[: len(block)]
                library(drive).matmul(block.reshape(-1, len(Ut)), Ut, out=drive.reshape(-1, 3 * d))
                drive += bias
                stop = start + len(block)
                self._steps(self.states[start : stop + 1], self.gates[start:stop], drive, Wt, first)

    def _steps(self, h: Array, gates: Array, drive: Array, Wt: Array, first: int) -> None:
        """One block, on the rows of the batch from `first`; drive (n, rows, 3 d) is U x_t + b."""
        xp, kernels, b_hn = library(h), kernels_for(h), contiguous(self.weights.b_hh[2 * len(Wt) :])
        if kernels is not None:
            kernels.gru_steps(h, gates, drive, Wt, b_hn, kernels.tanh_constants(h.dtype), first)
            return
        if xp is torch:  # the states are known: the gates of all steps at once
            self._fill_gates(xp, h[:-1], gates, drive, Wt, b_hn)
            return
        rows = slice(first, first + drive.shape[1])
        for (before, now), kept, z in zip(pairwise(h[:, rows]), gates[:, rows], drive, strict=True):
            self._fill_gates(xp, before, kept, z, Wt, b_hn)
            now[...] = kept[:, 2] + kept[:, 1] * (before - kept[:, 2])

    @staticmethod
    def _fill_gates(xp: ModuleType, before: Array, gates: Array, z: Array, Wt: Array, b_hn: Array) -> None:
        """The gates (…, 4, d) of steps from h_{t−1} (…, d) and z (…, 3 d)."""
        d, product = len(Wt), before @ Wt
        both = 0.5 + 0.5 * xp.tanh(0.5 * (product[..., : 2 * d] + z[..., : 2 * d]))  # σ(a) = ½ + ½ tanh(a/2)
        reset, update, inner = both[..., :d], both[..., d:], product[..., 2 * d :] + b_hn
        gates[..., 0, :], gates[..., 1, :], gates[..., 3, :] = reset, update, inner
        gates[..., 2, :] = xp.tanh(z[..., 2 * d :] + reset * inner)

    @property
    def unbounded(self) -> bool:
        """Whether hidden states may be of any size: each lies between the one before and n, in [−1, 1]."""
        return False

    @property
    def kept(self) -> tuple[Array, ...]:
        """What the backward pass needs beside inputs, states and weights."""
        return (self.gates,)

    def rows(self, rows: slice) -> Gated:
        """The same for some rows of the batch."""
        return replace(self, inputs=self.inputs[:, rows], states=self.states[:, rows], gates=self.gates[:, rows])

    def walker(self, rule: Rule) -> Callable[..., None]:
        """`walk_rows`: the compiled kernels are those of its steps."""
        return walk_rows

    def _gates(self, t: int, n: int) -> Gates:
        return Gates(*(self.gates[t - 1 : t - 1 + n, :, k] for k in range(4)))

    def slopes(self, t: int, n: int) -> Linear:
        """gain = (c_ρ, c_z, (1 − z) ⊙ κ), operator = W, keep = z: h_t as a function of h_{t−1}, of which W h_{t−1}."""
        gates = self._gates(t, n)
        gain = empty(self.states, *gates.reset.shape[:2], 3, gates.reset.shape[2])
        if (kernels := gate_kernels_for(gain)) is not None:
            times = slice(t - 1, t - 1 + n)
            kernels.slopes(self.states[times], self.gates[times], gain.dtype.type(1), gain)
            return Linear(gain, self.weights.W, gates.update)
        share = (1 - gates.update) * (1 - gates.candidate**2)  # ∂h_t/∂(pre-activation of n)
        xp = library(gain)
        xp.multiply(share, gates.reset, out=gain[:, :, 2])
        xp.multiply(share * gates.inner, gates.reset * (1 - gates.reset), out=gain[:, :, 0])
        moved = self.states[t - 1 : t - 1 + n] - gates.candidate
        xp.multiply(moved, gates.update * (1 - gates.update), out=gain[:, :, 1])
        return Linear(gain, self.weights.W, gates.update)

    def invert(self, rule: Linearized) -> Array:
        """The inverses' transposes, one below the other: of W_ρ, W_z and W_n; of W_n alone if the gates are fixed.

        Under `GeometricTargetProp` W_ρ and W_z stay as they are.
        """
        d = self.states.shape[2]
        if isinstance(rule, GeometricTargetProp):
            mean = inverse_transposed(self.weights.W[2 * d :], rule)
            return mean if rule.p <= 0 else library(mean).concatenate((self.weights.W[: 2 * d], mean))
        parts = [self.weights.W[k * d : (k + 1) * d] for k in ([2] if rule.s == 0 else range(3))]
        inverses = [inverse_transposed(part, rule) for part in parts]
        return library(self.states).concatenate(inverses)

    def inverse(self, rule: Linearized, operator: Array, t: int, slopes: Linear) -> Linear:
        """The average of the branches' answers, weighted by the gates: see the book's appendix on the GRU.

        δ_{t−1} = z ⊙ δ + M̃_n((1 − z) ⊙ Ã_s(κ) ⊙ δ) + s/(1+s) [M̃_z(c_z ⊙ δ) + M̃_ρ(c_ρ ⊙ δ)] if calibrated; otherwise
        all of it divided by (1 + r)(1 + s). Under `GeometricTargetProp`
        δ_{t−1} = z ⊙ δ + M_p((1 − z) ⊙ κᵖ ⊙ δ) + max(p, 0) [W_zᵀ(c_z ⊙ δ) + W_ρᵀ(c_ρ ⊙ δ)].
        """
        if isinstance(rule, GeometricTargetProp):
            return self._geometric(rule, operator, t, slopes)
        gates, s = self._gates(t, len(slopes.gain)), rule.s
        keep = gates.update / _uncalibrated(rule)
        if gate_kernels_for(keep) is not None:
            return Linear(self._compiled_gain(rule, t, slopes), operator, keep)
        if s == 0:
            kappa = self._clipped_kappa(rule, gates)
            return Linear(((1 - gates.update) / kappa)[:, :, None], operator, keep)
        kappa = gates.reset * (1 - gates.candidate**2)
        factor = 1 + s if rule.calibrated else 1.0
        gain = slopes.gain * (s / (1 + s) * factor / (1 + s))
        gain[:, :, 2] = (1 - gates.update) * kappa * (factor / (kappa**2 + s))
        return Linear(gain, operator, keep)

    def _compiled_gain(self, rule: TargetProp, t: int, slopes: Linear) -> Array:
        """The gain of `inverse`."""
        (n, batch, _, d), real, s = slopes.gain.shape, slopes.gain.dtype.type, rule.s
        kernels, gates = gate_kernels_for(slopes.gain), self.gates[t - 1 : t - 1 + n]
        gain = empty(slopes.gain, n, batch, 1 if s == 0 else 3, d)
        if s == 0:
            kernels.exact(gates, real(1), real(rule.margin), real(1 - (1 - rule.margin) ** 2), gain)
        else:
            factor = 1 + s if rule.calibrated else 1.0
            others = s / (1 + s) * factor / (1 + s)
            kernels.regularized(gates, slopes.gain, real(1), real(s), real(factor), real(others), gain)
        return gain

    @staticmethod
    def _clipped_kappa(rule: Linearized, gates: Gates) -> Array:
        """κ = ρ ⊙ (1 − n²), with ρ and n clipped to where they can be undone."""
        xp = library(gates.reset)
        return xp.clip(gates.reset, rule.margin, 1.0) * Tanh().clip_slope(xp, 1 - gates.candidate**2, rule.margin)

    def _geometric(self, rule: GeometricTargetProp, operator: Array, t: int, slopes: Linear) -> Linear:
        gates, p = self._gates(t, len(slopes.gain)), rule.p
        share, slope = 1 - gates.update, 1 - gates.candidate**2
        if p > 0:
            gain = slopes.gain * p
            gain[:, :, 2] = share * (gates.reset * slope) ** p
            return Linear(gain, operator, gates.update)
        kappa = self._clipped_kappa(rule, gates)
        return Linear((share * kappa**p)[:, :, None], operator, gates.update)

    def step_back(self, rule: TargetProp, operator: Array, t: int, D: Array) -> Array:
        """The difference form: the gates held fixed, the candidate's activation inverted on its clipped range."""
        xp = library(self.states)
        reset, update, candidate, _ = (gate[0] for gate in self._gates(t, 1))
        moved = Tanh().inverse_difference(xp, candidate, D, rule.margin) / xp.clip(reset, rule.margin, 1.0)
        return update / _uncalibrated(rule) * D + ((1 - update) * moved) @ operator

    def accumulate(self, t: int, slopes: Linear, D: Array, total: Weights, inputs: Array | None) -> None:
        """Add Σ E_t h_{t−1}ᵀ for W and Σ E_t x_tᵀ for U, which differ in n: m is multiplied by ρ, U_n x_t is not."""
        gates, times = self._gates(t, len(D)), slice(t - 1, t - 1 + len(D))
        E, kernels = empty(D, *slopes.gain.shape), gate_kernels_for(D)
        if kernels is not None:
            kernels.shares(slopes.gain, D, E)
        else:
            library(D).multiply(slopes.gain, D[:, :, None], out=E)
        flat = E.reshape(-1, E.shape[2] * E.shape[3])
        add_recurrent_products(total, flat, self.states[times])
        total.b_hh[...] += summed(flat)
        if kernels is not None:
            kernels.shares_of_inputs(self.gates[times], D, D.dtype.type(1), E)
        else:
            E[:, :, 2] = (1 - gates.update) * (1 - gates.candidate**2) * D
        add_input_products(total, flat, self.inputs[times])
        total.b_ih[...] += summed(flat)
        if inputs is not None:
            inputs[times] = (flat @ self.weights.U).reshape(inputs[times].shape)


def _uncalibrated(rule: TargetProp) -> float:
    """What the calibrated map is to be divided by."""
    return 1.0 if rule.calibrated else (1 + rule.r) * (1 + rule.s)
