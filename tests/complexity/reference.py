"""Every contender's training step written out in plain torch, and a mode that counts what torch is asked to do.

Nothing here uses the code under test. test_reference.py checks the steps against autograd and dense solves: what is
counted does compute what it says.
"""

from __future__ import annotations

from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

POINTWISE = {"add", "sub", "rsub", "mul", "div", "tanh", "exp", "clamp"}
REDUCTIONS = {"sum", "amax"}
FREE = {"t", "permute", "transpose", "view", "_unsafe_view", "unsqueeze", "squeeze", "slice", "select", "unbind"}
FREE |= {"diagonal", "clone", "cat", "stack", "zeros_like"}  # views and copies: no arithmetic


class Counting(TorchDispatchMode):
    """Counts operations, and numbers read and written, of all that runs inside; products in the part that is named."""

    def __init__(self) -> None:
        super().__init__()
        self.operations: Counter[str] = Counter()
        self.moved: Counter[str] = Counter()
        self._part = ""

    @contextmanager
    def part(self, name: str):
        self._part, before = name, self._part
        yield
        self._part = before

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        name = func.overloadpacket.__name__.rstrip("_")
        if name in ("mm", "bmm"):
            a, b = args
            self._add(self._part, 2 * a.numel() * b.shape[-1], a.numel() + b.numel() + result.numel())
        elif name == "linalg_cholesky_ex":
            n = args[0].shape[-1]
            matrices = args[0].numel() // n**2
            self._add(self._part, matrices * cholesky_operations(n), 2 * args[0].numel())
        elif name == "linalg_solve_triangular":
            a, b = args
            self._add(self._part, b.numel() * a.shape[-1], a.numel() + 2 * b.numel())
        elif name in POINTWISE:
            self._add("elementwise", result.numel(), 2 * result.numel())
        elif name in REDUCTIONS:
            self._add("elementwise", args[0].numel(), 2 * args[0].numel())
        else:
            assert name in FREE, name
        return result

    def _add(self, part: str, operations: int, moved: int) -> None:
        self.operations[part] += operations
        self.moved[part] += moved


def cholesky_operations(n: int) -> int:
    """Of the textbook algorithm, which test_reference.py runs on numbers that count.

    Entry j of the diagonal takes j multiplications, j subtractions and a root; each below it as many and a division.
    """
    return sum((2 * j + 1) * (n - j) for j in range(n))


@dataclass
class Layer:
    """W (d, d), U (d, m), b (d,), and the learned inverse V (d, d), X (d, m), c (d,)."""

    W: Tensor
    U: Tensor
    b: Tensor
    V: Tensor
    X: Tensor
    c: Tensor


class Step:
    """One training step on inputs (τ, B, p) and one-hot labels (B, q) from h_0 (layers, B, d)."""

    r, gamma, margin = 0.7, 0.1, 1e-3

    def __init__(self, seed: int, batch: int, length: int, d: int, p: int, q: int, layers: int) -> None:
        g = torch.Generator().manual_seed(seed)

        def normal(*shape: int) -> Tensor:
            return torch.randn(*shape, generator=g, dtype=torch.float64) / shape[-1] ** 0.5

        self.layers = [
            Layer(normal(d, d), normal(d, m), normal(d), normal(d, d), normal(d, m), normal(d))
            for m in [p] + [d] * (layers - 1)
        ]
        self.V, self.c = normal(q, d), normal(q)
        self.inputs, self.h_0 = normal(length, batch, p), normal(layers, batch, d)
        self.labels = torch.eye(q, dtype=torch.float64)[torch.randint(q, (batch,), generator=g)]

    def run(self, contender: str, counting: Counting) -> dict[str, Tensor]:
        """The directions (for BP the gradients), by names: W0, U0, b0, W1, …, V, c; h0, h1, … for each layer's h_0."""
        states, found = self._forward(counting), {}
        arriving, above = self._output_layer(counting, states[-1][-1], found), None
        if contender != "BP":
            arriving = arriving * -self.gamma
        for i in reversed(range(len(self.layers))):
            layer, h, inputs = self.layers[i], states[i], states[i - 1][1:] if i else self.inputs
            back = Backward(contender, counting, layer, inputs, h)
            E, found[f"h{i}"] = back.run(arriving, above)
            E, before, drives = (tensor.flatten(0, 1) for tensor in (E, h[:-1], inputs))
            found |= {f"{name}{i}": value for name, value in back.trained.items()}
            found[f"b{i}"] = torch.sum(E, 0)
            with counting.part("parameter products"):
                found[f"W{i}"], found[f"U{i}"] = torch.mm(E.T, before), torch.mm(E.T, drives)
            if i > 0:
                with counting.part("between layers"):
                    arriving, above = torch.zeros_like(h[0]), torch.mm(E, layer.U).view_as(inputs)
        return found

    def _forward(self, counting: Counting) -> list[Tensor]:
        states, inputs = [], self.inputs
        for layer, h in zip(self.layers, self.h_0, strict=True):
            with counting.part("forward"):
                driven = torch.mm(inputs.flatten(0, 1), layer.U.T).view(*inputs.shape[:2], -1)
                rows = [h]
                for drive in driven:
                    rows.append(torch.tanh(torch.mm(rows[-1], layer.W.T) + drive + layer.b))
            states.append(torch.stack(rows))
            inputs = states[-1][1:]
        return states

    def _output_layer(self, counting: Counting, last: Tensor, found: dict[str, Tensor]) -> Tensor:
        with counting.part("output layer"):
            logits = torch.mm(last, self.V.T) + self.c
            weights = torch.exp(logits - torch.amax(logits, 1, keepdim=True))
            error = (weights / torch.sum(weights, 1, keepdim=True) - self.labels) / len(logits)
            found["V"], found["c"] = torch.mm(error.T, last), torch.sum(error, 0)
            return torch.mm(error, self.V)


class Backward:
    """The backward pass of one layer: `run` gives E = a′ ⊙ D for all steps, and D_0."""

    def __init__(self, contender: str, counting: Counting, layer: Layer, inputs: Tensor, h: Tensor) -> None:
        self.contender, self.counting, self.layer, self.inputs, self.h = contender, counting, layer, inputs, h
        self.slope = 1 - h[1:] * h[1:]
        self.trained: dict[str, Tensor] = {}
        self.rows: list[Tensor] = []

    def run(self, arriving: Tensor, above: Tensor | None) -> tuple[Tensor, Tensor]:
        if self.contender == "BP":
            first = self._carry(self.adjoint, arriving, above)[1]
            return torch.stack(self.rows[::-1]), first
        D, first = self._carry(self._displacement(), arriving, above)
        if self.contender == "TP through time":
            self._carry(self.adjoint, torch.zeros_like(arriving), D)
            return torch.stack(self.rows[::-1]), first
        return self.slope * D, first

    def _carry(self, back, arriving: Tensor, sources: Tensor | None) -> tuple[Tensor, Tensor]:
        rows = []
        for t in reversed(range(len(self.inputs))):  # row t is step t + 1
            rows.append(arriving if sources is None else sources[t] + arriving)
            with self.counting.part("backward recurrence"):
                arriving = back(t, rows[-1])
        return torch.stack(rows[::-1]), arriving

    def _displacement(self):
        if self.contender.startswith("TP"):
            W = self.layer.W[None]
            self.M = self._solve(W, W.mT)[0]
            clipped = torch.clamp(self.h[1:], Step.margin - 1, 1 - Step.margin)
            self.undo = 1 - clipped * clipped
            return self.closed_form
        if self.contender == "learned inverse":
            self._train()
            return self.difference
        return self.exact if self.contender == "exact inverse" else self.gauss_newton

    def adjoint(self, t: int, D: Tensor) -> Tensor:
        self.rows.append(self.slope[t] * D)
        return torch.mm(self.rows[-1], self.layer.W)

    def closed_form(self, t: int, D: Tensor) -> Tensor:
        return torch.mm(D / self.undo[t], self.M.T)

    def exact(self, t: int, D: Tensor) -> Tensor:
        J = self.slope[t].unsqueeze(-1) * self.layer.W
        return torch.bmm(self._solve(J, J.mT), D.unsqueeze(-1)).squeeze(-1)

    def gauss_newton(self, t: int, D: Tensor) -> Tensor:
        J = self.slope[t].unsqueeze(-1) * self.layer.W
        return self._solve(J, torch.bmm(J.mT, D.unsqueeze(-1))).squeeze(-1)

    def difference(self, t: int, D: Tensor) -> Tensor:
        target = self.h[t + 1] + D
        return torch.tanh(torch.mm(target, self.layer.V.T) + self.drive[t]) - self.own[t]

    def _solve(self, J: Tensor, right: Tensor) -> Tensor:
        with self.counting.part("inversion"):
            gram = torch.bmm(J.mT, J)
            gram.diagonal(dim1=-2, dim2=-1).add_(Step.r)
            factor = torch.linalg.cholesky_ex(gram)[0]
            half = torch.linalg.solve_triangular(factor, right, upper=False)
            return torch.linalg.solve_triangular(factor.mT, half, upper=True)

    def _train(self) -> None:
        layer, h = self.layer, self.h[1:]
        inputs, states = self.inputs.flatten(0, 1), h.flatten(0, 1)
        with self.counting.part("inverse's training"):
            self.drive = torch.mm(inputs, layer.X.T).view_as(h) + layer.c
            self.own = torch.tanh(torch.mm(states, layer.V.T).view_as(h) + self.drive)
            error = ((1 - self.own * self.own) * (self.own - self.h[:-1])).flatten(0, 1)
            self.trained = {"inverse V": torch.mm(error.T, states), "inverse X": torch.mm(error.T, inputs)}
            self.trained["inverse c"] = torch.sum(error, 0)
