import pytest

from tests.experiments.small import DIVERGING, run
from tests.tasks.conftest import forget
from tests.tasks.data import write_mnist
from tpcore import results
from tpcore.experiments import run_one
from tpcore.experiments.verify import compare
from tpcore.tasks import Pixels


def recorded(tmp_path, *arguments, **changes):
    one = run(*arguments, **changes)
    run_one(one, tmp_path)
    return results.read(one.path(tmp_path))


@pytest.mark.parametrize("method", ["bp", "tp"])
@pytest.mark.parametrize("steps", [20, 60, 100])
def test_a_record_of_this_machine_is_identical(tmp_path, method, steps):
    found = compare(recorded(tmp_path, method, steps=steps))
    assert found.agrees and found.exact and found.worst == 0 and str(found) == "identical"


def test_a_divergence_is_computed_again(tmp_path):
    record = recorded(tmp_path, "tp", methods={"tp": DIVERGING}, log_every=60)
    assert record.status == "diverged" and record.diverged_at > 2
    assert compare(record).agrees
    record.diverged_at = 1
    found = compare(record)
    assert not found.agrees and "DIFFERS" in str(found)


def test_a_changed_number_is_found(tmp_path):
    record = recorded(tmp_path)
    place = record.columns.index("test_loss")
    record.rows[1][place] *= 1 + 1e-6
    found = compare(record)
    assert not found.agrees and str(found).startswith("DIFFERS: 1.0e-06 at test_loss, step 20")
    record.machine = {"cores": 64}
    found = compare(record)
    assert found.agrees and "another machine" in str(found), "sums are rounded in another way there"
    record.rows[1][place] *= 1.1
    assert not compare(record).agrees


def test_the_time_spent_is_not_compared(tmp_path):
    record = recorded(tmp_path)
    place = record.columns.index("seconds")
    for row in record.rows:
        row[place] += 1
    assert compare(record).worst == 0


def test_a_seed_or_a_setting_that_is_not_the_record_s_own_is_found(tmp_path):
    record = recorded(tmp_path)
    record.seed += 1
    assert not compare(record).agrees
    record = recorded(tmp_path)
    record.configuration["optimizer"]["gamma_theta"] *= 2
    assert not compare(record).agrees


def test_other_data_are_named(tmp_path, monkeypatch):
    for seed in (0, 1):
        write_mnist(tmp_path / f"data{seed}/mnist", seed=seed)
    forget()
    monkeypatch.setenv("TPCORE_DATA", str(tmp_path / "data0"))
    record = recorded(tmp_path, task=Pixels("mnist", chunk=196), steps=2, log_every=1)
    assert compare(record).agrees
    forget()
    monkeypatch.setenv("TPCORE_DATA", str(tmp_path / "data1"))
    found = compare(record)
    assert not found.agrees and "the data are not those it was made from" in str(found)
    forget()
