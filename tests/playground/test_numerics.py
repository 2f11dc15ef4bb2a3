"""What the page computes is what tpcore computes, in double precision: the one place where something exists twice."""

import math
from typing import Any

import numpy as np
import pytest
import torch

import tpcore
from tpcore.diagnostics import carried
from tpcore.experiments import Optimizer
from tpcore.playground.settings import START
from tpcore.schedules import ByLoss
from tpcore.tasks import Adding, TemporalOrder

pytestmark = pytest.mark.browser

RULES = [("bp", "local"), ("paper", "local"), ("paper", "through_time"), ("cal", "local"), ("cal", "through_time")]
RULES += [("geo", "local"), ("geo", "through_time")]

STEP = """({ shape: [p, d, q, length, batch], parameters, inputs, targets, lane, classes, plain }) => {
  const space = new Space();
  if (plain) space.memory = undefined;
  const network = new Network(space, p, d, q, length, batch), given = space.array(inputs.length);
  network.parameters.all.set(parameters);
  given.set(inputs);
  network.forward(given);
  const { loss, right } = network.judge(targets, classes);
  setDirections(network, given, lane, network.gradient);
  const { gradient, states, flows } = network;
  return { loss, right, gradient: [...gradient.all], states: [...states], flows: [...flows] };
}"""


def rule_of(lane: dict[str, Any]) -> tpcore.rules.Rule:
    """The lane's rule as tpcore's."""
    if lane["rule"] == "bp":
        return tpcore.BackProp()
    if lane["rule"] in ("geo", "first"):
        return tpcore.GeometricTargetProp(lane["p"], lane["accumulate"], lane["gamma_h"])
    s = lane["r"] if lane["rule"] == "cal" else 0.0
    options = {"accumulate": lane["accumulate"], "step": lane["gamma_h"]}
    return tpcore.TargetProp(lane["r"], s, lane["rule"] == "cal", **options)


def flat(model: torch.nn.Module) -> list[float]:
    return torch.cat([parameter.detach().flatten() for parameter in model.parameters()]).tolist()


def compare(
    compute: Any, lane: dict[str, Any], shape: tuple[int, ...], seed: int, change: Any, *, classes: bool
) -> None:
    """One batch through both: losses, states, displacements and directions, relative to the largest entry."""
    (p, d, q, length, batch), generator = shape, torch.Generator().manual_seed(seed)
    model = tpcore.nn.SequenceClassifier(p, d, q, rule=rule_of(lane), generator=generator).double()
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim == 1:
                parameter.copy_(torch.randn(len(parameter), generator=generator) * 0.3)
        change(model, generator)
    inputs = torch.randn(batch, length, p, generator=generator, dtype=torch.float64)
    targets = torch.randint(q, (batch,), generator=generator) if classes else torch.rand(batch, 1, generator=generator)
    loss_of = torch.nn.functional.cross_entropy if classes else torch.nn.functional.mse_loss
    targets = targets if classes else targets.double()
    output, last = model.recurrent(inputs)
    held = last[0].detach().requires_grad_()
    (on_last,) = torch.autograd.grad(loss_of(model.output(held), targets), held)
    loss = loss_of(model.output(last[0]), targets)
    loss.backward()
    rule = rule_of(lane)
    flows = carried(model.recurrent, rule, inputs.transpose(0, 1), torch.zeros(batch, d).double(), on_last)
    argument = {"shape": shape, "parameters": flat(model), "lane": lane, "classes": classes, "plain": seed % 2 == 1}
    argument |= {"inputs": inputs.transpose(0, 1).flatten().tolist(), "targets": targets.flatten().tolist()}
    found = compute(STEP, argument)
    wanted = {
        "loss": loss.item(),
        "states": torch.cat([torch.zeros(1, batch, d), output.detach().transpose(0, 1)]).numpy(),
        "flows": flows if lane["rule"] == "bp" else -flows,
        "gradient": torch.cat([parameter.grad.flatten() for parameter in model.parameters()]).numpy(),
    }
    for name, value in wanted.items():
        size = np.abs(value).max()
        assert np.isfinite(size)
        mine = np.array(found[name], dtype=float).ravel()
        np.testing.assert_allclose(mine, np.ravel(value), rtol=0, atol=1e-9 * size, err_msg=name)


@pytest.mark.parametrize(("rule", "accumulate"), RULES)
@pytest.mark.parametrize("seed", range(6))
def test_a_batch_at_random_shapes(compute: Any, rule: str, accumulate: str, seed: int) -> None:
    draw = np.random.default_rng(seed)
    p, d, length, batch = (int(n) for n in draw.integers((1, 1, 1, 1), (7, 40, 20, 24)))
    classes = seed % 3 != 0
    lane = {"rule": rule, "accumulate": accumulate, "r": float(10 ** draw.uniform(-1, 3)), "gamma_h": 0.3}
    lane["p"] = [-0.5, 0.0, 0.3, 1.0, 0.0, 0.8][seed]
    compare(compute, lane, (p, d, 4 if classes else 1, length, batch), seed, lambda *_: None, classes=classes)


@pytest.mark.parametrize(("rule", "accumulate"), RULES)
def test_saturated_states(compute: Any, rule: str, accumulate: str) -> None:
    """Beyond the margin of the inverse, and up to slopes of 1e-13."""

    def saturate(model: Any, generator: torch.Generator) -> None:
        model.recurrent.weight_ih_l0.mul_(8)

    lane = {"rule": rule, "accumulate": accumulate, "r": 1.0, "p": -0.5, "gamma_h": 0.1}
    compare(compute, lane, (3, 16, 4, 12, 8), 2, saturate, classes=True)


@pytest.mark.parametrize(("rule", "accumulate"), RULES)
@pytest.mark.parametrize("r", [1e-3, 1.0])
def test_ill_conditioned_weights(compute: Any, rule: str, accumulate: str, r: float) -> None:
    """Singular values from 100 to 1e-8.

    For the geometric mean from 1 to 1e-3: tpcore takes it from their squares, and √a′ of a unit that is saturated to
    the last digit is no more than rounding.
    """
    most, least = (0, -3) if rule == "geo" else (2, -8)

    def spread(model: Any, generator: torch.Generator) -> None:
        left, _, right = torch.linalg.svd(model.recurrent.weight_hh_l0)
        model.recurrent.weight_hh_l0.copy_(left @ torch.diag(torch.logspace(most, least, len(left)).double()) @ right)

    lane = {"rule": rule, "accumulate": accumulate, "r": r, "p": 0.0 if r < 1 else 0.5, "gamma_h": 0.1}
    compare(compute, lane, (3, 12, 4, 6, 8), 4, spread, classes=True)


RUN = """({ settings, name, steps }) => {
  const race = new Race(settings, new Space()), lane = race.lanes[name], { network } = lane;
  const found = { start: [...network.parameters.all], batches: [], losses: [] };
  for (let step = 0; step < steps; step++) {
    race.take();
    found.batches.push([[...race.inputs], [...race.targets]]);
    found.losses.push(lane.losses.at(-1) ?? lane.rows.at(-1).loss);
  }
  return { ...found, end: [...network.parameters.all], rows: lane.rows, power: lane.settings.p };
}"""


@pytest.mark.parametrize(
    ("rule", "accumulate", "optimizer", "task"),
    [(*rule, "sgd", "order") for rule in RULES]
    + [
        ("bp", "local", "adam", "order"),
        ("first", "local", "adam", "order"),
        ("cal", "local", "adam", "adding"),
        ("paper", "through_time", "sgd", "adding"),
    ],
)
def test_fifty_steps(compute: Any, rule: str, accumulate: str, optimizer: str, task: str) -> None:
    """From the page's weights and on its batches, the run that tpcore makes of them, to what rounding explains.

    Beside it runs a network whose first weights were moved by a rounding error: training magnifies that.
    """
    steps, gamma_theta = 50, 0.03 if optimizer == "sgd" else 0.01
    settings = START | {"task": task, "d": 16, "seed": 5, "b": rule, "b_r": 2.0, "b_gamma_h": 0.2}
    settings |= {"b_gamma_theta": gamma_theta, "b_accumulate": accumulate, "b_optimizer": optimizer}
    found = compute(RUN, {"settings": settings, "name": "b", "steps": steps})
    problem = TemporalOrder(20) if task == "order" else Adding(20)
    rule_of_lane = rule_of({"rule": rule, "r": 2.0, "p": 0.0, "gamma_h": 0.2, "accumulate": accumulate})
    sizes = problem.input_size, 16, problem.output_size
    models = [tpcore.nn.SequenceClassifier(*sizes, rule=rule_of_lane).double() for _ in range(2)]
    rounded = np.random.default_rng(0).choice([1 - 2**-52, 1 + 2**-52], len(found["start"]))
    put(models[0], found["start"])
    put(models[1], (np.array(found["start"]) * rounded).tolist())
    optimizers = [Optimizer(gamma_theta=gamma_theta, gamma_h=0.2, kind=optimizer).build(model) for model in models]
    ends_of_rule = tpcore.GeometricTargetProp(0.0, accumulate, 0.2), tpcore.GeometricTargetProp(1.0, accumulate, 0.2)
    moving = models if rule == "first" else []
    schedules = [ByLoss(model.recurrent, *ends_of_rule, loss_0=math.log(4)) for model in moving]
    allowed = 1e-12
    for step, (inputs, targets) in enumerate(found["batches"], 1):
        x = torch.tensor(inputs, dtype=torch.float64).reshape(20, 20, problem.input_size).transpose(0, 1)
        y = torch.tensor(targets, dtype=torch.float64).reshape(20, -1)
        losses = [problem.loss(model(x), y[:, 0].long() if task == "order" else y) for model in models]
        allowed = max(allowed, 100 * abs(losses[0].item() - losses[1].item()))
        if step % 10:  # every tenth loss is already in a row, as a mean
            assert losses[0].item() == pytest.approx(found["losses"][step - 1], abs=allowed)
        for loss, steps_of in zip(losses, optimizers, strict=True):
            steps_of.zero_grad()
            loss.backward()
            steps_of.step()
        for loss, schedule in zip(losses, schedules, strict=False):
            schedule.step(loss)
    if schedules:
        assert 0 < found["power"] < 1 and found["power"] == pytest.approx(schedules[0].position, abs=allowed)
    ends = [np.array(flat(model)) for model in models]
    allowed = max(1e-12, 100 * np.abs(ends[0] - ends[1]).max())
    assert allowed < 1e-5
    np.testing.assert_allclose(found["end"], ends[0], rtol=0, atol=allowed)


def put(model: torch.nn.Module, values: list[float]) -> None:
    vector = torch.tensor(values, dtype=torch.float64)
    torch.nn.utils.vector_to_parameters(vector, model.parameters())


def test_the_first_weights_are_orthonormal(compute: Any) -> None:
    start = compute(RUN, {"settings": START | {"d": 9}, "name": "a", "steps": 0})["start"]
    model = tpcore.nn.SequenceClassifier(6, 9, 4, rule=tpcore.BackProp()).double()
    put(model, start)
    for parameter in model.parameters():
        if parameter.ndim == 1:
            assert not parameter.any()
        else:
            tall = parameter if len(parameter) >= parameter.shape[1] else parameter.mT
            assert torch.allclose(tall.mT @ tall, torch.eye(tall.shape[1]).double(), atol=1e-12)


def test_batches_follow_the_task_s_definition(compute: Any) -> None:
    """By counting: where markers stand, what the other symbols are, and what the answer is."""
    found = compute(RUN, {"settings": START | {"tau": 30, "d": 8}, "name": "a", "steps": 40})["batches"]
    inputs = np.array([batch for batch, _ in found]).reshape(40, 30, 20, 6)
    classes = np.array([answers for _, answers in found])
    assert (inputs.sum(-1) == 1).all()
    symbols = inputs.argmax(-1).transpose(0, 2, 1).reshape(800, 30)
    ranges = TemporalOrder(30).marker_ranges()
    markers = np.argwhere(symbols < 2).reshape(800, 2, 2)[:, :, 1]
    for column, places in enumerate(ranges):
        assert set(markers[:, column]) == set(places)
    pairs = np.take_along_axis(symbols, markers, 1)
    assert (classes.ravel() == 2 * pairs[:, 0] + pairs[:, 1]).all()
    assert np.bincount(symbols.ravel(), minlength=6).min() > 700  # of 800 for a marker, of 5600 for another


def test_the_answer_of_the_adding_task(compute: Any) -> None:
    found = compute(RUN, {"settings": START | {"task": "adding", "d": 8}, "name": "a", "steps": 20})["batches"]
    inputs = np.array([batch for batch, _ in found]).reshape(20, 20, 20, 2)
    numbers, marks = inputs[..., 0], inputs[..., 1]
    assert ((marks == 0) | (marks == 1)).all() and (marks.sum(1) == 2).all()
    assert ((numbers >= 0) & (numbers < 1)).all()
    np.testing.assert_allclose((numbers * marks).sum(1) / 2, [answers for _, answers in found])
    first, second = Adding(20).mark_ranges()
    assert set(np.argwhere(marks)[:, 1]) == set(first) | set(second)


def test_tanh_and_singular_values(compute: Any) -> None:
    z = np.concatenate([np.linspace(-25, 25, 4001), [0.0, 1e-12, -1e-9]])
    tanh = "x => { const z = Float64Array.from(x); tanhInPlace(z, 0, z.length); return [...z]; }"
    np.testing.assert_allclose(compute(tanh, z.tolist()), np.tanh(z), rtol=4e-16)
    W = np.random.default_rng(0).normal(size=(11, 11)) @ np.diag(np.logspace(0, -12, 11))
    values = "W => [...singularVectors(Float64Array.from(W), 11, 11).sigma].sort((a, b) => b - a)"
    np.testing.assert_allclose(compute(values, W.ravel().tolist()), np.linalg.svd(W, compute_uv=False), rtol=1e-9)
