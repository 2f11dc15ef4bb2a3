"""The GRU, back-propagation and its regularized inverse as mathematics defines them, in float64; see `definition`.

Slopes come from autograd of the layer as a function of what enters it, inverses from `definition.ridge_operator`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from tests.definition import ridge_operator, undo_activation


@dataclass
class GatedNetwork:
    """torch.nn.GRU's layer on inputs (τ, B, p) from h_0 (B, d); W (3 d, d), U (3 d, p), b and c (3 d,)."""

    W: Tensor
    U: Tensor
    b: Tensor  # beside U x_t
    c: Tensor  # beside W h_{t−1}
    x: Tensor
    h_0: Tensor

    @classmethod
    def random(cls, seed: int, *, tau: int, batch: int, d: int, p: int, scale: float = 1.0):
        g = torch.Generator().manual_seed(seed)

        def normal(*shape: int) -> Tensor:
            return torch.randn(*shape, generator=g, dtype=torch.float64)

        W, U = scale * normal(3 * d, d) / d**0.5, normal(3 * d, p) / p**0.5
        return cls(W, U, 0.3 * normal(3 * d), 0.3 * normal(3 * d), normal(tau, batch, p), 0.5 * normal(batch, d))

    def with_gates(self, *, reset: float, update: float):
        """The same with the gates' biases so that ρ and z are near these everywhere, whatever enters."""
        d = self.h_0.shape[1]
        W, U, b, c = (value.clone() for value in (self.W, self.U, self.b, self.c))
        for k, wanted in enumerate((reset, update)):
            W[k * d : (k + 1) * d], U[k * d : (k + 1) * d], c[k * d : (k + 1) * d] = 0, 0, 0
            b[k * d : (k + 1) * d] = torch.logit(torch.tensor(wanted, dtype=torch.float64))
        return replace(self, W=W, U=U, b=b, c=c)

    def enters(self, t: int, h: Tensor) -> list[Tensor]:
        """What the layer of step t makes its new state from: h itself, and the pre-activations of ρ, z, n and m."""
        driven = (self.x[t - 1] @ self.U.T + self.b).chunk(3, -1)
        carried = (h @ self.W.T + self.c).chunk(3, -1)
        return [h, driven[0] + carried[0], driven[1] + carried[1], driven[2], carried[2]]

    @staticmethod
    def mix(h: Tensor, reset: Tensor, update: Tensor, drive: Tensor, inner: Tensor) -> Tensor:
        """h_t from what enters, as the documentation of torch.nn.GRU has it."""
        z, n = torch.sigmoid(update), torch.tanh(drive + torch.sigmoid(reset) * inner)
        return (1 - z) * n + z * h

    def step(self, t: int, h: Tensor) -> Tensor:
        """f_t(h); t counts from 1."""
        return self.mix(*self.enters(t, h))

    def states(self) -> list[Tensor]:
        """h_0, …, h_τ."""
        h = [self.h_0]
        for t in range(1, len(self.x) + 1):
            h.append(self.step(t, h[-1]))
        return h

    def slopes(self, t: int, h: Tensor) -> list[Tensor]:
        """∂h_t by each of `enters`, entry by entry."""
        given = [value.detach().requires_grad_() for value in self.enters(t, h)]
        return list(torch.autograd.grad(self.mix(*given).sum(), given))


def gru_displacements(
    net: GatedNetwork, losses, *, r, s=0.0, calibrated=False, form="linearized", step=1.0, margin=1e-3
):
    """δ_0, …, δ_τ, given ∂ℓ/∂h_t for t = 1 … τ."""
    h, d, tau = net.states(), net.h_0.shape[1], len(net.x)
    M = [(1 + r) * ridge_operator(net.W[k * d : (k + 1) * d], r) for k in range(3)]
    shrink = 1 if calibrated else (1 + r) * (1 + s)

    def back(t: int, delta: Tensor) -> Tensor:
        _, into_reset, into_update, drive, inner = net.enters(t, h[t - 1])
        rho, z = torch.sigmoid(into_reset), torch.sigmoid(into_update)
        n = torch.tanh(drive + rho * inner)
        _, c_rho, c_z, _, _ = net.slopes(t, h[t - 1])
        if form == "difference":
            moved = undo_activation("tanh", n + delta, margin) - undo_activation("tanh", n, margin)
            answer = moved / rho.clamp(min=margin)
        elif s == 0:
            answer = delta / (rho.clamp(min=margin) * (1 - n.clamp(margin - 1, 1 - margin) ** 2))
        else:
            kappa = rho * (1 - n**2)
            answer = (1 + s) * kappa / (kappa**2 + s) * delta
        sent = z * delta + ((1 - z) * answer) @ M[2].T
        if s > 0:
            sent = sent + s / (1 + s) * ((c_z * delta) @ M[1].T + (c_rho * delta) @ M[0].T)
        return sent / shrink

    delta = [torch.zeros_like(net.h_0) for _ in range(tau + 1)]
    for t in range(tau, 0, -1):
        delta[t] = delta[t] - step * losses[t - 1]
        delta[t - 1] = back(t, delta[t])
    return delta
