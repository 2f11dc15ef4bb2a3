"""The walk back as one kernel for a GPU, in Triton, which torch's builds for CUDA bring along.

Started one by one, the operations of a step take longer to start than to compute. Here one launch carries through all
steps. A few rows of the batch share a multiprocessor, and each of its threads keeps a column of the operator in its
registers from the first step to the last. Products are full float32, whatever torch allows its own.
"""

from __future__ import annotations

from typing import Any

import torch
import triton
import triton.language as tl
from torch import Tensor

if tuple(int(part) for part in triton.__version__.split(".")[:2]) < (3, 5):
    raise ImportError(f"Triton {triton.__version__} multiplies no matrix of so few rows: it takes 3.5, as of torch 2.9")

ROWS = 2  # of the batch in one program: fewer use more multiprocessors, and a column meets each of them from registers
WIDEST = 128  # d beyond which the columns do not fit: at 256 they spill, and the loops are faster


@triton.jit(do_not_specialize=["steps", "batch"])  # a 1 would become a constant, without a type
def _carry_steps(  # type: ignore[no-untyped-def]
    D,
    source,
    gain,
    operator,
    keep,
    leaving,
    steps,
    batch,
    d,
    MAPS: tl.constexpr,
    HAS_SOURCE: tl.constexpr,
    HAS_KEEP: tl.constexpr,
    ROWS: tl.constexpr,
    WIDTH: tl.constexpr,
):
    """`compiled.carry_steps` for ROWS rows of the batch; WIDTH ≥ d is a power of two."""
    i, j, k = tl.program_id(0) * ROWS + tl.arange(0, ROWS), tl.arange(0, WIDTH), tl.arange(0, WIDTH)
    square, known = k[:, None] * d + j[None, :], (k[:, None] < d) & (j[None, :] < d)
    place, inside = i[:, None] * d + j[None, :], (i[:, None] < batch) & (j[None, :] < d)
    gains, size, last = i[:, None] * (MAPS * d) + j[None, :], batch * d, (steps - 1).to(tl.int64)
    first = tl.load(operator + square, mask=known, other=0.0)
    if MAPS == 3:
        second = tl.load(operator + d * d + square, mask=known, other=0.0)
        third = tl.load(operator + 2 * d * d + square, mask=known, other=0.0)
    carried = tl.load(D + last * size + place, mask=inside, other=0.0)
    g = tl.load(gain + last * (MAPS * size) + gains, mask=inside, other=0.0)
    for step in range(steps):
        t = last - step
        before = tl.maximum(t - 1, 0)
        into = tl.dot(g * carried, first, input_precision="ieee")
        if MAPS == 3:
            g = tl.load(gain + t * (MAPS * size) + d + gains, mask=inside, other=0.0)
            into += tl.dot(g * carried, second, input_precision="ieee")
            g = tl.load(gain + t * (MAPS * size) + 2 * d + gains, mask=inside, other=0.0)
            into += tl.dot(g * carried, third, input_precision="ieee")
        g = tl.load(gain + before * (MAPS * size) + gains, mask=inside, other=0.0)  # arrives while this step computes
        if HAS_KEEP:
            into += tl.load(keep + t * size + place, mask=inside, other=0.0) * carried
        if HAS_SOURCE:
            into += tl.where(t > 0, 1.0, 0.0) * tl.load(source + before * size + place, mask=inside, other=0.0)
        carried = into
        tl.store(tl.where(t > 0, D + before * size, leaving) + place, carried, mask=inside)


def carry_steps(
    D: Tensor, source: Tensor | None, gain: Tensor, operator: Tensor, keep: Tensor | None, leaving: Tensor
) -> bool:
    """`compiled.carry_steps` on contiguous float32 tensors of a GPU; False, and nothing done, where it does not fit."""
    steps, batch, d = D.shape
    maps = gain.shape[2]
    width = max(16, triton.next_power_of_2(d))
    if width > WIDEST:
        return False
    grid, warps = (triton.cdiv(batch, ROWS),), 4 if maps == 1 else 8
    given: tuple[Any, ...] = (D, D if source is None else source, gain, operator, D if keep is None else keep, leaving)
    flags = {"MAPS": maps, "HAS_SOURCE": source is not None, "HAS_KEEP": keep is not None}
    try:
        with torch.cuda.device_of(D):
            _carry_steps[grid](*given, steps, batch, d, **flags, ROWS=ROWS, WIDTH=width, num_warps=warps)
    except triton.runtime.errors.OutOfResources:  # a smaller GPU
        return False
    return True
