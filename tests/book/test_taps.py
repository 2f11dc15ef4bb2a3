"""A tap on a cell of a map moves the sliders there, by mouse and by finger; a finger that scrolls moves none."""

from pathlib import Path
from typing import Any

import pytest

from tests.book.conftest import EXPLORING, PHONE, SITE
from tests.book.test_pages import but_colorbars, embedded, position, press_reset, settle, shown
from tpcore.explorers.encoding import decode

pytestmark = pytest.mark.browser

TAPPED = [name for name in EXPLORING if '"meta":["' in (SITE / name).read_text(encoding="utf-8")]
of_each_map = pytest.mark.parametrize("name", TAPPED)
# Scrolls a cell to the middle of the window; its indices are its coordinates, as in every map of the book
PLACE = """(figure, [row, column]) => {
    const plot = figure.querySelector('.js-plotly-plot'), { xaxis, yaxis } = plot._fullLayout;
    const height = yaxis._offset + yaxis.l2p(row);
    window.scrollBy({ top: plot.getBoundingClientRect().y + height - innerHeight / 2, behavior: 'instant' });
    const box = plot.getBoundingClientRect();
    return [box.x + xaxis._offset + xaxis.l2p(column), box.y + height];
}"""


def test_the_book_has_maps_to_tap(site: Path) -> None:
    assert TAPPED


@pytest.fixture
def under_a_finger(held: Any, address: str, name: str) -> Any:
    page = held.get(name, f"{address}/{name}", viewport=PHONE, has_touch=True, is_mobile=True)
    yield page
    assert page.problems == []


@of_each_map
def test_a_click_on_a_cell_moves_both_sliders(served: Any) -> None:
    check_taps(served, served.mouse.click)


@of_each_map
def test_a_tap_on_a_cell_moves_both_sliders(under_a_finger: Any) -> None:
    check_taps(under_a_finger, under_a_finger.touchscreen.tap)


def check_taps(page: Any, touch: Any) -> None:
    for figure, data, rows, columns in maps(page):
        chosen = [control["start"] for control in data["controls"]]
        sizes = [len(data["controls"][i]["values"]) for i in (rows, columns)]
        for row, column in ((0, sizes[1] - 1), (sizes[0] - 1, 0), (sizes[0] // 2, sizes[1] // 2)):
            chosen[rows], chosen[columns] = row, column
            wanted = position(data["controls"], chosen)
            tap(page, touch, figure, (row, column), wanted)
            settle(page)
            assert but_colorbars(shown(figure)) == but_colorbars(decode(data, wanted)["data"])
            for i, index in ((rows, row), (columns, column)):
                slider = figure.locator(".explorer-control").nth(i)
                assert slider.locator("input").input_value() == str(index)
                assert slider.locator("output").inner_text() == data["controls"][i]["texts"][index]
        press_reset(figure)


def tap(page: Any, touch: Any, figure: Any, cell: tuple[int, int], wanted: str) -> None:
    """Tap until the position is the wanted one: on a busy machine plotly may not have looked under the pointer yet."""
    from playwright.sync_api import TimeoutError

    for patience in (1000, 5000, 30_000):
        x, y = figure.evaluate(PLACE, list(cell))
        page.wait_for_timeout(200)  # scrolled under the pointer, and plotly looks under it every 50 ms at most
        touch(x, y)
        try:
            arrived = "([f, p]) => f.dataset.position === p"
            return page.wait_for_function(arrived, arg=[figure.element_handle(), wanted], timeout=patience)
        except TimeoutError as error:
            late = error
    raise late


@of_each_map
def test_a_finger_that_scrolls_over_a_map_moves_the_page_and_no_slider(under_a_finger: Any) -> None:
    page = under_a_finger
    figure, *_ = next(iter(maps(page)), (None,))
    if figure is None:
        pytest.skip("none of its cells was run")
    at = figure.get_attribute("data-position")
    x, y = figure.evaluate(PLACE, [1, 1])
    before = page.evaluate("scrollY")
    finger = page.context.new_cdp_session(page)
    finger.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [{"x": x, "y": y}]})
    for moved in range(10, 160, 10):
        finger.send("Input.dispatchTouchEvent", {"type": "touchMove", "touchPoints": [{"x": x, "y": y - moved}]})
    finger.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    page.wait_for_function("before => scrollY > before + 50", arg=before)
    settle(page)
    assert figure.get_attribute("data-position") == at


def maps(page: Any) -> list[tuple[Any, dict[str, Any], int, int]]:
    """Each explorer whose map holds numbers: its figure, its data, and which controls its rows and its columns move."""
    found = []
    for figure in page.locator("figure.explorer").all():
        data = embedded(figure)
        names = [control["name"] for control in data["controls"]]
        for trace in decode(data, next(iter(data["positions"])))["data"]:
            numbers = trace["type"] == "heatmap" and any(value is not None for row in trace["z"] for value in row)
            if numbers and trace.get("meta"):
                rows, columns = (names.index(name) for name in trace["meta"])
                found.append((figure, data, rows, columns))
    return found
