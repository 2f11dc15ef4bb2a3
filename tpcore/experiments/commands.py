"""What the commands of `tpcore` do: each takes the parsed arguments and returns the exit status."""

from __future__ import annotations

import argparse
import json
import random
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from tpcore import results
from tpcore.experiments.experiment import Experiment
from tpcore.experiments.many import run_all
from tpcore.experiments.plot import write_plot
from tpcore.experiments.records import check_filed, read_run
from tpcore.experiments.registry import EXPERIMENTS, experiment_named
from tpcore.experiments.search import sweep
from tpcore.experiments.shown import grouped, print_json, print_table
from tpcore.experiments.spec import Run
from tpcore.experiments.verify import compare
from tpcore.results import Record, RecordError
from tpcore.tasks.files import DataError

DRIFT = """\
A record that drifts is neither confirmed nor refuted from that step on: here too, runs whose initial weights are almost
the same part by as much. On a machine like the one that its record names it would be identical."""


def list_command(options: argparse.Namespace) -> int:
    """`tpcore list`."""
    width, rows, damaged = max(map(len, EXPERIMENTS)), [], []
    for name, experiment in EXPERIMENTS.items():
        row, broken = _counted(name, experiment, _folder(options))
        rows.append(row)
        damaged += broken
        counts = {"runs": row["recorded"], "runs of search winners": row["winners_recorded"]}
        said = [f"{count} of {row['runs']} {which} recorded" for which, count in counts.items() if count]
        line = f"{name:{width}}  {experiment.about}; {experiment.steps} steps, "
        line += ", ".join(said) or f"0 of {row['runs']} runs recorded"
        if not options.json:
            print(line + (f", {row['under_way']} under way" if row["under_way"] else ""))
    if options.json:
        print(json.dumps(rows, ensure_ascii=False, indent=1))
    for error in damaged:
        print(f"tpcore: {error}", file=sys.stderr)
    return 1 if damaged else 0


def _counted(name: str, experiment: Experiment, folder: Path) -> tuple[dict[str, Any], list[RecordError]]:
    """An experiment and how much of it is recorded, and what is wrong with records that can't be read."""
    found, broken = _whole(folder, name)
    ended = {path: record for path, record in found.items() if record.status != "running"}
    runs = [run.path(folder) for run in experiment.runs(name)]
    tuned = sum(record.stage == "tuned" and _is_registered(record, experiment) for record in ended.values())
    row: dict[str, Any] = {"name": name, "about": experiment.about, "steps": experiment.steps}
    row |= {"methods": list(experiment.methods), "seeds": list(experiment.seeds), "runs": len(runs)}
    row |= {"recorded": sum(path in ended for path in runs), "winners_recorded": tuned}
    return {**row, "under_way": len(found) - len(ended)}, broken


def _whole(folder: Path, experiment: str) -> tuple[dict[Path, Record], list[RecordError]]:
    """The records of an experiment by their files, and what is wrong with those that can't be read."""
    found, broken = {}, []
    for path in sorted(folder.glob(f"{experiment}/*/*.jsonl")):
        try:
            found[path] = results.read(path)
        except RecordError as error:
            broken.append(error)
    return found, broken


def _is_registered(record: Record, experiment: Experiment) -> bool:
    """Whether a record has the steps and one of the seeds with which its experiment is registered."""
    return record.configuration.get("steps") == experiment.steps and record.seed in experiment.seeds


def run_command(options: argparse.Namespace) -> int:
    """`tpcore run`."""
    options.name = "+".join([options.name, *options.set])
    experiment = _experiment(options)
    runs = experiment.runs(options.name, options.methods)
    counts = run_all(runs, _folder(options), **_where(options))
    print(f"{counts['recorded']} runs recorded, {counts['skipped']} were there already")
    if options.set:
        print(f"filed as {options.name}: tpcore show {options.name}")
    print_table(_records(runs, _folder(options)))
    return 0


def sweep_command(options: argparse.Namespace) -> int:
    """`tpcore sweep`."""
    experiment = _experiment(options)
    if options.trials is not None:
        experiment = replace(experiment, search=replace(experiment.search, trials=options.trials))
    runs = sweep(options.name, experiment, options.methods, _folder(options), **_where(options))
    print_table(_records(runs, _folder(options)))
    return 0


def show_command(options: argparse.Namespace) -> int:
    """`tpcore show`."""
    experiment_named(options.name)
    records = _filed(_folder(options), options.name)
    if options.json:
        print_json(records)
        return 0
    if not records:
        print(f"nothing of {options.name} is recorded yet: tpcore run {options.name}")
    print_table(records)
    return 0


def plot_command(options: argparse.Namespace) -> int:
    """`tpcore plot`."""
    experiment_named(options.name)
    records = [record for record in _filed(_folder(options), options.name) if record.stage != "search"]
    ended = [record for record in records if record.status != "running"]
    if not ended:
        raise RecordError(f"no run of {options.name} has come to its end: tpcore run {options.name}")
    path = options.out or Path(f"{options.name}.html")
    write_plot(options.name, grouped(ended), path)
    print(f"written to {path}")
    return 0


def verify_command(options: argparse.Namespace) -> int:
    """`tpcore verify`: the first rows of some records, of the quickest all rows; or all rows of each."""
    folder = _folder(options)
    if options.name != "*":
        experiment_named(options.name)
    records = _filed(folder, options.name)  # all are read, so that any that was changed is refused
    ended = [record for record in records if record.status != "running"]
    if not ended:
        of = "" if options.name == "*" else f" of {options.name}"
        raise RecordError(f"no record{of} in {folder} has come to its end: see tpcore list, or name another --results")
    chosen = random.Random(options.seed).sample(ended, min(options.sample, len(ended)))
    quickest = min(chosen, key=lambda record: float(record.column("seconds")[-1]))
    if not options.json:
        how = "each to its end" if options.full else "by their first rows, the quickest to its end"
        print(f"{len(records)} records are whole; {len(chosen)} are run again, {how}")
    rows = [_verified(record, full=options.full or record is quickest, shown=not options.json) for record in chosen]
    counts = Counter(row["word"] for row in rows)
    if options.json:
        print(json.dumps(rows, ensure_ascii=False, indent=1))
    else:
        print(", ".join(f"{count} {word}" for word, count in counts.items()))
        if counts["drift"]:
            print(DRIFT)
    return 1 if counts["differ"] or not counts["agree"] + counts["drift"] else 0


def _verified(record: Record, *, full: bool, shown: bool) -> dict[str, Any]:
    """Run a record, or its first steps, again, and say what came of it; a line of it is printed."""
    row: dict[str, Any] = {name: getattr(record, name) for name in ("experiment", "stage", "method", "seed")}
    try:
        comparison = compare(record, full=full)
    except (DataError, ValueError) as error:
        row |= {"word": "not checked", "said": f"not checked: {error}", "rows": 0, "of": len(record.rows)}
        line = row["said"]
    else:
        row |= {"word": comparison.word, "said": str(comparison), "exact": comparison.exact}
        row |= {"rows": comparison.rows, "of": comparison.of, "last_step": comparison.last_step}
        line = f"{comparison} ({comparison.seen})"
    if shown:
        print(f"{record.experiment} {record.stage} {record.method} seed {record.seed}: {line}", flush=True)
    return row


def _folder(options: argparse.Namespace) -> Path:
    return Path(options.results or results.default_folder())


def _experiment(options: argparse.Namespace) -> Experiment:
    experiment = experiment_named(options.name)
    if options.seeds is not None:
        experiment = replace(experiment, seeds=options.seeds)
    if options.steps is not None:
        experiment = replace(experiment, steps=options.steps)
    return experiment


def _where(options: argparse.Namespace) -> dict[str, Any]:
    return {"jobs": options.jobs, "dask": options.dask, "progress": not options.quiet}


def _records(runs: Sequence[Run], folder: Path) -> list[Record]:
    return [read_run(run, folder) for run in runs]


def _filed(folder: Path, experiment: str) -> list[Record]:
    """All records of an experiment, or of all for "*"; each must be whole and lie where it belongs."""
    found, broken = _whole(folder, experiment)
    if broken:
        raise RecordError("\n".join(map(str, broken)))
    for path, record in found.items():
        check_filed(record, path)
    return list(found.values())
