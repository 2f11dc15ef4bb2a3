"""The chapters in a real JupyterLab in a real browser: run all, move the first control, see the figure change.

`make test` takes three chapters, whose first controls are of every kind; what the others compute the build of the book
has executed. `make test-all` takes them all.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.notebooks.conftest import NOTEBOOKS, WITHOUT_EXPLORER, check_ran, idle, notebook_of, until

pytestmark = [pytest.mark.jupyter, pytest.mark.browser]

# An array that came encoded keeps what it stands for beside its code.
DATA = """() => JSON.stringify([...document.querySelectorAll('.js-plotly-plot')].map(plot => plot.data.map(
    trace => [trace.name, ...[trace.x, trace.y, trace.z].map(a => Array.from(a?._inputArray ?? a ?? []))])))"""
FEW = {"00-welcome", "07-regularization-is-crucial", "13-equal-effort"}
EXPLORING = [
    pytest.param(path, id=path.stem, marks=() if path.stem in FEW else pytest.mark.slow)
    for path in NOTEBOOKS
    if path.stem not in WITHOUT_EXPLORER
]


@pytest.mark.parametrize("path", EXPLORING)
def test_it_runs_from_top_to_bottom_and_the_first_control_changes_the_figure(run_notebook: Any, path: Path) -> None:
    page = run_notebook(path.name)
    check_ran(notebook_of(page), shows_explorer=True)
    assert page.locator(".jp-OutputArea [data-mime-type='application/vnd.jupyter.stderr']").count() == 0
    before = page.evaluate(DATA)
    if page.locator(".noUi-handle").count():
        handle = page.locator(".noUi-handle").first
        handle.focus()
        at_its_end = handle.get_attribute("aria-valuenow") == handle.get_attribute("aria-valuemax")
        for _ in range(8):
            handle.press("ArrowLeft" if at_its_end else "ArrowRight")
    else:  # only choices
        page.locator(".jupyter-widgets .widget-toggle-button:not(.mod-active)").first.click()
    until(page, f"() => ({DATA})() !== {json.dumps(before)}")


def test_dragging_across_ten_positions_ends_at_the_last_and_a_long_one_can_be_interrupted(
    run_notebook: Any, folder: Path
) -> None:
    page = run_notebook("slow.ipynb")
    end = "() => { const { y } = document.querySelector('.js-plotly-plot').data[0]; return (y._inputArray ?? y)[1]; }"
    assert page.evaluate(end) == 10

    handle = page.locator(".noUi-handle").first
    handle.focus()
    for _ in range(10):  # far faster than 0.4 s each
        handle.press("ArrowRight")
    page.get_by_text("computing…").wait_for()
    until(page, f"() => ({end})() === 20")
    idle(page)
    page.get_by_text("computing…").wait_for(state="hidden")
    assert page.evaluate(end) == 20  # and no late result came after it
    computed = (folder / "computed.txt").read_text().split()
    assert computed[-1] == "20"
    assert computed == sorted(computed, key=int) and len(computed) < 11  # positions passed while busy were dropped

    track = page.locator(".noUi-base").first.bounding_box()
    page.mouse.click(
        track["x"] + track["width"] * 0.95, track["y"] + track["height"] / 2
    )  # one of those that take a minute
    page.get_by_text("computing…").wait_for()
    handle.focus()
    handle.press("ArrowRight")  # and one that waits behind it
    page.locator(".jp-Notebook").first.click(position={"x": 5, "y": 5})
    page.get_by_role("button", name="Interrupt the kernel").first.click()
    page.get_by_text("interrupted; the figure shows the previous position").wait_for()
    assert page.evaluate(end) == 20
    until(page, "() => document.querySelector('.noUi-handle').ariaValueText === '20'")  # slider and figure agree
    handle.focus()
    page.keyboard.press("Home")  # at once: a reader's own move is not lost
    until(page, f"() => ({end})() === 0")
    assert (folder / "computed.txt").read_text().split()[-2:] == ["20", "0"]
