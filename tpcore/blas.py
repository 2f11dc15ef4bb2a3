"""BLAS on one thread, for products so small that sharing them out costs more than it gains."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import cache
from threading import Lock
from typing import Any

from threadpoolctl import ThreadpoolController

SMALL = 64**3  # multiplications in a product that BLAS libraries do not share out anyway

_lock = Lock()
_inside = 0
_before: list[int] = []


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """While any thread is inside, NumPy's and SciPy's BLAS stay on the thread that calls them; then all is as before.

    Threads of a BLAS that wait for each other beside torch's own can make a small product many times slower.
    """
    global _inside, _before
    libraries = _libraries()
    with _lock:
        if _inside == 0:
            _before = [library.get_num_threads() for library in libraries]
            for library in libraries:
                library.set_num_threads(1)
        _inside += 1
    try:
        yield
    finally:
        with _lock:
            _inside -= 1
            if _inside == 0:
                for library, threads in zip(libraries, _before, strict=True):
                    library.set_num_threads(threads)


def one_blas_thread_for(multiplications: int) -> AbstractContextManager[None]:
    """The same if products of that size would be shared out."""
    return one_blas_thread() if multiplications > SMALL else nullcontext()


@cache
def _libraries() -> list[Any]:
    import numpy  # noqa: F401 (their libraries must be loaded to be found)
    import scipy.linalg.lapack  # noqa: F401

    return ThreadpoolController().select(user_api="blas").lib_controllers
