"""The compiled kernels as a module: where nothing can be kept on disk they are compiled all the same."""

import importlib

import numba
import numpy as np
import pytest

from tpcore.recurrences import compiled


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_its_tanh_keeps_every_digit_but_the_last_and_stays_within_one(dtype: type) -> None:
    b = np.concatenate([np.linspace(-25, 25, 1001), np.geomspace(1e-30, 30, 1000)]).astype(dtype)
    h, weights = np.zeros((2, 1, len(b)), dtype), np.zeros((len(b) + 2, len(b)), dtype)
    weights[-1] = b  # W = 0 and U = 0: h_1 = tanh b
    compiled.elman_forward(h, h[1:, :, :1].copy(), weights, 0, compiled.tanh_constants(h.dtype), 0, 1)
    exact = np.tanh(b.astype(np.longdouble))
    assert np.all(np.abs(h[1, 0] - exact) <= 4 * np.finfo(dtype).eps * np.abs(exact))
    assert np.abs(h).max() <= 1


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
