"""Sentences about who is ahead: one small template for each thing that can be said of two methods."""

from __future__ import annotations

from collections.abc import Sequence

from tpcore.experiments.contests import compare_methods
from tpcore.experiments.outcomes import learns
from tpcore.experiments.statistics import Estimate, Lead
from tpcore.results import Record

AHEAD, BEHIND, LEVEL, UNCLEAR, NEITHER = "ahead", "behind", "level", "no clear difference", "neither learns"
SMALL = 0.01  # a difference of mean accuracies that is not worth a word
SIGNIFICANT = 0.05  # of a corrected p


def contest(first: Sequence[Record], second: Sequence[Record]) -> tuple[Lead, str]:
    """Two methods on one task, by their mean accuracy along training: the lead of the first, and a word for it."""
    lead = compare_methods(first, second)
    return lead, word_for(lead, learned=learns(first) or learns(second))


def word_for(lead: Lead, *, learned: bool) -> str:
    """What the interval of the difference allows to say.

    NEITHER if none has learned, LEVEL where the whole interval is within SMALL of zero, AHEAD or BEHIND where it leaves
    out zero, else UNCLEAR.
    """
    if not learned:
        return NEITHER
    if max(abs(lead.difference.low), abs(lead.difference.high)) <= SMALL:
        return LEVEL
    return {1: AHEAD, -1: BEHIND, 0: UNCLEAR}[lead.sign]


def sentence(lead: Lead, word: str) -> str:
    """Direction, size and certainty: "ahead by 0.24 [0.12, 0.33], 5 of 5 pairs"."""
    value, low, high = lead.difference
    if word == NEITHER:
        return NEITHER
    if word in (LEVEL, UNCLEAR):
        return f"{word}: {number(value)} [{number(low)}, {number(high)}], {lead.won} of {lead.pairs} pairs"
    size, least, most = (value, low, high) if word == AHEAD else (-value, -high, -low)
    digits = 2 if least >= SMALL else 3
    pairs = lead.won if word == AHEAD else lead.lost
    return f"{word} by {size:.{digits}f} [{least:.{digits}f}, {most:.{digits}f}], {pairs} of {lead.pairs} pairs"


def certainty(lead: Lead, corrected: float) -> str:
    """The p of the permutation test, and after the correction over the table."""
    return f"{lead.p:.2g} ({corrected:.2g})"


def estimated(found: Estimate) -> str:
    """A number between 0 and 1 with its interval."""
    return f"{found.value:.2f} [{found.low:.2f}, {found.high:.2f}]".replace(", ", ",\N{NO-BREAK SPACE}")


def number(value: float) -> str:
    """With its sign, a true minus; nothing has none."""
    return f"{value:+.2f}".replace("-", "−") if abs(value) >= 0.005 else "0.00"
