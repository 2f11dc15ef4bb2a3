"""Questions that a reader answers in the page, each answer with a sentence that says why."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from tpcore.explorers.explorer import Explorer
from tpcore.explorers.labels import plain_text

TOLERANCE = 0.02  # relative, of a number that a reader types


@dataclass(frozen=True)
class Question:
    """A question with a few answers to choose from, or with a number to type.

    As the last line of a notebook's cell it shows itself: as native HTML in the hosted page, as widgets with a kernel.
    What is said of an answer is readable only once it was given.

    Parameters
    ----------
    text : str
        The question; may hold `<sub>`, `<sup>` and `<i>`.
    answers : mapping of str to str, or of float to str
        Two or more answers, each with the sentence that says why it is right or wrong. Strings are shown to choose
        from, in this order. Numbers are not shown: they are what a reader may type, to 2 %.
    right : str or float
        The answer that is right.
    otherwise : str
        What is said of any other number; only for numbers, and needed there.

    Raises
    ------
    ValueError
        If a text is empty, there are fewer than two answers, `right` is none of them, or `otherwise` does not fit.

    Examples
    --------
    >>> from tpcore.explorers import Question
    >>> question = Question(
    ...     "W is orthogonal and r = 1. By what does M<sub>r</sub> multiply a length?",
    ...     answers={1.0: "So it is for r = 0.", 0.5: "All σ are 1, and 1/(1 + r) = 0.5."},
    ...     right=0.5,
    ...     otherwise="Put σ = 1 into σ/(σ² + r).",
    ... )
    >>> question.reply(0.5)
    (True, 'All σ are 1, and 1/(1 + r) = 0.5.')
    >>> question.reply(2)
    (False, 'Put σ = 1 into σ/(σ² + r).')
    """

    text: str
    answers: Mapping[Any, str]
    right: str | float
    otherwise: str = ""
    host: ClassVar[Callable[["Question"], None]]  # what shows it; `tpcore.explorers.hosts` sets it

    def __post_init__(self) -> None:
        where = f"Question {plain_text(self.text)!r}"
        if not self.text.strip() or any(not why.strip() for why in self.answers.values()):
            raise ValueError(f"{where}: the question and the sentence of every answer must say something")
        if len(self.answers) < 2:
            raise ValueError(f"{where}: answers = {dict(self.answers)} leaves nothing to choose; give two or more")
        if self.right not in self.answers:
            raise ValueError(f"{where}: right = {self.right!r} is not among its answers {list(self.answers)}")
        if bool(self.otherwise) != self.typed:
            raise ValueError(f"{where}: otherwise = {self.otherwise!r}; a number needs it, and a choice has no other")

    @property
    def typed(self) -> bool:
        """Whether the answer is a number to type."""
        return not isinstance(self.right, str)

    def reply(self, given: str | float) -> tuple[bool, str]:
        """Return whether an answer is right, and the sentence that says why.

        Parameters
        ----------
        given : str or float
            One of the answers to choose from, or any number.

        Returns
        -------
        (bool, str)
        """
        if not self.typed:
            return given == self.right, self.answers[given]
        for value, why in self.answers.items():
            if math.isclose(float(given), value, rel_tol=TOLERANCE):
                return value == self.right, why
        return False, self.otherwise

    def _ipython_display_(self) -> None:
        Question.host(self)


@dataclass(frozen=True)
class Predict(Question):
    """A question about what a figure will show, answered before the figure is moved there.

    It stands before its explorer. Whatever a reader answers, the explorer then moves to the position that shows it;
    nothing is hidden until then.

    Parameters
    ----------
    text, answers, right, otherwise
        As in `Question`.
    explorer : Explorer
        The figure that follows.
    reveal : mapping of str to value
        Where its controls go, by their names; positions of the hosted page.

    Raises
    ------
    ValueError
        As for `Question`, and if `reveal` is no position of the explorer.

    Examples
    --------
    >>> from tpcore.explorers import Explorer, LogSlider, Predict
    >>> from tpcore.explorers.figures import figure
    >>> explorer = Explorer(
    ...     title="Inverse",
    ...     description="One over r.",
    ...     controls=[LogSlider("r", "r", 0.1, 10.0, points=3)],
    ...     compute=lambda r: {"y": [0, 1 / r]},
    ...     draw=lambda result: figure().add_scatter(y=result["y"]),
    ... )
    >>> answers = {"it falls": "1/r is smaller.", "it rises": "That is what a smaller r does."}
    >>> Predict("What does a larger r do?", answers, "it falls", explorer=explorer, reveal={"r": 10.0}).reveal
    {'r': 10.0}
    """

    explorer: Explorer = field(kw_only=True)
    reveal: Mapping[str, Any] = field(kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        self.explorer.values(self.reveal)  # its controls, and the options of a choice
        for control in self.explorer.controls:
            if self.reveal.get(control.name, control.value) not in control.positions:
                raise ValueError(
                    f"Predict: reveal = {dict(self.reveal)} is no position of {control.name!r}, "
                    f"whose positions are {control.positions}"
                )
