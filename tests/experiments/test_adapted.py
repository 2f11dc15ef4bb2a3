"""r that follows the scale of W: the formula, where it is applied, and that runs can be stopped and repeated."""

import json
import math
from dataclasses import replace

import pytest
import torch

from tests.experiments.small import SMALL
from tpcore import BackProp, TargetProp, checkpoints, regularized_inverse, results
from tpcore.experiments import EXPERIMENTS, AdaptedTargetProp, Method, Network, Optimizer, Run, run_one
from tpcore.experiments.measures import directions, profile
from tpcore.experiments.spec import from_configuration
from tpcore.experiments.verify import compare
from tpcore.nn import orthonormal_
from tpcore.training import train

RULE = AdaptedTargetProp(2.0, 1.5, calibrated=True, step=0.1)


def setup_of(rule=RULE, **changes):
    return replace(SMALL.setup(Method(rule, Optimizer(0.3, 0.1))), **changes)


def scaled_r(r, W):
    return r * math.sqrt(float(torch.linalg.svdvals(W.detach().double()).square().mean()))


def test_r_is_in_proportion_to_the_root_mean_square_of_the_singular_values():
    W = torch.randn(7, 7, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    assert RULE.at(W).r == pytest.approx(scaled_r(2.0, W), rel=1e-12)
    assert replace(RULE.at(W), r=2.0) == RULE, "nothing else changes"


@pytest.mark.parametrize("c", [0.5, 0.9, 1.0, 1.3, 2.0])
@pytest.mark.parametrize("r", [0.1, 1.0, 10.0])
def test_the_gain_on_a_scaled_isometry(c, r):
    """Between 1/c and c, and 1 for r₀ = 1 whatever c."""
    W = c * orthonormal_(torch.empty(6, 6, dtype=torch.float64), torch.Generator().manual_seed(1))
    adapted = replace(RULE, r=r).at(W)
    gains = torch.linalg.svdvals(regularized_inverse(W, adapted.r, calibrated=True).matrix)
    torch.testing.assert_close(gains, torch.full_like(gains, (1 + r * c) / (c + r)), rtol=1e-10, atol=0)
    assert min(c, 1 / c) - 1e-9 <= float(gains[0]) <= max(c, 1 / c) + 1e-9
    if r == 1:
        torch.testing.assert_close(gains, torch.ones_like(gains), rtol=1e-10, atol=0)


def test_each_step_follows_the_rule_with_the_r_of_the_weights_of_that_moment():
    setup = setup_of()
    model, optimizer = setup.build(0)
    other, plain = setup_of(TargetProp(2.0, 1.5, True, step=0.1)).build(0)
    for seed in range(5):
        inputs, targets = setup.task.batch(20, torch.Generator().manual_seed(seed))
        W = other.recurrent.weight_hh_l0
        other.recurrent.rule = replace(other.recurrent.rule, r=scaled_r(2.0, W))
        for network, steps in ((model, optimizer), (other, plain)):
            steps.zero_grad()
            setup.task.loss(network(inputs), targets).backward()
            steps.step()
        for parameter, expected in zip(model.parameters(), other.parameters(), strict=True):
            torch.testing.assert_close(parameter, expected, rtol=1e-4, atol=1e-6)
            with torch.no_grad():
                parameter.copy_(expected)
    assert abs(model.recurrent.rule.r - 2.0) > 1e-4, "the scale of W has changed meanwhile"


def test_measures_see_the_adapted_rule_and_leave_back_propagation_alone():
    task = SMALL.task
    model, _ = setup_of().build(0)
    model.recurrent.weight_hh_l0.data *= 1.5
    held_out = task.held_out(20, torch.Generator().manual_seed(1))
    other, _ = setup_of(TargetProp(3.0, 1.5, True, step=0.1)).build(0)
    other.recurrent.weight_hh_l0.data *= 1.5
    for measure in (directions, profile):
        found, expected = (measure(network, task, held_out) for network in (model, other))
        assert found == pytest.approx(expected, rel=1e-4)
    model.recurrent.rule = BackProp()
    model(held_out[0])
    assert model.recurrent.rule == BackProp()


class Killed(BaseException):
    """Stands for a kill at one exact place."""


def test_a_run_that_was_killed_ends_the_same_and_can_be_verified(tmp_path, monkeypatch):
    run, calls, real = Run("small", "run", "adapted", 2, setup_of()), [], checkpoints.save

    def kill(path, *arguments):
        real(path, *arguments)
        calls.append(path)
        if len(calls) == 3:
            raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(checkpoints, "save", kill)
        with pytest.raises(Killed):
            run_one(run, tmp_path / "killed")
    assert run_one(run, tmp_path / "killed") == "recorded"
    run_one(run, tmp_path / "whole")
    killed, whole = (results.read(run.path(tmp_path / name)) for name in ("killed", "whole"))
    assert killed.result() == whole.result() and compare(whole).worst == 0
    assert from_configuration(json.loads(json.dumps(whole.configuration))) == run.setup


def test_weights_that_are_not_finite_are_a_divergence():
    setup = setup_of(optimizer=Optimizer(1e30, 0.1))
    model, optimizer = setup.build(0)
    found = train(model, setup.task, optimizer, steps=20, seed=0, test_size=10, progress=False)
    assert found.diverged_at is not None and "finite" in found.reason
    for W in (torch.zeros(3, 3), torch.full((3, 3), torch.nan), torch.full((3, 3), torch.inf)):
        assert RULE.at(W) == RULE


def test_it_is_for_calibrated_rules_and_one_w():
    with pytest.raises(TypeError, match=r"needs a tpcore\.nn\.RNN, got GRU"):
        setup_of(network=Network(8, cell="GRU")).build(0)
    with pytest.raises(ValueError, match="calibrated must be True"):
        AdaptedTargetProp(1.0)
    with pytest.raises(ValueError, match="r must be a finite number above 0"):
        AdaptedTargetProp(-1.0, calibrated=True)


def test_it_is_a_method_of_one_experiment_and_is_tuned_like_its_fixed_form():
    name = "calibrated-local-adapted"
    assert [key for key, entry in EXPERIMENTS.items() if name in entry.methods] == ["equal-effort-order-60"]
    methods = EXPERIMENTS["equal-effort-order-60"].methods
    adapted, fixed = methods[name], methods["calibrated-local"]
    assert adapted.optimizer == fixed.optimizer and adapted.ranges == fixed.ranges
    values = {"gamma_theta": 0.5, "gamma_h": 0.3, "r": 4.0}
    assert adapted.tuned(**values).rule == AdaptedTargetProp(4.0, 4.0, calibrated=True, step=0.3)
    assert fixed.tuned(**values).rule == TargetProp(4.0, 4.0, calibrated=True, step=0.3)
