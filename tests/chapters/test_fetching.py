"""Records are fetched where they are missing, once; where they cannot be, that is said and nothing is raised."""

import subprocess
from pathlib import Path

import pytest

from tpcore.chapters import fetching
from tpcore.results import VARIABLE, default_folder


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A git repository with one record and something else."""
    folder = tmp_path / "repository"
    (folder / "results/bench/run").mkdir(parents=True)
    (folder / "results/bench/run/one.jsonl").write_text("{}")
    (folder / "large.txt").write_text("x")
    author = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
    for command in (["init", "-q"], ["add", "-A"], [*author, "commit", "-qm", "one"]):
        subprocess.run(["git", "-C", folder, *command], check=True)
    return folder


@pytest.fixture(autouse=True)
def nothing_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, str(tmp_path / "nowhere"))
    monkeypatch.setattr(fetching.platformdirs, "user_cache_dir", lambda name: str(tmp_path / "cache" / name))


def test_they_are_fetched_once(repository: Path, monkeypatch, capsys) -> None:
    monkeypatch.setattr(fetching, "_source", lambda: (repository.as_uri(), "v9"))
    fetching.fetch_records()
    commit = subprocess.run(["git", "-C", repository, "rev-parse", "HEAD"], capture_output=True, text=True).stdout
    said = capsys.readouterr().out
    assert repository.as_uri() in said and f"as of commit {commit[:12]}" in said
    assert [path.name for path in default_folder().glob("*/*/*.jsonl")] == ["one.jsonl"]
    assert [path.name for path in default_folder().parent.iterdir()] == ["records-v9"], "nothing else is left"
    monkeypatch.setenv(VARIABLE, "")
    monkeypatch.chdir(repository.parent)
    monkeypatch.setattr(fetching, "default_folder", lambda: Path("nowhere"))
    fetching.fetch_records()
    assert capsys.readouterr().out == "" and default_folder().name == "records-v9"


def test_where_they_cannot_be_it_is_said(tmp_path: Path, monkeypatch, capsys) -> None:
    monkeypatch.setattr(fetching, "_source", lambda: ((tmp_path / "absent").as_uri(), "v9"))
    fetching.fetch_records()
    said = capsys.readouterr().out
    assert "could not be fetched" in said and fetching.LATER in said
    assert default_folder() == tmp_path / "nowhere"


def test_where_they_are_nothing_is_done(repository: Path, monkeypatch, capsys) -> None:
    monkeypatch.setenv(VARIABLE, str(repository / "results"))
    fetching.fetch_records()
    assert capsys.readouterr().out == ""


def test_the_source_is_the_package_s_own_address() -> None:
    address, wanted = fetching._source()
    assert address.startswith("https://github.com/") and (wanted.startswith("v") or len(wanted) == 40)
