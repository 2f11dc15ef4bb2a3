"""Records of runs: small files, readable at any time, written so that nothing recorded is lost.

A record is a text file of JSON lines: a header (experiment, stage, method, seed, configuration, fingerprint
of the data, versions, machine, date), the names of the columns, one line a logged step, and a last line with the status
and a checksum of all that stands before. It is replaced as a whole at each logged step, so a reader never sees half of
one.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import platform
import re
import time
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

import numpy as np
import torch

import tpcore

__all__ = ["Record", "RecordError", "default_folder", "read", "read_all", "write"]

VARIABLE = "TPCORE_RESULTS"


class RecordError(Exception):
    """A record that can't be written, or that is not as it was written.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from tpcore.results import Record, read, write
    >>> with tempfile.TemporaryDirectory() as folder:  # doctest: +ELLIPSIS
    ...     path = Path(folder, "bp.jsonl")
    ...     write(Record("adding-30", "run", "bp", seed=0, configuration={}), path)
    ...     _ = path.write_text(path.read_text("utf-8").replace("bp", "tp"), "utf-8")
    ...     read(path)
    Traceback (most recent call last):
    tpcore.results.RecordError: ...bp.jsonl was changed after it was written, its checksum does not fit: ...
    """


@dataclass
class Record:
    """What a run has left so far.

    Parameters
    ----------
    experiment, stage, method, seed
        As in `tpcore.experiments.Run`.
    configuration : dict
        All values of its `tpcore.experiments.Setup`.
    data : str, optional
        The fingerprint of the data, where they are not generated.
    versions, machine, date
        Set when it is written.
    columns : list of str
        step, seconds, train_loss, test_loss, accuracy, and what the experiment adds.
    rows : list of list
        In the order of the columns. Numbers have nine significant digits, which tell any two float32 apart; what is not
        finite is None.
    status : {"running", "finished", "diverged"}
    diverged_at : int, optional
        The step at which it diverged, if it did.
    reason : str
        What was not finite then.

    Raises
    ------
    KeyError
        By `column`, if there is no such column.

    Examples
    --------
    >>> from tpcore.results import Record
    >>> record = Record("adding-30", "run", "bp", seed=0, configuration={})
    >>> record.set_rows([{"step": 0, "accuracy": 0.05}, {"step": 200, "accuracy": 0.1}])
    >>> record.column("accuracy")
    [0.05, 0.1]
    """

    experiment: str
    stage: str
    method: str
    seed: int
    configuration: dict[str, Any]
    data: str | None = None
    versions: dict[str, str] = field(default_factory=dict)
    machine: dict[str, Any] = field(default_factory=dict)
    date: str = ""
    columns: list[str] = field(default_factory=list)
    rows: list[list[Any]] = field(default_factory=list)
    status: str = "running"
    diverged_at: int | None = None
    reason: str = ""

    def column(self, name: str) -> list[Any]:
        """One column of the rows."""
        if name not in self.columns:
            raise KeyError(f"no column {name!r} in this record: it has {', '.join(self.columns)}")
        place = self.columns.index(name)
        return [row[place] for row in self.rows]

    def rows_kept(self) -> int:
        """How many rows are from before a divergence: all if there was none."""
        end = math.inf if self.diverged_at is None else self.diverged_at
        return sum(step < end for step in self.column("step"))

    def result(self) -> dict[str, Any]:
        """What must be the same when the run is repeated.

        That is all but the time spent, which is measured, and where and when. A run that was stopped and went on counts
        the time of the steps that were kept.
        """
        content = asdict(self)
        for name in ("versions", "machine", "date"):
            del content[name]
        kept = [place for place, name in enumerate(self.columns) if name != "seconds"]
        content["columns"] = [self.columns[place] for place in kept]
        content["rows"] = [[row[place] for place in kept] for row in self.rows]
        return content

    def set_rows(self, rows: list[dict[str, Any]]) -> None:
        """Take over the rows of a `tpcore.training.TrainingRun`."""
        self.columns = list(rows[0])
        self.rows = [[_rounded(name, row[name]) for name in self.columns] for row in rows]


def _rounded(name: str, value: Any) -> Any:
    if value is None or isinstance(value, int):
        return value
    if not math.isfinite(value):
        return None
    return round(value, 3) if name == "seconds" else float(f"{value:.9g}")


def versions() -> dict[str, str]:
    """The versions on which a result depends."""
    return {
        "tpcore": tpcore.__version__,
        "python": platform.python_version(),
        "torch": str(torch.__version__),
        "numpy": np.__version__,
        **{name: _installed(name) for name in ("numba", "scipy", "scikit-learn")},
    }


@cache
def _installed(name: str) -> str:
    return next((found.version for found in distributions(name=name)), "not installed")


def alike(found: dict[str, Any], now: dict[str, Any]) -> bool:
    """Whether versions are those of now, in all that they say: what was written earlier says less."""
    return bool(found) and all(now.get(name) == value for name, value in found.items())


def machine() -> dict[str, Any]:
    """The machine, without its name."""
    processor = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")  # on Linux platform.processor() says little
    if cpuinfo.exists():
        names = [line.split(":", 1)[1].strip() for line in cpuinfo.read_text().splitlines() if "model name" in line]
        processor = names[0] if names else processor
    return {
        "system": platform.system(),
        "processor": processor,
        "cores": os.cpu_count(),
        "instructions": torch.backends.cpu.get_cpu_capability(),  # which sums torch takes depends on them
    }


def machine_name() -> str:
    """What the machine is, as the name of a file: its processor and its number of cores."""
    kind = machine()
    return "-".join(re.findall(r"[a-z0-9]+", f"{kind['processor']} {kind['cores']} cores".lower()))


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
    content = asdict(record)
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
        If it can't be read, or is not as it was written.

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
        header, columns, *rows = map(json.loads, lines)
        end = json.loads(last)
        right = end.pop("sha256") == _checksum(lines, end)
        record = Record(**header, columns=columns, rows=rows, **end)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise RecordError(f"{path} is not a record ({error}): {_REMEDY}") from error
    if not right:
        raise RecordError(f"{path} was changed after it was written, its checksum does not fit: {_REMEDY}")
    return record


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
