"""Every notebook runs to its end where the records can't be had, and says what it can't show."""

import json
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted(path.stem for path in (ROOT / "notebooks").glob("*.ipynb"))


@pytest.mark.slow
@pytest.mark.jupyter
@pytest.mark.parametrize("name", NOTEBOOKS)
def test_it_runs_to_its_end(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable, value in {
        "TPCORE_RESULTS": str(tmp_path / "nowhere"),
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
        "GIT_ALLOW_PROTOCOL": "none",  # the records can't be fetched either
        "PYTHONPATH": str(ROOT),
    }.items():
        monkeypatch.setenv(variable, value)
    notebook = nbformat.read(ROOT / f"notebooks/{name}.ipynb", as_version=4)
    NotebookClient(
        notebook, timeout=600, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}}
    ).execute()
    said = json.dumps([output for cell in notebook.cells for output in cell.get("outputs", [])])
    assert ("They could not be fetched" in said) is ("fetch_records()" in notebook.cells[1].source)
