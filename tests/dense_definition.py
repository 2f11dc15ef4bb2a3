"""Layers in depth under target propagation, as mathematics defines it, in float64.

Nothing here uses the code under test. Derivatives come from autograd, inverses from dense least squares.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from tests.definition import FUNCTIONS, ridge_operator, undo_activation


@dataclass
class Layer:
    """h = a(W x + b) on inputs (N, p), all in float64."""

    activation: str
    W: Tensor
    b: Tensor

    @classmethod
    def random(cls, seed: int, *, p: int, q: int, activation: str = "tanh", scale: float = 1.0) -> Layer:
        g = torch.Generator().manual_seed(seed)
        W = scale * torch.randn(q, p, generator=g, dtype=torch.float64) / p**0.5
        return cls(activation, W, 0.1 * torch.randn(q, generator=g, dtype=torch.float64))

    def __call__(self, x: Tensor, W: Tensor | None = None, b: Tensor | None = None) -> Tensor:
        return FUNCTIONS[self.activation](x @ (self.W if W is None else W).T + (self.b if b is None else b))

    def slope(self, x: Tensor) -> Tensor:
        """a′(z), by autograd."""
        z = (x @ self.W.T + self.b).requires_grad_()
        (slope,) = torch.autograd.grad(FUNCTIONS[self.activation](z).sum(), z)
        return slope

    def back(
        self, x: Tensor, delta: Tensor, *, r, s=0.0, calibrated=False, form="linearized", margin=1e-3, step=None
    ) -> Tensor:
        """The displacement of the input for a displacement of the output; `step` has no part in it."""
        M = ridge_operator(self.W, r) * ((1 + r) if calibrated else 1)
        h = self(x)

        def undone(v: Tensor) -> Tensor:
            return (undo_activation(self.activation, v, margin) - self.b) @ M.T

        if form != "linearized":
            return undone(h + delta) - (x if form == "plain" else undone(h))
        if s > 0:
            slope = self.slope(x)
            gain = slope / (slope**2 + s) * ((1 + s) if calibrated else 1)
        elif self.activation == "tanh":
            gain = 1 / (1 - h.clamp(margin - 1, 1 - margin) ** 2)
        else:
            gain = torch.ones_like(h)
        return (gain * delta) @ M.T

    def minus_direction(self, x: Tensor, delta: Tensor) -> tuple[Tensor, Tensor]:
        """What .grad of W and b should hold: autograd of ½‖f(x; θ) − v‖², the target v = f(x) + δ constant."""
        W, b = self.W.clone().requires_grad_(), self.b.clone().requires_grad_()
        distance = 0.5 * (self(x, W, b) - (self(x) + delta)).square().sum()
        return torch.autograd.grad(distance, (W, b))


def in_depth(layers: list[Layer], x: Tensor, gradient: Tensor, *, step: float, **rule):
    """Targets through all layers, γ_h in the first target only: each layer's minus directions, and δ_0."""
    inputs = [x]
    for layer in layers[:-1]:
        inputs.append(layer(inputs[-1]))
    delta, found = -step * gradient, []
    for layer, below in zip(reversed(layers), reversed(inputs), strict=True):
        found.append(layer.minus_direction(below, delta))
        delta = layer.back(below, delta, **rule)
    return found[::-1], delta
