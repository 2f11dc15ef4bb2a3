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
TOLERANCE = 1e-3  # relative, on another machine or with other versions: sums are rounded in another way there


@dataclass(frozen=True)
class Comparison:
    """What came of one record.

    ``worst`` is the largest relative difference, with its column and step; ``exact`` whether the record was written on
    such a machine and with such versions as these, so that no difference is expected.
    """

    agrees: bool
    exact: bool
    worst: float
    where: str

    def __str__(self) -> str:
        if self.worst == 0:
            return "identical"
        place = f"{self.worst:.1e} at {self.where}" if math.isfinite(self.worst) else self.where
        expected = "" if self.exact else " (another machine or other versions)"
        return f"{'agrees' if self.agrees else 'DIFFERS'}: {place}{expected}"


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
    again.set_rows(done.rows)
    if len(again.rows) < len(kept):
        return Comparison(False, exact, math.inf, f"it diverges at step {done.diverged_at}")
    if last == record.diverged_at and done.diverged_at != last:
        return Comparison(False, exact, math.inf, f"it does not diverge at step {last}")
    worst, where = _worst(record, again, len(kept))
    return Comparison(worst <= (0.0 if exact else TOLERANCE), exact, worst, where)


def _worst(record: Record, again: Record, rows: int) -> tuple[float, str]:
    worst, where = 0.0, ""
    for name in record.columns:
        if name == "seconds":
            continue
        if name not in again.columns:
            return math.inf, f"no column {name!r}"
        for step, old, new in zip(record.column("step")[:rows], record.column(name), again.column(name), strict=False):
            difference = _difference(old, new)
            if difference > worst:
                worst, where = difference, f"{name}, step {step}"
    return worst, where


def _difference(old: Any, new: Any) -> float:
    if old is None or new is None:
        return 0.0 if old is new else math.inf
    return abs(old - new) / max(abs(old), abs(new), 1e-30)
