"""How a check says what it found: a printed sentence, never an exception."""

import textwrap
from collections.abc import Callable
from typing import Any

WIDTH = 72  # characters: a page scrolls a longer line


def say(well: str, problem: Callable[..., str], *work: Any) -> None:
    """Print "Right" and `well` where `problem(*work)` finds none, else "Not yet" and the first problem.

    An exception in a reader's code is a problem too.
    """
    try:
        found = problem(*work)
    except Exception as error:  # whatever the reader's code raises belongs in front of the reader
        found = f"it raised {type(error).__name__}: {error}"
    print(textwrap.fill(f"Not yet: {found}" if found else f"Right: {well}", WIDTH))
