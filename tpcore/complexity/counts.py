"""What one training step costs: operations and memory, counted from first principles.

A step is the forward pass, the backward pass and the directions of all parameters, for a tanh RNN of one or several
layers, h_t = a(W h_{t−1} + U x_t + b), with one loss, a cross-entropy, on a linear output layer of the last state.
Layers above the first have inputs of size d, the states of the layer below, and send back to them U'ᵀ(a′ ⊙ δ_t), as
back-propagation does. The optimizer's own arithmetic, the loss's value and the making of the batch are left out.

Counted exactly: matrix products (a multiply-add is 2), Cholesky factorizations and triangular solves (each addition,
multiplication, division and root is 1). Counted by a convention, and kept apart as "elementwise": each arithmetic
operation, comparison and evaluation of tanh or exp on an element is 1, as many to an element as `ELEMENTWISE` says. All
is carried back to h_0, τ steps; who needs nothing there saves one of τ. The regularization r plays no part in any cost.

The contenders differ in what carries a displacement δ_t of the hidden state one step back:

=================  ===================================================================================================
"BP"               Wᵀ(a′ ⊙ λ_t): back-propagation, as in torch
"TP"               M_r (δ_t ⊘ a′): linearized target propagation; M_r is computed once a step for all B·τ
"TP through time"  the same, and a second recurrence, back-propagation's, for its adjoint
"exact inverse"    (JᵀJ + rI)⁻¹Jᵀ δ_t, J = diag(a′) W the layer's Jacobian: this matrix is made for each sample and step
"Gauss–Newton"     the same vector, from (JᵀJ + rI) u = Jᵀδ_t: factored for each sample and step, solved once
"learned inverse"  difference target propagation with g(v) = tanh(V v + c + U x), whose V, c and U are its own
=================  ===================================================================================================

An exact minimizer of ½‖f_t(u) − v_t‖² + (r/2)‖u − h_{t−1}‖² repeats Gauss–Newton's step from the last u until it
settles; "Gauss–Newton" is one such step from u = h_{t−1}. The learned inverse is trained to reconstruct,
h_{t−1} ≈ g(h_t), at every sample and step; these g(h_t) serve the difference form as well. (Trained on noisy states it
would need two more products with each, 4Bτd², for the noisy step and for its reconstruction.)
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from tpcore.checks import check_integer

# Who is counted: the names in the table above, in the order of the book's figures.
CONTENDERS = ("BP", "TP", "TP through time", "exact inverse", "Gauss–Newton", "learned inverse")
# The parts of a step, in the order in which a bar stacks them.
PARTS = (
    "forward",
    "output layer",
    "backward recurrence",
    "parameter products",
    "between layers",
    "inversion",
    "inverse's training",
    "elementwise",
)
# The convention by which elementwise operations are counted.
ELEMENTWISE = {  # operations to a hidden value, B·τ·d in a layer
    "forward": 3,  # W h + U x + b, tanh
    "directions": 4,  # a′ = 1 − h², its product with δ, the sum for b
    "from above": 1,  # what comes from the layer above is added to δ, in every layer but the top one
    "TP": 4,  # clip, 1 − h², the quotient
    "TP through time": 5,  # the same, and the sum that makes its adjoint
    "learned inverse": 12,  # g(h) 3; g(v) 2, its difference, v = h + δ; residual, a′, product, the sum for c
    "output": 9,  # to a logit, B·q: + bias, softmax 5, minus the label, over B, the sum for the bias
}
NUMBER = 4  # bytes of a number: float32


@dataclass(frozen=True)
class Shape:
    """The sizes on which a step's cost depends.

    Parameters
    ----------
    batch, length, hidden, inputs, outputs : int ≥ 1
        B, τ, d, p, q.
    layers : int ≥ 1

    Raises
    ------
    ValueError
        If one of them is not a whole number of at least 1; the message names it.

    Examples
    --------
    >>> from tpcore.complexity import Shape
    >>> Shape(batch=20, length=60, hidden=100, inputs=6, outputs=4, layers=2).layer_inputs
    (6, 100)
    """

    batch: int
    length: int
    hidden: int
    inputs: int
    outputs: int
    layers: int = 1

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            check_integer(name, value)

    @property
    def layer_inputs(self) -> tuple[int, ...]:
        """The size of each layer's inputs, p and then d."""
        return (self.inputs, *[self.hidden] * (self.layers - 1))


@dataclass(frozen=True)
class Work:
    """Operations, and numbers moved: every operation reads its operands and writes its result once.

    Two can be added, and one taken so many times.

    Parameters
    ----------
    operations, moved : int

    Examples
    --------
    >>> from tpcore.complexity import Work
    >>> Work(10, 4) + 2 * Work(1, 1)
    Work(operations=12, moved=6)
    """

    operations: int = 0
    moved: int = 0

    def __add__(self, other: Work) -> Work:
        return Work(self.operations + other.operations, self.moved + other.moved)

    def __rmul__(self, times: int) -> Work:
        return Work(times * self.operations, times * self.moved)


@dataclass(frozen=True)
class Count:
    """The cost of one training step. See `count`.

    Parameters
    ----------
    contender : str
    shape : Shape
    parts : dict of str to Work
        By the names in `PARTS`, in that order, zero where a contender has none.
    memory : dict of str to int
        Bytes kept until the backward pass has used them, in float32: "parameters" (and their directions), "inputs",
        "states", "output layer", and "inverse".

    Examples
    --------
    >>> from tpcore.complexity import Shape, count
    >>> cost = count("TP", Shape(batch=20, length=60, hidden=100, inputs=6, outputs=4))
    >>> cost.parts["backward recurrence"].operations  # 2Bτd²
    24000000
    """

    contender: str
    shape: Shape
    parts: dict[str, Work]
    memory: dict[str, int]

    @property
    def operations(self) -> int:
        """All operations of the step."""
        return sum(work.operations for work in self.parts.values())

    @property
    def bytes(self) -> int:
        """All the memory of the step."""
        return sum(self.memory.values())


def count(contender: str, shape: Shape) -> Count:
    """Operations and memory of one training step.

    With P = p + (layers − 1) d, the matrix products of "BP" are: forward 2Bτd(d·layers + P), the same for the
    parameters, 2Bτd² for each layer's recurrence and for each pair of layers, 6Bdq for the output layer. "TP" adds, for
    each layer, 2d³ for WᵀW (its symmetry not used), d(d + 1)(2d + 1)/6 for the Cholesky factor and 2d³ to solve for
    M_r, and keeps d² numbers more.

    Parameters
    ----------
    contender : str
        One of `CONTENDERS`; the module says what each does.
    shape : Shape

    Returns
    -------
    Count

    Raises
    ------
    ValueError
        If there is no such contender.

    Notes
    -----
    Memory counts, beside parameters and their directions: the inputs, all states with h_0, and the softmax; the
    matrices M_r of all layers; the B matrices or Cholesky factors of one step where they differ from sample to sample;
    the learned inverse's parameters, directions, g(h_t) and U x_t + c for all steps. What lives only within one
    operation or one inversion is not counted.

    Examples
    --------
    >>> from tpcore.complexity import Shape, count
    >>> step = count("TP", Shape(batch=16, length=784, hidden=100, inputs=1, outputs=10))
    >>> step.parts["inversion"].operations  # 2d³ + d(d + 1)(2d + 1)/6 + 2d³
    4338350
    >>> round(step.parts["inversion"].operations / step.operations, 4)
    0.0056

    References
    ----------
    Golub & Van Loan, *Matrix Computations*, for the factorization and the solves.
    """
    if contender not in CONTENDERS:
        raise ValueError(f"contender must be one of {', '.join(map(repr, CONTENDERS))}, got {contender!r}")
    B, T, d, q, L = shape.batch, shape.length, shape.hidden, shape.outputs, shape.layers
    recurrence = L * T * _product(B, d, d)
    works = {
        "forward": recurrence + _sum(_product(B * T, m, d) for m in shape.layer_inputs),
        "output layer": _product(B, d, q) + _product(q, B, d) + _product(B, q, d),
        "backward recurrence": recurrence,
        "parameter products": _sum(_product(d, B * T, d) + _product(d, B * T, m) for m in shape.layer_inputs),
        "between layers": (L - 1) * _product(B * T, d, d),
        "elementwise": _elementwise(contender, shape),
    }
    if contender in ("exact inverse", "Gauss–Newton"):
        works["backward recurrence"] = L * B * T * _product(d, d, 1)
        works["inversion"] = L * B * T * _inversion(d, columns=d if contender == "exact inverse" else 1)
    elif contender == "learned inverse":
        states = L * _product(B * T, d, d)
        inputs = _sum(_product(B * T, m, d) for m in shape.layer_inputs)
        works["inverse's training"] = states + inputs + works["parameter products"]
    elif contender != "BP":
        works["inversion"] = L * _inversion(d, columns=d)
        if contender == "TP through time":
            works["backward recurrence"] = 2 * recurrence
    return Count(contender, shape, {part: works.get(part, Work()) for part in PARTS}, _memory(contender, shape))


def _sum(works: Iterable[Work]) -> Work:
    return sum(works, Work())


def _product(m: int, k: int, n: int) -> Work:
    """(m, k) times (k, n)."""
    return Work(2 * m * k * n, m * k + k * n + m * n)


def _inversion(d: int, columns: int) -> Work:
    """The Gram matrix of a (d, d) matrix, its Cholesky factor, and two triangular solves of so many columns."""
    factor = Work(d * (d + 1) * (2 * d + 1) // 6, 2 * d**2)
    return _product(d, d, d) + factor + 2 * Work(d**2 * columns, d**2 + 2 * d * columns)


def _elementwise(contender: str, shape: Shape) -> Work:
    B, T, d, q, L = shape.batch, shape.length, shape.hidden, shape.outputs, shape.layers
    each = ELEMENTWISE["forward"] + ELEMENTWISE["directions"] + ELEMENTWISE.get(contender, 0)
    operations = B * T * d * (L * each + (L - 1) * ELEMENTWISE["from above"]) + B * q * ELEMENTWISE["output"]
    if contender != "BP":
        operations += B * d  # −γ_h times the gradient: the first displacement
    if contender in ("exact inverse", "Gauss–Newton"):
        operations += L * B * T * (d**2 + d)  # J = diag(a′) W, and r on the diagonal
    elif contender.startswith("TP"):
        operations += L * d
    return Work(operations, 2 * operations)


def _memory(contender: str, shape: Shape) -> dict[str, int]:
    B, T, d, q, L = shape.batch, shape.length, shape.hidden, shape.outputs, shape.layers
    recurrent = sum(d * (d + m + 1) for m in shape.layer_inputs)  # W, U and b of all layers
    inverse = {
        "BP": 0,
        "TP": L * d**2,
        "TP through time": L * d**2,
        "exact inverse": B * d**2,
        "Gauss–Newton": B * d**2,
        "learned inverse": 2 * recurrent + 2 * L * B * T * d,
    }
    numbers = {
        "parameters": 2 * (recurrent + q * (d + 1)),
        "inputs": B * T * shape.inputs,
        "states": L * B * (T + 1) * d,
        "output layer": B * q,
        "inverse": inverse[contender],
    }
    return {name: NUMBER * number for name, number in numbers.items()}
