"""The recurrent modules inside loops and tools that know nothing of rules."""

import copy
import io
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from threadpoolctl import threadpool_info

from tpcore import BackProp, TargetProp
from tpcore.blas import one_blas_thread
from tpcore.nn import GRU, RNN
from tpcore.recurrences import arrays

ROOT = Path(__file__).parents[2]
RULE = TargetProp(1.0, 1.0, calibrated=True)
MODULES = pytest.mark.parametrize("kind", [RNN, GRU])


def grads(module, x, **options):
    module.zero_grad()
    module(x, **options)[0].sin().sum().backward()
    return [p.grad.clone() for p in module.parameters()]


@MODULES
@pytest.mark.parametrize("name", ["momentum", "adam", "clipped"])
def test_any_optimizer_trains(kind, name):
    torch.manual_seed(0)
    module, head = kind(2, 8, rule=RULE), torch.nn.Linear(8, 1)
    parameters = [*module.parameters(), *head.parameters()]
    optimizer = {
        "momentum": lambda: torch.optim.SGD(parameters, lr=0.02, momentum=0.9),
        "adam": lambda: torch.optim.Adam(parameters, lr=0.02),
        "clipped": lambda: torch.optim.SGD(
            [{"params": module.parameters(), "lr": 0.3}, {"params": head.parameters()}], lr=0.1
        ),
    }[name]()
    losses = []
    for _ in range(150):
        x = torch.randn(6, 32, 2)
        loss = torch.nn.functional.mse_loss(head(module(x)[1][0])[:, 0], x[:3, :, 0].sum(0).tanh())
        optimizer.zero_grad()
        loss.backward()
        if name == "clipped":
            torch.nn.utils.clip_grad_norm_(module.parameters(), 0.5)
        optimizer.step()
        losses.append(float(loss.detach()))
    assert np.mean(losses[-10:]) < 0.5 * np.mean(losses[:10])


@MODULES
def test_gradients_accumulate_and_graphs_are_kept_if_asked(kind):
    module, x = kind(2, 4, dtype=torch.float64, rule=RULE), torch.randn(5, 4, 2, dtype=torch.float64)
    once = grads(module, x)
    module(x)[0].sin().sum().backward()
    torch.testing.assert_close([p.grad for p in module.parameters()], [2 * grad for grad in once])
    module.zero_grad(set_to_none=False)
    loss = module(x)[0].sin().sum()
    loss.backward(retain_graph=True)
    loss.backward()
    torch.testing.assert_close([p.grad for p in module.parameters()], [2 * grad for grad in once])
    with pytest.raises(RuntimeError, match="second time"):
        loss.backward()


@MODULES
def test_copies_files_and_eval(kind):
    module, x = kind(2, 4, num_layers=2, rule=RULE), torch.randn(5, 4, 2)
    twin = copy.deepcopy(module)
    assert twin.rule == module.rule and twin.weight_hh_l0 is not module.weight_hh_l0
    file = io.BytesIO()
    torch.save(module, file)
    file.seek(0)
    loaded = torch.load(file, weights_only=False)
    for other in (twin, loaded, module.eval()):
        torch.testing.assert_close(grads(other, x), grads(module, x))
    with torch.no_grad():
        assert module(x)[0].grad_fn is None


@MODULES
def test_frozen_parameters_and_parametrized_ones(kind):
    module, x = kind(2, 4, rule=RULE), torch.randn(5, 4, 2)
    module.weight_ih_l0.requires_grad_(False)
    module(x)[0].sum().backward()
    assert module.weight_ih_l0.grad is None and module.weight_hh_l0.grad is not None


@MODULES
def test_weights_changed_between_forward_and_backward_are_noticed(kind):
    module = kind(2, 4, rule=RULE)
    loss = module(torch.randn(5, 4, 2))[0].sum()
    with torch.no_grad():
        module.weight_hh_l0.mul_(2)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()


@MODULES
def test_inside_checkpointing(kind):
    module = kind(2, 4, dtype=torch.float64, rule=RULE)
    x = torch.randn(5, 4, 2, dtype=torch.float64, requires_grad=True)
    expected = grads(module, x)
    module.zero_grad()
    output = torch.utils.checkpoint.checkpoint(lambda x: module(x)[0], x, use_reentrant=False)
    output.sin().sum().backward()
    torch.testing.assert_close([p.grad for p in module.parameters()], expected)


@MODULES
@given(st.integers(0, 2**20), st.integers(1, 4), st.integers(1, 3), st.integers(1, 5), st.integers(1, 3))
def test_bfloat16_is_float32_rounded(kind, seed, tau, batch, d, p):
    torch.manual_seed(seed)
    half, x = kind(p, d, rule=RULE).bfloat16(), torch.randn(tau, batch, p).bfloat16()
    exact = copy.deepcopy(half).float()
    output, last = half(x)
    assert output.dtype == last.dtype == torch.bfloat16
    torch.testing.assert_close(output.float(), exact(x.float())[0].bfloat16().float(), rtol=0, atol=0)
    for found, expected in zip(grads(half, x), grads(exact, x.float()), strict=True):
        assert found.dtype == torch.bfloat16
        scale = float(expected.abs().max())  # the states are rounded before the loss is taken
        torch.testing.assert_close(found.float(), expected, rtol=0.03, atol=0.03 * scale)


@MODULES
@pytest.mark.parametrize("layout", ["transposed", "expanded", "strided", "flipped"])
def test_any_strides(kind, layout):
    torch.manual_seed(0)
    module = kind(3, 4, dtype=torch.float64, rule=RULE)
    x = {
        "transposed": torch.randn(4, 5, 3, dtype=torch.float64).transpose(0, 1),
        "expanded": torch.randn(1, 1, 3, dtype=torch.float64).expand(5, 4, 3),
        "strided": torch.randn(10, 8, 6, dtype=torch.float64)[::2, ::2, ::2],
        "flipped": torch.randn(3, 4, 5, dtype=torch.float64).permute(2, 1, 0),
    }[layout]
    h_0 = torch.randn(1, 1, 4, dtype=torch.float64).expand(1, 4, 4)
    expected = grads(module, x.contiguous(), hx=h_0.contiguous())
    torch.testing.assert_close(grads(module, x, hx=h_0), expected)
    with torch.no_grad():
        module.weight_hh_l0.set_(module.weight_hh_l0.T.contiguous().T)
    torch.testing.assert_close(grads(module, x, hx=h_0), expected)
    module.zero_grad()
    module(x, h_0)[0].sum().backward()  # an expanded gradient arrives
    ones = [p.grad.clone() for p in module.parameters()]
    module.zero_grad()
    output = module(x, h_0)[0]
    output.backward(torch.ones_like(output))
    torch.testing.assert_close([p.grad for p in module.parameters()], ones)


@MODULES
@pytest.mark.parametrize("shape", [(1, 1, 1, 1), (1, 3, 2, 2), (4, 1, 1, 3), (3, 0, 2, 2)])
def test_corners(kind, shape):
    tau, batch, d, p = shape
    module = kind(p, d, rule=RULE)
    output, last = module(torch.randn(tau, batch, p))
    assert output.shape == (tau, batch, d) and last.shape == (1, batch, d)
    (output.sum() + last.sum()).backward()
    assert all(torch.isfinite(parameter.grad).all() for parameter in module.parameters())


@MODULES
def test_from_several_threads_at_once(kind, monkeypatch):
    monkeypatch.setattr(arrays, "WORTH_A_THREAD", 1)  # each of them shares its batch out, too
    torch.manual_seed(0)
    modules = [kind(3, 16, rule=RULE) for _ in range(6)]
    x = torch.randn(20, 8, 3)
    expected = [grads(module, x) for module in modules]
    before = [(library["filepath"], library["num_threads"]) for library in threadpool_info()]
    with ThreadPoolExecutor(6) as pool:
        for _ in range(5):
            found = list(pool.map(lambda module: grads(module, x), modules))
            torch.testing.assert_close(found, expected)
    assert [(library["filepath"], library["num_threads"]) for library in threadpool_info()] == before


def test_blas_threads_are_put_back():
    def threads():
        return {i["filepath"]: i["num_threads"] for i in threadpool_info() if i["user_api"] == "blas"}

    with one_blas_thread():
        pass  # its libraries are loaded from here on
    before = threads()
    with pytest.raises(ZeroDivisionError), one_blas_thread(), one_blas_thread():
        assert set(threads().values()) == {1}
        raise ZeroDivisionError
    assert threads() == before


FORK = """
import os, torch, tpcore
from tpcore.recurrences import arrays
arrays.WORTH_A_THREAD = 1
torch.set_num_threads(2)
rnn, x = tpcore.nn.RNN(3, 8, rule=tpcore.TargetProp(1.0)), torch.randn(9, 8, 3)
def step():
    rnn(x)[1].sum().backward()
step()
child = os.fork()
if child == 0:
    torch.set_num_threads(1)
    arrays.over_rows(lambda first, last: None, x.numpy(), 8, 10)
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
"""


@pytest.mark.skipif(not hasattr(__import__("os"), "fork"), reason="this system has no fork")
def test_a_forked_process_has_threads_of_its_own():
    subprocess.run([sys.executable, "-W", "ignore", "-c", FORK], cwd=ROOT, check=True, timeout=60)


SCRIPT = """
import torch
torch.manual_seed(0)
model = torch.nn.ModuleDict({"rnn": torch.nn.RNN(2, 16, batch_first=True), "head": torch.nn.Linear(16, 1)})
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
for step in range(200):
    x = torch.randn(32, 8, 2)
    output, h_n = model["rnn"](x)
    loss = torch.nn.functional.mse_loss(model["head"](output[:, -1])[:, 0], x[:, :3, 0].sum(1).tanh())
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
print(loss.item())
"""


def test_a_foreign_script_with_one_line_changed():
    ours = SCRIPT.replace("import torch\n", "import torch, tpcore\n", 1).replace(
        "torch.nn.RNN(2, 16, batch_first=True)",
        "tpcore.nn.RNN(2, 16, batch_first=True, rule=tpcore.TargetProp(r=1.0, s=1.0, calibrated=True))",
    )
    for script in (SCRIPT, ours):
        result = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False)
        assert result.returncode == 0, result.stderr
        assert float(result.stdout) < 0.15


def test_nothing_heavy_is_imported_with_it():
    code = "import sys, tpcore; print([m for m in ('scipy', 'numba', 'plotly', 'sklearn') if m in sys.modules])"
    result = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


def test_back_propagation_is_the_default():
    assert RNN(2, 3).rule == GRU(2, 3).rule == BackProp()
