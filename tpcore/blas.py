"""BLAS on one thread, for products so small that sharing them out costs more than it gains."""

from __future__ import annotations

import os
from contextlib import nullcontext
from functools import cache
from threading import Lock
from typing import Any

from threadpoolctl import ThreadpoolController

SMALL = 64**3  # multiplications in a product that BLAS libraries do not share out anyway

_lock = Lock()
_inside = 0
_before: list[int] = []


class one_blas_thread:
    """While any thread is inside, NumPy's and SciPy's BLAS stay on the thread that calls them; then all is as before.

    Threads of a BLAS that wait for each other beside torch's own can make a small product many times slower.
    """

    def __enter__(self) -> None:
        global _inside, _before
        libraries = _libraries()
        with _lock:
            if _inside == 0:
                _before = [library.get_num_threads() for library in libraries]
                if set(_before) != {1}:
                    _set_threads([1] * len(libraries))
            _inside += 1

    def __exit__(self, *_: object) -> None:
        global _inside
        with _lock:
            _inside -= 1
            if _inside == 0 and set(_before) != {1}:
                _set_threads(_before)


def one_blas_thread_for(multiplications: int) -> one_blas_thread | nullcontext[None]:
    """The same if products of that size would be shared out."""
    return one_blas_thread() if multiplications > SMALL else nullcontext()


def _set_threads(numbers: list[int]) -> None:
    # threadpoolctl obeys only the first thread that sets an OpenBLAS; here any thread may come first or go last.
    for library, number in zip(_libraries(), numbers, strict=True):
        release = getattr(library, "clear_controlling_thread", None)  # of OpenBLAS, since threadpoolctl 3.8
        if release is not None:
            release(force=True)
        library.set_num_threads(number)
        if release is not None:
            release(force=True)


@cache
def _libraries() -> list[Any]:
    import numpy  # noqa: F401 (their libraries must be loaded to be found)
    import scipy.linalg.lapack  # noqa: F401

    return ThreadpoolController().select(user_api="blas").lib_controllers


def _start_outside() -> None:
    """In a forked process, which has none of the threads that were inside."""
    global _inside
    if _inside > 0:
        _set_threads(_before)
        _inside = 0
    _lock.release()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_lock.acquire, after_in_parent=_lock.release, after_in_child=_start_outside)
