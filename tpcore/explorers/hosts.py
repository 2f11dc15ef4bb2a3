"""What shows an explorer or a question: live widgets where there is a kernel, HTML in the hosted page."""

from __future__ import annotations

import os
from functools import cache
from typing import TYPE_CHECKING

from tpcore.explorers.explorer import Explorer
from tpcore.explorers.questions import Predict, Question
from tpcore.explorers.still import still_html

if TYPE_CHECKING:
    from tpcore.explorers.live import LiveExplorer

WIDGET = "application/vnd.jupyter.widget-view+json"
VARIABLE = "TPCORE_EXPLORER_HOST"  # "page" while the book is built


@cache
def live(explorer: Explorer) -> LiveExplorer:
    """The live form of an explorer, made once."""
    from tpcore.explorers.live import LiveExplorer  # here: a page needs no widgets

    return LiveExplorer(explorer)


def show(explorer: Explorer) -> None:
    """Show it in the notebook: as HTML where TPCORE_EXPLORER_HOST is "page", else as widgets."""
    from IPython.display import display

    if os.environ.get(VARIABLE) == "page":
        from tpcore.explorers.hosted import page_html

        display({"text/html": page_html(explorer)}, raw=True)
    else:
        shown = live(explorer)
        view = {"model_id": shown.widget.model_id, "version_major": 2, "version_minor": 0}
        display({WIDGET: view, "text/plain": explorer.title}, raw=True)
        display({"text/html": still_html(explorer, shown.figure), "text/plain": explorer.description}, raw=True)


def ask(question: Question) -> None:
    """Show a question, as `show` shows an explorer."""
    from IPython.display import display

    if os.environ.get(VARIABLE) == "page":
        from tpcore.explorers.questions_hosted import question_html

        display({"text/html": question_html(question)}, raw=True)
    else:
        from tpcore.explorers.questions_live import LiveQuestion

        display(LiveQuestion(question, _reveal).widget)


def _reveal(question: Predict) -> None:
    for name, value in question.reveal.items():
        live(question.explorer).controls[name].value = value


Explorer.host = show
Question.host = ask
