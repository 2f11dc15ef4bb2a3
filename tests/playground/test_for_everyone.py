"""The playground for every reader: on any screen and on paper, by keyboard, without scripts or motion, as words."""

import re
from itertools import pairwise
from typing import Any

import pytest

from tests.playground.use import pause, run_as_fast_as_it_can, settings_of, step, wait_for_step

pytestmark = pytest.mark.browser


def test_without_javascript_picture_and_sentence_stand(open_playground: Any) -> None:
    page = open_playground(java_script_enabled=False)
    picture = page.locator(".pg-still img")
    assert picture.is_visible() and picture.bounding_box()["height"] > 100
    assert "two networks train here" in page.locator(".pg-still p").inner_text()
    assert page.locator(".playground-view").count() == 0


def test_with_reduced_motion_it_waits_and_redraws_twice_a_second(open_playground: Any) -> None:
    page = open_playground("simple", reduced_motion="reduce")
    page.wait_for_function("document.querySelector('.pg-steps').textContent === 'step 0'")
    page.wait_for_timeout(300)
    assert step(page) == 0
    page.evaluate("""() => { window.times = []; new MutationObserver(() => window.times.push(performance.now()))
        .observe(document.querySelector(".pg-steps"), { childList: true }); }""")
    page.get_by_role("button", name="Play").click()
    page.wait_for_function("window.times.length >= 4")
    times = page.evaluate("window.times")[1:]  # the first may be the answer to what was asked before
    assert all(later - earlier > 350 for earlier, later in pairwise(times))


def test_tables_are_filled_at_rest_too(open_playground: Any) -> None:
    page = open_playground()
    page.wait_for_function("document.querySelector('.pg-steps').textContent === 'step 0'")
    page.get_by_text("The numbers as tables").click()
    page.locator(".pg-tables td").first.wait_for()


def test_tables_and_live_region_say_what_the_pictures_show(open_playground: Any) -> None:
    page = open_playground(address="#v1&task=order&tau=10&d=16&seed=0&a=bp&b=cal")
    page.get_by_text("The numbers as tables").click()
    run_as_fast_as_it_can(page)
    page.get_by_role("button", name="Play").click()
    page.locator("[aria-live]").get_by_text(re.compile(r"Lane [AB] reached 99 % at step \d+")).wait_for(
        state="attached"
    )
    pause(page)
    training, flows = page.locator(".pg-tables table").all()
    assert training.locator("tbody tr").count() > 1
    assert flows.locator("tbody tr").count() == 11  # t = 0 … τ


@pytest.mark.parametrize("name", ["full", "simple"])
@pytest.mark.parametrize("width", [320, 375, 1000])
def test_it_fits(open_playground: Any, name: str, width: int) -> None:
    page = open_playground(name, viewport={"width": width, "height": 800})
    page.wait_for_function("document.querySelector('.pg-steps').textContent.startsWith('step')")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    for canvas in page.locator("canvas").all():
        box = canvas.bounding_box()
        assert box["x"] >= 0 and box["x"] + box["width"] <= width and box["height"] > 100


@pytest.mark.parametrize(("width", "height"), [(320, 640), (375, 667)])
def test_picture_and_slider_are_on_one_screen(open_playground: Any, width: int, height: int) -> None:
    page = open_playground("simple", viewport={"width": width, "height": height})
    wait_for_step(page, 1)
    picture, slider = page.locator(".pg-credit").bounding_box(), page.locator("[data-setting=b_r]").bounding_box()
    assert slider["y"] + slider["height"] - picture["y"] < 0.7 * height


@pytest.mark.parametrize("name", ["full", "simple"])
def test_it_fits_at_twice_the_size(open_playground: Any, name: str) -> None:
    """Zoomed to 200 % a window of 1000 pixels is 500 wide, of twice as many dots, and the canvases have them."""
    page = open_playground(name, viewport={"width": 500, "height": 400}, device_scale_factor=2)
    page.wait_for_function("document.querySelector('.pg-steps').textContent.startsWith('step')")
    assert page.evaluate("document.documentElement.scrollWidth") <= 500
    for canvas in page.locator("canvas").all():
        assert canvas.evaluate("c => c.width") == round(2 * canvas.bounding_box()["width"])


def test_paper_gets_a_picture_and_the_address(open_playground: Any) -> None:
    page = open_playground()
    page.emulate_media(media="print")
    assert "#v1&task=order" in page.locator(".pg-address").inner_text()
    assert page.locator("canvas").first.is_visible()
    assert not page.get_by_role("button", name="Share").is_visible()


def test_colours_follow_the_theme(open_playground: Any) -> None:
    page = open_playground()
    picture = "document.querySelector('.pg-credit').toDataURL()"
    page.wait_for_function("document.querySelector('.pg-steps').textContent === 'step 0'")
    light = page.evaluate(picture)
    page.evaluate("document.documentElement.dataset.theme = 'dark'")
    page.wait_for_function(f"light => {picture} !== light", arg=light)
    page.evaluate("document.documentElement.dataset.theme = 'light'")
    page.wait_for_function(f"light => {picture} === light", arg=light)


def test_forced_colours_are_the_reader_s(open_playground: Any) -> None:
    """The curves are of the text's colour, told apart by their dashes; the chosen preset has the system's highlight."""
    page = open_playground(forced_colors="active", address="#v1&task=order&tau=20&d=32&seed=0&a=bp&b=paper&b_r=10")
    page.wait_for_function("document.querySelector('.pg-steps').textContent === 'step 0'")
    hues = """() => { const canvas = document.querySelector(".pg-credit"), found = [];
        const { data } = canvas.getContext("2d").getImageData(0, 160, canvas.width, canvas.height - 160);
        for (let i = 0; i < data.length; i += 4) {
            const color = [data[i], data[i + 1], data[i + 2]];
            if (data[i + 3] === 255) found.push(Math.max(...color) - Math.min(...color));
        }
        return Math.max(...found); }"""
    assert page.evaluate(hues) < 16, "greys, but for rounding"
    chosen, other = (page.locator(f"[data-preset={name}]") for name in ("forget", "explode"))
    colour = "button => getComputedStyle(button).backgroundColor"
    assert chosen.evaluate(colour) != other.evaluate(colour)


def test_the_keyboard_alone_is_enough(open_playground: Any) -> None:
    """From the first Tab on: a preset, an answer, Pause, a slider, and everything that can be focused shows it."""
    page = open_playground()
    page.wait_for_function("document.querySelector('.pg-steps').textContent === 'step 0'")

    def tab_to(selector: str) -> None:
        for _ in range(40):
            page.keyboard.press("Tab")
            outline = "getComputedStyle(document.activeElement).outlineStyle"
            assert page.evaluate("document.activeElement === document.body") or page.evaluate(outline) != "none"
            if page.evaluate("selector => document.activeElement.matches(selector)", selector):
                return
        raise AssertionError(f"no Tab leads to {selector}")

    tab_to("[data-preset=middle]")
    page.keyboard.press("Space")
    tab_to("[data-answer=b]")
    page.keyboard.press("Enter")
    wait_for_step(page, 2)
    tab_to(".pg-play")
    page.keyboard.press("Space")
    page.locator("[data-training=false]").wait_for()
    tab_to("[data-setting=b_r]")
    page.keyboard.press("End")
    assert settings_of(page)["b_r"] == "1000"
