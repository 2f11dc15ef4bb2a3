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
    assert found.agrees and found.drifts_from is None, "sums are rounded in another way there"
    assert str(found).startswith("agrees: 1.0e-06 at test_loss, step 20 (another machine or other versions)")


def test_on_another_machine_training_may_drift_but_not_its_start(tmp_path):
    record = recorded(tmp_path)
    record.machine = {"cores": 64}
    place, start = record.columns.index("test_loss"), list(record.rows[0])
    assert str(compare(record)) == "identical"
    record.rows[2][place] *= 1.5
    found = compare(record)
    assert found.agrees and str(found).startswith("drifts from step 40: 3.3e-01 at test_loss, step 40 (another machine")
    record.rows[1][place] *= 1.01
    assert compare(record).drifts_from == 20
    record.rows[2][place] *= 2000
    assert not compare(record).agrees and "DIFFERS" in str(compare(record)), "no drift is as large"
    record.rows[2][place] /= 2000
    record.rows[0][place] *= 1.01
    assert not compare(record).agrees, "nothing was trained yet"
    record.rows[0] = start
    record.rows[1][place] = None
    assert not compare(record).agrees, "it was not finite"
    record.status, record.diverged_at = "diverged", 60
    assert compare(record).drifts_from == 20 and compare(record).agrees, "before a divergence it may have been"


def test_a_norm_that_is_carried_back_may_be_all_rounding(tmp_path):
    record = recorded(tmp_path)
    for row in record.rows:
        row[record.columns.index("norm_0")] *= 1.5
    assert not compare(record).agrees, "on its own machine it is the same rounding"
    record.machine = {"cores": 64}
    assert compare(record).agrees and compare(record).drifts_from == 0
    record.rows[0][record.columns.index("direction_norm")] *= 1.5
    assert not compare(record).agrees, "the sum over all steps is not"


def test_on_another_machine_a_few_answers_may_tip_over(tmp_path):
    record = recorded(tmp_path)
    record.machine = {"cores": 64}
    place, before = record.columns.index("accuracy"), record.rows[0][record.columns.index("accuracy")]
    for answers, agrees in ((3, True), (4, False)):
        record.rows[0][place] = before + answers / 50
        assert compare(record).agrees == agrees, answers
    record.machine = results.machine()
    record.rows[0][place] = before + 1 / 50
    assert not compare(record).agrees, "on its own machine none does"


def test_a_divergence_may_come_at_another_step_on_another_machine(tmp_path):
    record = recorded(tmp_path, "tp", methods={"tp": DIVERGING}, log_every=60)
    record.diverged_at -= 1
    assert not compare(record).agrees
    record.machine = {"cores": 64}
    found = compare(record)
    assert found.agrees and str(found).startswith(f"drifts from step {record.diverged_at}: it does not diverge at step")
    record.status, record.diverged_at = "finished", None
    record.rows.append([60, *record.rows[0][1:]])
    found = compare(record)
    assert not found.agrees and "DIFFERS: it diverges at step" in str(found), "a run that ended does not diverge"


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
