"""Put each fault into a copy of tpcore and run its tests: python -m tests.mutants [WORD ...] takes those with a word.

What is slow to import is imported once; each fault then runs in a fork of this process (Linux and macOS).
"""

import contextlib
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numba
import plotly.graph_objects
import pytest
import torch

from tests.mutants.faults import FAULTS

ROOT = Path(__file__).parents[2]
IMPORTED_ONCE = (numba, plotly.graph_objects, pytest, torch)


def main(words: list[str]) -> None:
    if "tpcore" in sys.modules:
        sys.exit("tpcore is imported already: run python -m tests.mutants on its own")
    chosen = [
        (path, tests, text, fault)
        for path, tests, pairs in FAULTS
        for text, fault in pairs
        if not words or any(word in f"{path} {text}" for word in words)
    ]
    with copied() as folder:
        places = [(place_of(folder, path, text), tests, text, fault) for path, tests, text, fault in chosen]
        survivors = [f"{file}: {text!r} -> {fault!r}" for file, tests, text, fault in places
                     if not found(folder, file, tests, text, fault)]  # fmt: skip
    print(f"{len(chosen) - len(survivors)} of {len(chosen)} faults found", *survivors, sep="\n")
    sys.exit(bool(survivors))


@contextlib.contextmanager
def copied() -> Iterator[Path]:
    """A copy of what the tests need, in which faults can be put; compiled loops come along."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for path in ("tpcore", "tests", "benchmarks"):
            shutil.copytree(ROOT / path, folder / path)
        for path in ("pyproject.toml", "results", "notebooks", "book", "README.md"):
            (folder / path).symlink_to(ROOT / path)
        yield folder


def place_of(folder: Path, path: str, text: str) -> str:
    """The one file that holds the text."""
    under = folder / "tpcore" / path
    files = [under] if under.is_file() else sorted(under.rglob("*.py"))
    places = [file for file in files for _ in range(file.read_text("utf-8").count(text))]
    if len(places) != 1:
        sys.exit(f"tests/mutants/faults.py: {text!r} stands {len(places)} times under tpcore/{path}, not once")
    return str(places[0].relative_to(folder))


def found(folder: Path, file: str, tests: str, text: str, fault: str) -> bool:
    """Whether the tests fail with the fault; the file is put back afterwards."""
    place = folder / file
    whole, times = place.read_text("utf-8"), place.stat()
    place.write_text(whole.replace(text, fault), "utf-8")
    files = [str(each) for pattern in tests.split() for each in sorted((folder / "tests").glob(pattern))]
    begin = time.perf_counter()
    status = in_a_fork(folder, files)
    place.write_text(whole, "utf-8")
    os.utime(place, ns=(times.st_atime_ns, times.st_mtime_ns))  # what is compiled of it is up to date again
    if status not in (0, 1, 2):  # 2: a module that cannot be imported
        sys.exit(f"{file}: {text!r}: pytest ended with {status} for {tests}\n{(folder / 'log').read_text()}")
    print(f"{'found' if status else 'MISSED'} {time.perf_counter() - begin:5.1f} s  {file}: {text!r}", flush=True)
    return status != 0


def in_a_fork(folder: Path, files: list[str]) -> int:
    """pytest's exit status for these files of the copy."""
    child = os.fork()
    if child == 0:
        try:
            os._exit(run_pytest(folder, files))
        except BaseException as error:  # what the parent cleans up is not the child's
            print(repr(error), file=sys.stderr, flush=True)
            os._exit(99)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def run_pytest(folder: Path, files: list[str]) -> int:
    os.chdir(folder)
    os.environ |= {"PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1", "OMP_NUM_THREADS": "1"}
    sys.dont_write_bytecode = True  # a fault of the same length would be taken for its original
    sys.path[:] = [str(folder), *(path for path in sys.path if Path(path or ".").resolve() != ROOT)]
    for name in [name for name in sys.modules if name.split(".")[0] == "tests"]:
        del sys.modules[name]
    log = os.open(folder / "log", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(log, 1)
    os.dup2(log, 2)
    options = ["-x", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", "-m", "not browser and not jupyter"]
    return pytest.main([*options, f"--rootdir={folder}", *files])


if __name__ == "__main__":
    main(sys.argv[1:])
