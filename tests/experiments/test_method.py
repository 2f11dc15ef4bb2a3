"""Optimizers against plain formulas."""

import copy

import pytest
import torch

from tests.experiments.small import SMALL
from tpcore import BackProp, GeometricTargetProp, TargetProp
from tpcore.experiments import Method, MovedByLoss, MovedBySteps, Optimizer
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


def test_the_epsilon_is_adam_s():
    for epsilon, moves in ((1e-8, False), (1e-30, True)):
        changes = moved(Optimizer(0.1, kind="adam", epsilon=epsilon), model_with_grads(BackProp(), scale=1e-12))
        assert (max(float(change.abs().max()) for change in changes) > 0.09) == moves


@pytest.mark.parametrize("scale", [1e-6, 100.0])
def test_a_direction_is_scaled_to_its_norm_from_both_sides(scale):
    model = model_with_grads(BackProp(), scale=scale)
    changes = moved(Optimizer(0.1, clip=3.0, unit=True), model)
    assert float(torch.cat([change.flatten() for change in changes[:4]]).norm()) == pytest.approx(0.3, rel=1e-3)


@pytest.mark.parametrize("rule", [BackProp(), TargetProp(1.0, step=0.2)])
def test_the_penalty_is_the_gradient_of_the_distance_to_an_isometry(rule):
    changes = []
    for eta in (0.0, 0.7):
        model = model_with_grads(rule)
        with torch.no_grad():
            model.recurrent.weight_hh_l0.mul_(1.5)
        W = model.recurrent.weight_hh_l0.detach().clone().requires_grad_()
        changes.append(moved(Optimizer(0.1, 0.2, isometry=eta), model))
    (0.25 * 0.7 * (W.T @ W - torch.eye(8)).square().sum()).backward()
    for (name, _), plain, held in zip(model.named_parameters(), *changes, strict=True):
        expected = -0.1 * 0.2 * W.grad if name == "recurrent.weight_hh_l0" else torch.zeros_like(plain)
        torch.testing.assert_close(held - plain, expected, rtol=1e-4, atol=1e-6)


def test_a_unit_without_a_norm_is_refused():
    with pytest.raises(ValueError, match="clip must be the norm to scale to where unit is True, got None"):
        Optimizer(0.1, unit=True)


def test_tuned_values_of_a_rule_that_moves():
    ends = GeometricTargetProp(0.0), GeometricTargetProp(1.0)
    by_loss = Method(MovedByLoss(*ends, loss_0=1.0), Optimizer(0.1, kind="adam"))
    tuned = by_loss.tuned(gamma_theta=0.5, recurrent_step=0.1, c_2=0.7, hold=30.0, epsilon=1e-30, r=3.0, ramp=9.0)
    assert tuned.rule == MovedByLoss(*ends, loss_0=1.0, c_2=0.7, hold=30.0)
    assert tuned.optimizer == Optimizer(0.5, 0.2, kind="adam", epsilon=1e-30)
    by_steps = Method(MovedBySteps(*ends, ramp=100.0), Optimizer(0.1, kind="adam"))
    assert by_steps.tuned(ramp=7.0).rule.ramp == 7
