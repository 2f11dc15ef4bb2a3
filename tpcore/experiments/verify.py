"""Are the records what this code computes? The first rows of some, computed again and compared."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

from tpcore import results
from tpcore.experiments.measures import MEASURES
from tpcore.experiments.records import fingerprint
from tpcore.experiments.running import one_thread
from tpcore.experiments.spec import Setup, from_configuration
from tpcore.results import Record
from tpcore.training import train

ROWS = 3  # compared of each record: step 0 and two intervals
# On another machine or with other versions sums are rounded in another way, and training makes more of the difference
TOLERANCE = 1e-3  # relative, at the first row, before any training
DRIFT = 0.999  # relative, at the rows after it: a thousandfold, since single runs were seen to part by a factor of 30
ANSWERS = 3  # held-out answers that may tip over


@dataclass(frozen=True)
class Comparison:
    """What came of one record.

    ``worst`` is the largest relative difference, with its column and step; ``exact`` whether the record was written on
    such a machine and with such versions as these, so that no difference is expected; ``drifts_from`` the first step at
    which a difference is more than rounding, though no more than training may make of it.
    """

    agrees: bool
    exact: bool
    worst: float
    where: str
    drifts_from: int | None = None

    def __str__(self) -> str:
        if self.worst == 0:
            return "identical"
        place = f"{self.worst:.1e} at {self.where}" if math.isfinite(self.worst) else self.where
        expected = "" if self.exact else " (another machine or other versions)"
        drifts = "agrees" if self.drifts_from is None else f"drifts from step {self.drifts_from}"
        return f"{drifts if self.agrees else 'DIFFERS'}: {place}{expected}"


def compare(record: Record) -> Comparison:
    """Run the first steps of a record again.

    Raises
    ------
    ValueError
        If its configuration names what this version of tpcore does not have.
    """
    setup: Setup = from_configuration(record.configuration)
    exact = results.alike(record.versions, results.versions()) and results.alike(record.machine, results.machine())
    if record.data != fingerprint(setup.task):
        return Comparison(False, exact, math.inf, "the data are not those it was made from")
    kept = record.rows[:ROWS]
    steps = record.columns.index("step")
    last = int(kept[-1][steps])
    if len(kept) < ROWS and record.diverged_at is not None:
        last = record.diverged_at
    again = Record(record.experiment, record.stage, record.method, record.seed, record.configuration)
    with one_thread():
        model, optimizer = setup.build(record.seed)
        short = replace(setup, steps=max(1, last))
        done = train(
            model, short.task, optimizer,
            steps=short.steps, seed=record.seed, batch_size=short.batch_size, log_every=short.log_every,
            test_size=short.test_size, progress=False, measures=[MEASURES[name] for name in short.measures],
            schedule=setup.optimizer.schedule(setup.steps),
        )  # fmt: skip
    if done.rows:
        again.set_rows(done.rows)
    worst, where, drifts_from, agrees = _worst(record, again, min(len(kept), len(again.rows)), exact)
    if len(again.rows) < len(kept) or (last == record.diverged_at and done.diverged_at != last):
        early = done.diverged_at is not None
        other = f"it diverges at step {done.diverged_at}" if early else f"it does not diverge at step {last}"
        drifting = agrees and not exact and record.diverged_at is not None and bool(again.rows)
        return Comparison(drifting, exact, math.inf, other, last if drifts_from is None else drifts_from)
    return Comparison(agrees, exact, worst, where, drifts_from)


def _worst(record: Record, again: Record, rows: int, exact: bool) -> tuple[float, str, int | None, bool]:
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
            if exact:
                allowed = allowed and difference == 0
            elif difference > TOLERANCE and not _tipped(name, old, new, record.configuration["test_size"]):
                allowed = allowed and _may_drift(record, name, row, difference)
                drifts_from = step if drifts_from is None else drifts_from
    return worst, where, drifts_from, allowed


def _may_drift(record: Record, name: str, row: int, difference: float) -> bool:
    """Whether a difference may be all rounding.

    A norm that is carried back may be so small that it is nothing else. A run that diverges is no longer itself before.
    """
    if name.startswith("norm_"):
        return True
    return row > 0 and (difference <= DRIFT or record.diverged_at is not None)


def _tipped(name: str, old: Any, new: Any, test_size: int) -> bool:
    """Whether no more than a few held-out answers are others."""
    return name == "accuracy" and abs(old - new) * test_size <= ANSWERS + 0.5


def _difference(old: Any, new: Any) -> float:
    if old is None or new is None:
        return 0.0 if old is new else math.inf
    return abs(old - new) / max(abs(old), abs(new), 1e-30)
