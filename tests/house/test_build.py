"""What `make book` says while it builds, and of a build that fails."""

import subprocess
import sys
from pathlib import Path

import pytest

from tools import build

ROOT = Path(__file__).parents[2]


def test_a_line_a_chapter_with_the_time_left() -> None:
    lines = [
        "\x1b[01mwriting output... \x1b[39;49;00m",  # of no page yet
        "executed notebooks/01-b in 29.9 s",
        "a cell's warning",
        "\x1b[01mexecuted notebooks/00-a in 60.2 s\x1b[39;49;00m",  # as Jupyter Book colours lines
        "executed notebooks/02-c in 12.0 s: it failed",
        "\x1b[01mreading sources... \x1b[39;49;00m[ 40%] \x1b[35mnotebooks/00-a\x1b[39;49;00m",
        "writing output... [ 10%] book/notation",
        "writing output... [ 20%] notebooks/00-a",
    ]
    times = iter([1000.0, 1030.0, 1240.0, 1250.0])  # the first takes 30 s, the first two 240 s
    assert list(build.progress(lines, {"notebooks/00-a", "notebooks/01-b", "notebooks/02-c"}, times)) == [
        "notebooks/01-b (1 of 3, about 60 s left)",
        "notebooks/00-a (2 of 3, about 2 min left)",
        "notebooks/02-c (3 of 3)",
        "writing the pages",
    ]


@pytest.mark.skipif(sys.platform == "win32", reason="the builder's place is taken by a shell script")
def test_a_build_that_fails_shows_the_log(tmp_path: Path) -> None:
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "python").symlink_to(sys.executable)
    (folder / "jupyter-book").write_text("#!/bin/sh\necho the cell that failed\nexit 3\n")
    (folder / "jupyter-book").chmod(0o755)
    (tmp_path / "_toc.yml").write_text("root: notebooks/00-a\n")
    command = [folder / "python", ROOT / "tools/build.py"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "the cell that failed" in done.stderr
    assert (tmp_path / "_build/build.log").read_text() == "the cell that failed\n"
