"""Every chapter runs from top to bottom in a kernel, in its live form."""

from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

pytestmark = [pytest.mark.jupyter, pytest.mark.filterwarnings("default")]

ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
WITHOUT_EXPLORER = {"04-use-it-in-your-own-project", "10-what-was-reproduced"}  # every other chapter must show one


def test_there_are_notebooks() -> None:
    assert NOTEBOOKS


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_runs_from_top_to_bottom(path: Path, monkeypatch: Any) -> None:
    monkeypatch.delenv("TPCORE_EXPLORER_HOST", raising=False)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")  # other tests run beside it; waiting threads would take their turns
    notebook = nbformat.read(path, as_version=4)
    NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(path.parent)}}).execute()
    outputs = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    assert [o for o in outputs if o.output_type == "error"] == []
    assert [o["text"] for o in outputs if o.get("name") == "stderr" and "Warning" in o["text"]] == []
    shown = any("application/vnd.jupyter.widget-view+json" in o.get("data", {}) for o in outputs)
    assert shown is (path.stem not in WITHOUT_EXPLORER)
