"""Questions: what is right, what is said, what a page holds of it before it is answered, and the widgets."""

import base64
import json
import re

import pytest

from tests.explorers.examples import curve, example
from tpcore.explorers import Predict, Question, hosts
from tpcore.explorers.questions_hosted import question_html
from tpcore.explorers.questions_live import LiveQuestion

CHOICE = Question(
    "Which <i>r</i> inverts?", answers={"a small one": "Its gain is 1/σ.", "a large one": "It transposes."},
    right="a small one",
)  # fmt: skip
NUMBER = Question("1/(1 + r) at r = 1?", {0.5: "Half.", 1.0: "At r = 0."}, 0.5, otherwise="Put r = 1.")


def prediction():
    return Predict("And then?", CHOICE.answers, CHOICE.right, explorer=example(), reveal={"r": 10.0, "rule": "bp"})


def encoded(page: str) -> dict:
    (data,) = re.findall(r'class="question-data">(.*?)</script>', page)
    return json.loads(base64.b64decode(data))


def test_a_choice_is_right_or_wrong_and_says_why():
    assert CHOICE.reply("a small one") == (True, "Its gain is 1/σ.")
    assert CHOICE.reply("a large one") == (False, "It transposes.")


@pytest.mark.parametrize(
    ("given", "reply"),
    [
        (0.5, (True, "Half.")),
        (0.505, (True, "Half.")),
        (0.52, (False, "Put r = 1.")),
        (1, (False, "At r = 0.")),
        (-0.5, (False, "Put r = 1.")),
    ],
)
def test_a_number_is_right_to_two_percent(given, reply):
    assert NUMBER.reply(given) == reply


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"text": " "}, "must say something"),
        ({"answers": {"a": "", "b": "c"}, "right": "a"}, "must say something"),
        ({"answers": {"a": "b"}, "right": "a"}, "give two or more"),
        ({"right": "c"}, "right = 'c' is not among its answers"),
        ({"otherwise": "no"}, "a choice has no other"),
        ({"answers": {1.0: "a", 2.0: "b"}, "right": 1.0}, "a number needs it"),
    ],
)
def test_a_question_that_cannot_be_asked_says_why(arguments, says):
    with pytest.raises(ValueError, match=says):
        Question(**{"text": "?", "answers": {"a": "x", "b": "y"}, "right": "a"} | arguments)


def test_a_prediction_goes_to_a_position_of_its_figure():
    with pytest.raises(ValueError, match="has no control 'q'"):
        Predict("?", CHOICE.answers, CHOICE.right, explorer=example(), reveal={"q": 1})
    with pytest.raises(ValueError, match="no position of 'r'"):
        Predict("?", CHOICE.answers, CHOICE.right, explorer=example(), reveal={"r": 2.0})


@pytest.mark.parametrize("question", [CHOICE, NUMBER, prediction()], ids=["choice", "number", "prediction"])
def test_the_page_holds_no_readable_answer_and_the_script_gets_what_reply_says(question):
    page, data = question_html(question), encoded(question_html(question))
    for why in [*question.answers.values(), question.otherwise or "Its gain"]:
        assert why not in page
    for value, right, why in data["answers"]:
        assert question.reply(value) == (right, why)
    assert data.get("otherwise", "") == question.otherwise
    assert ("reveal" in data) is isinstance(question, Predict)
    (frame,) = re.findall(r'<noscript>.*base64,(.*?)"', page)
    assert question.answers[question.right] in base64.b64decode(frame).decode()


def test_what_is_shown_is_escaped():
    page = question_html(Question("a < b & <i>c</i>?", {"<script>": "no", "b": "yes"}, "b"))
    assert "a &lt; b &amp; <i>c</i>?" in page and "<span>&lt;script&gt;</span>" in page


def test_widgets_say_the_same():
    live = LiveQuestion(CHOICE, move=lambda _: pytest.fail("only a prediction moves a figure"))
    live.check.click()
    assert "Choose an answer first." in live.reply.value
    live.answer.value = "a large one"
    live.check.click()
    assert "Not so.</strong> It transposes." in live.reply.value
    number = LiveQuestion(NUMBER, move=lambda _: None)
    number.answer.value = 0.5
    number.check.click()
    assert "Right.</strong> Half." in number.reply.value


def test_a_question_shows_widgets_with_a_kernel_and_html_alone_in_the_page(monkeypatch):
    shown = []
    monkeypatch.setattr("IPython.display.display", lambda thing, **how: shown.append((thing, how)))
    monkeypatch.setenv("TPCORE_EXPLORER_HOST", "page")
    CHOICE._ipython_display_()
    assert shown.pop() == ({"text/html": question_html(CHOICE)}, {"raw": True})
    monkeypatch.delenv("TPCORE_EXPLORER_HOST")
    asked = prediction()
    asked._ipython_display_()
    widget, _ = shown.pop()
    _, answer, check, _ = widget.children
    answer.value = "a large one"
    check.click()
    controls = hosts.live(asked.explorer).controls
    assert (controls["r"].value, controls["rule"].value) == (10.0, "bp")
    assert curve(10.0, 1, "bp")["r"] == hosts.live(asked.explorer).shown["r"]
