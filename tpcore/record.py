"""What a run leaves, as a value: `tpcore.results` writes and reads it."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field
from typing import Any


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
    tpcore.record.RecordError: ...bp.jsonl was changed after it was written, its checksum does not fit: ...
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
    versions, machine, date, threads, format
        Set when it is written: the versions and the machine on which the result depends, the threads of torch, and the
        number of the format, 1 where a record does not say it.
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
    threads: int | None = None
    format: int = 1

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
        for name in ("versions", "machine", "date", "threads", "format"):
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
