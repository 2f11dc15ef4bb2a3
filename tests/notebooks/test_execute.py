"""Every chapter runs from top to bottom in a kernel, in its live form.

`make test` leaves this to the build of the book, which has executed them all, and to JupyterLab (test_jupyterlab.py),
in which a few run in their live form.
"""

from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

from tests.notebooks.conftest import NOTEBOOKS, ROOT, WITHOUT_EXPLORER, check_ran

pytestmark = [pytest.mark.slow, pytest.mark.jupyter, pytest.mark.filterwarnings("default")]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_runs_from_top_to_bottom(path: Path, monkeypatch: Any) -> None:
    monkeypatch.delenv("TPCORE_EXPLORER_HOST", raising=False)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")  # other tests run beside it; waiting threads would take their turns
    notebook = nbformat.read(path, as_version=4)
    NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(path.parent)}}).execute()
    check_ran(notebook, shows_explorer=path.stem not in WITHOUT_EXPLORER)
