"""Sentences that say what was found: words and numbers from records, and a check of the words that are written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from tpcore.experiments.verdicts import AHEAD, BEHIND


def held(text: str, holds: bool) -> str:
    """A sentence that is written by hand and held by the records.

    Parameters
    ----------
    text : str
    holds : bool
        Whether the records say so.

    Returns
    -------
    str
        The text.

    Raises
    ------
    ValueError
        If they do not: then the book is not built.

    Examples
    --------
    >>> from tpcore.chapters.sentences import held
    >>> held("No seed solves it.", not any([False, False]))
    'No seed solves it.'
    """
    if not holds:
        raise ValueError(f"the records do not say {text!r}; write what they say")
    return text


def tally(words: Iterable[str], ahead: str = "", behind: str = "", of: str = "contests") -> str:
    """Verdicts of several contests, counted.

    Parameters
    ----------
    words : iterable of str
        As `tpcore.experiments.verdicts.word_for` gives them, of at least one contest.
    ahead, behind : str
        Which ones, in brackets after the count unless it is none.
    of : str
        What they are called.

    Returns
    -------
    str

    Examples
    --------
    >>> from tpcore.chapters.sentences import tally
    >>> tally(["ahead", "behind", "behind", "level"], behind="τ = 60 and τ = 120")
    'ahead in 1 of 4 contests and behind in 2 (τ\\xa0=\\xa060 and τ\\xa0=\\xa0120)'
    """
    count = Counter(words)
    first, second = (_counted(count[word], names) for word, names in ((AHEAD, ahead), (BEHIND, behind)))
    return f"ahead in {first[0]} of {count.total()} {of}{first[1]} and behind in {second[0]}{second[1]}"


def _counted(number: int, names: str) -> tuple[str, str]:
    kept = names.replace(" = ", "\N{NO-BREAK SPACE}=\N{NO-BREAK SPACE}")  # no line ends within "τ = 60"
    return str(number or "none"), f" ({kept})" if number and names else ""


def share_of(part: int, of: int) -> str:
    """A share in words: "none of 4", "1 of 4", "all 4".

    Examples
    --------
    >>> from tpcore.chapters.sentences import share_of
    >>> [share_of(part, 4) for part in (0, 1, 4)]
    ['none of 4', '1 of 4', 'all 4']
    """
    return f"all {of}" if part == of else f"{part or 'none'} of {of}"
