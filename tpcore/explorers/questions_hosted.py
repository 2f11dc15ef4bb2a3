"""A question in the hosted page: a native form, with what is said of each answer encoded beside it.

book/assets/questions.js decodes and says it. Encoded, it is neither in the page's text nor found by a search in it.
"""

import base64
import hashlib
import html
import json
from typing import Any

from tpcore.explorers.labels import label_html
from tpcore.explorers.questions import TOLERANCE, Predict, Question

DATA_CLASS = "question-data"


def question_html(question: Question) -> str:
    """Write the question as a form; a page without scripts gets the answer in a frame of its own that it opens."""
    name = "question-" + hashlib.sha256(question.text.encode()).hexdigest()[:8]
    kind = "Predict" if isinstance(question, Predict) else "Question"
    return f"""<form class="question" id="{name}" autocomplete="off">
<fieldset><legend><span class="question-kind">{kind}</span> {label_html(question.text)}</legend>
{_number(name) if question.typed else _choices(question, name)}
<button type="submit" class="question-check">Check</button></fieldset>
<p class="question-reply" role="status"></p>
<script type="text/plain" class="{DATA_CLASS}">{_encoded(json.dumps(_data(question), ensure_ascii=False))}</script>
<noscript><details><summary>Answer</summary><iframe title="Answer" src="data:text/html;charset=utf-8;base64,{
        _encoded(_solution(question))
    }"></iframe></details></noscript>
</form>"""


def _choices(question: Question, name: str) -> str:
    return "\n".join(
        f'<label><input type="radio" name="{name}-answer" value="{i}" required>'
        f"<span>{label_html(answer)}</span></label>"
        for i, answer in enumerate(question.answers)
    )


def _number(name: str) -> str:
    return f'<label><span>A number</span><input type="number" step="any" name="{name}-answer" required></label>'


def _data(question: Question) -> dict[str, Any]:
    """Return what the script needs: the answers, each with its sentence as HTML, and where a figure goes."""
    answers = [[value, value == question.right, label_html(why)] for value, why in question.answers.items()]
    data: dict[str, Any] = {"answers": answers}
    if question.typed:
        data |= {"otherwise": label_html(question.otherwise), "tolerance": TOLERANCE}
    if isinstance(question, Predict):
        data["reveal"] = dict(question.reveal)
    return data


def _solution(question: Question) -> str:
    style = "<style>:root{color-scheme:light dark}body{margin:0;font:15px/1.5 system-ui}</style>"
    right = html.escape(f"{question.right:g}") if question.typed else label_html(str(question.right))
    return (
        f'<!doctype html><html lang="en">{style}<p><b>{right}</b>. {label_html(question.answers[question.right])}</p>'
    )


def _encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()
