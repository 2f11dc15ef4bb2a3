"""A learned inverse in a run: its gradient, its step, its draws, and that a run can be stopped and repeated."""

import copy
import json
from dataclasses import replace

import pytest
import torch

from tests.experiments.small import SMALL
from tpcore import BackProp, LearnedTargetProp, TargetProp, checkpoints, results
from tpcore.experiments import EXPERIMENTS, LearnedInverseSettings, Method, Network, Optimizer, Run, run_one
from tpcore.experiments.measures import directions, profile
from tpcore.experiments.spec import from_configuration
from tpcore.experiments.verify import compare
from tpcore.training import train

SETTINGS = LearnedInverseSettings(0.05, step=0.1, accumulate="through_time")
NOISY = replace(SETTINGS, noise=0.1)


def setup_of(rule=SETTINGS, kind="sgd", **changes):
    return replace(SMALL.setup(Method(rule, Optimizer(0.1, 0.1, kind=kind))), **changes)


def batch_of(setup, seed=3):
    return setup.task.batch(20, torch.Generator().manual_seed(seed))


def step(model, optimizer, task, batch):
    optimizer.zero_grad()
    task.loss(model(batch[0]), batch[1]).backward()
    optimizer.step()


def reconstruction(model, inputs):
    """½‖g(f_t(h), x_t) − h‖² at the states that torch's own recurrence goes through, on a copy of the parameters."""
    V, U, c = (p.detach().double().requires_grad_() for p in model.inverse.parameters())
    W, R, b, k = (p.detach().double() for p in model.recurrent.parameters())
    h, total = torch.zeros(len(inputs), len(R), dtype=torch.float64), 0.0
    for x in inputs.double().unbind(1):
        after = torch.tanh(x @ W.T + h @ R.T + b + k)
        total = total + 0.5 * (torch.tanh(after @ V.T + x @ U.T + c) - h).square().sum(-1).mean()
        h = after
    loss = total / inputs.shape[1]
    return float(loss.detach()), torch.autograd.grad(loss, (V, U, c))


@pytest.mark.parametrize("kind", ["sgd", "nesterov"])
def test_a_step_of_the_inverse_is_a_plain_step_on_its_reconstruction_loss(kind):
    setup = setup_of(kind=kind)
    model, optimizer = setup.build(0)
    for seed in (3, 4):  # with momentum the second step would be another one
        batch = batch_of(setup, seed)
        _, expected = reconstruction(model, batch[0])
        before = copy.deepcopy(list(model.inverse.parameters()))
        step(model, optimizer, setup.task, batch)
        for parameter, old, grad in zip(model.inverse.parameters(), before, expected, strict=True):
            torch.testing.assert_close(parameter.grad.double(), grad, rtol=1e-4, atol=1e-7)
            torch.testing.assert_close(parameter.detach(), old - 0.05 * parameter.grad, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("accumulate", ["local", "through_time"])
def test_the_network_s_direction_is_that_of_the_rule_made_by_hand(accumulate):
    setup = setup_of(replace(NOISY, accumulate=accumulate))
    model, optimizer = setup.build(0)
    by_hand = copy.deepcopy(model.recurrent)
    by_hand._forward_pre_hooks.clear()
    by_hand.rule = LearnedTargetProp(copy.deepcopy(model.inverse), step=0.1, accumulate=accumulate)
    inputs, targets = batch_of(setup)
    setup.task.loss(model.output(by_hand(inputs)[1][0]), targets).backward()
    before = copy.deepcopy(list(model.recurrent.parameters()))
    step(model, optimizer, setup.task, (inputs, targets))
    for parameter, other, old in zip(model.recurrent.parameters(), by_hand.parameters(), before, strict=True):
        assert torch.equal(parameter.grad, other.grad)
        torch.testing.assert_close(parameter.detach(), old - 0.1 * parameter.grad)


def test_the_network_starts_as_under_every_other_rule():
    model, _ = setup_of().build(4)
    other, _ = setup_of(TargetProp(1.0, step=0.1)).build(4)
    for name, value in other.state_dict().items():
        assert torch.equal(model.state_dict()[name], value), name
    again, _ = setup_of().build(4)
    assert torch.equal(model.inverse.V, again.inverse.V)
    assert not torch.equal(model.inverse.V, setup_of().build(5)[0].inverse.V)
    assert all(p is not q for p in model.recurrent.parameters() for q in model.inverse.parameters())


def test_building_and_training_leave_the_global_generator_alone():
    setup, state = setup_of(NOISY), torch.get_rng_state()
    model, optimizer = setup.build(0)
    step(model, optimizer, setup.task, batch_of(setup))
    assert torch.equal(torch.get_rng_state(), state)


def test_the_noise_is_new_at_each_step_and_the_seed_s_own():
    setup = setup_of(NOISY)
    batch = batch_of(setup)
    grads = []
    for _ in range(2):
        model, _ = setup.build(0)
        still = torch.optim.SGD(model.output.parameters(), lr=0.0)  # all stays where it is; only the noise changes
        NOISY.train_inverse(model, still)
        still.param_groups[1]["lr"] = 0.0
        for _ in range(2):
            step(model, still, setup.task, batch)
            grads.append(model.inverse.V.grad.clone())
    assert not torch.equal(grads[0], grads[1])
    assert torch.equal(grads[0], grads[2]) and torch.equal(grads[1], grads[3])


def test_measures_change_nothing():
    """They run the model with gradients too; neither gradients nor draws of the noise may be left over."""
    setup = setup_of(NOISY, steps=20, log_every=5)
    ends = []
    for measures in ((), (directions, profile)):
        model, optimizer = setup.build(1)
        train(
            model, setup.task, optimizer,
            steps=20, seed=1, log_every=5, test_size=30, progress=False, measures=measures,
        )  # fmt: skip
        ends.append(model.state_dict())
    for name, value in ends[0].items():
        assert torch.equal(value, ends[1][name]), name


def test_the_profile_is_the_difference_through_the_inverse():
    """One step back from δ_τ: g(h_τ + δ_τ, x_τ) − g(h_τ, x_τ)."""
    setup = setup_of(task=replace(SMALL.task, length=10))
    model, _ = setup.build(0)
    inputs, targets = batch_of(setup)
    found = profile(model, setup.task, (inputs, targets))
    with torch.no_grad():
        states = model.recurrent(inputs)[0]
    last = states[:, -1].clone().requires_grad_()
    (grad,) = torch.autograd.grad(setup.task.loss(model.output(last), targets), last)
    delta, norms = -0.1 * grad, [float(0.1 * grad.norm())]
    with torch.no_grad():
        for t in range(9, -1, -1):
            h, x = states[:, t], inputs[:, t]
            delta = model.inverse(h + delta, x) - model.inverse(h, x)
            norms.insert(0, float(delta.norm()))
    for k in range(5):
        # The difference of two states of size one: float32 rounds it at 1e-7.
        assert found[f"norm_{k}"] == pytest.approx(norms[k * 10 // 4], rel=1e-3, abs=1e-7), k
    assert model.recurrent.rule.inverse is model.inverse and directions(model, setup.task, (inputs, targets))["angle"]


def test_the_reconstruction_error_falls():
    setup = setup_of(replace(SETTINGS, inverse_step=0.3), steps=300, log_every=300, network=Network(16))
    model, optimizer = setup.build(0)
    inputs, _ = batch_of(setup)
    before, _ = reconstruction(model, inputs)
    train(model, setup.task, optimizer, steps=300, seed=0, log_every=300, test_size=10, progress=False)
    assert reconstruction(model, inputs)[0] < 0.7 * before


def test_step_sizes_that_decay_take_the_inverse_s_along():
    setup = setup_of()
    model, optimizer = replace(setup, optimizer=replace(setup.optimizer, decay=True)).build(0)
    schedule = replace(setup.optimizer, decay=True).schedule(10)
    train(model, setup.task, optimizer, steps=5, seed=0, test_size=10, progress=False, schedule=schedule)
    assert [group["lr"] for group in optimizer.param_groups] == pytest.approx([0.06, 0.06, 0.03])


class Killed(BaseException):
    """Stands for a kill at one exact place."""


@pytest.mark.parametrize("rule", [SETTINGS, NOISY], ids=["plain", "noise"])
@pytest.mark.parametrize("call", [2, 3])
def test_a_run_that_was_killed_ends_the_same(tmp_path, monkeypatch, rule, call):
    run, calls, real = Run("small", "run", "tp-learned", 2, setup_of(rule)), [], checkpoints.save

    def kill(path, *arguments):
        real(path, *arguments)
        calls.append(path)
        if len(calls) == call:
            raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(checkpoints, "save", kill)
        with pytest.raises(Killed):
            run_one(run, tmp_path / "killed")
    torch.rand(7)  # another process would have other draws behind it
    assert run_one(run, tmp_path / "killed") == "recorded"
    run_one(run, tmp_path / "whole")
    killed, whole = (results.read(run.path(tmp_path / name)) for name in ("killed", "whole"))
    assert killed.result() == whole.result() and whole.status == "finished"


@pytest.mark.parametrize("rule", [SETTINGS, NOISY], ids=["plain", "noise"])
def test_its_record_is_plain_data_and_can_be_verified(tmp_path, rule):
    run = Run("small", "run", "tp-learned", 2, setup_of(rule))
    run_one(run, tmp_path)
    record = results.read(run.path(tmp_path))
    assert from_configuration(json.loads(json.dumps(record.configuration))) == run.setup
    assert record.configuration["rule"] == {
        "class": "LearnedInverseSettings",
        "inverse_step": 0.05, "step": 0.1, "accumulate": "through_time", "noise": rule.noise,
    }  # fmt: skip
    found = compare(record)
    assert found.exact and found.worst == 0


def test_tuned_values_reach_it():
    method = Method(NOISY, Optimizer(0.1, 0.1)).tuned(gamma_theta=0.5, gamma_h=0.3, r=2.0)
    assert method == Method(replace(NOISY, step=0.3), Optimizer(0.5, 0.3))


def test_what_is_out_of_range_is_named():
    for wrong in (0.0, -1.0, float("nan")):
        with pytest.raises(ValueError, match="inverse_step must be a finite number above 0"):
            LearnedInverseSettings(wrong)
    with pytest.raises(ValueError, match="noise must be"):
        setup_of(replace(SETTINGS, noise=-1.0)).build(0)
    with pytest.raises(ValueError, match="accumulate must be one of"):
        setup_of(replace(SETTINGS, accumulate="globally")).build(0)
    with pytest.raises(ValueError, match=r"gamma_h = 0\.1 but the rule's step is 0\.2"):
        setup_of(replace(SETTINGS, step=0.2)).build(0)
    with pytest.raises(ValueError, match=r"kind must be 'sgd' or 'nesterov'.*got 'adam'"):
        setup_of(kind="adam").build(0)


def test_it_is_a_method_where_the_paper_has_it():
    having = {name for name, experiment in EXPERIMENTS.items() if "tp-learned" in experiment.methods}
    assert having == {"temporal-order-60", "temporal-order-120", "adding-30", "pixel-mnist"}
    for name in having:
        method = EXPERIMENTS[name].methods["tp-learned"]
        assert method.rule.step == method.optimizer.gamma_h and method.rule.accumulate == "through_time"
    rule = EXPERIMENTS["pixel-mnist"].methods["tp-learned"].rule
    assert (rule.step, rule.inverse_step, rule.noise) == (1e-7, 1e-8, 0.1)


def test_other_rules_have_no_inverse():
    assert not hasattr(setup_of(BackProp()).build(0)[0], "inverse")
