"""Checks of what is given to the modules: each raises an error that names the argument, its value and the remedy."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor
from torch._subclasses import FakeTensor

from tpcore.recurrences.arrays import all_finite, as_array

PLAIN = {Tensor, torch.nn.Parameter}
_is_wrapped: Any = torch._C._functorch.is_functorch_wrapped_tensor


class ShapeError(ValueError, RuntimeError):
    """A tensor of another shape than what a module takes: torch's own modules raise the one or the other."""


class MismatchError(TypeError, ValueError, RuntimeError):
    """A tensor of another dtype or device than the weights: torch's own modules raise the one or the other."""


def check_alike(name: str, value: object, weight: Tensor) -> None:
    """Raise TypeError unless the value is a dense tensor of the weights' dtype, on their device.

    Under torch.autocast, float32 weights also meet what a layer below computed in half precision.
    """
    if isinstance(value, torch.nn.utils.rnn.PackedSequence):
        raise TypeError(f"{name} is packed, which only the recurrent modules take: give its .data")
    if not isinstance(value, Tensor):
        raise TypeError(f"{name} must be a torch.Tensor, got {type(value).__name__}")
    if value.layout != torch.strided or value.is_nested:
        raise TypeError(f"{name} must be a dense tensor, got {'a nested one' if value.is_nested else value.layout}")
    halved = weight.dtype == torch.float32 and value.dtype in (torch.float16, torch.bfloat16)
    fits = value.dtype == weight.dtype or (halved and torch.is_autocast_enabled(value.device.type))
    if not fits or value.device != weight.device:
        raise MismatchError(
            f"{name} is {value.dtype} on {value.device} but the weights are {weight.dtype} on {weight.device}: "
            f"use {name}.to(weight)"
        )


def without_autocast(array: object) -> AbstractContextManager[object]:
    """While torch computes with a tensor: in its own dtype, whatever torch.autocast would choose."""
    try:
        return torch.autocast(array.device.type, enabled=False) if isinstance(array, Tensor) else nullcontext()
    except RuntimeError:  # this kind of device has none
        return nullcontext()


def check_finite(name: str, value: Tensor) -> None:
    """Raise ValueError if a given tensor holds NaN or infinity."""
    known_to_numpy = value.is_cpu and value.dtype in (torch.float32, torch.float64)
    if not all_finite(as_array(value) if known_to_numpy else value):
        bad = ~torch.isfinite(value)
        raise ValueError(
            f"{name} holds {int(bad.sum())} values that are not finite, the first at {bad.nonzero()[0].tolist()}"
        )


def refuse_tracing(module: str, *values: object) -> None:
    """Raise RuntimeError where a tool looks on instead of computing: its graph could not hold what follows a rule."""
    tracing = torch.jit.is_tracing() or torch.compiler.is_exporting()  # type: ignore[attr-defined]
    if not tracing and {type(value) for value in values} <= PLAIN and not any(map(_is_wrapped, values)):
        return
    exported = "give the tool the equal module of torch, which to_torch() returns"
    if tracing or any(isinstance(value, torch.fx.Proxy) for value in values):
        raise RuntimeError(
            f"tpcore.nn.{module} cannot be traced or exported (torch.export, torch.fx, torch.jit.trace, ONNX): its "
            f"loops are outside of torch. For inference, {exported}"
        )
    if any(isinstance(value, FakeTensor) for value in values):
        raise RuntimeError(
            f"tpcore.nn.{module} cannot compute with a FakeTensor, which has no memory: for shapes alone use the "
            f'device "meta", or {exported}'
        )
    if any(isinstance(value, Tensor) and _is_wrapped(value) for value in values):
        raise RuntimeError(
            f"tpcore.nn.{module} cannot be transformed by torch.func (grad, vmap, jvp, ...): what follows a rule is no "
            "function's derivative. Call backward() or torch.autograd.grad"
        )


def refuse_forward_mode() -> None:
    """Raise RuntimeError where torch.autograd.forward_ad asks for a derivative."""
    raise RuntimeError("a rule says what flows backward: there is no forward-mode derivative; call backward()")


def refuse_without_values(grad: Tensor) -> None:
    """Raise RuntimeError in a backward pass whose gradients have no values, or many at once."""
    if grad.is_meta:
        raise RuntimeError(
            'on the device "meta" there are no values to carry back: it gives the shapes of outputs alone'
        )
    if torch._C._functorch.is_batchedtensor(grad) or torch._C._functorch.is_legacy_batchedtensor(grad):
        raise RuntimeError(
            "is_grads_batched=True and torch.func.vmap carry several gradients back at once, which the loops through "
            "time cannot: call torch.autograd.grad once for each, with retain_graph=True"
        )


def refuse_second_derivatives(what: str) -> None:
    """Raise RuntimeError in a backward pass that is itself recorded, as ``create_graph=True`` has it."""
    if torch.is_grad_enabled():
        raise RuntimeError(
            f"create_graph=True asks for second derivatives; {what} has none: leave it out, or use torch's own module "
            "with back-propagation"
        )
