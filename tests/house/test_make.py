"""make builds the book when, and only when, something it is made of has changed.

The Makefile is the real one; in place of .venv/bin/jupyter-book stands a script that notes that it was called.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = ["_config.yml", "_toc.yml", "book/notation.md", "notebooks/00-a.ipynb", "tpcore/nn/rnn.py", "results/a.csv"]

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the Makefile needs a POSIX shell")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "tools").mkdir()
    for name in ["Makefile", "tools/build.py"]:
        shutil.copy(ROOT / name, tmp_path / name)
    old = 1_000_000_000
    for name in ["pyproject.toml", "constraints.txt", "tools/install.py", *SOURCES]:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        os.utime(path, (old, old))
    builder = tmp_path / ".venv/bin/jupyter-book"
    builder.parent.mkdir(parents=True)
    builder.write_text("#!/bin/sh\nmkdir -p _build/html\necho called >> calls\nexit $(cat status)\n")
    builder.chmod(0o755)
    (tmp_path / ".venv/bin/python").symlink_to(sys.executable)
    (tmp_path / ".venv/installed").touch()
    os.utime(tmp_path / ".venv/installed", (old + 1, old + 1))
    (tmp_path / "status").write_text("0")
    return tmp_path


def book(project: Path) -> tuple[int, int]:
    """make book's exit status, and how often the builder has been called so far."""
    status = subprocess.run(["make", "book"], cwd=project, capture_output=True, check=False).returncode
    return status, (project / "calls").read_text().count("called")


def age(project: Path) -> None:
    """Let the last build lie an hour back, so that what is touched now is newer."""
    for stamp in [project / "_build/html/.built", *(project / "_build").glob("names-*")]:
        hour_ago = stamp.stat().st_mtime - 3600
        os.utime(stamp, (hour_ago, hour_ago))


def test_an_unchanged_book_is_not_built_again(project: Path) -> None:
    assert book(project) == (0, 1)
    assert book(project) == (0, 1)
    (project / "tpcore/__pycache__").mkdir()
    age(project)
    (project / "tpcore/__pycache__/rules.pyc").touch()
    assert book(project) == (0, 1)


@pytest.mark.parametrize("source", [*SOURCES, ".venv/installed", "book/new.md"])
def test_a_changed_source_builds_it_again(project: Path, source: str) -> None:
    assert book(project) == (0, 1)
    age(project)
    (project / source).touch()
    assert book(project) == (0, 2)


def test_a_removed_source_builds_it_again(project: Path) -> None:
    assert book(project) == (0, 1)
    age(project)
    (project / "notebooks/00-a.ipynb").unlink()
    assert book(project) == (0, 2)
    assert book(project) == (0, 2)


def test_a_dry_run_tells_of_a_removed_source_and_changes_nothing(project: Path) -> None:
    def dry_run() -> str:
        return subprocess.run(["make", "-n", "book"], cwd=project, capture_output=True, text=True, check=True).stdout

    assert book(project) == (0, 1)
    assert "tools/build.py" not in dry_run()
    age(project)
    (project / "notebooks/00-a.ipynb").unlink()
    files = sorted((project / "_build").rglob("*"))
    assert "tools/build.py" in dry_run()
    assert "tools/build.py" in dry_run()
    assert sorted((project / "_build").rglob("*")) == files
    assert book(project) == (0, 2)


def test_a_failed_build_fails_make_and_is_tried_again(project: Path) -> None:
    (project / "status").write_text("1")
    status, calls = book(project)
    assert status != 0
    assert calls == 1
    (project / "status").write_text("0")
    assert book(project) == (0, 2)


def test_a_changed_source_that_fails_is_not_taken_for_built(project: Path) -> None:
    assert book(project) == (0, 1)
    age(project)
    (project / "tpcore/nn/rnn.py").touch()
    (project / "status").write_text("1")
    assert book(project)[0] != 0
    assert book(project)[0] != 0


def test_a_group_has_one_worker(request: pytest.FixtureRequest) -> None:
    """Else each worker opens every page, and its own JupyterLab."""
    assert "PYTEST_XDIST_WORKER" not in os.environ or request.node.nodeid.endswith("@tests/house/test_make.py")
