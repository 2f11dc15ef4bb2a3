"""Questions in a page of their own in a real browser, from a file: answered, said aloud, and without scripts."""

from pathlib import Path
from typing import Any

import pytest

from tests.explorers.test_questions import CHOICE, NUMBER, prediction
from tpcore.explorers.hosted import page_html
from tpcore.explorers.questions_hosted import question_html

pytestmark = pytest.mark.browser

ASSETS = Path(__file__).parents[2] / "book" / "assets"


@pytest.fixture
def open_questions(browser: Any, tmp_path: Path, monkeypatch: Any) -> Any:
    monkeypatch.setenv("TPCORE_EXPLORER_CACHE", str(tmp_path / "cache"))
    asked = prediction()
    parts = [question_html(CHOICE), question_html(NUMBER), question_html(asked), page_html(asked.explorer)]
    head = "".join(f'<link rel="stylesheet" href="{(ASSETS / n).as_uri()}">' for n in ("explorer.css", "questions.css"))
    head += "".join(f'<script defer src="{(ASSETS / n).as_uri()}"></script>' for n in ("explorer.js", "questions.js"))
    page_file = tmp_path / "page.html"
    page_file.write_text(f'<!doctype html><html lang="en"><meta charset="utf-8">{head}<main>{"".join(parts)}</main>')
    contexts = []

    def open_(**options: Any) -> Any:
        contexts.append(browser.new_context(**options))
        page = contexts[-1].new_page()
        page.problems = []
        page.on("pageerror", lambda error: page.problems.append(str(error)))
        page.goto(page_file.as_uri())
        return page

    yield open_
    for context in contexts:
        context.close()


def test_an_answer_is_said_once_it_is_given_and_not_before(open_questions: Any) -> None:
    page = open_questions()
    form = page.locator("form.question").nth(0)
    assert "It transposes" not in page.content() and "Its gain" not in page.content()
    assert form.get_by_role("group", name="Question Which r inverts?").is_visible()
    form.get_by_label("a large one").check()
    form.get_by_role("button", name="Check").click()
    assert form.get_by_role("status").inner_text() == "Not so. It transposes."
    form.get_by_label("a small one").check()
    assert form.get_by_role("status").inner_text() == "", "what was said belongs to the answer before"
    form.get_by_role("button").click()
    assert form.get_by_role("status").inner_text() == "Right. Its gain is 1/σ."
    assert page.problems == []


def test_the_keyboard_alone_answers(open_questions: Any) -> None:
    page = open_questions()
    page.locator("form.question input").first.focus()
    page.keyboard.press("Space")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    assert page.locator(".question-reply").first.inner_text() == "Not so. It transposes."


@pytest.mark.parametrize(
    ("typed", "said"),
    [("0.501", "Right. Half."), ("1", "Not so. At r = 0."), ("7", "Not so. Put r = 1.")],
)
def test_a_number_is_judged_as_reply_does(open_questions: Any, typed: str, said: str) -> None:
    form = open_questions().locator("form.question").nth(1)
    form.get_by_label("A number").fill(typed)
    form.get_by_label("A number").press("Enter")
    assert form.get_by_role("status").inner_text() == said


def test_without_an_answer_nothing_is_said(open_questions: Any) -> None:
    form = open_questions().locator("form.question").nth(0)
    form.get_by_role("button").click()
    assert form.get_by_role("status").inner_text() == ""


def test_a_prediction_moves_the_figure_that_follows(open_questions: Any) -> None:
    page = open_questions()
    page.wait_for_selector(".explorer-controls:not([inert])")
    form = page.locator("form.question").nth(2)
    form.get_by_label("a large one").check()
    form.get_by_role("button").click()
    assert page.locator("figure.explorer").get_attribute("data-position") == "2-1-1"
    assert page.problems == []


def test_without_scripts_the_answer_is_in_a_frame_that_opens(open_questions: Any) -> None:
    page = open_questions(java_script_enabled=False)
    form = page.locator("form.question").nth(0)
    assert form.get_by_label("a small one").is_visible() and not form.get_by_role("button").is_visible()
    form.locator("summary").click()
    assert "Its gain is 1/σ." in form.frame_locator("iframe").locator("body").inner_text()


def test_it_fits_a_phone_and_prints_the_question_alone(open_questions: Any) -> None:
    page = open_questions(viewport={"width": 320, "height": 700})
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
    page.emulate_media(media="print")
    form = page.locator("form.question").nth(0)
    assert form.locator("legend").is_visible() and not form.get_by_role("button").is_visible()
