"""The arrays of the hot loops, and the threads that share them.

Tensors on the CPU are walked as NumPy views of the same memory, others as torch tensors, in the operations that both
libraries spell alike. At the sizes of interest an operation on a (16, 100) state takes longer to start than to compute;
NumPy starts one in a fraction of torch's time, and where Numba is installed a whole block of steps is one call
(`compiled`). On a GPU, torch's own forward pass runs forward, cuDNN's where there is one, and where Triton is installed
a block of steps back is one kernel (`triton_kernels`). This file is the one place that knows.

Loops go through time in blocks: what is elementwise is done for a block at once, and no array as long as a long
sequence is made beside the stored states. On the CPU a block stays in the processor's cache.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from itertools import pairwise
from types import ModuleType
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor

from tpcore import inversion
from tpcore.activations import Array

Result = TypeVar("Result")

# Values of the hidden states in one block; in float32
BLOCK_ELEMENTS = 65_536  # 256 KiB, a quarter of a usual cache
BLOCK_ELEMENTS_ELSEWHERE = 16_777_216  # 64 MiB: what is started for each block is nothing beside it
WORTH_SHARING_OUT = 10_000  # values in a vector from which on a BLAS may use its threads
WORTH_A_THREAD = 50_000_000  # multiplications for which one more thread pays


def as_array(tensor: Tensor) -> Array:
    """The tensor's own memory: a NumPy array for the CPU, else the tensor itself.

    By DLPack: after `Tensor.numpy` nobody could resize the memory, which FSDP does with weights.
    """
    if not tensor.is_cpu:
        return tensor.detach()
    return np.from_dlpack(_Exported(tensor.detach().resolve_neg() if tensor.is_neg() else tensor))


_to_dlpack = getattr(torch._C, "_to_dlpack_versioned", torch._C._to_dlpack)


class _Exported:
    """A tensor on the CPU for `np.from_dlpack`; `Tensor.__dlpack__` asks so much that it takes three times as long."""

    __slots__ = ("tensor",)

    def __init__(self, tensor: Tensor) -> None:
        self.tensor = tensor

    def __dlpack__(self, **options: Any) -> Any:
        return _to_dlpack(self.tensor)

    def __dlpack_device__(self) -> tuple[int, int]:
        return 1, 0


def as_tensor(array: Array) -> Tensor:
    """The way back."""
    return torch.from_numpy(array) if isinstance(array, np.ndarray) else array


def library(array: Array) -> ModuleType:
    """NumPy or torch: whose array it is."""
    return np if isinstance(array, np.ndarray) else torch


def empty(like: Array, *shape: int) -> Array:
    """Memory of that shape, with the dtype and device of `like`."""
    return np.empty(shape, like.dtype) if isinstance(like, np.ndarray) else like.new_empty(shape)


def zeros(like: Array, *shape: int) -> Array:
    """The same, set to zero."""
    return np.zeros(shape, like.dtype) if isinstance(like, np.ndarray) else like.new_zeros(shape)


def contiguous(array: Array) -> Array:
    """The array itself, or a copy laid out row by row."""
    return np.ascontiguousarray(array) if isinstance(array, np.ndarray) else array.contiguous()


def all_finite(array: Array) -> bool:
    """Whether an array holds neither NaN nor infinity."""
    if isinstance(array, Tensor):
        return inversion.all_finite(array)
    # A sum of squares is cheap, and finite only if all values are; one that overflows may mislead.
    if array.size <= WORTH_SHARING_OUT and math.isfinite(np.vdot(array, array)):
        return True
    with np.errstate(all="ignore"):
        return math.isfinite(array.sum()) or bool(np.isfinite(array).all())


@cache
def vanished(dtype: np.dtype[Any]) -> Any:
    """What is smaller has vanished: so small that the sums it enters, and soon it itself, would be denormal."""
    limits = np.finfo(dtype)
    return limits.tiny / limits.eps


def block_length(like: Array, steps: int, elements: int) -> int:
    """Steps in one block, for `elements` values in each step."""
    most = BLOCK_ELEMENTS if isinstance(like, np.ndarray) else BLOCK_ELEMENTS_ELSEWHERE
    return max(1, min(steps, most // max(1, elements)))


@cache
def compiled_kernels() -> Any:
    """The module of compiled kernels, or None without Numba."""
    try:
        from tpcore.recurrences import compiled
    except ImportError:
        return None
    return compiled


def kernels_for(array: Array) -> Any:
    """The compiled kernels if they take this array."""
    return compiled_kernels() if isinstance(array, np.ndarray) else None


def gate_kernels_for(array: Array) -> Any:
    """The same for what is elementwise in a GRU."""
    if kernels_for(array) is None:
        return None
    from tpcore.recurrences import compiled_gates

    return compiled_gates


@cache
def triton_kernels() -> Any:
    """The module of kernels for a GPU, or None without a Triton that can compile them."""
    try:
        from tpcore.recurrences import triton_kernels
    except ImportError:
        return None
    return triton_kernels


def gpu_kernels_for(array: Array) -> Any:
    """The same for a GPU."""
    fits = isinstance(array, Tensor) and array.is_cuda and array.dtype == torch.float32
    return triton_kernels() if fits else None


def torch_forward(
    run: Callable[..., Any], inputs: Tensor, start: tuple[Tensor, ...], W: Tensor, U: Tensor, *biases: Tensor
) -> Tensor:
    """All hidden states (τ + 1, B, d), by torch's `run`: torch.rnn_tanh, torch.rnn_relu, torch.gru or torch.lstm."""
    weights = (U, W, *biases)
    flat = torch.cat([weight.reshape(-1) for weight in weights])  # cuDNN wants them one after the other
    parts = flat.split([weight.numel() for weight in weights])
    given = [part.view(weight.shape) for part, weight in zip(parts, weights, strict=True)]
    states = tuple(state[None] for state in start)
    output, *_ = run(inputs, states[0] if len(states) == 1 else states, given, True, 1, 0.0, False, False, False)
    return torch.cat((states[0], output))


def over_rows(function: Callable[[int, int], Result], like: Array, batch: int, work: int) -> list[Result]:
    """``function(first, last)`` for parts of a batch, which together are all of it, each on a thread of its own.

    As many take part as torch uses threads, if each gets enough of the `work`, counted in multiplications.
    """
    parts = max(1, min(torch.get_num_threads(), batch // 4, work // WORTH_A_THREAD)) if library(like) is np else 1
    if parts == 1:
        return [function(0, batch)]
    ends = [batch * part // parts for part in range(parts + 1)]
    others = [_threads().submit(function, first, last) for first, last in pairwise(ends[1:])]
    return [function(0, ends[1]), *(other.result() for other in others)]


@cache
def _threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(max(1, (os.cpu_count() or 1) - 1), thread_name_prefix="tpcore")


if hasattr(os, "register_at_fork"):  # a forked process has none of its parent's threads
    os.register_at_fork(after_in_child=_threads.cache_clear)
