"""Are the records what this code computes? The first rows of some, or all of them, computed again and compared."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch

from tpcore import provenance
from tpcore.experiments.records import DATA_REMEDY, fingerprint
from tpcore.experiments.running import one_thread, train_as
from tpcore.experiments.spec import Setup, from_configuration
from tpcore.results import Record
from tpcore.tasks.files import DataError

ROWS = 3  # compared of each record: step 0 and two intervals
# On another machine or with other versions sums are rounded in another way, and training may make more of the
# difference. How much more is measured here: by runs whose initial weights are shaken by far more than rounding does.
TOLERANCE = 1e-3  # relative; a difference of this size is rounding, whatever the run
SHAKE = 1e-4  # relative: a thousand times the rounding of a float32
SHAKEN_RUNS = 2
MARGIN = 10.0  # on the differences that the shaken runs show
ANSWERS = 3  # held-out answers that may tip over


@dataclass(frozen=True)
class Comparison:
    """What came of one record.

    ``worst`` is the largest relative difference, with its column and step; ``exact`` whether the record was written on
    such a machine and with such versions as these, so that no difference is expected; ``drifts_from`` the first step at
    which a difference is more than rounding, though no more than shaken runs show: then the record is neither confirmed
    nor refuted from there on. ``rows`` of ``of`` were computed again, up to ``last_step``.
    """

    agrees: bool
    exact: bool
    worst: float
    where: str
    drifts_from: int | None = None
    rows: int = 0
    of: int = 0
    last_step: int = 0

    @property
    def seen(self) -> str:
        """Which rows were compared."""
        some = "all" if self.rows == self.of else "the first"
        return f"{some} {self.rows} of {self.of} rows, to step {self.last_step}"

    @property
    def word(self) -> str:
        """For counting: "agree", "drift" or "differ"."""
        return ("agree" if self.drifts_from is None else "drift") if self.agrees else "differ"

    def __str__(self) -> str:
        if self.worst == 0:
            return "identical"
        place = f"{self.worst:.1e} at {self.where}" if math.isfinite(self.worst) else self.where
        expected = "" if self.exact else " (perhaps of another machine, or with other versions)"
        drifts = "agrees" if self.drifts_from is None else f"drifts from step {self.drifts_from}"
        return f"{drifts if self.agrees else 'DIFFERS'}: {place}{expected}"


def compare(record: Record, *, full: bool = False) -> Comparison:
    """Run the first steps of a record again, or all of them.

    Raises
    ------
    ValueError
        If its configuration names what this version of tpcore does not have.
    DataError
        If the data that it was made from are not there.
    """
    setup: Setup = from_configuration(record.configuration)
    if record.data != fingerprint(setup.task):
        raise DataError(f"the data are not those it was made from: {DATA_REMEDY}")
    kept = record.rows if full else record.rows[:ROWS]
    last = int(kept[-1][record.columns.index("step")])
    if len(kept) == len(record.rows) and record.diverged_at is not None:
        last = record.diverged_at
    again, diverged_at = _repeat(record, setup, last)
    exact = provenance.made_here(record.versions, record.machine)
    shaken = [] if exact else [_repeat(record, setup, last, shaken=seed)[0] for seed in range(SHAKEN_RUNS)]
    rows = min(len(kept), len(again.rows))
    seen = {"rows": len(kept), "of": len(record.rows), "last_step": last}
    worst, where, drifts_from, agrees = _worst(record, again, rows, shaken)
    if len(again.rows) < len(kept) or (last == record.diverged_at and diverged_at != last):
        other = f"it does not diverge at step {last}" if diverged_at is None else f"it diverges at step {diverged_at}"
        drifting = agrees and not exact and record.diverged_at is not None and bool(again.rows)
        return Comparison(drifting, exact, math.inf, other, last if drifts_from is None else drifts_from, **seen)
    return Comparison(agrees, exact, worst, where, drifts_from, **seen)


def _repeat(record: Record, setup: Setup, last: int, shaken: int | None = None) -> tuple[Record, int | None]:
    """The first steps again, and where they diverge; with `shaken`, from initial weights that this seed shakes."""
    with one_thread():
        model, optimizer = setup.build(record.seed)
        if shaken is not None:
            noise = torch.Generator().manual_seed(shaken)
            with torch.no_grad():
                for parameter in model.parameters():
                    parameter.mul_(1 + SHAKE * torch.randn(parameter.shape, generator=noise))
        done = train_as(setup, model, optimizer, record.seed, steps=max(1, last))
    again = Record(record.experiment, record.stage, record.method, record.seed, record.configuration)
    if done.rows:
        again.set_rows(done.rows)
    return again, done.diverged_at


def _worst(record: Record, again: Record, rows: int, shaken: list[Record]) -> tuple[float, str, int | None, bool]:
    """The largest difference, where it is, from which step it is more than rounding, and whether all are allowed."""
    worst, where, drifts_from, allowed = 0.0, "", None, True
    for row, step in enumerate(record.column("step")[:rows]):
        for name in record.columns:
            if name == "seconds":
                continue
            if name not in again.columns:
                return math.inf, f"no column {name!r}", None, False
            old, new = record.column(name)[row], again.column(name)[row]
            difference = _difference(old, new)
            if difference > worst:
                worst, where = difference, f"{name}, step {step}"
            if not shaken:
                allowed = allowed and difference == 0
            elif difference > TOLERANCE and not _tipped(name, old, new, record.configuration["test_size"]):
                allowed = allowed and difference <= MARGIN * max(_parted(again, other, name, row) for other in shaken)
                drifts_from = step if drifts_from is None else drifts_from
    return worst, where, drifts_from, allowed


def _parted(again: Record, shaken: Record, name: str, row: int) -> float:
    """How far a shaken run has parted from the run, in a column or in what was learned; without end if it diverged."""
    if row >= len(shaken.rows):
        return math.inf
    columns = ("train_loss", "test_loss", "accuracy", name)
    return max(_difference(again.column(each)[row], shaken.column(each)[row]) for each in columns)


def _tipped(name: str, old: Any, new: Any, test_size: int) -> bool:
    """Whether no more than a few held-out answers are others."""
    return name == "accuracy" and abs(old - new) * test_size <= ANSWERS + 0.5


def _difference(old: Any, new: Any) -> float:
    if old is None or new is None:
        return 0.0 if old is new else math.inf
    return abs(old - new) / max(abs(old), abs(new), 1e-30)
