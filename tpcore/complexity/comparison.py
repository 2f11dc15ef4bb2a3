"""Contenders compared by operations: the ratio to back-propagation, its limit, and where the inversion matters."""

from __future__ import annotations

import math
from dataclasses import replace

from tpcore.checks import check_positive
from tpcore.complexity.counts import Shape, count


def ratio(shape: Shape, contender: str = "TP") -> float:
    """Operations of a contender over those of back-propagation.

    Parameters
    ----------
    shape : Shape
    contender : str
        One of `CONTENDERS`.

    Returns
    -------
    float

    Raises
    ------
    ValueError
        If there is no such contender.

    Examples
    --------
    >>> from tpcore.complexity import Shape, limiting_ratio, ratio
    >>> [round(ratio(Shape(batch, 60, 100, 6, 4)), 3) for batch in (1, 20, 400)]
    [2.152, 1.064, 1.009]
    >>> round(limiting_ratio(Shape(1, 60, 100, 6, 4)), 3)
    1.006
    """
    return count(contender, shape).operations / count("BP", shape).operations


def limiting_ratio(shape: Shape, contender: str = "TP") -> float:
    """The limit of `ratio` as τ → ∞: what is paid once a step, and once a sequence, no longer counts.

    Takes, returns and raises what `ratio` does. It depends on neither B, τ nor q. For "TP" and one layer it is
    1 + 4/(6d + 4p + 7): the inverse of the activation is all that stays. The limit for B → ∞ at a fixed τ differs only
    by what is done once a sequence: the output layer and the first displacement.

    Examples
    --------
    >>> from tpcore.complexity import Shape, limiting_ratio
    >>> round(limiting_ratio(Shape(20, 60, 100, 6, 4)) - 1, 6), round(4 / (6 * 100 + 4 * 6 + 7), 6)
    (0.006339, 0.006339)
    """
    longer = replace(shape, length=shape.length + 1)  # operations are linear in τ
    paid, by_bp = (count(name, longer).operations - count(name, shape).operations for name in (contender, "BP"))
    return paid / by_bp


def crossover_steps(hidden: float, share: float = 1.0) -> float:
    """The B·τ at which TP's inversion costs `share` times its backward recurrence: about (13/6) d for 1.

    For fewer steps the inversion costs more; see `crossover_hidden`, its inverse function.

    Parameters
    ----------
    hidden : float > 0
        d.
    share : float > 0

    Returns
    -------
    float

    Raises
    ------
    ValueError
        If an argument is not above 0.

    Examples
    --------
    >>> from tpcore.complexity import crossover_steps
    >>> round(crossover_steps(100), 1)
    216.9
    """
    hidden, share = check_positive("hidden", hidden), check_positive("share", share)
    return (4 * hidden + (hidden + 1) * (2 * hidden + 1) / (6 * hidden)) / (2 * share)


def crossover_hidden(steps: float, share: float = 1.0) -> float:
    """The d at which TP's inversion costs `share` times its backward recurrence: about (6/13) B·τ for 1.

    The inverse of `crossover_steps`, from B·τ, `steps`, above 0, with the same errors: the larger root of
    (13/3) d² + (1/2 − 2·share·B·τ) d + 1/6 = 0. Above it the inversion costs more; zero where it does at every d
    (share·B·τ below 1.1).

    Examples
    --------
    >>> from tpcore.complexity import crossover_hidden, crossover_steps
    >>> hidden = crossover_hidden(20 * 60)
    >>> round(hidden, 1), round(crossover_steps(hidden), 1)
    (553.7, 1200.0)
    """
    steps, share = check_positive("steps", steps), check_positive("share", share)
    half = share * steps - 0.25
    discriminant = half**2 - 13 / 18
    return (half + math.sqrt(discriminant)) * 3 / 13 if discriminant > 0 and half > 0 else 0.0
