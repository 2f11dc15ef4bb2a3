"""The geometric family as mathematics defines it, by an SVD of each matrix, in float64; see `definition`."""

from __future__ import annotations

import torch
from torch import Tensor

from tests.definition import Network
from tests.gru_definition import GatedNetwork


def mean_operator(W: Tensor, p: float) -> Tensor:
    """M_p = V Σᵖ Uᵀ."""
    left, sigma, right = torch.linalg.svd(W, full_matrices=False)
    return right.T @ torch.diag(sigma**p) @ left.T


def mean_slope(activation: str, slope: Tensor, p: float, margin: float) -> Tensor:
    """A_p; for p ≤ 0 on the range where the activation is inverted."""
    if p <= 0:
        least = {"tanh": 1 - (1 - margin) ** 2, "relu": 1.0, "identity": 1.0}[activation]
        slope = slope.clamp(min=least)
    return slope**p


def mean_displacements(net: Network, losses: list[Tensor], *, p: float, step=1.0, margin=1e-3) -> list[Tensor]:
    """δ_0, …, δ_τ under δ_{t−1} = M_p A_p δ_t, given ∂ℓ/∂h_t for t = 1 … τ."""
    h, M, tau = net.states(), mean_operator(net.W, p), len(net.x)
    delta = [torch.zeros_like(net.h_0) for _ in range(tau + 1)]
    for t in range(tau, 0, -1):
        delta[t] = delta[t] - step * losses[t - 1]
        gain = mean_slope(net.activation, net.slope(t, h[t - 1]), p, margin)
        delta[t - 1] = (gain * delta[t]) @ M.T
    return delta


def gated_mean_displacements(net: GatedNetwork, losses, *, p: float, step=1.0, margin=1e-3) -> list[Tensor]:
    """The same for the GRU: δ_{t−1} = z ⊙ δ + M_p((1 − z) ⊙ κᵖ ⊙ δ) + max(p, 0) (the gates' own back-propagation)."""
    h, d, tau = net.states(), net.h_0.shape[1], len(net.x)
    M = mean_operator(net.W[2 * d :], p)
    delta = [torch.zeros_like(net.h_0) for _ in range(tau + 1)]
    for t in range(tau, 0, -1):
        delta[t] = delta[t] - step * losses[t - 1]
        _, into_reset, into_update, drive, inner = net.enters(t, h[t - 1])
        rho, z = torch.sigmoid(into_reset), torch.sigmoid(into_update)
        n = torch.tanh(drive + rho * inner)
        _, c_rho, c_z, _, _ = net.slopes(t, h[t - 1])
        kappa = rho * (1 - n**2) if p > 0 else rho.clamp(min=margin) * (1 - n.clamp(margin - 1, 1 - margin) ** 2)
        gates = (c_rho * delta[t]) @ net.W[:d] + (c_z * delta[t]) @ net.W[d : 2 * d]
        delta[t - 1] = z * delta[t] + ((1 - z) * kappa**p * delta[t]) @ M.T + max(p, 0) * gates
    return delta


def rescaled_adjoints(net: Network, losses: list[Tensor], *, p: float, step=1.0) -> list[Tensor]:
    """−λ_0, …, −λ_τ under λ_{t−1} = (‖λ_t‖/‖λ′‖)^{1−p} λ′, λ′ = Wᵀ(a′ ⊙ λ_t), one sample at a time."""
    h, tau = net.states(), len(net.x)
    delta = [torch.zeros_like(net.h_0) for _ in range(tau + 1)]
    for t in range(tau, 0, -1):
        delta[t] = delta[t] - step * losses[t - 1]
        slope = net.slope(t, h[t - 1])
        for i, given in enumerate(delta[t]):
            after = net.W.T @ (slope[i] * given)
            if after.norm() > 0:
                delta[t - 1][i] = (given.norm() / after.norm()) ** (1 - p) * after
    return delta
