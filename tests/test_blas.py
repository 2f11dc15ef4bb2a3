"""BLAS on one thread while anyone is inside, whatever happens there, and as it was afterwards."""

import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from threadpoolctl import ThreadpoolController, threadpool_limits

from tpcore.blas import SMALL, one_blas_thread, one_blas_thread_for

ROOT = Path(__file__).parents[1]


@pytest.fixture
def threads():
    """How many threads each BLAS is set to; three before the test, so that a change can be seen."""
    with one_blas_thread():
        pass  # its libraries are loaded from here on
    libraries = ThreadpoolController().select(user_api="blas").lib_controllers
    if not libraries:
        pytest.skip("threadpoolctl knows no BLAS here")

    def now() -> set[int]:
        return {library.get_num_threads() for library in libraries}

    with threadpool_limits(3, user_api="blas"):
        assert now() == {3}
        yield now
        assert now() == {3}


def test_inside_it_is_one_and_afterwards_as_before(threads):
    with one_blas_thread():
        assert threads() == {1}
    assert threads() == {3}


def test_nested_it_ends_with_the_outermost(threads):
    with one_blas_thread():
        with one_blas_thread(), one_blas_thread():
            assert threads() == {1}
        assert threads() == {1}
    assert threads() == {3}


def test_an_exception_leaves_nothing_behind(threads):
    with pytest.raises(ZeroDivisionError), one_blas_thread(), one_blas_thread():
        raise ZeroDivisionError
    assert threads() == {3}


def test_it_counts_as_it_was_when_the_first_came_in(threads):
    with one_blas_thread():
        pass
    with threadpool_limits(2, user_api="blas"):
        with one_blas_thread():
            assert threads() == {1}
        assert threads() == {2}


def test_others_may_set_it_afterwards(threads):
    """threadpoolctl obeys the first thread that sets an OpenBLAS until that lets go of it."""
    with one_blas_thread():
        pass

    def set_two():
        with threadpool_limits(2, user_api="blas"):
            return threads()

    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(set_two).result() == {2}


def test_only_products_that_would_be_shared_out_ask_for_it(threads):
    with one_blas_thread_for(SMALL):
        assert threads() == {3}
    with one_blas_thread_for(SMALL + 1):
        assert threads() == {1}


def test_the_last_of_several_threads_puts_it_back(threads):
    """Two threads whose stays overlap: the first to come is the first to go."""
    first_is_in, second_is_in, first_is_out = threading.Event(), threading.Event(), threading.Event()

    def first():
        with one_blas_thread():
            first_is_in.set()
            assert second_is_in.wait(30)
        first_is_out.set()

    def second():
        assert first_is_in.wait(30)
        with one_blas_thread():
            second_is_in.set()
            assert first_is_out.wait(30)
            return threads()

    with ThreadPoolExecutor(2) as pool:
        others = pool.submit(first), pool.submit(second)
        assert others[1].result() == {1} and others[0].result() is None
    assert threads() == {3}


def test_many_threads_at_once(threads):
    def visit(k):
        found = set()
        try:
            with one_blas_thread():
                found |= threads()
                with one_blas_thread():
                    found |= threads()
                    if k % 3 == 0:
                        raise ZeroDivisionError
        except ZeroDivisionError:
            pass
        return found

    with ThreadPoolExecutor(8) as pool:
        assert set().union(*pool.map(visit, range(300))) == {1}
    assert threads() == {3}


FORK = """
import os, threading
from threadpoolctl import ThreadpoolController, threadpool_limits
from tpcore import blas
with blas.one_blas_thread():
    pass
libraries = ThreadpoolController().select(user_api="blas").lib_controllers
threadpool_limits(3, user_api="blas")
inside, done = threading.Event(), threading.Event()
def stay():
    with blas.one_blas_thread():
        inside.set()
        done.wait()
other = threading.Thread(target=stay)
other.start()
inside.wait()
child = os.fork()
if child == 0:
    before = {library.get_num_threads() for library in libraries}
    with blas.one_blas_thread():
        one = {library.get_num_threads() for library in libraries}
    after = {library.get_num_threads() for library in libraries}
    os._exit(0 if (before, one, after) == ({3}, {1}, {3}) else 1)
status = os.waitpid(child, 0)[1]
done.set()
other.join()
assert status == 0 and {library.get_num_threads() for library in libraries} == {3}, status
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_process_forked_while_another_thread_is_inside_starts_outside():
    subprocess.run([sys.executable, "-W", "ignore", "-c", FORK], cwd=ROOT, check=True, timeout=60)
