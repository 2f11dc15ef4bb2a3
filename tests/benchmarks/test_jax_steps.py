"""JAX's step computes what ours does under back-propagation; without JAX the record says so."""

from concurrent.futures import ProcessPoolExecutor
from importlib.util import find_spec
from multiprocessing import get_context

import numpy as np
import pytest
import torch

from benchmarks import jax_steps


def jax_gradients(*shape):
    loss, gradients = jax_steps.jax_step(*shape)()
    return float(loss), {name: np.asarray(gradient) for name, gradient in gradients.items()}


def test_its_gradients_are_torch_s():
    if find_spec("jax") is None:
        pytest.skip("no JAX here: pip install tpcore[bench]")
    batch, length, hidden, inputs = 3, 7, 5, 2
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:  # a process that has used JAX is not to fork
        loss, gradients = pool.submit(jax_gradients, batch, length, hidden, inputs).result()
    g = torch.Generator().manual_seed(0)
    rnn, head = torch.nn.RNN(inputs, hidden), torch.nn.Linear(hidden, jax_steps.CLASSES)
    with torch.no_grad():  # drawn in the same order
        torch.nn.init.orthogonal_(rnn.weight_hh_l0, generator=g)
        for parameter in (rnn.weight_ih_l0, rnn.bias_ih_l0, head.weight, head.bias):
            parameter.copy_((2 * torch.rand(parameter.shape, generator=g) - 1) / hidden**0.5)
        rnn.bias_hh_l0.zero_()
    x = torch.randn(length, batch, inputs, generator=g)
    labels = torch.randint(jax_steps.CLASSES, (batch,), generator=g)
    expected = torch.nn.functional.cross_entropy(head(rnn(x)[1][0]), labels)
    expected.backward()
    assert np.isclose(loss, expected.item(), rtol=1e-5)
    for name, parameter in {
        "W": rnn.weight_hh_l0,
        "U": rnn.weight_ih_l0,
        "b": rnn.bias_ih_l0,
        "V": head.weight,
    }.items():
        np.testing.assert_allclose(gradients[name], parameter.grad, rtol=1e-4, atol=1e-6)


def test_a_row_for_each_shape_and_number_of_threads(capsys):
    if find_spec("jax") is None:
        pytest.skip("no JAX here: pip install tpcore[bench]")
    found = jax_steps.beside_jax([(4, 10, 8, 2)], [1], 0.05)
    (row,) = found["rows"]
    assert found["version"] and set(row["seconds"]) == {*jax_steps.BESIDE_JAX, "JAX"}
    assert all(0 < timing["low"] <= timing["median"] for timing in row["seconds"].values())
    assert "(4, 10, 8) 1" in capsys.readouterr().out


def test_where_it_is_missing_the_record_says_so(monkeypatch, capsys):
    monkeypatch.setattr(jax_steps, "find_spec", lambda name: None)
    found = jax_steps.beside_jax([(4, 10, 8, 2)], [1], 0.05)
    assert found == {"version": None, "missing": "not installed: pip install tpcore[bench]", "rows": []}
    assert "JAX is not installed" in capsys.readouterr().out
