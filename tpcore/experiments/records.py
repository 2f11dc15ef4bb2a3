"""Records as those of runs: each is checked to be the record of the run that it is read for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from tpcore import results
from tpcore.experiments.spec import Run, Setup, from_configuration
from tpcore.results import Record, RecordError
from tpcore.tasks import Task
from tpcore.tasks.files import VARIABLE

REMEDY = "put it where it belongs, or delete it and run it again"
DATA_REMEDY = (
    f"set {VARIABLE} to the folder with those; data that come with Python or scikit-learn need the versions that the "
    "record names. Or name another folder with --results, and run it anew there"
)


def read_run(run: Run, folder: Path) -> Record:
    """The record of a run.

    A value that the record does not hold, since it was added to the program later, counts as the default that it has.

    Raises
    ------
    FileNotFoundError
        If there is none.
    RecordError
        If what lies in its place is another run's record, or is not as it was written.
    """
    path = run.path(folder)
    record = results.read(path)
    for name in ("experiment", "stage", "method", "seed"):
        found, wanted = getattr(record, name), getattr(run, name)
        if found != wanted:
            raise RecordError(f"{path} is another run's record, its {name} is {found!r}, not {wanted!r}: {REMEDY}")
    configuration = run.setup.configuration()
    if record.configuration != configuration:
        differing = list(_differing(_setup_of(record, path).configuration(), configuration))
        if differing:
            raise RecordError(f"{path} was made with other settings, {'; '.join(differing)}: {REMEDY}")
    return record


def read_complete(runs: Sequence[Run], folder: Path) -> list[Record]:
    """The records of runs that have all come to their end, on the same data.

    Raises
    ------
    FileNotFoundError
        If one has no record, or one that is under way.
    RecordError
        As `read_run` and `check_data` do.
    """
    records = []
    for run in runs:
        records.append(read_run(run, folder))
        if records[-1].status == "running":
            raise FileNotFoundError(f"{run.path(folder)}: this run is under way, its record is not complete")
    check_data(records)
    return records


def check_data(records: Sequence[Record]) -> None:
    """RecordError unless all were made from the same data: accuracies on different data can't be compared."""
    for record in records:
        if record.data != records[0].data:
            one, other = (f"{_called(each)} from the data {each.data}" for each in (records[0], record))
            raise RecordError(f"these records can't be compared: {one}, {other}. Run one of them again on the other's")


def check_same_data(record: Record, data: str | None, path: Path) -> None:
    """RecordError unless a record was made from the data with this fingerprint."""
    if record.data != data:
        raise RecordError(
            f"{path} was made from the data with the fingerprint {record.data}, those found now have {data}: "
            f"{DATA_REMEDY}"
        )


def check_filed(record: Record, path: Path) -> None:
    """RecordError unless a record lies where its own header files it."""
    name = f"{record.method}-{key_of(record) or '?' * 8}-{record.seed}"
    belongs = f"{record.experiment}/{record.stage}/{name}.jsonl"
    if not path.match(belongs):
        raise RecordError(f"{path} holds the record that belongs into {belongs}: {REMEDY}")


def key_of(record: Record) -> str | None:
    """The key of a record's settings; None if this version of tpcore does not have them."""
    try:
        return _setup_of(record, Path()).key()
    except RecordError:
        return None


def fingerprint(task: Task) -> str | None:
    """The fingerprint of a task's data, where they are not generated."""
    return task.fingerprint() if hasattr(task, "fingerprint") else None


def _setup_of(record: Record, path: Path) -> Setup:
    try:
        setup = from_configuration(record.configuration)
    except ValueError as error:
        raise RecordError(f"{path}: {error}") from error
    if not isinstance(setup, Setup):
        raise RecordError(f"{path}: its configuration is that of a {type(setup).__name__}, not of a Setup")
    return setup


def _differing(found: Any, wanted: Any, name: str = "") -> Iterator[str]:
    """What differs between two configurations, in words."""
    if not (isinstance(found, dict) and isinstance(wanted, dict)):
        if found != wanted:
            yield f"{name} is {found!r}, not {wanted!r}"
        return
    for key in {**wanted, **found}:
        yield from _differing(found.get(key), wanted.get(key), f"{name}.{key}".lstrip("."))


def _called(record: Record) -> str:
    return f"{record.experiment} {record.stage} {record.method} seed {record.seed}"
