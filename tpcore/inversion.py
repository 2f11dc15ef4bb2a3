"""The regularized inverse of a linear map: factored once, applied to every step and every sample."""

from __future__ import annotations

import math
from functools import cached_property

import torch
from torch import Tensor

from tpcore.rules import check_regularization


class RegularizedInverse:
    """M_r = (WᵀW + rI)⁻¹Wᵀ, the solution operator of min_u ½‖W u − y‖² + (r/2)‖u‖².

    Parameters and errors are those of `regularized_inverse`, which makes one.

    Raises
    ------
    ValueError
        If `apply` gets a v whose last dimension is not q, the number of W's rows.

    Examples
    --------
    >>> import torch, tpcore
    >>> inverse = tpcore.regularized_inverse(torch.tensor([[2.0, 0.0], [0.0, 0.5], [0.0, 0.0]]), r=1.0)
    >>> inverse.filter_factors
    tensor([0.4000, 0.4000])
    >>> inverse.apply(torch.ones(7, 3)).shape
    torch.Size([7, 2])
    """

    def __init__(self, W: Tensor, r: float, *, calibrated: bool = False) -> None:
        self.r = check_regularization(r)
        self.calibrated = calibrated
        self._W = _checked_matrix(W)
        self._gain = 1 + self.r if calibrated else 1.0
        self._factor = _cholesky(self._W, self.r)

    @cached_property
    def matrix(self) -> Tensor:
        """M_r, of shape (p, q) for W of shape (q, p), in W's dtype."""
        rows, columns = self._W.shape
        W = self._W.double()
        solved = torch.cholesky_solve(W.mT if rows >= columns else W, self._factor)
        M = solved if rows >= columns else solved.mT
        return (self._gain * M).to(self._W.dtype)

    def apply(self, v: Tensor) -> Tensor:
        """M_r v for each row of v: shape (..., q) to (..., p)."""
        if v.shape[-1:] != self._W.shape[:1]:
            raise ValueError(f"v must have last dimension {self._W.shape[0]}, W's rows; its shape is {tuple(v.shape)}")
        return v @ self.matrix.mT

    @cached_property
    def filter_factors(self) -> Tensor:
        """σ/(σ² + r) for each singular value σ of W, largest σ first; times 1 + r if calibrated."""
        sigma = torch.linalg.svdvals(self._W.double())
        return (self._gain * sigma / (sigma**2 + self.r)).to(self._W.dtype)


def regularized_inverse(W: Tensor, r: float, *, calibrated: bool = False) -> RegularizedInverse:
    """The regularized (ridge, Tikhonov) inverse of W.

    M_r = (WᵀW + rI)⁻¹Wᵀ gives M_r y = argmin_u ½‖W u − y‖² + (r/2)‖u‖². Its singular values are the *filter*
    σ/(σ² + r): 1/σ as r → 0, at most 1/(2√r) always, and r M_r → Wᵀ as r → ∞. Calibrated, it is (1 + r) M_r, which
    inverts an isometry exactly at every r; for invertible W it is then ((W + r W⁻ᵀ)/(1 + r))⁻¹, the weighted harmonic
    mean of W⁻¹ and Wᵀ.

    Parameters
    ----------
    W : Tensor of shape (q, p), float32 or float64
    r : float > 0
    calibrated : bool

    Returns
    -------
    RegularizedInverse
        With ``.matrix`` (p, q), ``.apply(v)`` and ``.filter_factors``. The Cholesky factor, of the smaller of
        WᵀW + rI and WWᵀ + rI, is computed once, in float64: float32 weights lose nothing to the squaring of W.

    Raises
    ------
    TypeError, ValueError
        If W is no floating-point matrix or r is not positive.
    FloatingPointError
        If W holds a value that is not finite, or WᵀW + rI is not positive definite to machine precision.

    Examples
    --------
    >>> import torch, tpcore
    >>> tpcore.regularized_inverse(torch.tensor([[2.0, 0.0], [0.0, 0.5]]), r=1.0).matrix
    tensor([[0.4000, 0.0000],
            [0.0000, 0.4000]])

    References
    ----------
    Roulet & Harchaoui, TMLR 2023, section 3.
    """
    return RegularizedInverse(W, r, calibrated=calibrated)


def all_finite(value: Tensor) -> bool:
    """Whether a tensor holds neither NaN nor infinity."""
    # A sum is cheaper than a mask, and is finite only if all values are; a sum that overflowed is looked at again.
    return math.isfinite(value.detach().sum().item()) or bool(torch.isfinite(value).all())


def _checked_matrix(W: Tensor) -> Tensor:
    if not isinstance(W, Tensor):
        raise TypeError(f"W must be a torch.Tensor, got {type(W).__name__}; torch.as_tensor(W) makes one")
    if W.ndim != 2 or 0 in W.shape:
        raise ValueError(f"W must be a matrix (q, p) with q, p ≥ 1; its shape is {tuple(W.shape)}")
    if W.dtype not in (torch.float32, torch.float64):
        raise TypeError(f"W must be float32 or float64, got {W.dtype}")
    W = W.detach()
    if not all_finite(W):
        bad = int((~torch.isfinite(W)).sum())
        raise FloatingPointError(
            f"W holds {bad} of {W.numel()} values that are not finite: it cannot be inverted. "
            "If this came up in training, it has diverged: take smaller steps or a larger r"
        )
    return W


def _cholesky(W: Tensor, r: float) -> Tensor:
    W = W.double()
    gram = W.mT @ W if W.shape[0] >= W.shape[1] else W @ W.mT
    gram.diagonal().add_(r)
    factor, failed = torch.linalg.cholesky_ex(gram)
    if int(failed) or not all_finite(factor):
        scale = float(torch.linalg.matrix_norm(W, 2))
        raise FloatingPointError(
            f"WᵀW + rI is not positive definite to machine precision: r = {r:g} is too small for a W of spectral "
            f"norm {scale:.3g} (they should satisfy σ_max/√r < 1e8). Take a larger r; if W has grown, a smaller step"
        )
    return factor
