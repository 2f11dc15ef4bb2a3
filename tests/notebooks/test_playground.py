"""The playground in a real JupyterLab: shown, trained, its settings both ways, two at once, the kernel restarted."""

import json
import time
from pathlib import Path
from typing import Any

import nbformat
import pytest

from tests.notebooks.conftest import until

pytestmark = [pytest.mark.jupyter, pytest.mark.browser]

# What the first is set to, Python passes on to the second; the record of the first goes into a file.
CELL = """import json
from pathlib import Path

from tpcore.playground import Playground

first, second = Playground("forget", d=16, tau=10), Playground("forget", d=16, tau=10)


def pass_on(change):
    second.settings = {**second.settings, "b_r": change["new"]["b_r"]}


first.observe(pass_on, "settings")


def keep(change):
    Path("record.part").write_text(json.dumps(change["new"]))
    Path("record.part").replace("record.json")  # it is read while this runs


first.observe(keep, "record")
first"""

DRAWN = "() => [...document.querySelectorAll('.pg-steps')].filter((s) => s.textContent === 'step 0').length === 2"


def until_recorded(file: Path, step: int) -> dict[str, Any]:
    """What Python was told of the training once it was at the step: the kernel hears of it a little later."""
    end, record = time.monotonic() + 120, {}
    while record.get("step", -1) < step:
        assert time.monotonic() < end, f"the kernel heard of step {record.get('step')} last"
        time.sleep(0.1)
        record = json.loads(file.read_text()) if file.exists() else {}
    return record


def test_two_playgrounds_and_python(run_notebook: Any, folder: Path) -> None:
    notebook = nbformat.v4.new_notebook()
    notebook.metadata.kernelspec = {"name": "python3", "display_name": "Python 3", "language": "python"}
    notebook.cells = [nbformat.v4.new_code_cell(CELL), nbformat.v4.new_code_cell("second")]
    nbformat.write(notebook, folder / "playgrounds.ipynb")
    page = run_notebook("playgrounds.ipynb", DRAWN)
    first, second = page.locator(".playground-view").all()

    first.locator("[data-setting=b_r]").press("Home")
    shown = "() => [...document.querySelectorAll('[data-setting=b_r]')].map((r) => r.previousSibling.textContent)"
    until(page, f'() => JSON.stringify(({shown})()) === \'["0.001","0.001"]\'')

    first.get_by_role("button", name="Play").click()
    until(page, "() => Number(document.querySelector('.pg-steps').textContent.replace('step ', '')) >= 20")
    first.get_by_role("button", name="Pause").click()
    until(page, "() => document.querySelector('.playground-view').dataset.training === 'false'")
    record = until_recorded(folder / "record.json", 20)
    assert [row["step"] for row in record["a"]["rows"]][:3] == [0, 10, 20]
    assert second.locator(".pg-steps").inner_text() == "step 0"

    page.locator("#jp-MainMenu").get_by_text("Kernel", exact=True).click()
    page.get_by_role("menuitem", name="Restart Kernel and Run All Cells…").click()
    page.get_by_role("button", name="Confirm Kernel Restart").click()
    until(page, DRAWN)
