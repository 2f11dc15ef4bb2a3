"""Records in a line of text each, or as JSON, for the command line."""

from __future__ import annotations

import json
import statistics
from collections.abc import Sequence
from typing import Any

from tpcore.experiments.outcomes import outcome
from tpcore.experiments.records import key_of
from tpcore.results import Record


def print_table(records: Sequence[Record]) -> None:
    """A line for each setup: its seeds, and the accuracy at the end, median and range over them.

    A run that diverged counts as untrained, one that is under way does not count.
    """
    for group in grouped(records):
        ended = ended_of(group)
        print(f"{group[0].stage:6} {group[0].method:14} {_values(group[0])}: {_came(ended, len(group) - len(ended))}")


def print_json(records: Sequence[Record]) -> None:
    """The same as one array of JSON."""
    rows = []
    for group in grouped(records):
        ended = ended_of(group)
        row: dict[str, Any] = {"stage": group[0].stage, "method": group[0].method, "key": key_of(group[0])}
        row |= {"data": group[0].data, "configuration": group[0].configuration}
        row |= {"seeds": [record.seed for record in ended], "under_way": len(group) - len(ended)}
        if ended:
            found = outcome(ended)
            row |= {"diverged": found.diverged}
            row["accuracy"] = dict(zip(("lowest", "median", "highest"), found.final, strict=True))
        rows.append(row)
    print(json.dumps(rows, ensure_ascii=False, indent=1))


def grouped(records: Sequence[Record]) -> list[list[Record]]:
    """The records of each setup: all that differ in nothing but the seed."""
    groups: dict[tuple[str, ...], list[Record]] = {}
    for record in records:
        settings = json.dumps(record.configuration, sort_keys=True)
        key = (record.experiment, record.stage, record.method, settings, str(record.data))
        groups.setdefault(key, []).append(record)
    return list(groups.values())


def ended_of(group: Sequence[Record]) -> list[Record]:
    """Those that have come to their end."""
    return [record for record in group if record.status != "running"]


def _values(record: Record) -> str:
    """The values that a search looks for, and the key, which tells settings apart whatever differs."""
    rule, optimizer = record.configuration["rule"], record.configuration["optimizer"]
    values = f"γ_θ {optimizer['gamma_theta']:g}, γ_h {optimizer['gamma_h']:g}"
    values += f", r {rule['r']:g}" if "r" in rule else ""
    data = f", data {record.data}" if record.data else ""
    return f"{values}, {record.configuration['steps']} steps{data} [{key_of(record) or 'of another version'}]"


def _came(ended: Sequence[Record], under_way: int) -> str:
    """What came of one setup's runs that have ended."""
    more = f", {under_way} under way" if under_way else ""
    if not ended:
        return f"none has ended{more}"
    found = outcome(ended)
    low, median, high = found.final
    seconds = statistics.median(record.column("seconds")[-1] for record in ended)
    more = (f", {found.diverged} diverged" if found.diverged else "") + more
    return f"accuracy {median:.3f} ({low:.3f} to {high:.3f}), {found.seeds} seeds, {seconds:.0f} s{more}"
