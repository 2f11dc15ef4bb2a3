"""A saved notebook as `nbconvert --to html` writes it, without a network: the picture stands where the figure was."""

from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbconvert import HTMLExporter

from tests.explorers.examples import example
from tpcore.explorers import hosts

pytestmark = pytest.mark.browser


def test_the_picture_is_seen_offline(browser: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(hosts.VARIABLE, raising=False)
    bundles: list[dict[str, Any]] = []
    monkeypatch.setattr("IPython.display.display", lambda bundle, **how: bundles.append(bundle))
    explorer = example()
    hosts.show(explorer)
    cell = nbformat.v4.new_code_cell("explorer")
    cell.outputs = [nbformat.v4.new_output("display_data", data=bundle) for bundle in bundles]
    saved, _ = HTMLExporter().from_notebook_node(nbformat.v4.new_notebook(cells=[cell]))
    (tmp_path / "saved.html").write_text(saved, "utf-8")

    context = browser.new_context()
    context.set_offline(True)
    page = context.new_page()
    page.goto((tmp_path / "saved.html").as_uri())
    picture = page.get_by_role("img", name=explorer.description)
    assert picture.is_visible() and picture.bounding_box()["height"] > 200
    assert page.get_by_text("run the cell to move it").is_visible()
    context.close()
