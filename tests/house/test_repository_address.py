"""The repository's address stands in one place, and one command changes it everywhere."""

import json
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tools import set_repository

ROOT = Path(__file__).parents[2]
ADDRESS = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["urls"]["repository"]
ACCOUNT, NAME = set_repository.parse(ADDRESS)
PLACEHOLDER = "-".join(["your", "account"])  # in pieces: this file is searched for it too
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


def contents(folder: Path) -> dict[str, bytes]:
    """Every file under ``folder`` that is not git's own, by name."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and ".git" not in path.relative_to(folder).parts
    }


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """The tracked files, as they are now, in a repository of their own."""
    names = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True)
    for name in filter(None, names.stdout.split("\0")):
        if (ROOT / name).is_file():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, tmp_path / name)
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    subprocess.run(["git", "add", "-A"], cwd=tmp_path, check=True)
    return tmp_path


def change(clone: Path, url: str) -> subprocess.CompletedProcess[str]:
    script = ROOT / "tools/set_repository.py"
    return subprocess.run([sys.executable, script, url], cwd=clone, capture_output=True, text=True, check=False)


def test_no_trace_of_the_old_address_remains(clone: Path) -> None:
    before = contents(clone)
    assert change(clone, "https://github.com/Some-Lab/tp.book").returncode == 0
    after = contents(clone)
    old = re.compile(
        rf"{re.escape(ACCOUNT)}[./%\w]*{re.escape(NAME)}|{re.escape(ACCOUNT)}\.github\.io".encode(),
        re.IGNORECASE,
    )
    left_behind = {name: match[0] for name, content in after.items() if (match := old.search(content)) is not None}
    assert not left_behind
    if ACCOUNT == PLACEHOLDER:  # no word of any other sentence
        assert not [name for name, content in after.items() if ACCOUNT.encode() in content]
    urls = tomllib.loads((clone / "pyproject.toml").read_text("utf-8"))["project"]["urls"]
    assert urls["repository"] == "https://github.com/Some-Lab/tp.book"
    assert urls["documentation"] == "https://some-lab.github.io/tp.book"
    changed = {name for name in before if before[name] != after[name]}
    assert {"README.md", "CITATION.cff", "pyproject.toml", "_config.yml"} <= changed


def test_it_can_be_repeated_and_undone(clone: Path) -> None:
    other = "/".join(["https://github.com", "other-account", "other-name"])  # in pieces: this file is rewritten too
    before = contents(clone)
    assert change(clone, other).returncode == 0
    once = contents(clone)
    assert change(clone, other + ".git").returncode == 0
    assert contents(clone) == once
    assert change(clone, ADDRESS).returncode == 0
    assert contents(clone) == before


@pytest.mark.parametrize("url", ["", "a/b", "https://gitlab.com/a/b", "https://github.com/a", "git@github.com:a/b"])
def test_what_is_no_address_is_refused_before_anything_changes(clone: Path, url: str) -> None:
    before = contents(clone)
    result = change(clone, url)
    assert result.returncode == 1
    assert repr(url) in result.stderr
    assert "make set-repository URL=https://github.com/ACCOUNT/NAME" in result.stderr
    assert contents(clone) == before


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("git+https://github.com/a/b.git#egg", "git+https://github.com/c/d.git#egg"),
        ("See https://github.com/a/b. Then", "See https://github.com/c/d. Then"),
        ("colab.research.google.com/github/a/b/blob/main", "colab.research.google.com/github/c/d/blob/main"),
        ("mybinder.org/v2/gh/a/b/main", "mybinder.org/v2/gh/c/d/main"),
        ("https://a.github.io/b/x.html", "https://c.github.io/d/x.html"),
        ("https://github.com/a/bc https://github.com/a/b-c https://github.com/a/b.c", None),
        ("data/a/b https://a.github.io/bc", None),
    ],
)
def test_only_the_repository_s_own_address_is_rewritten(before: str, after: str | None) -> None:
    assert set_repository.rewrite(before, ("a", "b"), ("c", "d")) == (after or before)


def test_there_are_notebooks() -> None:
    assert NOTEBOOKS


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_badges_open_their_own_notebook(path: Path) -> None:
    cells = json.loads(path.read_text("utf-8"))["cells"]
    text = "".join("".join(cell["source"]) + "\n" for cell in cells if cell["cell_type"] == "markdown")
    colab = re.findall(r"https://colab\.research\.google\.com/github/[^)\s\"'>]+", text)
    binder = re.findall(r"https://mybinder\.org/v2/[^)\s\"'>]+", text)
    repository, page = f"{ACCOUNT}/{NAME}", f"notebooks/{path.name}"
    assert set(colab) == {f"https://colab.research.google.com/github/{repository}/blob/main/{page}"}
    assert {link.replace("%2F", "/") for link in binder} == {
        f"https://mybinder.org/v2/gh/{repository}/main?urlpath=lab/tree/{page}"
    }
