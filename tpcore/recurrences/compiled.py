"""The loops through time as compiled kernels, where Numba is installed: ``pip install tpcore[fast]``.

A step of a recurrence is one small matrix product and a few elementwise operations; started one by one from Python,
starting them costs as much as computing them. Here a whole block of steps is one call, and the elementwise work is done
while the data is in cache. The products are still those of the BLAS that SciPy carries. What the kernels compute is
what the loops in `elman`, `gru` and `backward` compute, to rounding.

Kernels are compiled at their first use and kept by Numba in the user's cache folder, not beside the package, where
pip would leave them behind. They run without Python's lock.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import Any

import numba
import numpy as np
import platformdirs

_config: Any = numba.config
kernel: Any = partial(numba.njit, nogil=True, error_model="numpy", fastmath={"contract"})
NONLINEARITIES = {"tanh": 0, "relu": 1, "identity": 2}


def compiled(function: Callable[..., Any]) -> Any:
    """The function as a kernel, kept on disk if there is a folder that can be written to."""
    chosen = _config.CACHE_DIR  # by NUMBA_CACHE_DIR
    _config.CACHE_DIR = chosen or str(Path(platformdirs.user_cache_dir("tpcore"), "numba"))
    try:
        return kernel(cache=True)(function)
    except RuntimeError:
        return kernel()(function)
    finally:
        _config.CACHE_DIR = chosen


@cache
def tanh_constants(dtype: np.dtype[Any]) -> tuple[Any, Any, tuple[Any, ...], tuple[Any, ...]]:
    """What `_tanh` needs for float32 or float64: (cap, ½, N, D), the polynomials with the highest power first.

    Lambert's continued fraction tanh y = y/(1 + y²/(3 + y²/(5 + …))), cut off, is tanh y = y N(y²)/D(y²) for small y.
    """
    levels, cap = (5, 9.02) if dtype == np.float32 else (13, 19.1)  # beyond the cap, tanh rounds to ±1
    bottom, top = np.array([1.0]), np.array([2 * levels + 1.0])
    for odd in range(2 * levels - 1, 0, -2):
        bottom, top = top, np.polynomial.polynomial.polyadd(odd * top, np.append(0, bottom))
    numerator, denominator = (tuple(dtype.type(c) for c in (p / top[0])[::-1]) for p in (bottom, top))
    return dtype.type(cap), dtype.type(0.5), numerator, denominator


@compiled
def _tanh(x, constants):  # type: ignore[no-untyped-def]
    """tanh x in operations that vectorize, to a relative error of 4 eps and never beyond ±1.

    tanh 2y = 2 tanh y/(1 + tanh² y) with y = x/2.
    """
    cap, half, numerator, denominator = constants
    x = cap if x > cap else -cap if x < -cap else x  # NaN stays NaN
    y = half * x
    square = y * y
    n, m = numerator[0], denominator[0]
    for c in numerator[1:]:
        n = n * square + c
    for c in denominator[1:]:
        m = m * square + c
    n *= y
    return (n + n) * m / (n * n + m * m)


@compiled
def elman_forward(h, x, weights, nonlinearity, constants, first, last):  # type: ignore[no-untyped-def]
    """Fill h[1:] (τ + 1, B, d) on rows first … last − 1 of the batch; x (τ, B, p), weights (d + p + 1, d).

    A row of h_{t−1}, x_t and a one, side by side, times the weights, [Wᵀ; Uᵀ; b], is z_t in one product.
    """
    d, p, size = h.shape[2], x.shape[2], (last - first) * h.shape[2]
    joined = np.ones((last - first, d + p + 1), h.dtype)
    for t in range(len(x)):
        for i in range(first, last):
            row, before, given = joined[i - first], h[t, i], x[t, i]
            for j in range(d):
                row[j] = before[j]
            for j in range(p):
                row[d + j] = given[j]
        rows = h[t + 1][first:last]
        np.dot(joined, weights, rows)
        z = rows.reshape(size)
        if nonlinearity == 0:
            for j in range(size):
                z[j] = _tanh(z[j], constants)
        elif nonlinearity == 1:
            for j in range(size):
                z[j] = 0 if z[j] < 0 else z[j]


@compiled
def _norm(row):  # type: ignore[no-untyped-def]
    total = row[0] * row[0]
    for j in range(1, len(row)):
        total += row[j] * row[j]
    return np.sqrt(total)


@compiled
def elman_backward(h, start, stop, first, source, step, D, mu, E, slope_of, gain_of, kept, operator, W, vanished):  # type: ignore[no-untyped-def]
    """The steps stop − 1 … start of a linearized walk; h (τ + 1, B, d), its rows from `first`.

    D (rows, d), D_t of the last of them, becomes D_{start−1}. `source` (τ, B, d), or empty, is the loss's gradient on
    h_1, h_2, …, to be multiplied by `step`. E (stop − start, rows, d) receives a′ ⊙ D_t; or, through time, a′ ⊙ μ_t,
    where mu (rows, d) is what W has carried back; otherwise mu is empty. A row keeps its norm to the power of `kept`.
    """
    rows, d = D.shape
    size = rows * d
    kind, bound, factor, one = gain_of
    scaled, slope, lengths = np.empty_like(D), np.empty(size, D.dtype), np.empty(rows, D.dtype)
    flat, share, adjoint = D.reshape(size), scaled.reshape(size), mu.reshape(mu.size)
    for t in range(stop - 1, start - 1, -1):
        state, e = h[t][first : first + rows].reshape(size), E[t - start].reshape(size)
        if slope_of == 0:
            for j in range(size):
                slope[j] = one - state[j] * state[j]
        else:
            for j in range(size):
                slope[j] = one if slope_of == 2 or state[j] > 0 else 0
        if kind == 0:
            for j in range(size):
                share[j] = slope[j] * flat[j]
        elif kind == 1:
            for j in range(size):
                share[j] = flat[j] / (bound if slope[j] < bound else slope[j])
        else:
            for j in range(size):
                share[j] = flat[j] * factor * slope[j] / (slope[j] * slope[j] + bound)
        for j in range(size):  # denormal numbers are slow
            share[j] = share[j] if not abs(share[j]) < vanished else vanished - vanished
        if len(mu) == 0:
            for j in range(size):
                e[j] = slope[j] * flat[j]
        else:
            for j in range(size):
                e[j] = slope[j] * (adjoint[j] + flat[j])
        if kept > 0:
            for i in range(rows):
                lengths[i] = _norm(D[i])
        np.dot(scaled, operator, D)
        if kept > 0:
            for i in range(rows):
                length = _norm(D[i])
                if length > 0:
                    scale = (lengths[i] / length) ** kept
                    for j in range(d):
                        D[i, j] *= scale
        if len(mu) > 0:
            np.dot(E[t - start], W, mu)
        if len(source) > 0 and t > 1:
            for i in range(rows):
                row, extra = D[i], source[t - 2, first + i]
                for j in range(d):
                    row[j] += step * extra[j]


@compiled
def elman_products(E, before, x, start, first, of_W, of_U, of_b):  # type: ignore[no-untyped-def]
    """Add Σ E_t h_{t−1}ᵀ, Σ E_t x_tᵀ and Σ E_t; E (n, rows, d), h_{t−1} (n rows, d), x_t the rows of x from `first`.

    The first of them is x[start]. A bias is the weight of an input that is always one.
    """
    (n, rows, d), p = E.shape, x.shape[2]
    given, flat = np.ones((n * rows, p + 1), E.dtype), E.reshape(n * rows, d)
    for t in range(n):
        for i in range(rows):
            for j in range(p):
                given[t * rows + i, j] = x[start + t, first + i, j]
    shares, others = np.dot(flat.T, before), np.dot(given.T, flat)
    for i in range(d):
        for j in range(d):
            of_W[i, j] += shares[i, j]
        for j in range(p):
            of_U[i, j] += others[j, i]
        of_b[i] += others[p, i]


@compiled
def inverse_transposed(W, Wt, r, factor):  # type: ignore[no-untyped-def]
    """factor (WWᵀ + rI)⁻¹W, for W (d, d) and its transpose, by elimination; and ‖WWᵀ + rI‖² (Frobenius)."""
    d, squares = len(W), 0.0
    gram, solution = np.dot(Wt.T, Wt), np.empty_like(W)
    for i in range(d):
        gram[i, i] += r
        for j in range(d):
            squares += gram[i, j] * gram[i, j]
            solution[i, j] = factor * W[i, j]
    for i in range(d):
        row, found = gram[i], solution[i]
        for k in range(i):
            c, row_above, found_above = row[k] / gram[k, k], gram[k], solution[k]
            for j in range(k + 1, d):
                row[j] -= c * row_above[j]
            for j in range(d):
                found[j] -= c * found_above[j]
    for i in range(d - 1, -1, -1):
        row, found = gram[i], solution[i]
        for k in range(i + 1, d):
            c, found_below = row[k], solution[k]
            for j in range(d):
                found[j] -= c * found_below[j]
        for j in range(d):
            found[j] /= row[i]
    return solution, squares


@compiled
def gru_steps(h, gates, z, Wt, bias, constants, first):  # type: ignore[no-untyped-def]
    """The same for `gru.GatedUnit`: gates (n, B, 4, d), z (n, rows, 3 d), Wt (d, 3 d), bias (d,)."""
    d, half = h.shape[2], constants[1]
    product = np.empty((z.shape[1], 3 * d), h.dtype)
    for t in range(len(z)):
        np.dot(h[t][first : first + len(product)], Wt, product)
        for i in range(len(product)):
            p, drive, gate, before, now = product[i], z[t, i], gates[t, first + i], h[t, first + i], h[t + 1, first + i]
            for j in range(d):
                reset = half + half * _tanh(half * (p[j] + drive[j]), constants)
                update = half + half * _tanh(half * (p[d + j] + drive[d + j]), constants)
                inner = p[2 * d + j] + bias[j]
                candidate = _tanh(drive[2 * d + j] + reset * inner, constants)
                gate[0, j], gate[1, j], gate[2, j], gate[3, j] = reset, update, candidate, inner
                now[j] = candidate + update * (before[j] - candidate)


@compiled
def carry_steps(D, source, gain, operator, keep, leaving, vanished):  # type: ignore[no-untyped-def]
    """`backward._carry`; an empty `source` or `keep`, (0, B, d), counts as zero."""
    batch, k, d = gain.shape[1:]
    scaled = np.empty((batch, k * d), D.dtype)
    for t in range(len(D) - 1, -1, -1):
        for i in range(batch):
            for c in range(k):
                share, g, row = scaled[i, c * d : (c + 1) * d], gain[t, i, c], D[t, i]
                for j in range(d):
                    value = g[j] * row[j]
                    share[j] = value if not abs(value) < vanished else vanished - vanished  # denormal numbers are slow
        into = D[t - 1] if t > 0 else leaving
        np.dot(scaled, operator, into)
        if len(keep) > 0:
            for i in range(batch):
                for j in range(d):
                    into[i, j] += keep[t, i, j] * D[t, i, j]
        if len(source) > 0 and t > 0:
            for i in range(batch):
                for j in range(d):
                    into[i, j] += source[t - 1, i, j]


@compiled
def lstm_steps(h, c, gates, z, Wt, constants, first):  # type: ignore[no-untyped-def]
    """The same for `lstm.LongShortTerm`: gates (n, B, 5, d), z (n, rows, 4 d), Wt (d, 4 d)."""
    d, half = h.shape[2], constants[1]
    product = np.empty((z.shape[1], 4 * d), h.dtype)
    for t in range(len(z)):
        np.dot(h[t][first : first + len(product)], Wt, product)
        for b in range(len(product)):
            p, drive, gate, row = product[b], z[t, b], gates[t, first + b], first + b
            for j in range(d):
                entering = half + half * _tanh(half * (p[j] + drive[j]), constants)
                kept = half + half * _tanh(half * (p[d + j] + drive[d + j]), constants)
                candidate = _tanh(p[2 * d + j] + drive[2 * d + j], constants)
                leaving = half + half * _tanh(half * (p[3 * d + j] + drive[3 * d + j]), constants)
                now = kept * c[t, row, j] + entering * candidate
                read = _tanh(now, constants)
                gate[0, j], gate[1, j], gate[2, j], gate[3, j], gate[4, j] = entering, kept, candidate, leaving, read
                c[t + 1, row, j], h[t + 1, row, j] = now, leaving * read


@compiled
def carry_pairs(D, source, gain, operator, keep, into, leaving, vanished):  # type: ignore[no-untyped-def]
    """`lstm.PairLinear.carry`; an empty `source`, (0, B, 2 d), counts as zero."""
    batch, k, d = gain.shape[1:]
    scaled, product = np.empty((batch, k * d), D.dtype), np.empty((batch, d), D.dtype)
    for t in range(len(D) - 1, -1, -1):
        before = D[t - 1] if t > 0 else leaving
        for b in range(batch):
            hidden, of_cell = D[t, b, :d], D[t, b, d:]
            for j in range(d):
                asked = of_cell[j] + into[t, b, j] * hidden[j]
                asked = asked if not abs(asked) < vanished else vanished - vanished  # denormal numbers are slow
                for q in range(k):
                    scaled[b, q * d + j] = gain[t, b, q, j] * (hidden[j] if q == 3 else asked)
                before[b, d + j] = keep[t, b, j] * asked
        np.dot(scaled, operator, product)
        for b in range(batch):
            for j in range(d):
                before[b, j] = product[b, j]
        if len(source) > 0 and t > 0:
            for b in range(batch):
                for j in range(source.shape[2]):
                    before[b, j] += source[t - 1, b, j]
