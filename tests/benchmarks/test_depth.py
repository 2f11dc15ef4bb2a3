"""Every rule draws alike and starts alike; a run that diverges counts as chance from then on."""

import pytest
import torch

from benchmarks import depth


@pytest.fixture(autouse=True)
def short(monkeypatch):
    monkeypatch.setattr(depth, "STEPS", 4)
    monkeypatch.setattr(depth, "EVERY", 2)


def test_the_draws_are_fixed_and_within_their_ends():
    assert depth.draws() == depth.draws() and len(depth.draws()) == depth.DRAWS
    for found, (low, high) in zip(zip(*depth.draws(), strict=True), (depth.STEP_SIZES, depth.R), strict=True):
        assert all(low <= value <= high for value in found)


@pytest.mark.parametrize("layers", [2, None])
def test_all_rules_start_from_the_same_weights(layers):
    starts = []
    for rule in depth.RULES:
        torch.manual_seed(1)
        starts.append([p.detach().clone() for p in depth.network(layers, rule, 1.0).parameters()])
        found = depth.train(layers, rule, 1e-3, 1.0, seed=1, validation=True)
        assert len(found["accuracy"]) == 2 and not found["diverged"]
    assert all(torch.equal(*pair) for start in starts[1:] for pair in zip(starts[0], start, strict=True))


def test_a_run_that_diverges_is_at_chance_from_then_on(monkeypatch):
    def diverge(*_):
        raise FloatingPointError

    monkeypatch.setattr(torch.nn.functional, "cross_entropy", diverge)
    found = depth.train(2, "paper", 1e-3, 1.0, seed=0, validation=True)
    assert found["diverged"] and found["accuracy"] == [0.1, 0.1]
