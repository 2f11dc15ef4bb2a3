"""The compiled kernels as a module: where nothing can be kept on disk they are compiled all the same."""

import importlib

import numba
import numpy as np
import pytest

from tpcore.recurrences import compiled


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
