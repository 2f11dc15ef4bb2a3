"""The command `tpcore`: list, run, sweep, show and verify experiments."""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import statistics
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from tpcore import results
from tpcore.experiments.records import check_filed, key_of, read_run
from tpcore.experiments.registry import EXPERIMENTS, experiment_named
from tpcore.experiments.running import DASK_WORKERS, RunError, run_all
from tpcore.experiments.search import sweep
from tpcore.experiments.spec import Experiment, Run
from tpcore.experiments.summary import outcome
from tpcore.experiments.verify import compare
from tpcore.results import Record, RecordError
from tpcore.tasks.files import DataError

LAST_SEED = 2**62  # twice a seed, and one more, seed the generators of training and held-out batches
DASK = f"""run on the cluster of this scheduler, tcp://host:8786; start workers by `{DASK_WORKERS}`, and name with
--results a folder that all of them share"""
DRIFT = """\
A record that drifts is neither confirmed nor refuted from that step on: here too, runs whose initial weights are almost
the same part by as much. On a machine like the one that its record names it would be identical."""
EPILOG = """\
A command that was stopped goes on where it was when it is given again; what is recorded already is not run again.
Data that are not generated are looked for in the folder that TPCORE_DATA names, and downloaded if they are not there.

exit status: 0 all well; 1 something failed, or a record differs; 2 the command is not right; 130 stopped: Ctrl-C, kill
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """The entry point; returns the exit status."""
    options = _parser().parse_args(arguments)
    command: Callable[[argparse.Namespace], int] = options.command
    try:
        with _a_kill_as_ctrl_c():
            return command(options)
    except (ValueError, DataError, RecordError, RunError) as error:
        print(f"tpcore: {error}", file=sys.stderr)
        return 2 if isinstance(error, ValueError) else 1
    except ModuleNotFoundError as error:
        print(f'tpcore: {error.name} is missing: pip install "tpcore[experiments]"', file=sys.stderr)
        return 1
    except BrokenPipeError:  # whoever read what is printed has seen enough: `tpcore list | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        print("tpcore: stopped; give the same command again to go on", file=sys.stderr)
        return 130


@contextmanager
def _a_kill_as_ctrl_c() -> Iterator[None]:
    """Stop at SIGTERM as at Ctrl-C, which ends the processes that train; by default they would outlive this one."""
    if threading.current_thread() is not threading.main_thread():  # no other may set it
        yield
        return

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before or signal.SIG_DFL)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="tpcore",
        description="Named experiments on target propagation, and their records.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")

    def add(name: str, command: Callable[[argparse.Namespace], int], text: str) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
        added.set_defaults(command=command)
        added.add_argument(
            "--results", type=_path, metavar="FOLDER", help="where the records are (default: the repository's results/)"
        )
        return added

    add("list", list_command, "the experiments, and how many of their runs are recorded")
    run = add("run", run_command, "run an experiment with its registered settings")
    search = add(
        "sweep", sweep_command, "search step sizes and r for every method alike; run the winners on fresh seeds"
    )
    show = add("show", show_command, "what the records of an experiment say")
    verify = add("verify", verify_command, "run the first steps of some records again and compare")
    for added in (run, search, show):
        added.add_argument("name", metavar="NAME", help="an experiment: see tpcore list")
    for added in (run, search):
        added.add_argument("--methods", type=_names, metavar="A,B", help="only these methods")
        added.add_argument("--seeds", type=_seeds, metavar="0,1", help="these seeds instead of the experiment's")
        added.add_argument("--steps", type=_count, metavar="N", help="this many steps instead of the experiment's")
        added.add_argument("--jobs", type=_count, default=-1, metavar="N", help="runs at once (default: one a core)")
        added.add_argument("--dask", metavar="ADDRESS", help=DASK)
        added.add_argument("--quiet", action="store_true", help="no progress bar")
    search.add_argument("--trials", type=_count, metavar="N", help="this many trials for each method")
    verify.add_argument("name", metavar="NAME", nargs="?", default="*", help="only records of this experiment")
    verify.add_argument("--sample", type=_count, default=5, metavar="N", help="how many records (default: 5)")
    verify.add_argument("--seed", type=int, default=0, metavar="N", help="which ones are drawn (default: 0)")
    return parser


def list_command(options: argparse.Namespace) -> int:
    """`tpcore list`."""
    width, damaged = max(map(len, EXPERIMENTS)), []
    for name, experiment in EXPERIMENTS.items():
        found, broken = _whole(_folder(options), name)
        ended = {path: record for path, record in found.items() if record.status != "running"}
        runs = [run.path(_folder(options)) for run in experiment.runs(name)]
        tuned = sum(record.stage == "tuned" and _is_registered(record, experiment) for record in ended.values())
        counts = {"runs": sum(path in ended for path in runs), "runs of search winners": tuned}
        said = [f"{count} of {len(runs)} {which} recorded" for which, count in counts.items() if count]
        line = f"{name:{width}}  {experiment.about}; {experiment.steps} steps, "
        line += ", ".join(said) or f"0 of {len(runs)} runs recorded"
        under_way = len(found) - len(ended)
        print(line + (f", {under_way} under way" if under_way else ""))
        damaged += broken
    for error in damaged:
        print(f"tpcore: {error}", file=sys.stderr)
    return 1 if damaged else 0


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
    experiment = _experiment(options)
    runs = experiment.runs(options.name, options.methods)
    counts = run_all(runs, _folder(options), **_where(options))
    print(f"{counts['recorded']} runs recorded, {counts['skipped']} were there already")
    _print_table(_records(runs, _folder(options)))
    return 0


def sweep_command(options: argparse.Namespace) -> int:
    """`tpcore sweep`."""
    experiment = _experiment(options)
    if options.trials is not None:
        experiment = replace(experiment, search=replace(experiment.search, trials=options.trials))
    runs = sweep(options.name, experiment, options.methods, _folder(options), **_where(options))
    _print_table(_records(runs, _folder(options)))
    return 0


def show_command(options: argparse.Namespace) -> int:
    """`tpcore show`."""
    experiment_named(options.name)
    records = _filed(_folder(options), options.name)
    if not records:
        print(f"nothing of {options.name} is recorded yet: tpcore run {options.name}")
    _print_table(records)
    return 0


def verify_command(options: argparse.Namespace) -> int:
    """`tpcore verify`."""
    folder = _folder(options)
    if options.name != "*":
        experiment_named(options.name)
    records = _filed(folder, options.name)  # all are read, so that any that was changed is refused
    ended = [record for record in records if record.status != "running"]
    if not ended:
        of = "" if options.name == "*" else f" of {options.name}"
        raise RecordError(f"no record{of} in {folder} has come to its end: see tpcore list, or name another --results")
    chosen = random.Random(options.seed).sample(ended, min(options.sample, len(ended)))
    print(f"{len(records)} records are whole; {len(chosen)} are run again")
    counts = Counter(_verified(record) for record in chosen)
    print(", ".join(f"{count} {word}" for word, count in counts.items()))
    if counts["drift"]:
        print(DRIFT)
    return 1 if counts["differ"] or not counts["agree"] + counts["drift"] else 0


def _verified(record: Record) -> str:
    """Run the first steps of a record again and say what came of it, in a line and in a word."""
    try:
        comparison = compare(record)
    except (DataError, ValueError) as error:
        line, word = f"not checked: {error}", "not checked"
    else:
        line, word = str(comparison), comparison.word
    print(f"{record.experiment} {record.stage} {record.method} seed {record.seed}: {line}")
    return word


def _names(text: str) -> list[str]:
    names = text.split(",")
    if "" in names or len(set(names)) < len(names):
        raise argparse.ArgumentTypeError(f"must be different names, separated by commas, got {text!r}")
    return names


def _seeds(text: str) -> list[int]:
    numbers = [int(number) if number.isdecimal() else -1 for number in text.split(",")]
    if len(set(numbers)) < len(numbers) or not all(0 <= number <= LAST_SEED for number in numbers):
        raise argparse.ArgumentTypeError(
            f"must be different whole numbers from 0 to 2**62, separated by commas, got {text!r}"
        )
    return numbers


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"must be a whole number of at least 1, got {text!r}")
    return int(text)


def _path(text: str) -> Path:
    if not text:
        raise argparse.ArgumentTypeError("must be the name of a folder, got ''")
    return Path(text)


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


def _print_table(records: Sequence[Record]) -> None:
    """A line for each setup: its seeds, and the accuracy at the end, median and range over them.

    A run that diverged counts as untrained, one that is under way does not count.
    """
    groups: dict[tuple[str, ...], list[Record]] = {}
    for record in records:
        settings = json.dumps(record.configuration, sort_keys=True)
        key = (record.experiment, record.stage, record.method, settings, str(record.data))
        groups.setdefault(key, []).append(record)
    for group in groups.values():
        ended = [record for record in group if record.status != "running"]
        print(f"{group[0].stage:6} {group[0].method:14} {_values(group[0])}: {_came(ended, len(group) - len(ended))}")


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


if __name__ == "__main__":
    sys.exit(main())
