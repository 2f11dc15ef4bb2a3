"""Chapters are executed before they are read: what MyST-NB then finds in its cache."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import execution
import nbformat
import pytest
from jupyter_cache import get_cache
from nbformat.v4 import new_code_cell, new_notebook

KERNEL = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
CODE = {"good": "import os\nprint(os.path.basename(os.getcwd()), 1 + 1)", "bad": "1 / 0", "page": ""}


def test_the_cache_holds_what_was_executed_now_and_nothing_that_failed(tmp_path: Path) -> None:
    folder = tmp_path / "chapters"
    folder.mkdir()
    for name, code in CODE.items():
        nbformat.write(new_notebook(cells=[new_code_cell(code)], metadata=KERNEL), folder / f"{name}.ipynb")
    cache = get_cache(tmp_path / "cache")
    earlier = new_notebook(cells=[new_code_cell("2")])
    nbformat.write(earlier, tmp_path / "earlier.ipynb")
    cache.cache_notebook_file(tmp_path / "earlier.ipynb", check_validity=False)
    env = SimpleNamespace(
        doc2path=lambda name: str(folder / (f"{name}.md" if name == "page" else f"{name}.ipynb")),
        mystnb_config=SimpleNamespace(execution_cache_path=str(tmp_path / "cache"), execution_timeout=60),
    )
    with ThreadPoolExecutor(1) as elsewhere:  # in this thread Playwright's event loop may run
        elsewhere.submit(execution._fill_cache, None, env, list(CODE)).result()
    cache = get_cache(tmp_path / "cache")
    (record,) = cache.list_cache_records()
    assert record.uri == str(folder / "good.ipynb") and record.data["execution_seconds"] > 0
    _, merged = cache.merge_match_into_notebook(nbformat.read(folder / "good.ipynb", as_version=4))
    assert merged.cells[0].outputs[0].text == "chapters 2\n"
    with pytest.raises(KeyError):
        cache.match_cache_notebook(nbformat.read(folder / "bad.ipynb", as_version=4))
