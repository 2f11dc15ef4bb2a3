"""The playground on a page, opened as a file: trained, moved, shared, without what it hopes for."""

import json
import re
from typing import Any

import pytest

from tests.playground.use import pause, run_as_fast_as_it_can, settings_of, step, wait_for_r, wait_for_step
from tpcore.playground import module
from tpcore.playground.presets import PRESETS
from tpcore.playground.settings import FIELDS, START

pytestmark = pytest.mark.browser


TRIAL = """({ settings, steps }) => {
  const race = new Race(settings, new Space());
  while (race.step < steps) race.take();
  return Object.fromEntries(["a", "b"].map((name) => [name, race.lanes[name].rows.map((row) => row.accuracy)]));
}"""


def test_it_trains_rests_and_starts_again(open_playground: Any) -> None:
    page = open_playground()
    requested = []
    page.on("request", lambda request: requested.append(request.url))
    page.wait_for_function("document.querySelector('.pg-steps').textContent === 'step 0'")
    page.get_by_role("button", name="Play").click()
    wait_for_step(page, 5)
    pause(page)
    at = step(page)
    page.get_by_role("button", name="Step").click()
    wait_for_step(page, at + 1)
    assert step(page) == at + 1
    page.get_by_role("button", name="Reset").click()
    page.wait_for_function("document.querySelector('.pg-steps').textContent === 'step 0'")
    assert page.problems == []
    assert [url for url in requested if not url.startswith(("blob:", "data:"))] == []


@pytest.mark.parametrize("by", ["keyboard", "mouse"])
def test_every_control_changes_its_setting_and_the_address(open_playground: Any, by: str) -> None:
    page = open_playground(address="#v1&task=order&tau=20&d=32&seed=0&a=cal&b=cal")
    for summary in page.locator(".pg-more:not([open]) > summary").all():
        summary.click()
    names = list(settings_of(page))
    assert set(names) == set(FIELDS)
    for name in names:
        if name in ("a_p", "b_p"):
            continue  # hidden under this rule; the next test moves them
        control, before = page.locator(f"[data-setting='{name}']"), settings_of(page)
        kind = control.evaluate("c => c.type")
        if kind == "range" and by == "keyboard":
            control.press("ArrowRight")
        elif kind == "range":
            size = control.bounding_box()
            control.click(position={"x": size["width"] * 0.8, "y": size["height"] / 2})
        elif kind == "number":
            control.fill("7")
            control.press("Enter")
        elif by == "keyboard":
            control.press("ArrowUp" if control.evaluate("c => c.selectedIndex") else "ArrowDown")
        else:
            control.select_option(index=control.evaluate("c => c.selectedIndex === 1 ? 0 : 1"))
        after = settings_of(page)
        assert {other for other in after if after[other] != before[other]} == {name}
        page.wait_for_function("([name, value]) => location.hash.split('&').includes(`${name}=${value}`)",
                               arg=[name, after[name]]) if after[name] != str(START[name]) else None  # fmt: skip
    assert page.problems == []


def test_the_geometric_rule_has_a_slider_of_its_own(open_playground: Any) -> None:
    page = open_playground()
    assert page.locator("[data-setting=b_r]").is_visible() and page.locator("[data-setting=b_p]").is_hidden()
    page.locator("[data-setting=b]").select_option("geo")
    assert page.locator("[data-setting=b_r]").is_hidden()
    page.locator("[data-setting=b_p]").press("End")
    page.wait_for_function("location.hash.endsWith('&b=geo&b_p=1')")


def test_sliders_act_without_a_restart_and_another_task_begins_anew(open_playground: Any) -> None:
    page = open_playground()
    page.get_by_role("button", name="Play").click()
    wait_for_step(page, 3)
    page.locator("[data-setting=b_r]").press("ArrowRight")
    wait_for_step(page, 6)
    page.locator("[data-setting=tau]").select_option("10")
    page.wait_for_function("document.querySelector('.pg-steps').textContent === 'step 0'")
    assert page.get_by_role("button", name="Play").is_visible()


def test_an_address_holds_the_whole_state(open_playground: Any) -> None:
    page = open_playground()
    page.get_by_role("button", name="Forget").click()
    page.locator("[data-setting=tau]").select_option("40")
    page.locator("[data-setting=b_r]").press("PageUp")
    changed, address = settings_of(page), page.evaluate("location.hash")
    assert re.fullmatch(r"#v1&task=order&tau=40&d=32&seed=0&a=bp&b=paper&b_r=[\d.]+", address)
    other = open_playground(address=address)
    assert settings_of(other) == changed
    other.reload()
    assert settings_of(other) == changed
    page.go_back()
    wait_for_r(page, "10")
    assert settings_of(page) == changed | {"b_r": "10"}
    page.go_forward()
    wait_for_r(page, changed["b_r"])
    assert settings_of(page) == changed


def test_share_copies_the_address(open_playground: Any) -> None:
    page = open_playground("full", permissions=["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="Explode").click()
    page.get_by_role("button", name="Share").click()
    page.get_by_text("Copied").wait_for()
    assert page.evaluate("navigator.clipboard.readText()") == page.url


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("#v1&task=order&tau=25&b_r=-3&b=calibrated", "tau=25, b_r=-3, b=calibrated"),
        ("#v0&r=3", "another version"),
        ("#v1&%%%&=&d=&seed=1e9", "Not understood"),
        ("#v1&constructor=1&__proto__=2", "constructor=1"),
    ],
)
def test_a_wrong_address_falls_back_with_a_notice(open_playground: Any, address: str, said: str) -> None:
    page = open_playground(address=address)
    assert said in page.locator(".pg-notice").inner_text()
    shown = settings_of(page)
    assert shown == {name: str(value).removesuffix(".0") for name, value in START.items()}
    assert page.problems == []


def test_the_address_of_a_heading_is_not_its_business(open_playground: Any) -> None:
    page = open_playground(address="#what-is-on-the-screen")
    assert page.locator(".pg-notice").is_hidden()


def test_a_background_tab_rests_and_goes_on_from_there(open_playground: Any) -> None:
    page = open_playground()
    hide = """hidden => { Object.defineProperty(document, "hidden", { value: hidden, configurable: true });
        document.dispatchEvent(new Event("visibilitychange")); }"""
    page.get_by_role("button", name="Play").click()
    wait_for_step(page, 3)
    page.evaluate(hide, True)
    page.wait_for_timeout(300)  # the last frame arrives
    at = step(page)
    page.wait_for_timeout(700)
    assert step(page) == at
    watch = """() => { window.seen = []; const steps = document.querySelector(".pg-steps");
        new MutationObserver(() => window.seen.push(steps.textContent)).observe(steps, { childList: true }); }"""
    page.evaluate(watch)
    page.evaluate(hide, False)
    wait_for_step(page, at + 3)
    first = int(page.evaluate("window.seen[0]").removeprefix("step "))
    assert first - at <= 10, "what it missed is not made up for"


FAILING = {
    "thrown": "window.Worker = class { constructor() { throw new Error('blocked by policy'); } };",
    "later": "URL.createObjectURL = () => 'blob:null/nothing';",
}


def test_nothing_is_asked_of_a_network_that_is_cut(open_playground: Any) -> None:
    page = open_playground()
    page.wait_for_function("document.querySelector('.pg-steps').textContent === 'step 0'")
    page.context.set_offline(True)
    page.get_by_role("button", name="Forget").click()
    page.get_by_role("button", name="Lane A’s").click()
    run_as_fast_as_it_can(page)
    page.wait_for_function("document.querySelector('.pg-verdict').textContent.startsWith('As you said.')")
    page.get_by_role("button", name="Share").click()
    assert page.problems == []


@pytest.mark.parametrize("how", FAILING)
def test_where_no_worker_starts_it_says_so(open_playground: Any, how: str) -> None:
    page = open_playground(before=FAILING[how])
    page.get_by_text("Nothing can be trained here").wait_for()
    page.get_by_role("button", name="Forget").click()
    page.get_by_role("button", name="Play").click()
    assert page.get_by_role("button", name="Play").is_visible(), "it doesn't pretend"
    assert settings_of(page)["b_r"] == "10" and page.get_by_text("Nothing can be trained here").is_visible()
    assert page.get_by_text("Some text.").is_visible()


def test_the_simplest_state_starts_by_itself(open_playground: Any) -> None:
    page = open_playground("simple")
    wait_for_step(page, 5)
    assert page.locator("input[type=range]:visible").count() == 1
    page.locator("[data-setting=b_r]").press("ArrowLeft")
    assert page.problems == []


def test_the_question_is_answered_by_the_run(open_playground: Any) -> None:
    page = open_playground()
    run_as_fast_as_it_can(page)
    page.get_by_role("button", name="Back-propagation", exact=True).click()
    page.get_by_role("button", name="More than 30°").click()  # which starts it
    verdict = page.locator(".pg-verdict")
    page.wait_for_function("document.querySelector('.pg-verdict').textContent")
    assert "It came otherwise. Less than a degree" in verdict.inner_text()
    assert step(page) == PRESETS["back-propagation"].steps
    assert "from the gradient" in verdict.inner_text()
    page.get_by_role("button", name="Play").click()  # and goes on if wished
    wait_for_step(page, PRESETS["back-propagation"].steps + 5)


def test_a_divergence_is_a_sign_and_reset_brings_it_back(open_playground: Any) -> None:
    page = open_playground(address="#v1&task=order&tau=20&d=32&seed=3&a=bp&b=paper&b_r=0.01&b_gamma_h=1")
    run_as_fast_as_it_can(page)
    page.get_by_role("button", name="Play").click()
    page.get_by_text("diverged at step").first.wait_for()
    assert "r = 0.01 inverts too exactly" in page.locator(".pg-reached").nth(1).inner_text()
    page.locator("[data-setting=b_r]").press("End")
    page.get_by_role("button", name="Reset").click()
    page.wait_for_function("!document.querySelectorAll('.pg-reached')[1].textContent.includes('diverged')")
    page.get_by_text("The numbers as tables").click()
    assert "NaN" not in page.locator(".playground-view").inner_text()


def test_five_seeds_of_what_one_found_are_tallied(open_playground: Any, compute: Any) -> None:
    """With lane B moved: the tally is what the seeds' own runs come to."""
    page = open_playground(address="#v1&task=order&tau=10&d=8&seed=0&a=bp&b=cal")
    page.locator("[data-setting=b_r]").press("PageUp")
    assert page.locator("[data-preset=yours]").get_attribute("aria-pressed") == "true"
    r = float(settings_of(page)["b_r"])
    page.get_by_role("button", name="Run five seeds").click()
    page.wait_for_function("document.querySelector('.pg-verdict').textContent.includes('After 5 of 5 seeds')")
    text = page.locator(".pg-verdict").inner_text()
    settings = START | {"tau": 10, "d": 8, "b_r": r}
    trials = [
        compute(TRIAL, {"settings": settings | {"seed": seed}, "steps": PRESETS["yours"].steps}) for seed in range(5)
    ]
    means = {lane: [sum(trial[lane]) / len(trial[lane]) for trial in trials] for lane in ("a", "b")}
    above = sum(b > a for a, b in zip(means["a"], means["b"], strict=True))
    below = sum(b < a for a, b in zip(means["a"], means["b"], strict=True))
    assert f"lane B is above lane A on {above}, below on {below};" in text
    average = {lane: round(100 * sum(means[lane]) / 5) for lane in means}
    assert f"A {average['a']} %, B {average['b']} %" in text
    ahead = min(means["b"]) > max(means["a"]), min(means["a"]) > max(means["b"])
    assert text.endswith("Lane B is ahead." if ahead[0] else "Lane A is ahead." if ahead[1] else "Neither is ahead.")
    link = page.get_by_role("link", name="What equal effort found")
    assert link.get_attribute("href").endswith("/13-equal-effort.html")
    assert step(page) == 0 and page.get_by_role("button", name="Play").is_visible(), "the race waits where it was"


def test_moved_settings_end_a_contest(open_playground: Any) -> None:
    page = open_playground(address="#v1&task=order&tau=60&d=64&seed=0&a=bp&b=cal")
    page.get_by_role("button", name="Run five seeds").click()
    page.get_by_text("Running…").wait_for()
    page.locator("[data-setting=b_r]").press("ArrowRight")
    assert page.locator(".pg-verdict").inner_text() == ""
    assert page.get_by_role("button", name="Play").is_visible()


WIDGET = """async (text) => {
  const { default: { render } } = await import(URL.createObjectURL(new Blob([text], { type: "text/javascript" })));
  const values = { settings: START, simple: false, autostart: false, page: "", notice: "" }, listeners = {};
  const model = { get: (name) => values[name], set: (name, value) => { values[name] = value; }, save_changes() {} };
  model.on = (event, listener) => { listeners[event] = listener; };
  model.off = (event) => { delete listeners[event]; };
  const el = document.createElement("div");
  Object.assign(window, { values, listeners, closing: render({ model, el }) });
  document.body.replaceChildren(el);
}"""


def test_as_a_widget_it_is_made_before_it_is_on_the_page(open_playground: Any) -> None:
    """As JupyterLab does it: settings and playing come from the model, the record goes there, and closing lets go."""
    page = open_playground()
    page.evaluate(WIDGET.replace("START", json.dumps(START)), module.module())
    page.wait_for_function("document.querySelector('.pg-steps').textContent === 'step 0'")
    drawn = """() => { const canvas = document.querySelector(".pg-credit");
        if (!canvas.width) return false;
        return canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data.some(Boolean); }"""
    page.wait_for_function(drawn)
    page.evaluate("""() => { values.settings = { ...values.settings, b_r: 5 }; listeners["change:settings"](); }""")
    wait_for_r(page, "5")
    page.evaluate("""() => { values.playing = true; listeners["change:playing"](); }""")
    wait_for_step(page, 11)
    page.evaluate("""() => { values.playing = false; listeners["change:playing"](); }""")
    page.wait_for_function("values.record.step >= 11 && values.record.b.rows[1].step === 10")
    page.evaluate("closing()")
    assert page.evaluate("Object.keys(listeners)") == []
