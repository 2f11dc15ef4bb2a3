"""The cost of a step is that of a real one, and leaves the weights as they are."""

from dataclasses import replace

import torch

from benchmarks import cost
from tests.experiments.small import SMALL
from tpcore.experiments import costs, step_cost
from tpcore.results import Record


def test_a_timed_step_moves_nothing(monkeypatch):
    setup = SMALL.setup(SMALL.methods["tp"])
    model, optimizer = setup.build(0)
    before = [parameter.clone() for parameter in model.parameters()]
    monkeypatch.setattr(type(setup), "build", lambda self, seed: (model, optimizer))
    cost.still_step(setup)()
    assert all(parameter.grad is not None and parameter.grad.any() for parameter in model.parameters())
    assert all(torch.equal(one, other) for one, other in zip(model.parameters(), before, strict=True))


def test_every_method_of_an_experiment_is_timed_with_the_settings_of_its_records(monkeypatch, tmp_path):
    monkeypatch.setattr(cost, "EXPERIMENTS", {"small": SMALL})
    rows = cost.time_methods("small", tmp_path, 0.02)
    keys = {SMALL.setup(method).key(): name for name, method in SMALL.methods.items()}
    assert {key: row["method"] for key, row in rows.items()} == keys, "nothing was searched: the registered ones"
    monkeypatch.setattr(costs, "cost_record", lambda: {"steps": rows})
    for run in SMALL.runs("small"):
        found = step_cost(Record("small", "run", run.method, run.seed, run.setup.configuration()))
        assert 0 <= found.low <= found.median <= found.high and found.runs >= 3
    other = replace(SMALL, batch_size=7).runs("small")[0]
    assert step_cost(Record("small", "run", "bp", 0, other.setup.configuration())) is None
