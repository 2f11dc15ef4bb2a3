"""The built pages in a real browser: what a reader sees, moves, prints, and what the pages ask of the network."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.book.conftest import EXPLORING, PAGES, PHONE
from tpcore.explorers.encoding import decode

pytestmark = pytest.mark.browser

of_each_chapter = pytest.mark.parametrize("name", EXPLORING)


def test_the_book_is_built_and_has_explorers(site: Path) -> None:
    assert len(PAGES) >= 4
    assert EXPLORING


@pytest.mark.parametrize("name", [*PAGES, "search.html"])
def test_a_page_loads_without_errors_and_every_formula_is_set(served: Any) -> None:
    assert served.locator("merror").count() == 0
    prose = served.locator("article :is(p, li, td, h1, h2, h3)").all_inner_texts()
    assert [text for text in prose if "$" in text] == [], "a dollar sign is left in the text: a formula was not set"


@of_each_chapter
def test_a_chapter_works_from_a_file_and_prints(on_a_phone: Any) -> None:
    for figure in on_a_phone.locator("figure.explorer").all():
        assert but_colorbars(shown(figure)) == but_colorbars(expected(figure))
    on_a_phone.emulate_media(media="print")
    for figure in on_a_phone.locator("figure.explorer").all():
        picture = figure.locator("img.explorer-picture")
        assert picture.is_visible() and picture.evaluate("i => i.naturalWidth") > 100
        assert not figure.locator(".explorer-plot").is_visible()
    on_a_phone.emulate_media(media="null")


@of_each_chapter
@pytest.mark.parametrize("by", ["keyboard", "mouse"])
def test_every_control_moves_its_picture_with_the_network_cut(served: Any, by: str) -> None:
    for figure in served.locator("figure.explorer").all():
        data = embedded(figure)
        for i, control in enumerate(data["controls"]):
            press_reset(figure)
            chosen = [c["start"] for c in data["controls"]]
            for other, wanted in control["activeWhen"].items():  # first make it count
                j = next(j for j, c in enumerate(data["controls"]) if c["name"] == other)
                chosen[j] = data["controls"][j]["values"].index(wanted[0])
                handle(figure, data, j).locator("label").nth(chosen[j]).click()
            settle(served)
            before, drawn_before = shown(figure), drawing(figure)
            chosen[i] = move(figure, data, i, by)
            settle(served)
            assert figure.get_attribute("data-position") == position(data["controls"], chosen)
            assert shown(figure) == decode(data, position(data["controls"], chosen))["data"], control["name"]
            if shown(figure) != before:
                assert drawing(figure) != drawn_before
        if data["controls"]:
            press_reset(figure)


@of_each_chapter
def test_controls_speak_and_disable(served: Any) -> None:
    for figure in served.locator("figure.explorer").all():
        data = embedded(figure)
        titled = figure.get_attribute("aria-labelledby")
        assert served.locator(f"[id='{titled}']").inner_text()
        assert figure.locator(".explorer-plot").get_attribute("aria-label")
        for i, control in enumerate(data["controls"]):
            box = handle(figure, data, i)
            if control["kind"] == "slider":
                spoken = box.locator("input").get_attribute("aria-valuetext")
                assert control["spoken"] in spoken and box.locator("output").inner_text() in spoken
            for other, wanted in control["activeWhen"].items():
                j = next(j for j, c in enumerate(data["controls"]) if c["name"] == other)
                for index, value in enumerate(data["controls"][j]["values"]):
                    press_reset(figure)
                    handle(figure, data, j).locator("label").nth(index).click()
                    if value not in wanted:
                        assert box.locator("input, select").first.is_disabled()
        if data["controls"]:
            press_reset(figure)
            assert shown(figure) == expected(figure)


def test_without_plotly_the_picture_stays_and_the_page_says_so(open_page: Any) -> None:
    page = open_page(EXPLORING[0])
    page.route("**/plotly.min.js", lambda route: route.abort())
    page.reload()
    page.locator("figure.explorer").first.scroll_into_view_if_needed()  # it is drawn when it comes near
    page.wait_for_selector(".explorer-notice")
    for figure in page.locator("figure.explorer").all():
        assert figure.locator("img.explorer-picture").is_visible()
        assert figure.locator(".explorer-position").is_visible()
        assert figure.locator(".explorer-controls, .explorer-reset").count() == 0


@of_each_chapter
def test_the_keyboard_goes_down_the_page(served: Any) -> None:
    """The code of a figure stands below it, so its switch comes after the figure's controls."""
    order = "f => f.compareDocumentPosition(f.closest('div.cell').querySelector('details.hide'))"
    following = served.evaluate("Node.DOCUMENT_POSITION_FOLLOWING")
    folded = served.locator("div.cell:has(details.hide) figure.explorer").all()
    assert folded and all(figure.evaluate(order) & following for figure in folded)


def test_a_page_opened_again_starts_at_the_start(open_page: Any) -> None:
    """Not where the browser left its inputs; what a reader chose stands in the address."""
    page = open_page(EXPLORING[0])
    slider = page.locator("figure.explorer input[type=range]").first
    start = slider.input_value()
    slider.press("ArrowLeft")
    assert slider.input_value() != start
    page.wait_for_function("location.hash !== ''")
    page.evaluate("history.replaceState(null, '', location.pathname)")
    page.reload()
    page.wait_for_selector(".explorer-drawn")
    assert slider.input_value() == start
    assert shown(page.locator("figure.explorer").first) == expected(page.locator("figure.explorer").first)


def test_curves_hidden_in_the_legend_stay_hidden(open_page: Any) -> None:
    """Also one whose name ends with a number that the slider changes."""
    page = open_page("notebooks/08-one-slider.html")
    figure = page.locator("figure.explorer:has(g.traces):has(input[type=range])").first
    hidden = "f => f.querySelector('.js-plotly-plot')._fullData.filter(t => t.visible === 'legendonly').length"
    for number, curve in enumerate(("calibrated", "largest"), 1):
        figure.locator("g.traces").filter(has_text=curve).locator(".legendtoggle").click()
        page.wait_for_function(f"([f, n]) => ({hidden})(f) === n", arg=[figure.element_handle(), number])
        figure.locator("input[type=range]").first.press("ArrowRight")
        settle(page)
        assert figure.evaluate(hidden) == number


def test_the_page_does_not_jump_when_plotly_draws(open_page: Any) -> None:
    """On a phone, where the picture is much lower than the plot."""
    page = open_page(EXPLORING[0], viewport={"width": 375, "height": 800})
    heights = "[...document.querySelectorAll('.explorer-stage')].map(s => s.getBoundingClientRect().height)"
    drawn = page.evaluate(heights)
    page.route("**/plotly.min.js", lambda route: route.abort())
    page.reload()
    page.locator("figure.explorer").first.scroll_into_view_if_needed()  # it is drawn when it comes near
    page.wait_for_selector(".explorer-notice")
    assert page.evaluate(heights) == pytest.approx(drawn, abs=1)


def test_paper_is_light_in_dark_mode(open_page: Any) -> None:
    page = open_page(EXPLORING[0], color_scheme="dark")
    text = "getComputedStyle(document.querySelector('.bd-article p:not([class])')).color"
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
    on_screen = page.evaluate(text)
    page.emulate_media(media="print", color_scheme="dark")
    assert page.evaluate(text) != on_screen
    assert page.evaluate(text) == "rgb(34, 48, 60)", "the light scheme's --pst-color-text-base"
    style = "(({ backgroundColor, filter }) => [backgroundColor, filter])(getComputedStyle(%s))"
    assert page.evaluate(style % "document.querySelector('.explorer-picture')") == ["rgba(0, 0, 0, 0)", "none"]


@of_each_chapter
def test_follows_the_theme_switch(served: Any) -> None:
    figure = served.locator("figure.explorer").first
    colors = set()
    for _ in range(3):  # the switch goes round automatic, light and dark
        served.locator(".theme-switch-button").locator("visible=true").first.click()
        settle(served)
        theme = served.evaluate("document.documentElement.dataset.theme")
        font = figure.evaluate(
            "f => getComputedStyle(f.querySelector('.xtick text') ?? f.querySelector('.explorer-plot text')).fill"
        )
        ink = figure.evaluate("f => getComputedStyle(f).color")
        assert font == ink
        colors.add((theme, font))
    assert {theme for theme, _ in colors} == {"light", "dark"}
    assert len(colors) == 2


@pytest.mark.parametrize("name", [*PAGES, "search.html"])
def test_a_page_fits_a_phone(on_a_phone: Any) -> None:
    """At 320 px too, where what a box hides can be scrolled to."""
    for width in (PHONE["width"], 320):
        on_a_phone.set_viewport_size({**PHONE, "width": width})
        for plot in on_a_phone.locator(".explorer-plot").all():
            fits = "p => p._fullLayout.width === p.parentElement.clientWidth"
            on_a_phone.wait_for_function(fits, arg=plot.element_handle())
            box = plot.locator("svg.main-svg").first.bounding_box()
            assert box["x"] >= 0 and box["x"] + box["width"] <= width
            sizes = plot.evaluate(
                """p => [...p.querySelectorAll('text')].filter(t => t.textContent.trim())
                    .map(t => parseFloat(getComputedStyle(t).fontSize))"""
            )
            assert min(sizes, default=12) >= 10
        assert on_a_phone.evaluate("document.documentElement.scrollWidth") <= width
    assert on_a_phone.evaluate(CUT) == []
    on_a_phone.set_viewport_size(PHONE)


# What is wider than the window and in no box that scrolls
CUT = """() => [...document.querySelectorAll("article :is(div.math, table, pre, .formula, math)")].filter((e) => {
    const box = e.getBoundingClientRect();
    if (!box.width || (box.left >= -1 && box.right <= innerWidth + 1)) return false;
    for (let p = e; p && p.tagName !== "ARTICLE"; p = p.parentElement)
      if (/auto|scroll/.test(getComputedStyle(p).overflowX) && p.getBoundingClientRect().right <= innerWidth + 1)
        return p.scrollWidth <= p.clientWidth || p.getBoundingClientRect().left < -1;
    return true;
  }).map((e) => e.outerHTML.slice(0, 120))"""


@of_each_chapter
def test_without_javascript_text_and_pictures_are_there(open_page: Any, name: str) -> None:
    page = open_page(name, java_script_enabled=False)
    assert page.locator("article h1").inner_text().strip()
    for picture in page.locator("img.explorer-picture").all():
        picture.scroll_into_view_if_needed()
        assert picture.is_visible() and picture.bounding_box()["height"] > 100
        assert picture.get_attribute("alt").strip()


# --- what the tests know of a page ----------------------------------------------------------------------------------


def embedded(figure: Any) -> dict[str, Any]:
    return json.loads(figure.locator("script.explorer-data").text_content())


def shown(figure: Any) -> Any:
    """The data that plotly has drawn, without the names that the script gives the traces."""
    data = figure.evaluate("f => JSON.parse(JSON.stringify(f.querySelector('.js-plotly-plot').data))")
    return [{key: value for key, value in trace.items() if key != "uid"} for trace in data]


def but_colorbars(traces: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Without what a phone has narrower."""
    return [{key: value for key, value in trace.items() if key != "colorbar"} for trace in traces]


def expected(figure: Any) -> Any:
    data = embedded(figure)
    return decode(data, position(data["controls"], [c["start"] for c in data["controls"]]))["data"]


def drawing(figure: Any) -> str:
    return figure.evaluate("f => [...f.querySelectorAll('.plot-container svg')].map(s => s.innerHTML).join('')")


def handle(figure: Any, data: dict[str, Any], i: int) -> Any:
    return figure.locator(".explorer-control").nth(i)


def press_reset(figure: Any) -> None:
    figure.locator(".explorer-reset").click()
    settle(figure.page)


def settle(page: Any) -> None:
    """Waits two frames: a move is drawn within the next one."""
    page.evaluate(
        "() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done))))"
    )


def position(controls: list[dict[str, Any]], chosen: list[int]) -> str:
    """The position in force: a control whose condition does not hold stands at its start."""
    values: dict[str, Any] = {}
    index = []
    for control, at in zip(controls, chosen, strict=True):
        holds = all(values[name] in wanted for name, wanted in control["activeWhen"].items())
        index.append(at if holds else control["start"])
        values[control["name"]] = control["values"][index[-1]]
    return "-".join(map(str, index))


def move(figure: Any, data: dict[str, Any], i: int, by: str) -> int:
    """Moves one control away from its start and returns where it must now stand."""
    control, box = data["controls"][i], handle(figure, data, i)
    last = len(control["values"]) - 1
    forward = control["start"] < last
    if control["kind"] == "slider":
        slider = box.locator("input")
        if by == "keyboard":
            slider.focus()
            slider.press("ArrowRight" if forward else "ArrowLeft")
            return control["start"] + (1 if forward else -1)
        size = slider.bounding_box()
        slider.click(position={"x": size["width"] - 3 if forward else 3, "y": size["height"] / 2})
        return last if forward else 0
    target = control["start"] + (1 if forward else -1)
    if box.locator("select").count():
        if by == "mouse":  # the opened list is the system's own, outside the page
            box.locator("select").select_option(index=target)
        else:
            box.locator("select").focus()
            box.locator("select").press("ArrowDown" if forward else "ArrowUp")
    elif by == "keyboard":
        box.locator("input").nth(control["start"]).focus()
        box.locator("input").nth(control["start"]).press("ArrowRight" if forward else "ArrowLeft")
    else:
        box.locator("label").nth(target).click()
    return target
