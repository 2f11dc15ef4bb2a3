"""One layer over a batch of sequences as a function of autograd, whose backward pass follows a rule."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from functools import cache
from itertools import groupby
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from tpcore.activations import Array
from tpcore.nn.arguments import (
    refuse_forward_mode,
    refuse_second_derivatives,
    refuse_without_values,
    without_autocast,
)
from tpcore.recurrences import Cell, Weights, arrays, run_backward, step_of
from tpcore.recurrences.arrays import as_array, as_tensor, library
from tpcore.rules import BackProp, Rule, TargetProp

NOTHING = torch.empty(0)


class Plan(NamedTuple):
    """How to make a layer's cells, and what is to flow back through them."""

    kind: Any  # the cell's class
    options: tuple[Any, ...]  # what its `run` takes before the inputs
    rule: Rule
    batch_sizes: tuple[int, ...] | None  # of packed sequences: how many go on at each step; None: all of them

    def blocks(self, array: Array | None) -> list[Array | None]:
        """Steps with the same sequences together, (n, B, ·), of an array: packed (N, ·), or (τ, B, ·)."""
        if self.batch_sizes is None:
            return [array]
        found, first = [], 0
        for batch, steps in groupby(self.batch_sizes):
            n = len(list(steps))
            found.append(None if array is None else array[first : first + n * batch].reshape(n, batch, array.shape[1]))
            first += n * batch
        return found

    def joined(self, blocks: list[Array]) -> Array:
        """The way back."""
        if self.batch_sizes is None:
            return blocks[0]
        return library(blocks[0]).concatenate([block.reshape(-1, block.shape[2]) for block in blocks])

    def run(self, inputs: Array, start: tuple[Array, ...], weights: Weights) -> list[Cell]:
        """The cells, each from the last states of the one before; `start` holds states (B, d), none for zeros."""
        cells: list[Cell] = []
        for block in self.blocks(inputs):
            assert block is not None
            batch, d = block.shape[1], weights.W.shape[1]
            start = tuple(state[:batch] for state in start) or (arrays.zeros(block, batch, d),) * self.kind.parts
            cells.append(self.kind.run(*self.options, block, start, weights))
            start = cells[-1].last
        return cells


class Layer(torch.autograd.Function):
    """Every hidden state, (τ, B, d) or packed (N, d), and the last states (1, B, d) of each sequence."""

    @staticmethod
    def forward(ctx: Any, plan: Plan, inputs: Tensor, *others: Tensor) -> tuple[Tensor, ...]:
        """`others` are W, U, b_ih, b_hh and, unless they are zero, the first states (B, d): h_0, c_0 for the LSTM."""
        given, weights = as_array(inputs), Weights(*map(as_array, others[:4]))
        with without_autocast(given):
            cells = plan.run(given, tuple(map(as_array, others[4:])), weights)
        for cell in cells:
            # An infinite state stays one under tanh; a ReLU may turn it into a zero one step on.
            if not arrays.all_finite(cell.states if cell.unbounded else cell.states[-1]):
                raise FloatingPointError(
                    "a hidden state is not finite although the inputs are: the weights have diverged or are not "
                    f"finite themselves (largest |W| = {float(others[0].abs().max()):.3g}). Take smaller steps"
                )
        ctx.set_materialize_grads(False)
        kept = [as_tensor(array) for cell in cells for array in (cell.states, *cell.kept)]
        ctx.save_for_backward(inputs, *others[:4], *kept)
        output = as_tensor(plan.joined([cell.states[1:] for cell in cells]))
        shared = plan.batch_sizes is None and isinstance(given, np.ndarray)  # the states' own memory
        if not shared and plan.batch_sizes is None:
            output = output.clone()  # autograd lets no view be changed in place
        ctx.plan, ctx.kept_of_each, ctx.starts = plan, len(kept) // len(cells), len(others) - 4
        ctx.output_version = _version_of(output) if shared else None
        return output, *map(as_tensor, _last_of_each(cells))

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor | None, *grad_last: Tensor | None) -> tuple[Tensor | None, ...]:
        refuse_second_derivatives("a recurrent module of tpcore")
        for grad in (grad_output, *grad_last):
            if grad is not None:
                refuse_without_values(grad)
        plan, cells = ctx.plan, _cells_of(ctx)
        given = cells[0].inputs
        on_output = plan.blocks(None if grad_output is None else as_array(grad_output))
        on_last = _side_by_side(cells[0], grad_last)
        warn_of_clipping(plan.rule, cells, on_output)
        with np.errstate(all="ignore"), without_autocast(given):  # what is not finite is looked for afterwards
            received, start, weights = run_backward(
                plan.rule, cells, on_output, on_last, inputs_too=ctx.needs_input_grad[1]
            )
        inputs = None if received[0] is None else plan.joined(received)
        check_directions({**weights._asdict(), "h_0": start, "inputs": inputs}, plan.rule, cells[0].weights.W)
        d = cells[0].states.shape[2]
        starts = [start[:, k * d : (k + 1) * d] for k in range(ctx.starts)]
        return None, *(None if a is None else as_tensor(a) for a in (inputs, *weights, *starts))

    @staticmethod
    def jvp(ctx: Any, *tangents: Tensor | None) -> None:
        refuse_forward_mode()


def _version_of(output: Tensor) -> Tensor | None:
    """Without memory of its own, but its version rises whenever the output is changed in place."""
    if output.is_inference():
        return None
    watch = output.detach()
    watch.data = NOTHING
    return watch


def _cells_of(ctx: Any) -> list[Cell]:
    """The forward pass, from what it has kept; run again if the output, whose memory holds the states, was changed."""
    plan, arrays_of = ctx.plan, list(map(as_array, ctx.saved_tensors))
    inputs, weights, kept, each = arrays_of[0], Weights(*arrays_of[1:5]), arrays_of[5:], ctx.kept_of_each
    cells = [
        plan.kind(*plan.options, block, *kept[k * each : (k + 1) * each], weights)
        for k, block in enumerate(plan.blocks(inputs))
    ]
    if ctx.output_version is not None and ctx.output_version._version > 0:
        return plan.run(inputs, cells[0].first, weights)
    return cells


def _last_of_each(cells: list[Cell]) -> Iterator[Array]:
    """The last states (1, B, d) of every sequence, copied."""
    for parts in zip(*(cell.last for cell in cells), strict=True):
        ended = [len(part) for part in parts[1:]] + [0]  # the sequences in front go on
        rows = [part[None, first:] for part, first in zip(parts, ended, strict=True)]
        yield library(parts[0]).concatenate(rows[::-1], 1)


def _side_by_side(cell: Cell, grads: tuple[Tensor | None, ...]) -> Array | None:
    """Gradients on the last states, (B, m) from (1, B, d) each, or None where there are none."""
    if all(grad is None for grad in grads):
        return None
    parts = [arrays.zeros(cell.states, *cell.states[0].shape) if grad is None else as_array(grad)[0] for grad in grads]
    return parts[0] if len(parts) == 1 else library(cell.states).concatenate(parts, -1)


def warn_of_clipping(rule: Rule, cells: list[Cell], grad_outputs: list[Array | None]) -> None:
    """Warn, once, if nine tenths of what the loss asks for are beyond the states' range.

    The forms with targets are not linear in the loss: scaled, it has other directions.
    """
    if isinstance(rule, BackProp) or rule.form in ("linearized", "rescaled") or cells[0].unbounded:
        return
    lost = asked = 0.0
    for cell, grad in zip(cells, grad_outputs, strict=True):
        if grad is not None:
            h = cell.states[1:]
            D = step_of(rule) * grad * (abs(h) <= 1)  # a first state outside may leave others there
            asked += float(abs(D).sum())
            lost += float(abs(D - (h - library(h).clip(h - D, -1, 1))).sum())
    if lost > 0.9 * asked:
        warn_of_scale()


@cache
def warn_of_scale() -> None:
    """Warn of a loss that is too large for targets."""
    warnings.warn(
        "nine tenths of what the loss asks for lie beyond the range of the hidden states, where targets are clipped: "
        "take a smaller step (γ_h). A scaled loss, as of torch.amp.GradScaler, is no remedy for small numbers here: "
        'unlike form="linearized", the other forms are not linear in the loss, and scaling changes their directions',
        RuntimeWarning,
        stacklevel=2,
    )


def check_directions(found: dict[str, Array | None], rule: Rule, W: Array) -> None:
    """Raise FloatingPointError if the direction of something is not finite."""
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
