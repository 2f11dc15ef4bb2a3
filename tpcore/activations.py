"""Activations: each with its derivative and its inverse on a clipped range.

An activation works on NumPy arrays and on torch tensors alike; ``xp`` is the library, numpy or torch, and both spell
these operations the same way. Derivatives are written in terms of the hidden state h = a(z), which is what a
recurrence stores.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import ModuleType
from typing import Any, Protocol

from tpcore.checks import check_option

Array = Any  # numpy.ndarray or torch.Tensor


class Activation(Protocol):
    """What a recurrence needs to know about an activation a."""

    @property
    def name(self) -> str:
        """How the constructor calls it."""

    def apply_(self, xp: ModuleType, z: Array) -> None:
        """Overwrite z with a(z)."""

    def derivative(self, xp: ModuleType, h: Array) -> Array:
        """a′(z) at the pre-activation of the hidden state h = a(z)."""

    def clip(self, xp: ModuleType, v: Array, margin: float) -> Array:
        """The nearest point to v on the range where the inverse is taken."""

    def clip_slope(self, xp: ModuleType, slope: Array, margin: float) -> Array:
        """a′ at the nearest point on that range, from a′ at the hidden state itself."""

    def inverse(self, xp: ModuleType, v: Array) -> Array:
        """a⁻¹(v), for v on the clipped range."""

    def inverse_difference(self, xp: ModuleType, h: Array, D: Array, margin: float) -> Array:
        """a⁻¹(clip(h)) − a⁻¹(clip(h − D)), as precise for a small D as for a large one."""


@dataclass(frozen=True)
class Tanh:
    """a(z) = tanh z, a′ = 1 − h², a⁻¹(v) = artanh v on [−1 + margin, 1 − margin]."""

    name: str = "tanh"

    def apply_(self, xp: ModuleType, z: Array) -> None:
        xp.tanh(z, out=z)

    def derivative(self, xp: ModuleType, h: Array) -> Array:
        return 1 - h * h

    def clip(self, xp: ModuleType, v: Array, margin: float) -> Array:
        return xp.clip(v, margin - 1, 1 - margin)

    def clip_slope(self, xp: ModuleType, slope: Array, margin: float) -> Array:
        return xp.clip(slope, 1 - (1 - margin) ** 2, 1.0)  # with both ends NumPy takes half the time

    def inverse(self, xp: ModuleType, v: Array) -> Array:
        return xp.arctanh(v)

    def inverse_difference(self, xp: ModuleType, h: Array, D: Array, margin: float) -> Array:
        """± ½ log(1 + 2|m|/((1 ∓ c)(1 ± c − |m|))), c = clip(h), with m = c − clip(h − D) and its sign ±.

        It is artanh c − artanh(c − m) = ½ log((1 + c)(1 − c + m)/((1 − c)(1 + c − m))), in which nothing cancels.
        """
        c = self.clip(xp, h, margin)
        m = xp.clip(D - (h - c), c - (1 - margin), c - (margin - 1))
        sign, size = xp.sign(m), abs(m)
        c = sign * c
        return 0.5 * sign * xp.log1p(2 * size / ((1 - c) * xp.clip(1 + c - size, margin, None)))


@dataclass(frozen=True)
class ReLU:
    """a(z) = max(z, 0), a′ = 1 where h > 0 and 0 elsewhere, a⁻¹(v) = v on [margin, ∞).

    ReLU maps every z ≤ 0 to 0, so it has an inverse only on the positive numbers, where the slope is 1. Clipped to that
    range, linearized target propagation with s = 0 passes the displacement of an inactive unit on unchanged: a target
    above 0 can be reached by waking the unit. With s > 0 the unit's own derivative, 0, stops it, as in
    back-propagation.
    """

    name: str = "relu"

    def apply_(self, xp: ModuleType, z: Array) -> None:
        xp.clip(z, 0, None, out=z)

    def derivative(self, xp: ModuleType, h: Array) -> Array:
        return xp.sign(h)

    def clip(self, xp: ModuleType, v: Array, margin: float) -> Array:
        return xp.clip(v, margin, None)

    def clip_slope(self, xp: ModuleType, slope: Array, margin: float) -> Array:
        return xp.ones_like(slope)

    def inverse(self, xp: ModuleType, v: Array) -> Array:
        return v

    def inverse_difference(self, xp: ModuleType, h: Array, D: Array, margin: float) -> Array:
        c = self.clip(xp, h, margin)
        return xp.minimum(D - (h - c), c - margin)


@dataclass(frozen=True)
class Identity:
    """a(z) = z: a linear recurrence, in which target propagation can be followed by hand."""

    name: str = "identity"

    def apply_(self, xp: ModuleType, z: Array) -> None:
        pass

    def derivative(self, xp: ModuleType, h: Array) -> Array:
        return xp.ones_like(h)

    def clip(self, xp: ModuleType, v: Array, margin: float) -> Array:
        return v

    def clip_slope(self, xp: ModuleType, slope: Array, margin: float) -> Array:
        return slope

    def inverse(self, xp: ModuleType, v: Array) -> Array:
        return v

    def inverse_difference(self, xp: ModuleType, h: Array, D: Array, margin: float) -> Array:
        return D


def tanh_difference(xp: ModuleType, a: Array, q: Array) -> Array:
    """tanh a − tanh(a − q), as precise for a small q as for a large one: 2 sinh q/(cosh(2a − q) + cosh q)."""
    p, size = abs(2 * a - q), abs(q)
    largest = xp.maximum(p, size)  # by whose exponential both are divided: nothing overflows
    sinh = -xp.exp(size - largest) * xp.expm1(-2 * size)
    cosh = xp.exp(p - largest) + xp.exp(-p - largest) + xp.exp(size - largest) + xp.exp(-size - largest)
    return 2 * xp.sign(q) * sinh / cosh


ACTIVATIONS: dict[str, Activation] = {a.name: a for a in (Tanh(), ReLU(), Identity())}


def activation_named(name: str) -> Activation:
    """The activation of that name, or ValueError naming those there are."""
    return ACTIVATIONS[check_option("nonlinearity", name, tuple(ACTIVATIONS))]
