"""The command `tpcore`: list, run, sweep, show, plot and verify experiments."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import tpcore
from tpcore.experiments.commands import (
    list_command,
    plot_command,
    run_command,
    show_command,
    sweep_command,
    verify_command,
)
from tpcore.experiments.many import DASK_WORKERS
from tpcore.experiments.running import RunError
from tpcore.results import RecordError
from tpcore.tasks.files import DataError

LAST_SEED = 2**62  # twice a seed, and one more, seed the generators of training and held-out batches
DASK = f"""run on the cluster of this scheduler, tcp://host:8786; start workers by `{DASK_WORKERS}`, and name with
--results a folder that all of them share"""
SET = """this value instead of the experiment's, for all its methods; filed under a name of its own, NAME+KEY=VALUE. KEY
is gamma_theta, gamma_h, r, batch_size, log_every, test_size, hidden_size or length"""
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
        extra = "notebooks" if error.name == "plotly" else "experiments"
        print(f'tpcore: {error.name} is missing: pip install "tpcore[{extra}]"', file=sys.stderr)
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
    parser.add_argument("--version", action="version", version=f"tpcore {tpcore.__version__}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")

    def add(name: str, command: Callable[[argparse.Namespace], int], text: str) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
        added.set_defaults(command=command)
        added.add_argument(
            "--results", type=_path, metavar="FOLDER", help="where the records are (default: the repository's results/)"
        )
        return added

    listing = add("list", list_command, "the experiments, and how many of their runs are recorded")
    run = add("run", run_command, "run an experiment with its registered settings")
    search = add(
        "sweep", sweep_command, "search step sizes and r for every method alike; run the winners on fresh seeds"
    )
    show = add("show", show_command, "what the records of an experiment say")
    verify = add("verify", verify_command, "run some records again, or their first steps, and compare")
    plot = add("plot", plot_command, "the curves of an experiment's records, as a page for a browser")
    for added in (run, search, show, plot):
        added.add_argument("name", metavar="NAME", help="an experiment: see tpcore list")
    for added in (run, search):
        added.add_argument("--methods", type=_names, metavar="A,B", help="only these methods")
        added.add_argument("--seeds", type=_seeds, metavar="0,1", help="these seeds instead of the experiment's")
        added.add_argument("--steps", type=_count, metavar="N", help="this many steps instead of the experiment's")
        added.add_argument("--jobs", type=_count, default=-1, metavar="N", help="runs at once (default: one a core)")
        added.add_argument("--dask", metavar="ADDRESS", help=DASK)
        added.add_argument("--quiet", action="store_true", help="no progress bar")
    run.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help=SET)
    plot.add_argument("--out", type=_path, metavar="FILE", help="where to (default: NAME.html)")
    for added in (listing, show, verify):
        added.add_argument("--json", action="store_true", help="as JSON, for other programs")
    verify.add_argument("--full", action="store_true", help="run each record to its end and compare every row")
    search.add_argument("--trials", type=_count, metavar="N", help="this many trials for each method")
    verify.add_argument("name", metavar="NAME", nargs="?", default="*", help="only records of this experiment")
    verify.add_argument("--sample", type=_count, default=5, metavar="N", help="how many records (default: 5)")
    verify.add_argument("--seed", type=int, default=0, metavar="N", help="which ones are drawn (default: 0)")
    return parser


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


if __name__ == "__main__":
    sys.exit(main())
