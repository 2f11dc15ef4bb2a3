import errno
import hashlib
import json
import os
import subprocess
import sys

import pytest
import scipy
import sklearn
import torch

from tpcore import checkpoints, provenance, results
from tpcore.results import Record, RecordError, read, write

ROWS = [
    {"step": 0, "seconds": 0.0, "train_loss": None, "test_loss": 1.4, "accuracy": 0.25},
    {"step": 10, "seconds": 0.12345, "train_loss": 1 / 3, "test_loss": float("inf"), "accuracy": 0.5},
]


@pytest.fixture
def path(tmp_path):
    return results.record_path(tmp_path / "results", "adding-30", "run", "bp-00000000-3")


def example(rows=ROWS, **changes):
    record = Record("adding-30", "run", "bp", 3, {"steps": 10, "rule": {"kind": "BackProp"}}, **changes)
    record.set_rows(rows)
    return record


def test_what_is_written_is_read(path):
    write(example(status="diverged", diverged_at=12, reason="‖δ‖ is not finite"), path)
    record = read(path)
    assert (record.experiment, record.method, record.seed) == ("adding-30", "bp", 3)
    assert record.configuration == {"steps": 10, "rule": {"kind": "BackProp"}}
    assert (record.status, record.diverged_at, record.reason) == ("diverged", 12, "‖δ‖ is not finite")
    assert record.column("step") == [0, 10] and record.column("seconds") == [0.0, 0.123]
    assert record.column("train_loss") == [None, 0.333333333]
    assert record.column("test_loss") == [1.4, None], "what is not finite is None"
    assert record.versions["torch"] == torch.__version__ and record.machine["cores"] == os.cpu_count()
    assert record.date.endswith("+00:00")
    with pytest.raises(KeyError, match="no column 'angle' in this record: it has step"):
        record.column("angle")


def test_the_versions_name_all_that_a_result_depends_on():
    found = provenance.versions()
    assert list(found) == ["tpcore", "python", "torch", "numpy", "numba", "scipy", "scikit-learn"]
    assert found["scipy"] == scipy.__version__ and found["scikit-learn"] == sklearn.__version__
    assert provenance._installed("no-such-package") == "not installed"


def test_the_machine_says_which_instructions_its_sums_are_taken_with():
    assert provenance.machine()["instructions"] == torch.backends.cpu.get_cpu_capability()


def test_what_was_written_earlier_may_say_less():
    now = {"torch": "2", "scipy": "1"}
    assert provenance.alike({"torch": "2"}, now) and provenance.alike(now, now)
    assert not provenance.alike({"torch": "1", "scipy": "1"}, now) and not provenance.alike({**now, "numba": "1"}, now)
    assert not provenance.alike({}, now), "it says nothing"


def test_nine_digits_tell_any_two_float32_apart(path):
    values = torch.rand(1000, generator=torch.Generator().manual_seed(0)) * 10
    write(example([{"step": i, "x": float(value)} for i, value in enumerate(values)]), path)
    assert torch.equal(torch.tensor(read(path).column("x"), dtype=torch.float32), values)


def test_it_is_text_a_line_a_row(path):
    write(example(), path)
    header, columns, *rows, end = [json.loads(line) for line in path.read_text().splitlines()]
    assert header["seed"] == 3 and columns[0] == "step" and len(rows) == 2 and end["status"] == "running"


def test_the_result_leaves_out_time_and_place(path):
    write(example(), path)
    one = read(path)
    slower = [{**row, "seconds": 7 * row["seconds"]} for row in ROWS]
    assert example(slower).result() == one.result()
    assert example([ROWS[0], {**ROWS[1], "accuracy": 0.51}]).result() != one.result()


@pytest.mark.parametrize(
    ("before", "after"),
    [("0.25", "0.35"), ('"seed": 3', '"seed": 4'), ('"running"', '"finished"'), ("0.333333333", "0.333333334")],
)
def test_a_record_that_was_tampered_with_is_refused(path, before, after):
    write(example(), path)
    text = path.read_text()
    assert before in text
    path.write_text(text.replace(before, after, 1))
    with pytest.raises(RecordError, match=r"was changed after it was written.*delete it and run it again"):
        read(path)


def test_a_row_more_or_less_is_refused(path):
    write(example(), path)
    lines = path.read_text().splitlines(keepends=True)
    for changed in (lines[:2] + lines[3:], [*lines[:3], lines[2], *lines[3:]]):
        path.write_text("".join(changed))
        with pytest.raises(RecordError, match="was changed"):
            read(path)


@pytest.mark.parametrize("text", ["", "\n", "{}", "not json\n{}", "[]\n[]\n[]", '{"seed": 1}\n[]\n{"sha256": ""}'])
def test_what_is_no_record_is_refused(path, text):
    path.parent.mkdir(parents=True)
    path.write_text(text)
    with pytest.raises(RecordError) as error:
        read(path)
    assert str(path) in str(error.value)


def test_what_cannot_be_read_is_named(path):
    with pytest.raises(FileNotFoundError):
        read(path)
    path.mkdir(parents=True)
    with pytest.raises(RecordError, match="could not be read") as error:
        read(path)
    assert str(path) in str(error.value)


@pytest.mark.parametrize("place", ["fsync", "replace"])
def test_a_full_disk_loses_nothing_and_says_so(path, monkeypatch, place):
    write(example(ROWS[:1]), path)
    before = path.read_bytes()

    def full(*arguments):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, place, full)
    with pytest.raises(RecordError, match=r"No space left on device.*recorded before is still there.*same command"):
        write(example(), path)
    with pytest.raises(RecordError, match="No space left"):
        checkpoints.save(path, {})
    monkeypatch.undo()
    assert path.read_bytes() == before and read(path).column("step") == [0]
    assert [p for p in path.parents[2].rglob("*") if p.is_file()] == [path], "nothing half-written is left"


@pytest.mark.skipif(sys.platform == "win32", reason="the limit on the size of files is POSIX's")
def test_a_write_that_the_system_cuts_short(path):
    """The real thing: the system refuses to let the file grow, in the middle of a write."""
    write(example(ROWS[:1]), path)
    before = path.read_bytes()
    code = f"""
import resource, signal, sys
from pathlib import Path
from tests.test_results import example, ROWS
from tpcore.results import RecordError, write
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
try:
    write(example(ROWS * 1000), Path({str(path)!r}))
except RecordError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "could not be written (File too large)" in done.stdout
    assert path.read_bytes() == before


def test_a_folder_that_cannot_be_written(tmp_path):
    (tmp_path / "results").write_text("a file stands in the way, whoever runs the test")
    path = results.record_path(tmp_path / "results", "adding-30", "run", "bp")
    with pytest.raises(RecordError, match="could not be written"):
        write(example(), path)
    with pytest.raises(RecordError, match="could not be written"), checkpoints.locked(path, wait=False):
        pass


def test_the_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("TPCORE_RESULTS", str(tmp_path))
    assert results.default_folder() == tmp_path
    monkeypatch.delenv("TPCORE_RESULTS")
    assert results.default_folder().name == "results"


def test_read_all(tmp_path):
    for stage, name in (("run", "b"), ("run", "a"), ("search", "c")):
        write(example(), results.record_path(tmp_path, "adding-30", stage, name))
    checkpoints.save(results.record_path(tmp_path, "adding-30", "run", "a"), {})
    assert len(results.read_all(tmp_path)) == 3
    assert len(results.read_all(tmp_path, "adding-30", "run")) == 2
    assert results.read_all(tmp_path, "another") == []


def test_a_record_says_its_format_its_threads_and_its_blas(path):
    write(example(), path)
    header = json.loads(path.read_text().splitlines()[0])
    assert header["format"] == results.FORMAT and header["threads"] == torch.get_num_threads()
    assert any("blas" in name or "mkl" in name for name in header["machine"]["blas"])


def test_a_record_of_a_newer_version_is_no_damage(path):
    """Whatever else it holds: a newer format may have other lines and another checksum."""
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps({"format": results.FORMAT + 1, "rows_are": "elsewhere"}) + "\nzzz\n")
    with pytest.raises(RecordError, match=r"was made by a newer tpcore: its format is 3.*update tpcore") as error:
        read(path)
    assert "delete" not in str(error.value)


def test_a_record_without_a_format_is_one_of_the_first(path):
    write(example(), path)
    lines = path.read_text().splitlines()
    header = json.loads(lines[0])
    del header["format"], header["threads"]
    lines[0] = json.dumps(header, ensure_ascii=False)
    end = json.loads(lines[-1])
    del end["sha256"]
    content = "\n".join([*lines[:-1], json.dumps(end, ensure_ascii=False)])
    lines[-1] = json.dumps({**end, "sha256": hashlib.sha256(content.encode()).hexdigest()})
    path.write_text("\n".join(lines) + "\n")
    found = read(path)
    assert (found.format, found.threads) == (1, None) and found.result() == example().result()
