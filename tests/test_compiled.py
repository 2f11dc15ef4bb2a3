"""The compiled kernels as a module: where nothing can be kept on disk they are compiled all the same."""

import importlib
import os
from pathlib import Path

import mpmath
import numba
import numpy as np
import platformdirs
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tpcore
from tpcore.recurrences import compiled, fused


def tanh(values: np.ndarray) -> np.ndarray:
    """By the kernel of the forward pass, many at once: W = 0 and U = 0, so h_1 = tanh b."""
    h, weights = np.zeros((2, 1, len(values)), values.dtype), np.zeros((len(values) + 2, len(values)), values.dtype)
    weights[-1] = values
    compiled.elman_forward(h, h[1:, :, :1].copy(), weights, 0, compiled.tanh_constants(h.dtype), 0, 1)
    return h[1, 0]


def assert_tanh(values: np.ndarray, found: np.ndarray) -> None:
    """A relative error of at most 4 eps, where the result is no denormal number; never beyond ±1."""
    limits = np.finfo(values.dtype)
    for value, result in zip(values.tolist(), found.tolist(), strict=True):
        exact = mpmath.tanh(mpmath.mpf(value))
        assert abs(result - exact) <= 4 * limits.eps * abs(exact) + limits.smallest_subnormal
    assert np.all(np.abs(found) <= 1)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_its_tanh_is_that_of_mpmath(dtype: type) -> None:
    limits, far = np.finfo(dtype), [18.9, 19.0, 19.1, 19.2, 9.0, 9.01, 9.02, 9.03, 20, 88.8, 710, 1e30]
    small = [0.0, limits.smallest_subnormal, limits.tiny, 2 * limits.tiny, limits.eps, np.sqrt(limits.eps)]
    positive = np.concatenate([np.linspace(0, 25, 501), np.geomspace(1e-30, 30, 500), far, small, [limits.max]])
    values = np.concatenate([positive, -positive]).astype(dtype)
    assert_tanh(values, tanh(values))


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=20))
def test_its_tanh_of_any_number(numbers: list[float]) -> None:
    for dtype in (np.float32, np.float64):
        limits = np.finfo(dtype)
        values = np.clip(numbers, limits.min, limits.max).astype(dtype)
        assert_tanh(
            values, np.array([compiled._tanh(value, compiled.tanh_constants(values.dtype)) for value in values])
        )


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_its_tanh_of_infinity_and_of_no_number(dtype: type) -> None:
    found = [compiled._tanh(dtype(x), compiled.tanh_constants(np.dtype(dtype))) for x in (np.nan, np.inf, -np.inf)]
    assert np.isnan(found[0]) and 0 <= 1 - found[1] <= 4 * np.finfo(dtype).eps and found[2] == -found[1]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_its_tanh_never_falls_where_tanh_rises(dtype: type) -> None:
    """Not by more than its error: across the end of the polynomials too."""
    values = np.linspace(-25, 25, 2001).astype(dtype)
    assert np.all(np.diff(tanh(values)) >= -8 * np.finfo(dtype).eps)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("d", [1, 7, 48])
@pytest.mark.parametrize("calibrated", [False, True])
def test_its_inverse_of_a_small_matrix_solves_the_normal_equations(dtype: type, d: int, calibrated: bool) -> None:
    W, r = (np.random.default_rng(d).standard_normal((d, d)) / d**0.5).astype(dtype), 0.7
    found = fused.inverse_transposed(W, tpcore.TargetProp(r, calibrated=calibrated))
    exact = W.astype(float)
    expected = np.linalg.solve(exact.T @ exact + r * np.eye(d), exact.T).T * (1 + r if calibrated else 1)
    assert found is not None and found.dtype == dtype
    np.testing.assert_allclose(found, expected, rtol=0, atol=100 * np.finfo(dtype).eps)


@pytest.mark.parametrize(
    ("scale", "r"), [(1.0, 1e-3), (1e-30, 1e-60), (1e25, 1.0), (1.0, 1e300), (np.nan, 1.0)], ids=str
)
def test_its_inverse_is_left_to_others_where_float32_does_not_suffice(scale: float, r: float) -> None:
    W = (scale * np.eye(3)).astype(np.float32)
    assert fused.inverse_transposed(W, tpcore.TargetProp(r)) is None


def test_what_is_compiled_is_not_kept_beside_the_package() -> None:
    """pip would leave it behind there, in a folder that still imports."""
    folder = Path(compiled.elman_forward.stats.cache_path)
    assert Path(compiled.__file__).parents[1] not in folder.parents
    assert Path(platformdirs.user_cache_dir("tpcore"), "numba") in folder.parents or os.environ.get("NUMBA_CACHE_DIR")


def test_without_a_folder_for_the_cache_it_compiles_in_each_process(monkeypatch: pytest.MonkeyPatch) -> None:
    njit = numba.njit

    def nowhere(*arguments, cache=False, **options):
        if cache:
            raise RuntimeError("cannot cache function: no locator available")
        return njit(*arguments, **options)

    monkeypatch.setattr(numba, "njit", nowhere)
    try:
        module = importlib.reload(compiled)
        h, z = np.zeros((2, 1, 1)), np.ones((1, 1, 1))
        weights = np.array([[0.0], [1.0], [0.0]])  # Wᵀ, Uᵀ and b
        module.elman_forward(h, z, weights, 0, module.tanh_constants(h.dtype), 0, 1)
        assert h[1, 0, 0] == pytest.approx(np.tanh(1), rel=1e-14)
    finally:
        monkeypatch.undo()
        importlib.reload(compiled)
