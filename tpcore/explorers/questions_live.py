"""A question with a kernel: ipywidgets."""

from collections.abc import Callable
from typing import Any

import ipywidgets as widgets

from tpcore.explorers.labels import label_html, plain_text
from tpcore.explorers.questions import Predict, Question


class LiveQuestion:
    """The widgets of one question: `answer`, `check`, `reply`, and `widget`, which holds them all.

    `move` moves the controls of a prediction's explorer, given its new values.
    """

    def __init__(self, question: Question, move: Callable[[Any], None]) -> None:
        self.question = question
        self.move = move
        self.answer = _answer(question)
        self.check = widgets.Button(description="Check")
        self.reply = widgets.HTML()
        self.check.on_click(self._checked)
        kind = "Predict" if isinstance(question, Predict) else "Question"
        text = widgets.HTML(f"<strong>{kind}.</strong> {label_html(question.text)}")
        layout = widgets.Layout(max_width="800px")
        self.widget = widgets.VBox([text, self.answer, self.check, self.reply], layout=layout)

    def _checked(self, _: Any) -> None:
        if self.answer.value is None:
            return self._say("Choose an answer first.")
        right, why = self.question.reply(self.answer.value)
        self._say(f"<strong>{'Right.' if right else 'Not so.'}</strong> {label_html(why)}")
        if isinstance(self.question, Predict):
            self.move(self.question)

    def _say(self, html: str) -> None:
        self.reply.value = f'<span role="status">{html}</span>'


def _answer(question: Question) -> Any:
    if question.typed:
        return widgets.FloatText(layout=widgets.Layout(width="8em"))
    options = [(plain_text(answer), answer) for answer in question.answers]
    return widgets.RadioButtons(options=options, value=None, layout=widgets.Layout(width="auto"))
