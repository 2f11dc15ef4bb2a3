import pytest

from tests.experiments.small import DIVERGING, run
from tests.tasks.conftest import forget
from tests.tasks.data import write_mnist
from tpcore import TargetProp, provenance, results
from tpcore.experiments import Method, Optimizer, run_one, verify
from tpcore.experiments.spec import from_configuration
from tpcore.experiments.verify import compare
from tpcore.tasks import Pixels
from tpcore.tasks.files import DataError


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
    assert str(found).startswith(
        "agrees: 1.0e-06 at test_loss, step 20 (perhaps of another machine, or with other versions)"
    )


def test_a_record_that_says_nothing_of_its_instructions_may_be_of_another_machine(tmp_path):
    record = recorded(tmp_path)
    del record.machine["instructions"]
    found = compare(record)
    assert found.word == "agree" and not found.exact and str(found) == "identical"


@pytest.mark.parametrize(("row", "factor"), [(0, 1.01), (1, 1.05), (2, 1.5)])
def test_on_another_machine_a_tame_run_is_held_to_its_numbers(tmp_path, row, factor):
    record = recorded(tmp_path)
    record.machine = {"cores": 64}
    assert str(compare(record)) == "identical"
    record.rows[row][record.columns.index("test_loss")] *= factor
    found = compare(record)
    assert found.word == "differ" and f"at test_loss, step {20 * row}" in str(found)
    record.rows[row][record.columns.index("test_loss")] = None
    assert compare(record).word == "differ", "it was not finite"


def test_on_another_machine_a_run_may_drift_as_far_as_shaken_ones(tmp_path, monkeypatch):
    """A step size at which hardly any two runs stay together; the records of one of them as the other's."""
    wild = Method(TargetProp(1.0, step=1.0), Optimizer(8.0, 1.0))
    record = recorded(tmp_path, "tp", methods={"tp": wild}, log_every=100, steps=200)
    assert record.status == "finished"
    record.machine = {"cores": 64}
    with monkeypatch.context() as patch:
        patch.setattr(verify, "SHAKE", 1e-6)
        shaken = verify._repeat(record, from_configuration(record.configuration), 200, shaken=7)[0]
    record.rows = shaken.rows
    found = compare(record)
    assert found.word == "drift" and found.drifts_from == 100 and str(found).startswith("drifts from step 100: ")
    record.seed += 1
    assert compare(record).word == "differ", "nothing was trained yet"


def test_another_rule_is_not_mistaken_for_drift(tmp_path):
    """Before any training, without measures, the rules can't be told apart."""
    settings = {"measures": (), "log_every": 20}
    record, other = (recorded(tmp_path / method, method, **settings) for method in ("bp", "tp"))
    other.machine = {"cores": 64}
    assert compare(other).word == "agree"
    other.rows = record.rows
    assert compare(other).word == "differ"


def test_on_another_machine_a_few_answers_may_tip_over(tmp_path):
    record = recorded(tmp_path)
    record.machine = {"cores": 64}
    place, before = record.columns.index("accuracy"), record.rows[0][record.columns.index("accuracy")]
    for answers, agrees in ((3, True), (4, False)):
        record.rows[0][place] = before + answers / 50
        assert compare(record).agrees == agrees, answers
    record.machine = provenance.machine()
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
    with pytest.raises(DataError, match="the data are not those it was made from: set TPCORE_DATA"):
        compare(record)
    forget()


def test_a_forged_last_row_is_found_by_running_all_of_them(tmp_path):
    record = recorded(tmp_path, log_every=10)
    assert compare(record, full=True).seen == "all 7 of 7 rows, to step 60"
    record.rows[-1][record.columns.index("accuracy")] = 0.98
    first = compare(record)
    assert first.agrees and first.seen == "the first 3 of 7 rows, to step 20"
    found = compare(record, full=True)
    assert not found.agrees and "at accuracy, step 60" in str(found)
