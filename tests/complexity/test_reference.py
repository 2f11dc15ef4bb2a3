"""The reference steps compute what they say, so that what is counted in them is the algorithm's own work."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
import torch

from tests.complexity.reference import Counting, Step, cholesky_operations
from tests.definition import Network, displacements, minus_directions, ridge_operator


def run(step, contender):
    with Counting() as counting:
        return step.run(contender, counting)


def forward(step, parameters, h_0):
    """The top layer's states h_1, …, h_τ and the loss."""
    inputs = list(step.inputs)
    for i, h in enumerate(h_0):
        W, U, b = (parameters[f"{name}{i}"] for name in "WUb")
        states = []
        for x in inputs:
            h = torch.tanh(h @ W.T + x @ U.T + b)
            states.append(h)
        inputs = states
    logits = inputs[-1] @ parameters["V"].T + parameters["c"]
    return inputs, torch.nn.functional.cross_entropy(logits, step.labels)


def parameters_of(step):
    named = {f"{name}{i}": getattr(layer, name) for i, layer in enumerate(step.layers) for name in "WUb"}
    return {name: value.clone().requires_grad_() for name, value in (named | {"V": step.V, "c": step.c}).items()}


def test_back_propagation_is_autograds():
    step = Step(0, batch=3, length=4, d=5, p=2, q=3, layers=3)
    leaves = parameters_of(step) | {f"h{i}": h.clone().requires_grad_() for i, h in enumerate(step.h_0)}
    _, loss = forward(step, leaves, [leaves[f"h{i}"] for i in range(3)])
    found = run(step, "BP")
    assert found.keys() == leaves.keys()
    for name, gradient in zip(leaves, torch.autograd.grad(loss, list(leaves.values())), strict=True):
        torch.testing.assert_close(found[name], gradient)


def one_layer():
    """A step of one layer, its network, and the gradient of the loss on each state."""
    step = Step(1, batch=2, length=5, d=4, p=3, q=3, layers=1)
    layer = step.layers[0]
    net = Network("tanh", layer.W, layer.U, layer.b, step.inputs, step.h_0[0])
    states, loss = forward(step, parameters_of(step), step.h_0)
    (last,) = torch.autograd.grad(loss, states[-1])
    return step, net, [torch.zeros_like(last)] * 4 + [last]


@pytest.mark.parametrize(("contender", "accumulate"), [("TP", "local"), ("TP through time", "through_time")])
def test_target_propagation_is_that_of_the_definition(contender, accumulate):
    step, net, losses = one_layer()
    delta = displacements(net, losses, r=step.r, step=step.gamma, margin=step.margin)
    found = run(step, contender)
    torch.testing.assert_close(found["h0"], delta[0])
    for name, minus in minus_directions(net, delta, accumulate).items():
        torch.testing.assert_close(found[f"{name}0"], -minus)


@pytest.mark.parametrize("contender", ["exact inverse", "Gauss–Newton"])
def test_inverses_of_each_jacobian_are_dense_least_squares(contender):
    step, net, losses = one_layer()
    h, delta = net.states(), [-step.gamma * losses[-1]]
    for t in range(5, 0, -1):
        jacobians = net.slope(t, h[t - 1]).unsqueeze(-1) * net.W
        pairs = zip(jacobians, delta[0], strict=True)
        delta.insert(0, torch.stack([ridge_operator(J, step.r) @ row for J, row in pairs]))
    found = run(step, contender)
    torch.testing.assert_close(found["h0"], delta[0])
    torch.testing.assert_close(found["W0"], -minus_directions(net, delta, "local")["W"])


def test_learned_inverse_learns_to_reconstruct_and_carries_differences():
    step, net, losses = one_layer()
    layer, h = step.layers[0], net.states()
    V, X, c = (value.clone().requires_grad_() for value in (layer.V, layer.X, layer.c))

    def g(t, v):
        return torch.tanh(v @ V.T + step.inputs[t - 1] @ X.T + c)

    found = run(step, "learned inverse")
    mistake = sum(0.5 * (g(t, h[t]) - h[t - 1]).square().sum() for t in range(1, 6))
    names = ("inverse V0", "inverse X0", "inverse c0")
    for name, gradient in zip(names, torch.autograd.grad(mistake, (V, X, c)), strict=True):
        torch.testing.assert_close(found[name], gradient)
    delta = -step.gamma * losses[-1]
    for t in range(5, 0, -1):
        delta = (g(t, h[t] + delta) - g(t, h[t])).detach()
    torch.testing.assert_close(found["h0"], delta)


@dataclass
class Counted:
    """A number that counts what is done with it."""

    value: float
    done = 0

    def _do(self, value: float) -> Counted:
        Counted.done += 1
        return Counted(value)

    def __sub__(self, other: Counted) -> Counted:
        return self._do(self.value - other.value)

    def __mul__(self, other: Counted) -> Counted:
        return self._do(self.value * other.value)

    def __truediv__(self, other: Counted) -> Counted:
        return self._do(self.value / other.value)

    def root(self) -> Counted:
        return self._do(self.value**0.5)


@pytest.mark.parametrize("n", [1, 2, 3, 7])
def test_textbook_cholesky_and_solves(n):
    matrix = torch.randn(n, n, generator=torch.Generator().manual_seed(n), dtype=torch.float64)
    gram = matrix.T @ matrix + torch.eye(n)
    factor = [[Counted(float(value)) for value in row] for row in gram]
    Counted.done = 0
    for j in range(n):
        for i in range(j, n):
            for k in range(j):
                factor[i][j] = factor[i][j] - factor[i][k] * factor[j][k]
            factor[i][j] = factor[j][j].root() if i == j else factor[i][j] / factor[j][j]
    assert Counted.done == cholesky_operations(n)
    lower = torch.tensor([[entry.value for entry in row] for row in factor], dtype=torch.float64).tril()
    torch.testing.assert_close(lower, torch.linalg.cholesky(gram))

    solution = [Counted(1.0) for _ in range(n)]
    Counted.done = 0
    for i in range(n):
        for k in range(i):
            solution[i] = solution[i] - factor[i][k] * solution[k]
        solution[i] = solution[i] / factor[i][i]
    assert Counted.done == n**2
    torch.testing.assert_close(
        torch.tensor([entry.value for entry in solution], dtype=torch.float64),
        torch.linalg.solve(lower, torch.ones(n, dtype=torch.float64)),
    )
