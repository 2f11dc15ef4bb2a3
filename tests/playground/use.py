"""What a reader does with a playground, and reads off it."""

from typing import Any


def step(page: Any) -> int:
    return int(page.locator(".pg-steps").inner_text().removeprefix("step "))


def wait_for_step(page: Any, least: int) -> None:
    reached = "least => Number(document.querySelector('.pg-steps').textContent.replace('step ', '')) >= least"
    page.wait_for_function(reached, arg=least)


def settings_of(page: Any) -> dict[str, str]:
    """What the controls show, by setting; a slider's as it is written beside it."""
    return page.evaluate("""() => Object.fromEntries([...document.querySelectorAll("[data-setting]")].map((control) =>
        [control.dataset.setting, control.parentElement.querySelector("output")?.textContent ?? control.value]))""")


def wait_for_r(page: Any, text: str) -> None:
    shown = "document.querySelector('[data-setting=b_r]').parentElement.querySelector('output').textContent"
    page.wait_for_function(f"text => {shown} === text", arg=text)


def pause(page: Any) -> None:
    page.get_by_role("button", name="Pause").click()
    page.locator("[data-training=false]").wait_for()


def run_as_fast_as_it_can(page: Any) -> None:
    page.get_by_label("Speed").select_option("0")
