"""Records of runs: small files, readable at any time, written so that nothing recorded is lost.

A record is a text file of JSON lines: a header (experiment, stage, method, seed, configuration, fingerprint
of the data, versions, machine, date), the names of the columns, one line a logged step, and a last line with the status
and a checksum of all that stands before. It is replaced as a whole at each logged step, so a reader never sees half of
one.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from contextlib import suppress
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

from tpcore.provenance import machine, versions
from tpcore.record import Record, RecordError

__all__ = ["Record", "RecordError", "default_folder", "read", "read_all", "write"]

VARIABLE = "TPCORE_RESULTS"
FORMAT = 2  # of what `write` writes; 1, without this number and the threads, is read too


def default_folder() -> Path:
    """Where records are: TPCORE_RESULTS, else the repository's results/, else results/ where one stands.

    Returns
    -------
    Path

    Examples
    --------
    >>> import os
    >>> from unittest import mock
    >>> from tpcore.results import default_folder
    >>> with mock.patch.dict(os.environ, TPCORE_RESULTS="my-records"):
    ...     print(default_folder())
    my-records
    """
    if os.environ.get(VARIABLE):
        return Path(os.environ[VARIABLE])
    repository = Path(__file__).parents[1]
    return (repository if (repository / "pyproject.toml").is_file() else Path()) / "results"


def record_path(folder: Path, experiment: str, stage: str, name: str) -> Path:
    """The path of a record; `name` stands for method, configuration and seed."""
    return folder / experiment / stage / f"{name}.jsonl"


def write(record: Record, path: Path) -> None:
    """Write a record; its versions, machine and date are those of now.

    Parameters
    ----------
    record : Record
    path : Path
        The file; its folder is made if it is missing.

    Raises
    ------
    RecordError
        If it can't be written, the disk being full for example. The record that was there before is untouched.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from tpcore.results import Record, read, write
    >>> record = Record("adding-30", "run", "bp", seed=0, configuration={})
    >>> record.set_rows([{"step": 0, "accuracy": 0.05}])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "adding-30", "run", "bp.jsonl")
    ...     write(record, path)
    ...     read(path).rows
    [[0, 0.05]]
    """
    record.versions, record.machine = versions(), machine()
    record.date = datetime.now(UTC).isoformat(timespec="seconds")
    record.threads, record.format = torch.get_num_threads(), FORMAT
    content = {"format": record.format, **asdict(record)}
    rows = content.pop("rows")
    columns = content.pop("columns")
    end = {name: content.pop(name) for name in ("status", "diverged_at", "reason")}
    lines = [_json(content), _json(columns), *map(_json, rows)]
    end["sha256"] = _checksum(lines, end)
    write_whole(path, ("\n".join([*lines, _json(end)]) + "\n").encode())


def read(path: Path) -> Record:
    """Read a record.

    Parameters
    ----------
    path : Path

    Returns
    -------
    Record

    Raises
    ------
    FileNotFoundError
        If there is none.
    RecordError
        If it can't be read, is not as it was written, or was written by a newer tpcore.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from tpcore.results import Record, read, write
    >>> record = Record("adding-30", "run", "bp", seed=0, configuration={})
    >>> record.set_rows([{"step": 0, "accuracy": 0.05}])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write(record, Path(folder, "bp.jsonl"))
    ...     read(Path(folder, "bp.jsonl")) == record
    True
    """
    try:
        *lines, last = _bytes_of(path).decode("utf-8").splitlines()
        _check_format(path, lines[0] if lines else last)
        header, columns, *rows = map(json.loads, lines)
        end = json.loads(last)
        right = end.pop("sha256") == _checksum(lines, end)
        record = Record(**header, columns=columns, rows=rows, **end)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise RecordError(f"{path} is not a record ({error}): {_REMEDY}") from error
    if not right:
        raise RecordError(f"{path} was changed after it was written, its checksum does not fit: {_REMEDY}")
    return record


def _check_format(path: Path, line: str) -> None:
    """RecordError if the first line of a record names a format that this version does not know."""
    header = json.loads(line)
    found = header.get("format", 1) if isinstance(header, dict) else 1
    if isinstance(found, int) and found > FORMAT:
        raise RecordError(
            f"{path} was made by a newer tpcore: its format is {found}, and this version reads formats up to {FORMAT}. "
            "Keep it, and update tpcore to read it"
        )


def _bytes_of(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise
    except OSError as error:
        raise RecordError(f"{path} could not be read ({error.strerror or error}): make it a readable file") from error


_REMEDY = "restore it, or delete it and run it again"


def read_all(folder: Path, experiment: str = "*", stage: str = "*") -> list[Record]:
    """All records of an experiment and a stage, in the order of their names.

    Parameters
    ----------
    folder : Path
        Where records are; see `default_folder`.
    experiment, stage : str
        "*" stands for any.

    Returns
    -------
    list of Record

    Raises
    ------
    RecordError
        If one is not as it was written.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from tpcore.results import Record, read_all, write
    >>> record = Record("adding-30", "run", "bp", seed=0, configuration={})
    >>> record.set_rows([{"step": 0, "accuracy": 0.05}])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for name in ("bp-0", "bp-1"):
    ...         write(record, Path(folder, "adding-30", "run", f"{name}.jsonl"))
    ...     len(read_all(Path(folder), "adding-30")), len(read_all(Path(folder), stage="tuned"))
    (2, 0)
    """
    return [read(path) for path in sorted(folder.glob(f"{experiment}/{stage}/*.jsonl"))]


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def _checksum(lines: list[str], end: dict[str, Any]) -> str:
    return hashlib.sha256("\n".join([*lines, _json(end)]).encode()).hexdigest()


def write_whole(path: Path, data: bytes) -> None:
    """Replace a file by another, so that at any moment one or the other is there, whole.

    Whoever calls holds the lock, so the temporary file, which a killed process may leave, is nobody else's.
    """
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        _replace(temporary, path)
    except OSError as error:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise RecordError(
            f"{path} could not be written ({error.strerror or error}). What was recorded before is still there. "
            "Make room, or make the folder writable, and give the same command again: it goes on from the last row"
        ) from error


def _replace(temporary: Path, path: Path) -> None:
    """os.replace, which on Windows has to wait while someone reads the file."""
    for attempt in range(100):
        try:
            return os.replace(temporary, path)
        except PermissionError:
            if os.name != "nt" or attempt == 99:
                raise
            time.sleep(0.02)
