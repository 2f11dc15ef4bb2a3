"""The page "Make your own explorer", as another book would follow it: its module, its cell, and the files it names."""

import re
import shutil
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

pytestmark = [pytest.mark.jupyter, pytest.mark.browser]

BOOK = Path(__file__).parents[2] / "book"
PAGE = (BOOK / "make-your-own-explorer.md").read_text("utf-8")


def test_another_book_shows_it(browser: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module, cell = (re.search(rf"```{kind}\n(.*?)```", PAGE, re.DOTALL)[1] for kind in ("python", "text"))
    (tmp_path / "swing.py").write_text(module, "utf-8")
    monkeypatch.setenv("TPCORE_EXPLORER_HOST", "page")
    monkeypatch.setenv("TPCORE_EXPLORER_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PYTHONPATH", str(BOOK.parent))
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell)])
    NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(tmp_path)}}).execute()
    (output,) = notebook.cells[0].outputs

    files = re.findall(r"`([\w.-]+\.(?:js|css))`", PAGE[PAGE.index("## In a book") :])
    assert len(files) == 4
    (tmp_path / "vendor").mkdir()
    head = '<meta charset="utf-8">'
    for name in files:
        if (BOOK / "assets" / name).exists():
            shutil.copy(BOOK / "assets" / name, tmp_path)
            tag = '<link rel="stylesheet" href="{}">' if name.endswith("css") else '<script defer src="{}"></script>'
            head += tag.format(name)
        else:
            shutil.copy(BOOK / "assets" / "vendor" / name, tmp_path / "vendor")
    (tmp_path / "page.html").write_text(f"<!doctype html>{head}{output.data['text/html']}", "utf-8")

    page, problems = browser.new_page(), []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.goto((tmp_path / "page.html").as_uri())
    page.wait_for_selector(".explorer-drawn")
    page.get_by_role("slider", name="Damping k").press("End")
    page.get_by_text("After 10 seconds 0.0% is left.").wait_for(state="attached")
    page.wait_for_function("location.hash.endsWith('?k=1')")
    assert problems == []
    page.close()
