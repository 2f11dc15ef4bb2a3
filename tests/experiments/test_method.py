"""Optimizers against plain formulas."""

import copy

import pytest
import torch

from tests.experiments.small import SMALL
from tpcore import BackProp, TargetProp
from tpcore.experiments import Method, Optimizer
from tpcore.nn import SequenceClassifier


def model_with_grads(rule, scale=1.0):
    model = SequenceClassifier(6, 8, 4, rule=rule, generator=torch.Generator().manual_seed(0))
    generator = torch.Generator().manual_seed(1)
    for parameter in model.parameters():
        parameter.grad = scale * torch.randn(parameter.shape, generator=generator)
    return model


def moved(optimizer, model):
    before = copy.deepcopy(list(model.parameters()))
    optimizer.build(model).step()
    return [new.detach() - old.detach() for new, old in zip(model.parameters(), before, strict=True)]


def expected_step(model, recurrent, output):
    return [-recurrent * p.grad for p in model.recurrent.parameters()] + [
        -output * p.grad for p in model.output.parameters()
    ]


@pytest.mark.parametrize("rule", [BackProp(), TargetProp(1.0, step=0.2)])
def test_sgd_takes_two_step_sizes(rule):
    model = model_with_grads(rule)
    recurrent = 0.1 * 0.2 if isinstance(rule, BackProp) else 0.1  # γ_h is in .grad already
    expected = expected_step(model, recurrent, 0.1)
    for found, wanted in zip(moved(Optimizer(0.1, 0.2), model), expected, strict=True):
        torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("rule", [BackProp(), TargetProp(1.0, step=0.2)])
def test_adam_s_first_step_is_the_sign_of_the_direction(rule):
    model = model_with_grads(rule)
    changes = moved(Optimizer(0.1, 0.2, kind="adam"), model)
    for parameter, change in zip(model.parameters(), changes, strict=True):
        size = 0.1 if any(parameter is p for p in model.output.parameters()) else 0.02
        torch.testing.assert_close(change, -size * parameter.grad.sign(), rtol=1e-3, atol=1e-5)


def test_nesterov_s_first_step():
    model = model_with_grads(BackProp())
    expected = expected_step(model, 0.1 * 1.9, 0.1 * 1.9)  # the gradient, and 0.9 times the first momentum
    for found, wanted in zip(moved(Optimizer(0.1, kind="nesterov"), model), expected, strict=True):
        torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("rule", [BackProp(), TargetProp(1.0, step=0.2)])
def test_clipping_means_the_same_for_every_rule(rule):
    """A direction of TP carries γ_h; clipped, both rules move by γ_θ γ_h times the limit."""
    model = model_with_grads(rule, scale=100.0)
    changes = moved(Optimizer(0.1, 0.2, clip=3.0), model)
    recurrent = torch.cat([change.flatten() for change in changes[:4]])
    assert float(recurrent.norm()) == pytest.approx(0.1 * 0.2 * 3.0, rel=1e-4)
    short = model_with_grads(rule, scale=1e-6)
    unclipped = expected_step(short, 0.1 * 0.2 if isinstance(rule, BackProp) else 0.1, 0.1)
    for found, wanted in zip(moved(Optimizer(0.1, 0.2, clip=3.0), short), unclipped, strict=True):
        torch.testing.assert_close(found, wanted, rtol=0, atol=1e-7)


def test_tuned_values_reach_rule_and_optimizer():
    tuned = SMALL.methods["tp"].tuned(gamma_theta=0.5, gamma_h=0.3, r=2.0)
    assert tuned == Method(TargetProp(2.0, step=0.3), Optimizer(0.5, 0.3))
    calibrated = Method(TargetProp(1.0, 1.0, True, step=0.1), Optimizer(0.1, 0.1)).tuned(r=4.0)
    assert calibrated.rule == TargetProp(4.0, 4.0, True, step=0.1)
    assert SMALL.methods["bp"].tuned(gamma_theta=0.5, r=2.0) == Method(BackProp(), Optimizer(0.5, 0.1, kind="nesterov"))
