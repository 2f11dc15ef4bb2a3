import copy
import json
from dataclasses import replace

import pytest
import torch

from tests.experiments.small import SMALL, run
from tpcore import BackProp, TargetProp
from tpcore.experiments import EXPERIMENTS, Method, Network, Optimizer, Setup, experiment_named
from tpcore.experiments.measures import MEASURES
from tpcore.experiments.paper import PAPER
from tpcore.experiments.spec import from_configuration
from tpcore.nn import SequenceClassifier
from tpcore.tasks import Pixels, TemporalOrder

SETUPS = [experiment.setup(method) for experiment in EXPERIMENTS.values() for method in experiment.methods.values()]


@pytest.mark.parametrize("setup", SETUPS, ids=[setup.key() for setup in SETUPS])
def test_a_configuration_is_plain_data_and_holds_all(setup):
    configuration = json.loads(json.dumps(setup.configuration()))
    assert configuration == setup.configuration()
    assert from_configuration(configuration) == setup


def test_the_key_depends_on_every_value_but_not_on_the_seed():
    setups = [
        run().setup, run(steps=61).setup, run("tp").setup, run(batch_size=21).setup,
        replace(run().setup, optimizer=Optimizer(0.1, 0.2, kind="nesterov")),
        replace(run("tp").setup, rule=TargetProp(1.0, 1.0, step=0.1)),
    ]  # fmt: skip
    assert len({setup.key() for setup in setups}) == len(setups)
    assert run(seed=1).name != run(seed=2).name and run(seed=1).setup.key() == run(seed=2).setup.key()
    assert len({setup.key() for setup in SETUPS}) == len(set(SETUPS))


KNOWN_KEYS = {  # under such keys records are filed
    "d5265e7a": Setup(
        TemporalOrder(60), Network(), TargetProp(10.0, step=0.01, form="difference", accumulate="through_time"),
        Optimizer(0.1, 0.01), 40_000, measures=("directions", "profile"),
    ),
    "2cce208b": Setup(
        Pixels("mnist"), Network(cell="GRU"), BackProp(),
        Optimizer(1e-5, kind="nesterov"), 8_000, batch_size=16, measures=("directions",),
    ),
    "bc79929f": Setup(
        TemporalOrder(60), Network(), TargetProp(3.0, 3.0, calibrated=True, step=0.1),
        Optimizer(0.003, 0.1, kind="adam"), 6_000,
    ),
}  # fmt: skip


@pytest.mark.parametrize("key", KNOWN_KEYS)
def test_keys_stay_what_they_were(key):
    assert KNOWN_KEYS[key].key() == key


def test_a_default_that_is_written_out_changes_no_key():
    assert replace(run("tp").setup, rule=TargetProp(1.0, s=0.0, step=0.1, margin=1e-3)).key() == run("tp").setup.key()


def test_what_is_unknown_is_named():
    configuration = run("tp").setup.configuration()
    configuration["rule"]["elasticity"] = 3
    with pytest.raises(ValueError, match=r"no such TargetProp: .*elasticity"):
        from_configuration(configuration)
    with pytest.raises(ValueError, match=r"no such Magic"):
        from_configuration({"class": "Magic"})
    with pytest.raises(ValueError, match="experiment must be one of adding-30, "):
        experiment_named("adding")
    with pytest.raises(ValueError, match="method must be one of bp, tp, got 'gp'"):
        SMALL.runs("small", ["gp"])
    with pytest.raises(ValueError, match="kind must be one of 'sgd', 'nesterov', 'adam', got 'lion'"):
        Optimizer(0.1, kind="lion")
    with pytest.raises(ValueError, match="clip must be above 0"):
        Optimizer(0.1, clip=0.0)


def test_the_runs_of_an_experiment():
    names = [(r.method, r.seed) for r in SMALL.runs("small")]
    assert names == [("bp", 0), ("bp", 1), ("tp", 0), ("tp", 1)]
    assert [(r.method, r.seed) for r in SMALL.runs("small", ["tp"], [7])] == [("tp", 7)]


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_every_entry_is_whole(name):
    experiment = EXPERIMENTS[name]
    assert len(set(experiment.seeds)) == len(experiment.seeds) and experiment.search.seed not in experiment.seeds
    assert set(experiment.measures) <= set(MEASURES)
    assert experiment.steps % experiment.log_every == 0
    for method in experiment.methods.values():
        if not isinstance(method.rule, BackProp):
            assert method.rule.step == method.optimizer.gamma_h


@pytest.mark.parametrize("name", PAPER)
def test_the_paper_s_experiments_have_their_controls(name):
    experiment = PAPER[name]
    assert set(experiment.methods) >= {"bp-paper", "bp", "tp-local", "tp-time", "tp-difference"}
    assert len(experiment.seeds) >= 3
    tp, bp = experiment.methods["tp-local"].optimizer, experiment.methods["bp"].optimizer
    assert tp == bp, "the same two step sizes"


# Optimizers against plain formulas


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
