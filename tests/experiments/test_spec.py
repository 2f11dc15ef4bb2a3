import json
from dataclasses import replace

import pytest

from tests.experiments.small import SMALL, run
from tpcore import BackProp, TargetProp
from tpcore.experiments import EXPERIMENTS, Network, Optimizer, Setup, experiment_named
from tpcore.experiments.measures import MEASURES
from tpcore.experiments.paper import PAPER
from tpcore.experiments.spec import from_configuration
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


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"measures": ("direction",)}, "measures must be one of 'directions', 'profile', got 'direction'"),
        ({"measures": "directions"}, "measures must be a sequence of names, got 'directions'"),
        ({"seeds": (0, -3)}, "seeds must be an integer of at least 0, got -3"),
        ({"seeds": (0, 1, 0)}, r"seeds must differ, got \[0, 1, 0\]"),
    ],
)
def test_an_entry_that_cannot_be_is_refused_where_it_is_made(wrong, message):
    with pytest.raises(ValueError, match=message):
        replace(SMALL, **wrong)


def test_the_runs_of_an_experiment():
    names = [(r.method, r.seed) for r in SMALL.runs("small")]
    assert names == [("bp", 0), ("bp", 1), ("tp", 0), ("tp", 1)]
    assert [(r.method, r.seed) for r in SMALL.runs("small", ["tp"], [7])] == [("tp", 7)]
    assert SMALL.runs("small", []) == [] == SMALL.runs("small", None, []), "none is not all"


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_every_entry_is_whole(name):
    experiment = EXPERIMENTS[name]
    assert len(set(experiment.seeds)) == len(experiment.seeds) and experiment.search.seed not in experiment.seeds
    assert set(experiment.measures) <= set(MEASURES)
    assert experiment.steps % experiment.log_every == 0
    for method in experiment.methods.values():
        if not isinstance(method.rule, BackProp):
            step, optimizer = getattr(method.rule, "step", 1.0), method.optimizer
            assert step == optimizer.gamma_h or (optimizer.kind == "adam" and step == 1), "Adam's step holds γ_h"


@pytest.mark.parametrize("name", PAPER)
def test_the_paper_s_experiments_have_their_controls(name):
    experiment = PAPER[name]
    assert set(experiment.methods) >= {"bp-paper", "bp", "tp-local", "tp-time", "tp-difference"}
    assert len(experiment.seeds) >= 3
    tp, bp = experiment.methods["tp-local"].optimizer, experiment.methods["bp"].optimizer
    assert tp == bp, "the same two step sizes"
