"""Each run is done once and ends in the same record, whatever happens to the processes that do it."""

import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from tests.experiments.small import DIVERGING, SMALL, run
from tests.tasks.conftest import forget
from tests.tasks.data import write_mnist
from tpcore import BackProp, checkpoints, results
from tpcore.experiments import Method, Optimizer, RunError, run_all, run_one
from tpcore.experiments.verify import compare
from tpcore.results import RecordError
from tpcore.tasks import Pixels
from tpcore.tasks.files import DataError

ROOT = Path(__file__).parents[2]


def python(code, **options):
    return subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, text=True, **options)


def test_a_record_holds_the_run(tmp_path):
    one = run("tp", seed=3)
    assert run_one(one, tmp_path) == "recorded"
    record = results.read(one.path(tmp_path))
    assert (record.experiment, record.stage, record.method, record.seed) == ("small", "run", "tp", 3)
    assert record.configuration == one.setup.configuration() and record.status == "finished"
    assert record.column("step") == [0, 20, 40, 60]
    assert record.column("spectral_norm")[0] == pytest.approx(1, rel=1e-5), "W starts orthonormal"
    assert all(0 < angle < 180 for angle in record.column("angle"))
    assert not list(tmp_path.rglob("*.pt")), "a finished run needs no checkpoint"


def test_a_run_that_is_recorded_is_skipped(tmp_path):
    one = run()
    run_one(one, tmp_path)
    before = one.path(tmp_path).read_bytes()
    assert run_one(one, tmp_path) == "skipped"
    assert one.path(tmp_path).read_bytes() == before


def test_what_is_finished_needs_no_lock(tmp_path, monkeypatch):
    """As in a folder that may only be read, in which no lock can be made."""
    one = run()
    run_one(one, tmp_path)

    def refused(*arguments, **options):
        raise RecordError("it can't be written")

    monkeypatch.setattr(checkpoints, "locked", refused)
    assert run_one(one, tmp_path) == "skipped"
    with pytest.raises(RecordError, match="it can't be written"):
        run_one(run(seed=5), tmp_path)


def test_it_repeats_whatever_the_threads(tmp_path):
    threads = torch.get_num_threads()
    try:
        for count in (1, 2):
            torch.set_num_threads(count)
            run_one(run("tp"), tmp_path / str(count))
            assert torch.get_num_threads() == count
    finally:
        torch.set_num_threads(threads)
    one, two = (results.read(run("tp").path(tmp_path / str(count))).result() for count in (1, 2))
    assert one == two


def test_a_divergence_is_a_result(tmp_path):
    one = run("tp", methods={"tp": DIVERGING})
    assert run_one(one, tmp_path) == "recorded"
    record = results.read(one.path(tmp_path))
    assert record.status == "diverged" and 1 <= record.diverged_at <= 60 and "finite" in record.reason
    assert record.column("step")[0] == 0 and record.column("step")[-1] < record.diverged_at
    assert run_one(one, tmp_path) == "skipped"


def test_a_last_row_that_is_not_finite_is_a_divergence(tmp_path):
    one = run(methods={"bp": Method(BackProp(), Optimizer(1e38))}, steps=1, measures=())
    assert run_one(one, tmp_path) == "recorded"
    record = results.read(one.path(tmp_path))
    assert (record.status, record.diverged_at) == ("diverged", 1) and record.column("test_loss")[-1] is None
    assert record.reason.startswith("the held-out loss is ") and compare(record).agrees


@pytest.mark.parametrize("method", ["bp", "tp", "by-loss"])
def test_a_run_killed_at_any_moment_goes_on_and_ends_the_same(tmp_path, method):
    """kill -9 in the middle of the training, twice; what is there is a whole record at every moment."""
    changes = {"steps": 400, "log_every": 4, "measures": ()}
    one = run(method, seed=5, **changes)
    code = f"""
from pathlib import Path
from tests.experiments.small import run
from tpcore.experiments import run_one
print(run_one(run({method!r}, seed=5, **{changes!r}), Path({str(tmp_path / "killed")!r})), flush=True)
"""
    path, rows = one.path(tmp_path / "killed"), 0
    for _ in range(2):
        process, enough = python(code), rows + 30
        while rows < enough and process.poll() is None:
            time.sleep(0.003)
            if path.exists():
                now = len(results.read(path).rows)
                assert now >= rows, "no row is ever lost"
                rows = now
        process.kill()
        assert process.wait() != 0, "it was killed, not done"
        assert results.read(path).status == "running"
    last = python(code, stdout=subprocess.PIPE)
    assert last.communicate()[0] == "recorded\n"
    run_one(one, tmp_path / "whole")
    killed, whole = (results.read(one.path(tmp_path / name)) for name in ("killed", "whole"))
    assert killed.result() == whole.result() and len(whole.rows) == 101
    assert killed.column("seconds") == sorted(killed.column("seconds"))


class Killed(BaseException):
    """Stands for a kill at one exact place."""


@pytest.mark.parametrize(
    ("module", "place", "call"),
    [
        *((checkpoints, "save", call) for call in (1, 2, 4)),
        *((results, "write", call) for call in (1, 2, 4)),
        (checkpoints, "drop", 1),
    ],
)
def test_a_kill_between_checkpoint_and_record(tmp_path, monkeypatch, module, place, call):
    one, calls, real = run(), [], getattr(module, place)

    def kill(*arguments):
        calls.append(place)
        if len(calls) == call:
            raise Killed
        return real(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(module, place, kill)
        with pytest.raises(Killed):
            run_one(one, tmp_path / "killed")
    assert run_one(one, tmp_path / "killed") == ("skipped" if place == "drop" else "recorded")
    assert not list(tmp_path.rglob("*.pt")), "no checkpoint is left"
    run_one(one, tmp_path / "whole")
    killed, whole = (results.read(one.path(tmp_path / name)).result() for name in ("killed", "whole"))
    assert killed == whole


def test_a_lost_checkpoint_costs_time_but_no_row(tmp_path, monkeypatch):
    one, real = run(), results.write
    stop_at, written = [3], []

    def stop(record, path):
        real(record, path)
        written.append(len(record.rows))
        if written[-1] == stop_at[0]:
            raise Killed

    monkeypatch.setattr(results, "write", stop)
    with pytest.raises(Killed):
        run_one(one, tmp_path)
    for checkpoint in tmp_path.rglob("*.pt"):
        checkpoint.unlink()
    written.clear()
    stop_at[0] = 0
    assert run_one(one, tmp_path) == "recorded"
    assert min(written) == 3, "the rows that were there are not written over by fewer"


def test_a_full_disk_in_the_middle(tmp_path, monkeypatch):
    """The run stops and says so; with room again it goes on and ends as ever."""
    one, real, calls = run(), results._replace, []

    def full(temporary, path):
        calls.append(path)
        if len(calls) > 4:
            raise OSError(28, "No space left on device")
        real(temporary, path)

    with monkeypatch.context() as patch:
        patch.setattr(results, "_replace", full)
        with pytest.raises(RecordError, match="No space left on device"):
            run_one(one, tmp_path / "full")
    assert results.read(one.path(tmp_path / "full")).column("step") == [0, 20]
    assert run_one(one, tmp_path / "full") == "recorded"
    run_one(one, tmp_path / "whole")
    one_way, other = (results.read(one.path(tmp_path / name)).result() for name in ("full", "whole"))
    assert one_way == other


def test_an_unwritable_folder_is_said_before_anything_is_trained(tmp_path):
    (tmp_path / "results").write_text("a file")
    with pytest.raises(RecordError, match="could not be written"):
        run_one(run(), tmp_path / "results")


def test_a_record_that_was_tampered_with_is_not_gone_on_from(tmp_path):
    one = run()
    run_one(one, tmp_path)
    path = one.path(tmp_path)
    path.write_text(path.read_text().replace("finished", "running"))
    with pytest.raises(RecordError, match="was changed after it was written"):
        run_one(one, tmp_path)


@pytest.fixture
def two_data_sets(tmp_path, monkeypatch):
    """A run on MNIST's files, and what puts one or the other version of them in its place."""
    for seed in (0, 1):
        write_mnist(tmp_path / f"data{seed}/mnist", seed=seed)

    def use(seed):
        forget()
        monkeypatch.setenv("TPCORE_DATA", str(tmp_path / f"data{seed}"))

    yield run(task=Pixels("mnist", chunk=196), steps=6, log_every=2, measures=()), use
    forget()


def stop_after(monkeypatch, module, place, calls):
    """A kill just after one function has been called so often."""
    real, left = getattr(module, place), [calls]

    def kill(*arguments):
        real(*arguments)
        left[0] -= 1
        if left[0] == 0:
            raise Killed

    monkeypatch.setattr(module, place, kill)


@pytest.mark.parametrize("rows", [2, None])
def test_a_record_of_other_data_is_neither_gone_on_from_nor_skipped(tmp_path, monkeypatch, two_data_sets, rows):
    one, use = two_data_sets
    use(0)
    with monkeypatch.context() as patch:
        if rows is not None:
            stop_after(patch, results, "write", rows)
        with suppress(Killed):
            run_one(one, tmp_path)
    record = results.read(one.path(tmp_path))
    assert record.status == ("finished" if rows is None else "running")
    before = one.path(tmp_path).read_bytes()
    use(1)
    with pytest.raises(RecordError) as error:
        run_one(one, tmp_path)
    for part in (str(one.path(tmp_path)), record.data, one.setup.task.fingerprint(), "TPCORE_DATA"):
        assert part in str(error.value)
    assert one.path(tmp_path).read_bytes() == before
    use(0)
    assert run_one(one, tmp_path) == ("skipped" if rows is None else "recorded")
    run_one(one, tmp_path / "whole")
    parts, whole = (results.read(one.path(folder)).result() for folder in (tmp_path, tmp_path / "whole"))
    assert parts == whole


def test_a_checkpoint_of_other_data_is_left_aside(tmp_path, monkeypatch, two_data_sets):
    """Its record is not there, so that nothing but the checkpoint tells."""
    one, use = two_data_sets
    use(0)
    with monkeypatch.context() as patch, pytest.raises(Killed):
        stop_after(patch, checkpoints, "save", 2)
        run_one(one, tmp_path)
    one.path(tmp_path).unlink()
    use(1)
    assert run_one(one, tmp_path) == "recorded"
    run_one(one, tmp_path / "whole")
    parts, whole = (results.read(one.path(folder)).result() for folder in (tmp_path, tmp_path / "whole"))
    assert parts == whole


def test_two_processes_share_the_runs(tmp_path):
    """Started together on the same runs: each run is done by one of them, and both end with all of them there."""
    code = f"""
from dataclasses import replace
from pathlib import Path
from tests.experiments.small import SMALL
from tpcore.experiments import run_all
runs = replace(SMALL, steps=200, seeds=range(4)).runs("small")
counts = run_all(runs, Path({str(tmp_path)!r}), jobs=1, progress=False)
assert all(run.path(Path({str(tmp_path)!r})).exists() for run in runs)
print(counts["recorded"], counts["skipped"])
"""
    both = [python(code, stdout=subprocess.PIPE) for _ in range(2)]
    outputs = [process.communicate()[0].split() for process in both]
    assert sum(int(recorded) for recorded, _ in outputs) == 8
    assert [int(recorded) + int(skipped) for recorded, skipped in outputs] == [8, 8]
    records = results.read_all(tmp_path, "small")
    assert len(records) == 8 and all(record.status != "running" for record in records)


def test_a_run_that_another_process_is_at(tmp_path):
    one = run()
    code = f"""
from pathlib import Path
from tests.experiments.small import run
from tpcore.experiments import run_one
print(run_one(run(), Path({str(tmp_path)!r})))
"""
    with checkpoints.locked(one.path(tmp_path), wait=True):
        assert python(code, stdout=subprocess.PIPE).communicate()[0] == "busy\n"
        waiting = python(code.replace("))))", "), wait=True))"), stdout=subprocess.PIPE)
        assert waiting.poll() is None
    assert waiting.communicate()[0] == "recorded\n"


def test_on_several_cores(tmp_path):
    runs = SMALL.runs("small")
    counts = run_all(runs, tmp_path / "two", jobs=2, progress=False)
    assert counts == {"recorded": 4}
    assert run_all(runs, tmp_path / "two", jobs=2, progress=False) == {"skipped": 4}
    run_all(runs, tmp_path / "one", jobs=1, progress=False)
    for one in runs:
        two_ways = [results.read(one.path(tmp_path / name)).result() for name in ("one", "two")]
        assert two_ways[0] == two_ways[1]


def test_the_progress_bar_ends_with_all_steps(tmp_path, capsys):
    run_all(SMALL.runs("small"), tmp_path, jobs=1)
    shown = capsys.readouterr().err
    assert "240/240" in shown and "4 of 4 runs" in shown


def test_missing_data_are_missed_before_the_first_run(tmp_path, monkeypatch):
    monkeypatch.setenv("TPCORE_DATA", str(tmp_path / "nowhere"))
    with pytest.raises(DataError, match="which is not a folder"):
        run_all(replace(SMALL, task=Pixels("cifar10")).runs("small"), tmp_path / "results")
    assert not (tmp_path / "results").exists()


def test_no_scheduler_at_the_address(tmp_path, monkeypatch):
    from tpcore.experiments import many

    monkeypatch.setattr(many, "ANSWER_WITHIN", 0.5)
    with pytest.raises(RunError, match=r"no Dask scheduler answers at tcp://127\.0\.0\.1:9"):
        run_all([run()], tmp_path, dask="tcp://127.0.0.1:9", progress=False)
