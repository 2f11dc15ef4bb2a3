"""An explorer's position in the page's address, in a real browser: written, restored, wrong values aside, printed."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.explorers.examples import example, example_map
from tpcore.explorers.hosted import page_html

pytestmark = pytest.mark.browser

ASSETS = Path(__file__).parents[2] / "book" / "assets"
FILTER, MAP = (f"figure.explorer:nth-of-type({n})" for n in (1, 2))


@pytest.fixture
def open_page(browser: Any, tmp_path: Path, monkeypatch: Any) -> Iterator[Any]:
    monkeypatch.setenv("TPCORE_EXPLORER_CACHE", str(tmp_path / "cache"))
    scripts = "".join(
        f'<script defer src="{(ASSETS / name).as_uri()}"></script>' for name in ("explorer.js", "explorer-address.js")
    )
    head = f'<meta charset="utf-8"><link rel="stylesheet" href="{(ASSETS / "explorer.css").as_uri()}">{scripts}'
    figures = page_html(example()) + page_html(example_map())
    file = tmp_path / "page.html"
    file.write_text(f'<!doctype html><html lang="en">{head}<main>{figures}<h2 id="end">End</h2></main>')
    contexts = []

    def open_(part: str = "") -> Any:
        contexts.append(browser.new_context())
        page = contexts[-1].new_page()
        page.problems = []
        page.on("pageerror", lambda error: page.problems.append(str(error)))
        page.goto(file.as_uri() + part)
        page.wait_for_selector(f"{FILTER}.explorer-drawn")
        return page

    yield open_
    for context in contexts:
        context.close()


def part(page: Any) -> str:
    return page.evaluate("location.hash")


def position(page: Any, figure: str = FILTER) -> str:
    return page.locator(figure).get_attribute("data-position")


def test_a_moved_position_is_in_the_address_and_comes_back(open_page: Any) -> None:
    page = open_page()
    start = position(page)
    page.locator(f"{FILTER} input[type=range]").first.press("End")
    page.wait_for_function("location.hash.endsWith('?r=10')")
    page.locator(f"{FILTER} input[type=range]").nth(1).press("Home")
    page.wait_for_function("location.hash.endsWith('?r=10&k=0')")
    again = open_page(part(page))
    assert position(again) == position(page) != start
    assert again.locator(f"{FILTER} output").first.inner_text() == "10"
    page.get_by_role("button", name="Reset").first.click()
    page.wait_for_function("location.hash === ''")
    assert position(page) == start and page.problems == again.problems == []


@pytest.mark.parametrize("query", ["r=17", "r=", "r=abc&rule=none", "nonsense", "%E0%A4%A", "constructor=1&r=1e999"])
def test_a_wrong_value_leaves_the_start(open_page: Any, query: str) -> None:
    page = open_page()
    name = page.locator(FILTER).get_attribute("id")
    wrong = open_page(f"#{name}?{query}")
    assert position(wrong) == position(page) and wrong.problems == []


def test_what_is_right_of_it_is_kept_and_an_unknown_explorer_changes_nothing(open_page: Any) -> None:
    page = open_page()
    name = page.locator(FILTER).get_attribute("id")
    assert position(open_page(f"#{name}?rule=bp&r=17")) == "1-1-1"
    assert position(open_page("#explorer-00000000?r=10")) == position(page)


def test_an_address_that_is_followed_in_the_page_moves_it_and_a_section_s_is_kept(open_page: Any) -> None:
    page = open_page("#end")
    name = page.locator(MAP).get_attribute("id")
    page.get_by_role("button", name="Reset").last.click()
    page.evaluate(f"document.querySelector('{MAP}').dispatchEvent(new Event('explorer-settled', {{ bubbles: true }}))")
    assert part(page) == "#end"
    page.evaluate(f"location.hash = '#{name}?n=4'")
    page.wait_for_function(f"document.querySelector('{MAP}').dataset.position === '2'")
    assert page.problems == []


def test_its_button_copies_the_address_of_what_is_shown(open_page: Any) -> None:
    page = open_page()
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    figure = page.locator(FILTER)
    said = figure.locator(".explorer-said")
    button, name = figure.get_by_role("button", name="Copy link"), figure.get_attribute("id")
    for key, query in (("Home", "?r=0.1"), ("ArrowRight", "")):
        figure.locator("input[type=range]").first.press(key)
        page.wait_for_function("part => location.hash === part", arg=query and f"#{name}{query}")
        button.press("Enter")
        page.wait_for_function("s => s.textContent === 'Link copied'", arg=said.element_handle())
        copied = page.evaluate("navigator.clipboard.readText()")
        assert copied == page.url.split("#")[0] + f"#{name}{query}"
    page.emulate_media(media="print")
    assert not figure.locator(".explorer-link").is_visible()
    assert page.problems == []


@pytest.mark.parametrize("writes", ["undefined", "{ writeText: async () => { throw new Error('not allowed'); } }"])
def test_where_copying_is_not_allowed_the_address_is_shown(open_page: Any, writes: str) -> None:
    page = open_page()
    page.evaluate(f"Object.defineProperty(navigator, 'clipboard', {{ value: {writes} }})")
    shown = []
    page.on("dialog", lambda dialog: (shown.append(dialog.default_value), dialog.dismiss()))
    with page.expect_event("dialog"):
        page.locator(f"{FILTER} .explorer-link").click()
    assert shown == [page.url.split("#")[0] + "#" + page.locator(FILTER).get_attribute("id")]
    assert page.locator(f"{FILTER} [role=status]").text_content() == "" and page.problems == []


def test_paper_shows_the_position_of_the_address(open_page: Any) -> None:
    name = open_page().locator(FILTER).get_attribute("id")
    page = open_page(f"#{name}?rule=bp")
    page.emulate_media(media="print")
    figure = page.locator(FILTER)
    assert figure.locator(".explorer-plot").is_visible() and not figure.locator(".explorer-picture").is_visible()
    assert "Back-propagation" in figure.locator(".explorer-position").inner_text()
    assert figure.locator(".explorer-stage").bounding_box()["height"] > 300, "or the text below lies over it"
    assert figure.evaluate("f => getComputedStyle(f).breakInside") == "avoid"
