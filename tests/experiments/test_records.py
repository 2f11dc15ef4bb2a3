import json
import shutil
from pathlib import Path

import pytest

from tests.experiments.small import SMALL, run
from tpcore import results
from tpcore.experiments import EXPERIMENTS, recorded, registry, run_one, searched, sweep
from tpcore.experiments.records import check_filed, read_complete, read_run
from tpcore.experiments.search import trials, winner
from tpcore.results import Record, RecordError


@pytest.fixture
def small(monkeypatch):
    monkeypatch.setitem(registry.EXPERIMENTS, "small", SMALL)


def written(one, folder, status="finished", data=None, **changes):
    """A record of a run that was not done, with other values in its configuration."""
    configuration = json.loads(json.dumps(one.setup.configuration()))
    for name, value in changes.items():
        part, key = name.split("__") if "__" in name else (None, name)
        (configuration[part] if part else configuration)[key] = value
    record = Record(one.experiment, one.stage, one.method, one.seed, configuration, data, status=status)
    record.set_rows([{"step": 0, "seconds": 0.0, "accuracy": 0.25}])
    results.write(record, one.path(folder))
    return record


def test_a_run_s_own_record_is_read(tmp_path):
    one = run("tp")
    with pytest.raises(FileNotFoundError):
        read_run(one, tmp_path)
    record = written(one, tmp_path)
    assert read_run(one, tmp_path) == record
    check_filed(record, one.path(tmp_path))


def test_a_value_that_was_added_later_counts_as_its_default(tmp_path):
    one = run("tp")
    record = written(one, tmp_path)
    del record.configuration["rule"]["margin"], record.configuration["network"]["cell"]
    results.write(record, one.path(tmp_path))
    assert read_run(one, tmp_path) == record
    check_filed(record, one.path(tmp_path))


def test_a_copied_record_is_refused_wherever_it_is_read(small, tmp_path):
    """Another seed's record, whole in itself, under the name of a run that was not done."""
    first, second = SMALL.runs("small", ["bp"])
    copy = second.path(tmp_path)
    run_one(first, tmp_path)
    shutil.copy(first.path(tmp_path), copy)
    for read in (
        lambda: run_one(second, tmp_path),
        lambda: recorded("small", folder=tmp_path),
        lambda: check_filed(results.read(copy), copy),
    ):
        with pytest.raises(RecordError) as error:
            read()
        assert str(copy) in str(error.value) and "delete it and run it again" in str(error.value)
    with pytest.raises(RecordError, match="is another run's record, its seed is 0, not 1"):
        read_run(second, tmp_path)


@pytest.mark.parametrize("name", ["experiment", "stage", "method"])
def test_what_differs_in_the_header_is_named(tmp_path, name):
    one = run()
    record = written(one, tmp_path)
    setattr(record, name, "another")
    results.write(record, one.path(tmp_path))
    with pytest.raises(RecordError, match=f"its {name} is 'another', not "):
        read_run(one, tmp_path)
    with pytest.raises(RecordError, match=r"holds the record that belongs into .*another"):
        check_filed(record, one.path(tmp_path))


def test_a_default_that_has_changed_since_is_named(tmp_path):
    """The key leaves defaults out, so that such a record has the name of a run with other values."""
    one = run("tp")
    written(one, tmp_path, rule__margin=0.5, optimizer__momentum=0.8)
    with pytest.raises(RecordError, match=r"other settings, rule\.margin is 0\.5, not .*; optimizer\.momentum is 0\.8"):
        read_run(one, tmp_path)
    with pytest.raises(RecordError, match="made with other settings"):
        run_one(one, tmp_path)


@pytest.mark.parametrize("changes", [{"rule__elasticity": 3}, {"class": "Network"}, {"rule__class": "Magic"}])
def test_what_this_version_does_not_have_is_named(tmp_path, changes):
    one = run("tp")
    record = written(one, tmp_path, **changes)
    with pytest.raises(RecordError, match="this version of tpcore has no such"):
        read_run(one, tmp_path)
    check_filed(record, one.path(tmp_path))  # it may be where it was put by a version that had it
    with pytest.raises(RecordError, match=r"belongs into small/run/tp-\?{8}-0\.jsonl"):
        check_filed(record, one.path(tmp_path).with_name("tp-00000000-1.jsonl"))


def test_a_run_under_way_is_not_complete(small, tmp_path):
    tried = trials("small", SMALL, "bp")
    for one in tried:
        written(one, tmp_path)
    assert list(searched("small", tmp_path)) == ["bp"] and winner("small", SMALL, "bp", tmp_path)
    written(tried[1], tmp_path, status="running")
    assert searched("small", tmp_path) == {}
    with pytest.raises(FileNotFoundError, match="under way"):
        winner("small", SMALL, "bp", tmp_path)


def test_a_foreign_trial_chooses_nothing(small, tmp_path):
    sweep("small", SMALL, ["bp"], tmp_path, jobs=1, progress=False)
    first, second, _ = trials("small", SMALL, "bp")
    shutil.copy(first.path(tmp_path), second.path(tmp_path))
    for read in (
        lambda: searched("small", tmp_path),
        lambda: winner("small", SMALL, "bp", tmp_path),
        lambda: recorded("small", "tuned", tmp_path),
    ):
        with pytest.raises(RecordError, match=r"made with other settings, optimizer\.gamma_theta is"):
            read()


def test_records_of_different_data_are_not_put_together(small, tmp_path):
    runs = SMALL.runs("small")
    for one, data in zip(runs, ("a", "a", "b", "b"), strict=True):
        written(one, tmp_path, data=data)
    assert len(read_complete(runs[:2], tmp_path)) == 2
    message = "small run bp seed 0 from the data a, small run tp seed 0 from the data b"
    with pytest.raises(RecordError, match=message):
        recorded("small", folder=tmp_path)
    with pytest.raises(RecordError, match="can't be compared"):
        read_complete(runs, tmp_path)


def test_the_repository_s_records_are_those_of_their_runs():
    folder = Path(__file__).parents[2] / "results"
    for path in folder.glob("*/*/*.jsonl"):
        check_filed(results.read(path), path)
    for name in {path.parent.name for path in folder.glob("*/run")} & set(EXPERIMENTS):
        runs = [one for one in EXPERIMENTS[name].runs(name) if one.path(folder).exists()]
        assert all(read_run(one, folder).seed == one.seed for one in runs), name
