"""What is measured, against autograd and norms taken directly."""

import math

import pytest
import torch

from tpcore import BackProp, TargetProp
from tpcore.experiments.measures import directions, profile
from tpcore.nn import SequenceClassifier
from tpcore.tasks import Adding, Characters, TemporalOrder

TASKS = [TemporalOrder(12), Adding(12), Characters(length=12)]


def model_of(task, rule):
    return SequenceClassifier(
        task.input_size, 8, task.output_size, rule=rule, every_step=task.every_step,
        generator=torch.Generator().manual_seed(0),
    ).double()  # fmt: skip


def held_out(task):
    inputs, targets = task.held_out(30, torch.Generator().manual_seed(1))
    return inputs.double(), targets if targets.dtype == torch.int64 else targets.double()


@pytest.mark.parametrize("task", TASKS, ids=lambda task: type(task).__name__)
@pytest.mark.parametrize("rule", [BackProp(), TargetProp(1.0, step=0.1)])
def test_directions(task, rule):
    model, data = model_of(task, rule), held_out(task)
    found = directions(model, task, data)
    assert all(parameter.grad is None for parameter in model.parameters()) and model.recurrent.rule == rule
    flat = []
    for used in (rule, BackProp()):
        model.recurrent.rule = used
        model.zero_grad()
        task.loss(model(data[0][:20]), data[1][:20]).backward()
        flat.append(torch.cat([p.grad.flatten() for p in model.recurrent.parameters()]))
    cosine = float(flat[0] @ flat[1] / flat[0].norm() / flat[1].norm())
    assert found["direction_norm"] == pytest.approx(float(flat[0].norm()), rel=1e-9)
    expected = 0.0 if rule == BackProp() else math.degrees(math.acos(cosine))
    assert found["angle"] == pytest.approx(expected, abs=1e-6)
    W = model.recurrent.weight_hh_l0.detach()
    assert found["spectral_norm"] == pytest.approx(float(torch.linalg.svdvals(W)[0]), rel=1e-9)


@pytest.mark.parametrize("task", TASKS[:2], ids=lambda task: type(task).__name__)
def test_the_profile_under_back_propagation_is_autograd_s(task):
    model, (inputs, targets) = model_of(task, BackProp()), held_out(task)
    found = profile(model, task, (inputs, targets))
    rnn = model.recurrent
    states = [torch.zeros(20, 8, dtype=torch.float64, requires_grad=True)]
    for t in range(12):
        z = inputs[:20, t] @ rnn.weight_ih_l0.T + states[-1] @ rnn.weight_hh_l0.T + rnn.bias_ih_l0 + rnn.bias_hh_l0
        states.append(torch.tanh(z))
    adjoints = torch.autograd.grad(task.loss(model.output(states[-1]), targets[:20]), states)
    for k, t in enumerate((0, 3, 6, 9, 12)):
        assert found[f"norm_{k}"] == pytest.approx(float(adjoints[t].norm()), rel=1e-6), t


def test_the_profile_under_target_propagation_ends_with_the_first_target():
    task = TASKS[0]
    found = profile(model_of(task, TargetProp(1.0, step=0.1)), task, held_out(task))
    adjoint = profile(model_of(task, BackProp()), task, held_out(task))
    assert found["norm_4"] == pytest.approx(0.1 * adjoint["norm_4"], rel=1e-9)


def test_an_exploding_direction_is_nan():
    """W = 1e-6 Q and hardly any regularization: 1e6 a step, beyond float64 in 60 steps."""
    task = TemporalOrder(60)
    model = model_of(task, TargetProp(1e-20, step=1.0))
    model.recurrent.weight_hh_l0.data *= 1e-6
    found = directions(model, task, held_out(task))
    assert math.isnan(found["direction_norm"]) and math.isnan(found["angle"])
    assert found["spectral_norm"] == pytest.approx(1e-6, rel=1e-5)
