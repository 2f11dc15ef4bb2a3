"""The regularized inverse of a linear map: factored once, applied to every step and every sample."""

from __future__ import annotations

import math
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from tpcore.checks import check_flag, check_positive

# The bound k = ‖WᵀW + rI‖/r (Frobenius) on the condition number of WᵀW + rI, by which rounding is multiplied:
OWN_PRECISION = 1e2  # up to here Cholesky in W's own dtype
CHOLESKY = 1e7  # up to here Cholesky in float64; beyond, the SVD, which does not square W
LARGE = 1e6  # an r from which on W is divided by its root first


class RegularizedInverse:
    """M_r = (WᵀW + rI)⁻¹Wᵀ, the solution operator of min_u ½‖W u − y‖² + (r/2)‖u‖².

    Parameters and errors are those of `regularized_inverse`, which makes one.

    Raises
    ------
    ValueError, TypeError
        If `apply` gets a v whose last dimension is not q, the number of W's rows, or of another dtype or device.

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
        self.r = check_positive("r", r)
        check_flag("calibrated", calibrated)
        self.calibrated = calibrated
        self._W = checked_matrix(W).clone()  # an optimizer may change W before it is factored

    @cached_property
    def matrix(self) -> Tensor:
        """M_r, of shape (p, q) for W of shape (q, p), in W's dtype."""
        return inverse_tensor(self._W, self.r, calibrated=self.calibrated)

    def apply(self, v: Tensor) -> Tensor:
        """M_r v for each row of v: shape (..., q) to (..., p)."""
        W = self._W
        if not isinstance(v, Tensor):
            raise TypeError(f"v must be a torch.Tensor, got {type(v).__name__}; torch.as_tensor(v) makes one")
        if v.dtype != W.dtype or v.device != W.device:
            raise TypeError(f"v is {v.dtype} on {v.device} but W is {W.dtype} on {W.device}: use v.to(W)")
        if v.shape[-1:] != W.shape[:1]:
            raise ValueError(f"v must have last dimension {W.shape[0]}, W's rows; its shape is {tuple(v.shape)}")
        return v @ self.matrix.mT

    @cached_property
    def filter_factors(self) -> Tensor:
        """σ/(σ² + r) for each singular value σ of W, largest σ first; times 1 + r if calibrated."""
        sigma = np.linalg.svd(self._W.cpu().double().numpy(), compute_uv=False)
        gain = 1 + self.r if self.calibrated else 1.0
        return torch.from_numpy(gain * _filter(sigma, self.r, max(self._W.shape))).to(self._W)


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
        With ``.matrix`` (p, q), ``.apply(v)`` and ``.filter_factors``, each computed once.

    Notes
    -----
    The smaller of WᵀW + rI and WWᵀ + rI is factored by Cholesky. Its condition number is at most k = ‖WᵀW + rI‖/r in
    the Frobenius norm, and rounding errors are multiplied by it. With k ≤ 10² the factor is computed in W's own dtype,
    with k ≤ 10⁷ in float64. Beyond, M_r comes from the singular values of W in float64, for which no r is too small;
    those at the rounding level of float64 count as zero, in the filter factors too, whatever W's own dtype. W is
    copied: what becomes of it afterwards changes nothing.

    Raises
    ------
    TypeError, ValueError
        If W is no matrix in float32 or float64, r is not positive, or calibrated is neither True nor False.
    FloatingPointError
        If W holds a value that is not finite.

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
    """Whether a tensor holds neither NaN nor infinity, as far as its values can be seen: on the meta device there are
    none, and while a CUDA graph is captured there are none yet.
    """
    if value.is_meta or captured(value):
        return True
    # A sum is cheaper than a mask, and is finite only if all values are; a sum that overflowed is looked at again.
    return math.isfinite(value.detach().sum().item()) or bool(torch.isfinite(value).all())


def captured(value: Tensor) -> bool:
    """Whether what is done with a tensor is recorded as a CUDA graph, to be run later."""
    return value.is_cuda and torch.cuda.is_current_stream_capturing()


def checked_matrix(W: Tensor) -> Tensor:
    """W, detached, if it can be inverted; else an error that says why not."""
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


def inverse_matrix(W: np.ndarray, r: float, *, calibrated: bool) -> np.ndarray:
    """M_r (p, q) in W's dtype, for a finite W (q, p); no argument is checked."""
    if r > LARGE:  # (1/√r)(VᵀV + I)⁻¹Vᵀ with V = W/√r, in float64: neither r's square nor W/r has to be a number
        V, root = W / np.float64(math.sqrt(r)), math.sqrt(r)
        M = inverse_matrix(V, 1.0, calibrated=False)
        return (M * ((1 + r) / root if calibrated else 1 / root)).astype(W.dtype)
    wide = len(W) < W.shape[1]  # then WWᵀ + rI is the smaller matrix, and M_r the transpose of Wᵀ's
    with np.errstate(all="ignore"):
        M = _solution(W.T, r).T if wide else _solution(W, r)
        return M * W.dtype.type(1 + r) if calibrated else M


def inverse_tensor(W: Tensor, r: float, *, calibrated: bool) -> Tensor:
    """The same for a tensor, on its device, contiguous."""
    M = None
    if W.is_cuda:  # a GPU waits longer for a matrix from the CPU than it takes to factor one
        wide = len(W) < W.shape[1]
        M = _by_torch(W.mT if wide else W, r)
        M = M.mT if wide and M is not None else M
    if M is None:
        of_cpu = inverse_matrix(W.cpu().numpy(), r, calibrated=calibrated)
        return torch.from_numpy(np.ascontiguousarray(of_cpu)).to(W.device)
    return (M * (1 + r) if calibrated else M).to(W.dtype).contiguous()


def _by_torch(W: Tensor, r: float) -> Tensor | None:
    """M_r by Cholesky in float64, for W with at least as many rows as columns; None where that is too imprecise.

    In a CUDA graph, which can't turn to anything else then, NaN.
    """
    precise = W.double()
    gram = precise.mT @ precise
    gram.diagonal().add_(r)
    factor, failed = torch.linalg.cholesky_ex(gram)
    M, precise_enough = torch.cholesky_solve(precise.mT, factor), (failed == 0) & (gram.norm() <= CHOLESKY * r)
    if captured(W):
        return torch.where(precise_enough, M, torch.nan)
    return M if precise_enough else None


def _solution(W: np.ndarray, r: float) -> np.ndarray:
    """M_r in W's dtype, for W with at least as many rows as columns."""
    gram = _ridge(W, r)
    condition = math.sqrt(np.vdot(gram, gram)) / r
    M = None
    if condition <= OWN_PRECISION:
        M = _by_cholesky(gram, W)
    elif condition <= CHOLESKY:
        precise = W.astype(np.float64)
        M = _by_cholesky(_ridge(precise, r), precise)
    return (_by_svd(W.astype(np.float64), r) if M is None else M).astype(W.dtype, copy=False)


def _ridge(W: np.ndarray, r: float) -> np.ndarray:
    gram = W.T @ W
    gram.reshape(-1)[:: len(gram) + 1] += r
    return gram


def _by_cholesky(gram: np.ndarray, W: np.ndarray) -> np.ndarray | None:
    """(WᵀW + rI)⁻¹Wᵀ; None if the factorization fails. Overwrites `gram`."""
    from scipy.linalg import lapack  # here, so that `import tpcore` does not wait for SciPy

    factor, solve = (lapack.spotrf, lapack.spotrs) if W.dtype == np.float32 else (lapack.dpotrf, lapack.dpotrs)
    lower, failed = factor(gram.T, lower=True, clean=False, overwrite_a=True)
    return None if failed else solve(lower, W.T, lower=True)[0]


def _by_svd(W: np.ndarray, r: float) -> np.ndarray:
    """V diag(σ/(σ² + r)) Uᵀ; singular values that are rounding errors of float64 count as zero."""
    left, sigma, right = np.linalg.svd(W, full_matrices=False)
    return (right.T * _filter(sigma, r, len(W))) @ left.T


def _filter(sigma: np.ndarray, r: float, larger: int) -> np.ndarray:
    """σ/(σ² + r), and 0 where σ is a rounding error; `larger` is the larger dimension of W."""
    known = sigma > sigma[0] * larger * np.finfo(sigma.dtype).eps
    return np.divide(1, sigma + r / np.where(known, sigma, 1), where=known, out=np.zeros_like(sigma))
