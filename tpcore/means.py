"""The weighted geometric mean of the inverse and the transpose of a linear map."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from tpcore.activations import Array
from tpcore.checks import check_between
from tpcore.inversion import captured, checked_matrix

FLOOR = 1e-6  # of the largest singular value: below, the gain σᵖ falls to zero with σ
MOST_PRODUCTS = 20  # steps of Newton–Schulz: as long, then, as one eigendecomposition
POWERS = 4  # of WᵀW, for the scale of W


def geometric_mean(W: Tensor, p: float) -> Tensor:
    """M_p = V Σᵖ Uᵀ for W = U Σ Vᵀ: from the pseudo-inverse (p = −1) to the transpose (p = 1).

    In the middle, p = 0, it is V Uᵀ, the polar factor of Wᵀ: the orthogonal matrix nearest to Wᵀ and to W⁻¹ alike, in
    every unitarily invariant norm. For a rectangular W of full rank it is a partial isometry.

    Parameters
    ----------
    W : Tensor of shape (q, p), float32 or float64
    p : float in [−1, 1]

    Returns
    -------
    Tensor of shape (p, q), of W's dtype

    Notes
    -----
    p = 0: Newton–Schulz, X ← X + X(I − XᵀX)/2, from X = W/√b, where b is σ_max² to some powers of WᵀW: it converges for
    σ_max² < 3b. It ends when ‖I − XᵀX‖_F² ≤ eps, after one more step, whose error is then at most ¾ eps. Where 20 steps
    are too few (σ_min below some 10⁻³ σ_max), and for every other p < 1, M_p comes from the eigenvalues of WᵀW in
    float64.

    A singular value below the floor, 10⁻⁶ σ_max, has no direction that rounding would leave alone. Its gain is
    σ floor^{p−1}, which falls to zero with it: a singular W has a mean too, and it depends on W continuously.

    Raises
    ------
    TypeError, ValueError
        If W is no matrix in float32 or float64, or p is not in [−1, 1].
    FloatingPointError
        If W holds a value that is not finite.

    Examples
    --------
    >>> import torch, tpcore
    >>> W = torch.tensor([[4.0, 0.0], [0.0, 0.25]])
    >>> [tpcore.geometric_mean(W, p).diagonal().tolist() for p in (-1, 0, 0.5, 1)]
    [[0.25, 4.0], [1.0, 1.0], [2.0, 0.5], [4.0, 0.25]]

    References
    ----------
    Higham, *Functions of Matrices*, SIAM 2008, chapter 8, for the polar factor and Newton–Schulz.
    """
    p = check_between("p", p, -1.0, 1.0)
    return mean_matrix(checked_matrix(W), p).contiguous()


def mean_matrix(W: Array, p: float) -> Array:
    """M_p of a finite W, an array or a tensor; no argument is checked."""
    if p == 1:
        return W.T
    if W.shape[0] < W.shape[1]:  # then WWᵀ is the smaller matrix, and M_p the transpose of Wᵀ's
        return mean_matrix(W.T, p).T
    polar = _newton_schulz(W) if p == 0 else None
    return _by_eigenvalues(W, p) if polar is None else polar.T


def _newton_schulz(W: Array) -> Array | None:
    """U Vᵀ for W with at least as many rows as columns; None where it takes too many steps.

    In a CUDA graph, which can't turn to anything else then, NaN.
    """
    xp: Any = torch if isinstance(W, Tensor) else np
    in_graph = isinstance(W, Tensor) and captured(W)
    with np.errstate(all="ignore"):  # where W has no scale that its square can hold, the eigenvalues have one
        gram = W.T @ W
        eye = np.eye(len(gram), dtype=W.dtype) if xp is np else torch.eye(len(gram), dtype=W.dtype, device=W.device)
        scale = _largest_eigenvalue(xp, gram)
        X, gram = W / scale**0.5, gram / scale
        for _ in range(MOST_PRODUCTS):
            missing = eye - gram
            precise = xp.linalg.norm(missing) ** 2 <= xp.finfo(W.dtype).eps
            X = X + X @ missing / 2
            if not in_graph and precise:
                return X
            gram = X.T @ X
    return xp.where(precise, X, xp.nan) if in_graph else None


def _largest_eigenvalue(xp: Any, gram: Array) -> Array:
    """Nearly, and from below."""
    column = gram.diagonal().argmax()
    v = gram[:, column] if xp is np else gram.index_select(1, column[None])[:, 0]  # an index would wait for the GPU
    for _ in range(POWERS):
        v = gram @ (v / xp.linalg.norm(v))
    return xp.linalg.norm(v)


def _by_eigenvalues(W: Array, p: float) -> Array:
    """V max(σ, floor)^{p−1} Vᵀ Wᵀ from WᵀW = V σ² Vᵀ, for W with at least as many rows as columns."""
    if isinstance(W, Tensor):
        if captured(W):
            raise RuntimeError(f"p = {p} takes an eigendecomposition, which no CUDA graph can hold: use p = 0 or p = 1")
        return _from_gram(torch, W.double(), p).to(W.dtype)
    return _from_gram(np, W.astype(np.float64), p).astype(W.dtype)


def _from_gram(xp: Any, W: Array, p: float) -> Array:
    squares, V = xp.linalg.eigh(W.T @ W)
    sigma = xp.clip(squares, 0, None) ** 0.5
    floored = xp.clip(sigma, float(FLOOR * sigma[-1]) or 1.0, None)  # W = 0: any positive floor
    return (V * floored ** (p - 1)) @ (V.T @ W.T)
