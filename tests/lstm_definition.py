"""The LSTM, back-propagation and its regularized inverse as mathematics defines them, in float64; see `definition`.

Slopes come from autograd of the layer as a function of what enters it, inverses from `definition.ridge_operator`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from tests.definition import ridge_operator, undo_activation


@dataclass
class LongShortTermNetwork:
    """torch.nn.LSTM's layer on inputs (τ, B, p) from h_0, c_0 (B, d); W (4 d, d), U (4 d, p), b (4 d,)."""

    W: Tensor
    U: Tensor
    b: Tensor
    x: Tensor
    h_0: Tensor
    c_0: Tensor

    @classmethod
    def random(cls, seed: int, *, tau: int, batch: int, d: int, p: int, scale: float = 1.0):
        g = torch.Generator().manual_seed(seed)

        def normal(*shape: int) -> Tensor:
            return torch.randn(*shape, generator=g, dtype=torch.float64)

        W, U = scale * normal(4 * d, d) / d**0.5, normal(4 * d, p) / p**0.5
        return cls(W, U, 0.3 * normal(4 * d), normal(tau, batch, p), 0.5 * normal(batch, d), normal(batch, d))

    def enters(self, t: int, h: Tensor, c: Tensor) -> list[Tensor]:
        """c itself and the pre-activations of i, f, g and o; t counts from 1."""
        return [c, *(self.x[t - 1] @ self.U.T + h @ self.W.T + self.b).chunk(4, -1)]

    @staticmethod
    def mix(c: Tensor, i: Tensor, f: Tensor, g: Tensor, o: Tensor) -> tuple[Tensor, Tensor]:
        """(h_t, c_t), as the documentation of torch.nn.LSTM has it."""
        after = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        return torch.sigmoid(o) * torch.tanh(after), after

    def step(self, t: int, h: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
        """f_t(h, c)."""
        return self.mix(*self.enters(t, h, c))

    def states(self) -> list[tuple[Tensor, Tensor]]:
        """(h_0, c_0), …, (h_τ, c_τ)."""
        found = [(self.h_0, self.c_0)]
        for t in range(1, len(self.x) + 1):
            found.append(self.step(t, *found[-1]))
        return found

    def slopes(self, t: int, h: Tensor, c: Tensor) -> tuple[list[Tensor], Tensor, Tensor]:
        """∂c_t by each of `enters`, and ∂h_t by o's pre-activation and by c_t, entry by entry."""
        given = [value.detach().requires_grad_() for value in self.enters(t, h, c)]
        after = self.mix(*given)[1]
        of_cell = torch.autograd.grad(after.sum(), given[:4])
        cell = after.detach().requires_grad_()
        read = torch.sigmoid(given[4]) * torch.tanh(cell)
        return list(of_cell), *torch.autograd.grad(read.sum(), (given[4], cell))


def lstm_displacements(
    net: LongShortTermNetwork, losses, *, r, s=0.0, calibrated=False, form="linearized", step=1.0, margin=1e-3
):
    """(δh, δc) for t = 0 … τ, given ∂ℓ/∂h_t for t = 1 … τ."""
    d, tau, states = net.h_0.shape[1], len(net.x), net.states()
    M = [(1 + r) * ridge_operator(net.W[k * d : (k + 1) * d], r) for k in range(4)]
    shrink = 1 if calibrated else (1 + r) * (1 + s)

    def at_fixed_gates(t, hidden, cell):
        i, f, g, o = (torch.sigmoid(z).clamp(min=margin) for z in net.enters(t, *states[t - 1])[1:])
        g = torch.tanh(net.enters(t, *states[t - 1])[3])
        kappa = i * (1 - g.clamp(margin - 1, 1 - margin) ** 2)
        read = torch.tanh(states[t][1])
        if form == "difference":
            asked = cell + undo_activation("tanh", read + hidden / o, margin) - undo_activation("tanh", read, margin)
            share = kappa**2 / (f**2 + kappa**2) * asked / i
            u = undo_activation("tanh", g + share, margin) - undo_activation("tanh", g, margin)
        else:
            asked = cell + hidden / (o * (1 - read.clamp(margin - 1, 1 - margin) ** 2))
            u = kappa / (f**2 + kappa**2) * asked
        return u @ M[2].T, f / (f**2 + kappa**2) * asked

    def back(t, hidden, cell):
        if s == 0:
            return [part / shrink for part in at_fixed_gates(t, hidden, cell)]
        (f, c_i, c_f, kappa), c_o, kappa_o = net.slopes(t, *states[t - 1])
        asked = cell + (1 + s) * kappa_o / (kappa_o**2 + s) * hidden
        weight = (1 + s) / (f**2 + kappa**2 + s)
        gates = (c_i * asked) @ M[0].T + (c_f * asked) @ M[1].T + (c_o * hidden) @ M[3].T
        return [((weight * kappa * asked) @ M[2].T + s / (1 + s) * gates) / shrink, weight * f * asked / shrink]

    delta = [(torch.zeros_like(net.h_0), torch.zeros_like(net.h_0)) for _ in range(tau + 1)]
    for t in range(tau, 0, -1):
        delta[t] = (delta[t][0] - step * losses[t - 1], delta[t][1])
        delta[t - 1] = tuple(back(t, *delta[t]))
    return delta


def lstm_minus_directions(net: LongShortTermNetwork, delta, accumulate: str) -> dict[str, Tensor]:
    """What .grad should hold: autograd of the squared distances of both states to their (constant) targets."""
    parameters = {name: getattr(net, name).clone().requires_grad_() for name in "WUbx"}
    states, moved = net.states(), replace(net, **parameters)
    reached = (
        [moved.step(t, *states[t - 1]) for t in range(1, len(states))] if accumulate == "local" else moved.states()[1:]
    )
    distance = sum(
        0.5 * (part - (state + change)).square().sum()
        for both, known, changes in zip(reached, states[1:], delta[1:], strict=True)
        for part, state, change in zip(both, known, changes, strict=True)
    )
    return dict(zip(parameters, torch.autograd.grad(distance, list(parameters.values())), strict=True))
