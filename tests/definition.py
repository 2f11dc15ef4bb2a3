"""Back-propagation and target propagation as mathematics defines them: one sample and one step at a time, in float64.

Nothing here uses the code under test. Derivatives come from autograd, inverses from dense solves.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

FUNCTIONS = {"tanh": torch.tanh, "relu": torch.relu, "identity": lambda z: z}


@dataclass
class Network:
    """h_t = a(W h_{t−1} + U x_t + b) on inputs (τ, B, p) from h_0 (B, d), all in float64."""

    activation: str
    W: Tensor
    U: Tensor
    b: Tensor
    x: Tensor
    h_0: Tensor

    @classmethod
    def random(cls, seed: int, *, tau: int, batch: int, d: int, p: int, activation: str = "tanh", scale: float = 1.0):
        g = torch.Generator().manual_seed(seed)

        def normal(*shape: int) -> Tensor:
            return torch.randn(*shape, generator=g, dtype=torch.float64)

        W = scale * normal(d, d) / d**0.5
        return cls(
            activation,
            W,
            normal(d, p) / p**0.5,
            0.1 * normal(d),
            normal(tau, batch, p),
            0.5 * normal(batch, d),
        )

    def step(self, t: int, h: Tensor) -> Tensor:
        """f_t(h); t counts from 1."""
        return FUNCTIONS[self.activation](h @ self.W.T + self.x[t - 1] @ self.U.T + self.b)

    def states(self) -> list[Tensor]:
        """h_0, …, h_τ."""
        h = [self.h_0]
        for t in range(1, len(self.x) + 1):
            h.append(self.step(t, h[-1]))
        return h

    def slope(self, t: int, h_before: Tensor) -> Tensor:
        """a′(z_t), by autograd."""
        z = (h_before @ self.W.T + self.x[t - 1] @ self.U.T + self.b).requires_grad_()
        (slope,) = torch.autograd.grad(FUNCTIONS[self.activation](z).sum(), z)
        return slope


def ridge_operator(W: Tensor, r: float) -> Tensor:
    """M_r from the augmented least-squares problem min ‖[W; √r I] u − [y; 0]‖², solved by QR: no normal equations."""
    q, p = W.shape
    stacked = torch.cat([W, r**0.5 * torch.eye(p, dtype=W.dtype)])
    rhs = torch.cat([torch.eye(q, dtype=W.dtype), torch.zeros(p, q, dtype=W.dtype)])
    orthogonal, upper = torch.linalg.qr(stacked)
    return torch.linalg.solve_triangular(upper, orthogonal.T @ rhs, upper=True)


def undo_activation(activation: str, v: Tensor, margin: float) -> Tensor:
    """a⁻¹(clip(v))."""
    if activation == "tanh":
        return torch.atanh(v.clamp(margin - 1, 1 - margin))
    return v.clamp(min=margin) if activation == "relu" else v


def displacements(
    net: Network,
    losses: list[Tensor],
    *,
    r,
    s=0.0,
    calibrated=False,
    form="linearized",
    step=1.0,
    margin=1e-3,
):
    """δ_0, …, δ_τ, given ∂ℓ/∂h_t for t = 1 … τ (zero where no loss is)."""
    h = net.states()
    tau = len(net.x)
    M = ridge_operator(net.W, r) * ((1 + r) if calibrated else 1)

    def back(t: int, delta: Tensor) -> Tensor:
        if form == "plain":
            drive = net.x[t - 1] @ net.U.T + net.b
            return (undo_activation(net.activation, h[t] + delta, margin) - drive) @ M.T - h[t - 1]
        if form == "difference":
            moved = undo_activation(net.activation, h[t] + delta, margin)
            return (moved - undo_activation(net.activation, h[t], margin)) @ M.T
        if s > 0:
            slope = net.slope(t, h[t - 1])
            gain = slope / (slope**2 + s) * ((1 + s) if calibrated else 1)
        elif net.activation == "tanh":
            gain = 1 / (1 - h[t].clamp(margin - 1, 1 - margin) ** 2)
        else:
            gain = torch.ones_like(h[t])
        return (gain * delta) @ M.T

    delta = [torch.zeros_like(net.h_0) for _ in range(tau + 1)]
    for t in range(tau, 0, -1):
        delta[t] = delta[t] - step * losses[t - 1]
        delta[t - 1] = back(t, delta[t])
    return delta


def minus_directions(net, delta: list[Tensor], accumulate: str, names: str = "WUb") -> dict[str, Tensor]:
    """What .grad should hold, x.grad too: autograd of the squared distances to the (constant) targets."""
    parameters = {name: getattr(net, name).clone().requires_grad_() for name in names}
    h, moved = net.states(), replace(net, **parameters)
    reached = [moved.step(t, h[t - 1]) for t in range(1, len(h))] if accumulate == "local" else moved.states()[1:]
    distance = sum(
        0.5 * (f - (state + change)).square().sum() for f, state, change in zip(reached, h[1:], delta[1:], strict=True)
    )
    return dict(zip(parameters, torch.autograd.grad(distance, list(parameters.values())), strict=True))
