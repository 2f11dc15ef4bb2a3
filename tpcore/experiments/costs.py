"""What a training step of a method costs, from the record that `python -m benchmarks.cost` writes.

The seconds in the records of runs were taken at different times on different machines. They say where the time went,
and nothing about which method is faster. Here all methods of an experiment took their steps in turn, in one process.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

from tpcore.complexity import Timing
from tpcore.experiments.records import key_of
from tpcore.results import Record, default_folder


def cost_files() -> list[Path]:
    """The records of costs, by their names."""
    return sorted((default_folder() / "cost").glob("*.json"))


@cache
def cost_record() -> dict[str, Any]:
    """The newest record of costs; empty if there is none. Times of two records are never compared."""
    found = [json.loads(path.read_text("utf-8")) for path in cost_files()]
    return max(found, key=lambda record: str(record["date"]), default={})


def step_cost(record: Record) -> Timing | None:
    """The seconds of a training step with the settings of a run, on one thread of the machine of the cost record.

    Parameters
    ----------
    record : Record

    Returns
    -------
    Timing or None
        None if these settings were not timed.

    Examples
    --------
    >>> from tpcore.experiments import step_cost
    >>> from tpcore.results import Record
    >>> step_cost(Record("adding-30", "run", "bp", 0, {})) is None
    True
    """
    found = cost_record().get("steps", {}).get(key_of(record))
    return None if found is None else Timing(**found["seconds"])
