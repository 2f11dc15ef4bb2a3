"""Layers in depth as the record has them, and what the chapter's sentences say of it and of the searches."""

import json

import numpy as np
import pytest

from tpcore.chapters import use_it
from tpcore.experiments.verdicts import AHEAD, BEHIND, LEVEL, NEITHER
from tpcore.explorers import grid


def ends(network, rule):
    return np.array(use_it.depth_record()["networks"][network][rule]["accuracy"])[:, -1]


def test_the_curves_are_the_record_s():
    record = use_it.depth_record()
    assert list(record["networks"]) == list(use_it.NETWORKS)
    for network in use_it.NETWORKS:
        found = use_it.learning(network)
        assert found["steps"][-1] == record["steps"] and list(found["rules"]) == list(use_it.RULES)
        for rule, curve in found["rules"].items():
            assert curve["median"][-1] == pytest.approx(np.median(ends(network, rule)))
            assert (curve["low"] <= curve["median"]).all() and (curve["median"] <= curve["high"]).all()
    names = {trace.name for trace in use_it.learning_figure(found).data if trace.mode == "lines" and trace.name}
    assert names >= {label for label, *_ in use_it.RULES.values()}


def test_every_rule_had_the_same_search_and_fresh_seeds():
    record = use_it.depth_record()
    for rules in record["networks"].values():
        for found in rules.values():
            assert len(found["scores"]) == len(record["draws"])
            chosen = record["draws"][int(np.argmax(found["scores"]))]
            assert found["step_size"] == chosen[0] and found["r"] in (None, chosen[1])
            assert len(found["accuracy"]) == len(record["seeds"]) and 0 not in record["seeds"]


def test_a_rule_is_ahead_where_every_seed_is(monkeypatch):
    better, worse = [[0.5, 0.9]] * 5, [[0.4, 0.7]] * 5
    rules = {"bp": {"accuracy": worse}, "paper": {"accuracy": worse}, "calibrated": {"accuracy": better}}
    monkeypatch.setattr(use_it, "depth_record", lambda: {"networks": {"2": rules}})
    lead, word = use_it.contest("2", "calibrated")
    assert word == AHEAD and lead.difference.value == pytest.approx(0.15)
    rules["calibrated"], rules["bp"] = rules["bp"], rules["calibrated"]
    assert use_it.contest("2", "calibrated")[1] == BEHIND


def test_a_new_record_is_noticed_and_without_one_the_command_is_named(tmp_path, monkeypatch):
    before = grid.code_key(use_it.__name__)
    path = tmp_path / "machine.json"
    path.write_text(json.dumps({}))
    monkeypatch.setattr(use_it, "RECORDS", [path])
    assert grid.code_key(use_it.__name__) != before
    monkeypatch.setattr(use_it, "RECORDS", [])
    with pytest.raises(FileNotFoundError, match=r"python -m benchmarks.depth"):
        use_it.depth_record.__wrapped__()


def test_the_r_that_the_chapter_begins_with_is_one_that_searches_chose():
    """ "Half of them between …": the code's r = 5 lies there, and most are above the middle of the slider."""
    low, high = np.quantile(use_it.chosen_r(), [0.25, 0.75])
    assert low < 5 < high
    assert np.mean(np.array(use_it.chosen_r()) > 1) > 0.5
    assert f"half of them between {low:.2g} and {high:.2g}" in use_it.which_r().data


def test_where_it_works_and_where_not():
    """ "With 2 layers as back-propagation does, with 8 ahead; the paper's far behind from 4 on; with 16 no rule." """
    words = {network: use_it.contest(network, "calibrated")[1] for network in use_it.NETWORKS}
    assert (words["2"], words["8"], words["16"]) == (LEVEL, AHEAD, NEITHER)
    for network in ("2", "4", "8"):
        lead, word = use_it.contest(network, "paper")
        assert word == BEHIND and (lead.difference.value < -0.3) == (network != "2")
    assert max(np.median(ends("16", rule)) for rule in use_it.RULES) < 0.2
    assert min(np.median(ends("2", rule)) for rule in use_it.RULES) > 0.9, "all three learn"
    medians = {rule: np.median(ends("8", rule)) for rule in use_it.RULES}
    assert min(medians, key=medians.get) == "paper" and max(medians, key=medians.get) == "calibrated", "the prediction"
