"""Several threads, several processes, and whatever else is the user's: left as it was, and without influence."""

import os
import random
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from threadpoolctl import threadpool_info, threadpool_limits

from tpcore import BackProp, TargetProp, regularized_inverse
from tpcore.nn import GRU, RNN
from tpcore.recurrences import arrays, fused

ROOT = Path(__file__).parents[2]
RULE = TargetProp(1.0, 1.0, calibrated=True)
RULES = [BackProp(), RULE, TargetProp(0.5, accumulate="through_time"), TargetProp(1.0, form="difference")]
MODULES = pytest.mark.parametrize("kind", [RNN, GRU])


def directions(module, x):
    """Without .grad, which threads that share a module would share as well."""
    output, h_n = module(x)
    return torch.autograd.grad(output.sin().sum() + h_n.cos().sum(), list(module.parameters()))


@pytest.fixture
def shared_batches(monkeypatch):
    monkeypatch.setattr(arrays, "WORTH_A_THREAD", 1)  # every call shares its batch out, however little there is to do


@MODULES
@pytest.mark.parametrize("without_kernels", [False, True])
def test_one_module_and_several_in_many_threads(kind, monkeypatch, without_kernels):
    """As from one thread, bit by bit."""
    if without_kernels:
        for module in (arrays, fused):
            monkeypatch.setattr(module, "compiled_kernels", lambda: None)
    torch.manual_seed(0)
    modules = [kind(3, 16, 2, rule=rule) for rule in RULES for _ in range(2)]
    jobs = [(module, torch.randn(20, 8, 3)) for module in modules for _ in range(3)]
    expected = [directions(*job) for job in jobs]
    with ThreadPoolExecutor(8) as pool:
        for _ in range(3):
            found = list(pool.map(lambda job: directions(*job), jobs))
            for one, other in zip(found, expected, strict=True):
                assert all(map(torch.equal, one, other))


@MODULES
@pytest.mark.usefixtures("shared_batches")
def test_threads_that_share_out_their_batches_too(kind):
    torch.manual_seed(0)
    jobs = [(kind(3, 16, rule=rule), torch.randn(20, 8, 3)) for rule in RULES for _ in range(3)]
    expected = [directions(*job) for job in jobs]
    with ThreadPoolExecutor(6) as pool:
        torch.testing.assert_close(list(pool.map(lambda job: directions(*job), jobs)), expected)


@MODULES
@pytest.mark.usefixtures("shared_batches")
@pytest.mark.parametrize("rule", RULES, ids=str)
def test_the_number_of_threads_changes_nothing_but_rounding(kind, rule):
    torch.manual_seed(0)
    module, x = kind(3, 8, 2, dtype=torch.float64, rule=rule), torch.randn(9, 17, 3, dtype=torch.float64)
    before, found = torch.get_num_threads(), []
    try:
        for threads in (1, 2, 3, 8):
            torch.set_num_threads(threads)
            found.append([module(x)[0].detach(), *directions(module, x)])
    finally:
        torch.set_num_threads(before)
    for other in found[1:]:
        torch.testing.assert_close(other, found[0], rtol=1e-11, atol=1e-11)


@pytest.mark.usefixtures("shared_batches")
def test_an_error_in_one_thread_is_that_thread_s_alone():
    good, bad = RNN(3, 16, rule=RULE), RNN(3, 16, nonlinearity="relu", rule=RULE)
    with torch.no_grad():
        bad.weight_hh_l0.fill_(1e30)
    x = torch.randn(20, 8, 3)
    expected = directions(good, x)

    def visit(k):
        if k % 2:
            with pytest.raises(FloatingPointError, match="the weights have diverged"):
                bad(x + 10)
            return expected
        return directions(good, x)

    with threadpool_limits(3, user_api="blas"):
        before = threadpool_info()
        with ThreadPoolExecutor(6) as pool:
            for found in pool.map(visit, range(60)):
                torch.testing.assert_close(found, expected)
        assert threadpool_info() == before


def global_state():
    """All that a training loop may have set for itself."""
    smallest = torch.finfo(torch.float32).tiny
    return {
        "torch's threads": (torch.get_num_threads(), torch.get_num_interop_threads()),
        "BLAS's threads": sorted((pool["filepath"], pool["num_threads"]) for pool in threadpool_info()),
        "dtype": torch.get_default_dtype(),
        "grad mode": torch.is_grad_enabled(),
        "deterministic": torch.are_deterministic_algorithms_enabled(),
        "anomalies": torch.is_anomaly_enabled(),
        "denormals": bool(torch.tensor(smallest, dtype=torch.float32) / 4),
        "errstate": np.geterr(),
        "random": (torch.get_rng_state().tolist(), np.random.get_state()[1].tolist(), random.getstate()),  # noqa: NPY002
    }


@MODULES
@pytest.mark.usefixtures("shared_batches")
@pytest.mark.parametrize("rule", RULES, ids=str)
@pytest.mark.parametrize("flush", [False, True])
def test_nothing_global_changes(kind, rule, flush):
    module, x = kind(3, 16, 2, rule=rule), torch.randn(60, 8, 3)
    module(x)[0].sum().backward()  # what is loaded at the first use is there from here on
    threads, dtype = torch.get_num_threads(), torch.get_default_dtype()
    try:
        torch.set_flush_denormal(flush)
        torch.set_default_dtype(torch.float64)
        with threadpool_limits(3, user_api="blas"), np.errstate(all="raise"):
            torch.set_num_threads(2)
            before = global_state()
            assert before["denormals"] != flush
            module(x)[0].sum().backward()
            regularized_inverse(module.weight_hh_l0, 1e-9).matrix  # noqa: B018 (computed when read)
            module(x * 1e-30)[1].sum().backward()
            assert global_state() == before
    finally:
        torch.set_num_threads(threads)
        torch.set_default_dtype(dtype)
        torch.set_flush_denormal(False)


def test_numpy_s_own_warnings_stay_the_user_s(recwarn):
    """What overflows on the way is for the error to tell, in whatever mode NumPy is."""
    rnn = RNN(3, 4, rule=TargetProp(1e-6))
    with torch.no_grad():
        rnn.weight_hh_l0.copy_(0.01 * torch.eye(4))
    with np.errstate(all="raise"), pytest.raises(FloatingPointError, match="take smaller steps or a larger r"):
        rnn(torch.randn(100, 2, 3))[1].sum().backward()
    with np.errstate(all="warn"), pytest.raises(FloatingPointError, match="take smaller steps or a larger r"):
        rnn(torch.randn(100, 2, 3))[1].sum().backward()
    assert not recwarn


FORK = """
import os, sys, torch, tpcore
from tpcore.recurrences import arrays
arrays.WORTH_A_THREAD = 1
torch.set_num_threads(2)
torch.manual_seed(0)
module, x = tpcore.nn.{kind}(3, 8, rule=tpcore.TargetProp(1.0)), torch.randn(9, 8, 3)
def step():
    return torch.autograd.grad(module(x)[1].sum(), list(module.parameters()))
expected = step()
assert arrays._threads.cache_info().currsize == 1
child = os.fork()
if child == 0:
    try:
        assert arrays._threads.cache_info().currsize == 0
        torch.testing.assert_close(step(), expected)
        assert arrays._threads.cache_info().currsize == 1
    except BaseException as error:
        print(repr(error), file=sys.stderr, flush=True)
        os._exit(1)
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
torch.testing.assert_close(step(), expected)
"""


@MODULES
@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_forked_process_has_threads_of_its_own(kind):
    command = [sys.executable, "-W", "ignore", "-c", FORK.format(kind=kind.__name__)]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)
    assert result.returncode == 0, result.stderr


POOL = """
import multiprocessing, torch, tpcore
from tpcore.recurrences import arrays
def step(seed):
    torch.manual_seed(seed)
    module, x = tpcore.nn.RNN(3, 8, rule=tpcore.TargetProp(1.0)), torch.randn(9, 8, 3)
    return [grad.tolist() for grad in torch.autograd.grad(module(x)[1].sum(), list(module.parameters()))]
if __name__ == "__main__":
    arrays.WORTH_A_THREAD = 1
    torch.set_num_threads(2)
    expected = [step(seed) for seed in range(4)]
    with multiprocessing.get_context("fork").Pool(2) as pool:
        assert pool.map(step, range(4)) == expected
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_pool_of_forked_processes():
    command = [sys.executable, "-W", "ignore", "-c", POOL]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)
    assert result.returncode == 0, result.stderr
