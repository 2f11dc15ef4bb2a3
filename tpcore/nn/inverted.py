"""`Inverted`: any differentiable module, whose backward to the input is a regularized inverse, matrix-free."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable
from typing import Any, NoReturn

import numpy as np
import torch
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel

from tpcore.checks import check_flag, check_integer, check_positive
from tpcore.nn.arguments import refuse_second_derivatives
from tpcore.nn.dense import check_directions
from tpcore.nn.recurrent import Recurrent
from tpcore.rules import TargetProp

ATTENTION = threading.RLock()  # torch's choice of attention kernels is one for all threads: set and put back by one
LARGEST_MISMATCH = 0.05  # far above the rounding of half precision, far below what a missing part of J leaves


class Inverted(torch.nn.Module):
    r"""Any differentiable module, with target propagation to its input by regularized inversion of its Jacobian.

    The forward pass is the module's own. Backward, with g what arrives at the output and δ = −γ_h g,

    - ``.grad`` of a parameter θ holds minus the local direction, −∂_θ f(x; θ)ᵀ δ with x held fixed;
    - the input receives −δ_in/γ_h, δ_in = argmin_u ½‖J u − δ‖² + (r/2)‖u‖², times 1 + r if calibrated.

    J = ∂f/∂x is the Jacobian at x of the map of the *whole batch*, so that batch normalization is linearized as it is.
    It is never formed: the solver, SciPy's conjugate gradients, asks for products with J and Jᵀ. Passing on −δ_in/γ_h
    is the convention of `Dense`: layers follow each other with γ_h counted once.

    Parameters
    ----------
    module : torch.nn.Module
        One tensor in, one tensor out, of any shapes: a convolution, a normalization, an attention block, a `Dense` with
        ``rule=BackProp()``, or a `torch.nn.Sequential` of them.
    r : float > 0
        Regularization. Small: nearly exact inversion, and many iterations; large: shrinks, few iterations.
    calibrated : bool
        Multiply by 1 + r: an isometry is inverted exactly at every r, r = 1 never expands, r → ∞ is back-propagation.
    step : float > 0
        γ_h. It scales the parameters' directions, not what the input receives.
    tolerance : float in (0, 1)
        The solver stops when ‖Jᵀδ − (JᵀJ + rI) u‖ ≤ tolerance · ‖Jᵀδ‖, over the whole batch. The error of u, relative
        to its norm, is then at most tolerance · (1 + σ_max(J)²/r), beside the rounding of the module's dtype.
    max_iterations : int ≥ 1
        Each costs about as much as two or three backward passes. Some ½ √(1 + σ_max²/r) · log(2/tolerance) suffice.

    Warns
    -----
    RuntimeWarning
        When the tolerance is not met within max_iterations. The last iterate is used.

    Raises
    ------
    ValueError, TypeError
        For values out of range, a module inside that itself follows `TargetProp` (J would not be its derivative) or is
        an `RNN` or `GRU` of this library, inputs and outputs that are not one tensor.
    FloatingPointError
        When what arrives at the output, or what the input is to receive, is not finite.
    RuntimeError
        When the module contains an operation that torch can differentiate only once (products with J come from
        differentiating those with Jᵀ; attention is computed by its formula instead of a fused kernel for this reason);
        and with ``create_graph=True`` in this module's own backward: a direction is not a gradient.

    Notes
    -----
    A `Dense` inside has J = diag(a′) W, inverted as a whole, for every sample anew. A `Dense` that itself follows
    `TargetProp` undoes a and W one after the other, W once for all samples.

    The module runs once, in the forward pass, and its graph is kept as always: dropout is linearized with the mask that
    was drawn, running statistics are updated once, parameters may be shared or frozen. Where the input needs no
    gradient, nothing is solved. Backward hooks of modules inside run in every product with Jᵀ. The solver's vectors are
    float64 NumPy arrays; on other devices than the CPU they are copied to and fro in each iteration. State dicts are
    the module's with ``module.`` before each key: a checkpoint of the bare module is loaded by
    ``inverted.module.load_state_dict(...)``.

    Examples
    --------
    >>> import torch, tpcore
    >>> convolution = tpcore.nn.Inverted(torch.nn.Conv2d(3, 8, 3, padding=1), r=1.0, calibrated=True)
    >>> images = torch.randn(4, 3, 6, 6, requires_grad=True)
    >>> convolution(images).square().sum().backward()
    >>> images.grad.shape, convolution.module.weight.grad.shape
    (torch.Size([4, 3, 6, 6]), torch.Size([8, 3, 3, 3]))

    References
    ----------
    Roulet & Harchaoui, TMLR 2023, section 3, for regularized inversion; Hestenes & Stiefel, *Methods of conjugate
    gradients for solving linear systems*, 1952, for the solver.
    """

    def __init__(
        self,
        module: torch.nn.Module,
        r: float,
        *,
        calibrated: bool = False,
        step: float = 1.0,
        tolerance: float = 1e-6,
        max_iterations: int = 200,
    ) -> None:
        super().__init__()
        if not isinstance(module, torch.nn.Module):
            raise TypeError(f"module must be a torch.nn.Module, got {type(module).__name__}")
        self.module = module
        self.r, self.step = check_positive("r", r), check_positive("step", step)
        self.calibrated = check_flag("calibrated", calibrated)
        self.max_iterations = check_integer("max_iterations", max_iterations)
        self.tolerance = check_positive("tolerance", tolerance)
        if self.tolerance >= 1:
            raise ValueError(f"tolerance must be a number between 0 and 1, got {tolerance!r}")
        self._check_inside()

    def extra_repr(self) -> str:
        return (
            f"r={self.r:g}, calibrated={self.calibrated}, step={self.step:g}, tolerance={self.tolerance:g}, "
            f"max_iterations={self.max_iterations}"
        )

    def forward(self, input: Tensor) -> Tensor:
        """What the module returns for this input."""
        self._check_inside()
        if not isinstance(input, Tensor):
            raise TypeError(f"input must be a torch.Tensor, got {type(input).__name__}")
        if not torch.is_grad_enabled():
            return _one_tensor(self.module(input))
        fixed = input.detach()
        if input.requires_grad:
            fixed.requires_grad_()
            with ATTENTION, sdpa_kernel(SDPBackend.MATH):  # its fused kernels have no second derivative
                output = _one_tensor(self.module(fixed.clone()))  # a copy: the module may overwrite its input
        else:
            output = _one_tensor(self.module(fixed))
        return _Inversion.apply(input, output, fixed, self)

    def _check_inside(self) -> None:
        for name, inside in self.module.named_modules(prefix="module"):
            if isinstance(inside, Inverted) or isinstance(getattr(inside, "rule", None), TargetProp):
                raise ValueError(
                    f"{name} ({type(inside).__name__}) follows target propagation itself, so its backward pass is not "
                    "its derivative, which tpcore.nn.Inverted inverts: give it rule=tpcore.BackProp(), or leave it "
                    "outside and put the two one after the other"
                )
            if isinstance(inside, Recurrent):
                raise ValueError(
                    f"{name} is a tpcore.nn.{type(inside).__name__}, which has no second derivatives, and products "
                    "with a Jacobian need them: leave it outside, or use torch's own"
                )


def _one_tensor(output: object) -> Tensor:
    if not isinstance(output, Tensor):
        raise TypeError(
            f"tpcore.nn.Inverted needs a module that returns one tensor; this one returned {type(output).__name__}: "
            "wrap it in a module that picks one"
        )
    return output


class _Inversion(torch.autograd.Function):
    """Joins the graph of the module, which begins at `fixed`, to that of the input.

    The module's output takes γ_h g back to the parameters through its own graph; the input takes the solution.
    """

    @staticmethod
    def forward(ctx: Any, input: Tensor, output: Tensor, fixed: Tensor, settings: Inverted) -> Tensor:
        # No saved tensors: only the output's graph is needed, not its values, which may be overwritten as in torch.
        ctx.output, ctx.fixed, ctx.settings = output, fixed, settings
        return output.detach()

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor | None, ...]:
        refuse_second_derivatives("tpcore.nn.Inverted")
        settings = ctx.settings
        named = f"tpcore.nn.Inverted({settings.extra_repr()})"
        check_directions({"the output": grad_output}, named)
        solution = None
        if ctx.needs_input_grad[0]:
            solution = _regularized_solution(ctx.output, ctx.fixed, grad_output, settings)
            check_directions({"the input": solution}, named)
        return solution, settings.step * grad_output, None, None


def _regularized_solution(output: Tensor, input: Tensor, g: Tensor, settings: Inverted) -> Tensor:
    """argmin_u ½‖J u − g‖² + (r/2)‖u‖² for J = ∂output/∂input, times 1 + r if calibrated."""
    products, unit = _products(output, input), _array(g)
    size = float(np.linalg.norm(unit))
    if products is None or size == 0:
        return torch.zeros_like(input)
    J, Jt = (_on_arrays(product, like) for product, like in zip(products, (input, output), strict=True))
    gain = 1 + settings.r if settings.calibrated else 1.0
    u = gain * size * _solve(J, Jt, unit / size, settings)  # of norm 1: nothing underflows in the module's precision
    return torch.from_numpy(u).to(input).reshape(input.shape)


Product = Callable[[Tensor], Tensor]
ONCE = (
    "tpcore.nn.Inverted needs products with the module's Jacobian, which come from differentiating its backward pass, "
    "and torch can't do that for one of its operations"
)


def _products(output: Tensor, input: Tensor) -> tuple[Product, Product] | None:
    """The functions u -> J u and v -> Jᵀ v, or None where J is zero.

    Jᵀv is linear in v, and its derivative by v, applied to u, is J u: differentiating twice gives what forward mode
    would, for more operations, and without running the module again.
    """
    if not output.requires_grad:
        return None
    with torch.enable_grad():
        v = torch.zeros_like(output, requires_grad=True)
        try:
            (pulled,) = torch.autograd.grad(output, input, v, create_graph=True, allow_unused=True)
        except RuntimeError as error:
            _raise_explained(error)
    if pulled is None:
        return None

    def forward(u: Tensor) -> Tensor:
        if not pulled.requires_grad:
            return torch.zeros_like(output)
        try:
            (pushed,) = torch.autograd.grad(pulled, v, u, retain_graph=True, materialize_grads=True)
        except RuntimeError as error:
            _raise_explained(error)
        return pushed

    def backward(w: Tensor) -> Tensor:
        (found,) = torch.autograd.grad(output, input, w, retain_graph=True)
        return found

    return forward, backward


def _raise_explained(error: RuntimeError) -> NoReturn:
    """Raise the error; with an explanation, unless torch has said what it is and it is not about second derivatives."""
    if any(text in str(error) for text in ("second time", "inplace operation")):
        raise error
    raise RuntimeError(f"{ONCE}: {error}") from error


def _array(tensor: Tensor) -> np.ndarray:
    return tensor.detach().to("cpu", torch.float64).numpy().ravel()


def _on_arrays(product: Product, like: Tensor) -> Callable[[np.ndarray], np.ndarray]:
    """The same product on flat float64 arrays; its argument is shaped like `like`."""
    return lambda u: _array(product(torch.from_numpy(u).to(like).reshape(like.shape)))


def _solve(
    J: Callable[[np.ndarray], np.ndarray], Jt: Callable[[np.ndarray], np.ndarray], g: np.ndarray, settings: Inverted
) -> np.ndarray:
    """Conjugate gradients on (JᵀJ + rI) u = Jᵀg.

    The regularization keeps the system positive definite, and the stopping rule is the very residual that is promised.
    (LSMR and LSQR take as many products, to the same error, but stop relative to the norms of J and of the residual.)
    """
    from scipy.sparse.linalg import LinearOperator, cg  # here: importing tpcore stays cheap

    pulled = Jt(g)
    size = float(np.linalg.norm(pulled))
    if size == 0 or not np.isfinite(size):
        return pulled  # what is not finite is refused by the caller
    unit = pulled / size
    _check_adjoint(g, J(unit), size)
    system = LinearOperator((unit.size, unit.size), matvec=lambda u: Jt(J(u)) + settings.r * u, dtype=np.float64)
    u, missed = cg(system, unit, rtol=settings.tolerance, atol=0.0, maxiter=settings.max_iterations)
    if missed:
        residual = np.linalg.norm(unit - system @ u)
        warnings.warn(
            f"tpcore.nn.Inverted: after {settings.max_iterations} iterations the relative residual is {residual:.2g}, "
            f"above tolerance = {settings.tolerance:g}. Take a larger r (now {settings.r:g}), a larger max_iterations, "
            "or a larger tolerance",
            RuntimeWarning,
            stacklevel=2,
        )
    return size * u


def _check_adjoint(g: np.ndarray, pushed: np.ndarray, size: float) -> None:
    """Check ⟨J u, g⟩ = ⟨u, Jᵀ g⟩, where J u = `pushed` for u = Jᵀ g/‖Jᵀ g‖, so that the right side is ‖Jᵀ g‖ = `size`.

    What torch can differentiate only once may otherwise drop out of J without a word.
    """
    if abs(float(pushed @ g) - size) > LARGEST_MISMATCH * max(float(np.linalg.norm(pushed)), size):
        raise RuntimeError(f"{ONCE} (one that is marked as once_differentiable, for instance)")
