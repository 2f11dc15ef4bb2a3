"""Tables that a notebook shows and that the book builds in: Markdown, so that both look right."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from html import escape
from typing import Any

from tpcore.experiments import Outcome, outcome, share, step_cost
from tpcore.results import Record

OUTCOME = ("seeds that solve it", "of these collapse", "steps to it", "time to it", "accuracy at the end", "diverged")


def table(head: Sequence[str], rows: Sequence[Sequence[Any]]) -> Any:
    """Make a table for the last line of a cell.

    Parameters
    ----------
    head : sequence of str
        The titles of the columns.
    rows : sequence of sequences
        One entry a column each; all entries are shown as `str` shows them, but for the index of a Greek letter, which
        is set low.

    Returns
    -------
    IPython.display.Markdown

    Examples
    --------
    >>> from tpcore.chapters.tables import table
    >>> print(table(["r", "accuracy"], [[1.0, 0.5]]).data)
    | r | accuracy |
    | :-- | :-- |
    | 1.0 | 0.5 |
    """
    from IPython.display import Markdown

    lines = [list(head), [":--"] * len(head), *rows]
    return Markdown(
        "\n".join(
            "| " + " | ".join(_indexed(str(entry)).replace("|", "\\|") for entry in line) + " |" for line in lines
        )
    )


def _indexed(text: str) -> str:
    return re.sub(r"([γδλ])_([0-9a-zθτ])", r"\1<sub>\2</sub>", text)


def from_a_record(show: Callable[[], Any]) -> Callable[[], Any]:
    """Decorate what shows a record: where there is none, it says which one that is, and what makes it.

    Parameters
    ----------
    show : callable
        Raises `FileNotFoundError` with these words where the record is missing.

    Returns
    -------
    callable
        Returns what it does, or the words as IPython.display.Markdown.

    Examples
    --------
    >>> from tpcore.chapters.tables import from_a_record
    >>> @from_a_record
    ... def times():
    ...     raise FileNotFoundError("no record of times: `make bench` writes one")
    >>> times().data
    'Not shown: no record of times: `make bench` writes one.'
    """
    from IPython.display import Markdown

    @wraps(show)
    def shown() -> Any:
        try:
            return show()
        except FileNotFoundError as missing:
            return Markdown(f"Not shown: {missing}.")

    return shown


def folded(summary: str, *parts: Any) -> Any:
    """Put tables and paragraphs under a line that a reader opens, so that the evidence is at hand and not in the way.

    Parameters
    ----------
    summary : str
        What is shown while it is closed: plain text.
    *parts : IPython.display.Markdown or str
        Tables made by `table`, and Markdown.

    Returns
    -------
    IPython.display.Markdown

    Examples
    --------
    >>> from tpcore.chapters.tables import folded
    >>> print(folded("What it is", "*This.*").data)
    <details><summary>What it is</summary>
    <BLANKLINE>
    *This.*
    <BLANKLINE>
    </details>
    """
    from IPython.display import Markdown

    inside = (_indexed(part) if isinstance(part, str) else part.data for part in parts)
    return Markdown("\n\n".join((f"<details><summary>{escape(summary)}</summary>", *inside, "</details>")))


def outcome_rows(
    found: Mapping[str, Sequence[Record]], labels: Mapping[str, str], level: float | None
) -> list[list[str]]:
    """One row a method: its label, and the columns of OUTCOME.

    Parameters
    ----------
    found : mapping of str to list of Record
        As `tpcore.experiments.recorded` returns it.
    labels : mapping of str to str
        What a reader sees of a method.
    level : float in [0, 1], optional
        The accuracy that counts as solved; None: there is no such level, and the first columns hold a dash.

    Returns
    -------
    list of list of str
    """
    rows = []
    for method, records in found.items():
        came = outcome(records, level)
        low, median, high = came.final
        solved = "–" if level is None else f"{came.solved} of {came.seeds}"
        rows.append(
            [
                labels[method],
                solved,
                collapses(came),
                "–" if came.steps is None else f"{came.steps:,.0f}",
                time_to_it(came.steps, records),
                f"{median:.2f} ({low:.2f}\N{NO-BREAK SPACE}to\N{NO-BREAK SPACE}{high:.2f})",
                str(came.diverged or "–"),
            ]
        )
    return rows


def collapses(came: Outcome) -> str:
    """How many of the runs that solved a task ended below nine tenths of the level, and that share's interval."""
    if not came.solved:
        return "–"
    low, high = (f"{part:.0%}" for part in share(came.collapsed, came.solved)[1:])
    return f"{came.collapsed} of {came.solved} [{low},\N{NO-BREAK SPACE}{high}]"


def time_to_it(steps: float | None, records: Sequence[Record]) -> str:
    """So many steps, each at the recorded cost of the method; a dash where either is not known."""
    cost = step_cost(records[0])
    return "–" if steps is None or cost is None else f"{steps * cost.median:.1f}\N{NO-BREAK SPACE}s"
