"""How sure a comparison of few seeds is: paired differences, intervals, tests, and their correction.

After Agarwal et al., *Deep reinforcement learning at the edge of the statistical precipice*, NeurIPS 2021, and
Bouthillier et al., *Accounting for variance in machine learning benchmarks*, MLSys 2021.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import numpy as np

CONFIDENCE = 0.95
RESAMPLES = 2_000
SEED = 0  # of the resamples: the same records give the same interval
CUT = 0.25  # from either end: what is left is the interquartile range


class Estimate(NamedTuple):
    """A number with its 95 % interval.

    Parameters
    ----------
    value, low, high : float

    Examples
    --------
    >>> from tpcore.experiments import Estimate
    >>> Estimate(0.24, 0.12, 0.33).low
    0.12
    """

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Lead:
    """By how much one method is ahead of another over the seeds that both have, and how sure that is.

    Parameters
    ----------
    difference : Estimate
        The interquartile mean of the paired differences, first minus second, with its bootstrap interval.
    improvement : Estimate
        The probability that a seed of the first is above a seed of the second, a tie counted as half.
    won, lost, pairs : int
        In how many of the pairs the first is above the second, and in how many below.
    p : float
        Of the two-sided permutation test: the share of all ways to swap the two within pairs whose mean difference is
        as far from zero. Of n pairs it can't fall below 2⁻ⁿ⁺¹: five say 0.0625 at best.

    Examples
    --------
    >>> import numpy as np
    >>> from tpcore.experiments import compare_pairs
    >>> found = compare_pairs(np.array([0.5, 0.7, 0.6]), np.array([0.4, 0.5, 0.3]))
    >>> found.won, found.pairs, found.p
    (3, 3, 0.25)
    """

    difference: Estimate
    improvement: Estimate
    won: int
    lost: int
    pairs: int
    p: float

    @property
    def sign(self) -> int:
        """1 where the whole interval of the difference lies above zero, -1 where below, 0 where zero is in it."""
        return int(self.difference.low > 0) - int(self.difference.high < 0)


def compare_pairs(first: np.ndarray, second: np.ndarray) -> Lead:
    """Compare two methods on the same seeds.

    Parameters
    ----------
    first, second : numpy.ndarray (seeds,)
        A number for each seed, in the same order: equal places have equal initial weights and batches.

    Returns
    -------
    Lead

    Raises
    ------
    ValueError
        If the two have not equally many numbers, or none.

    Examples
    --------
    >>> import numpy as np
    >>> from tpcore.experiments import compare_pairs
    >>> found = compare_pairs(np.array([0.5, 0.7, 0.6]), np.array([0.4, 0.5, 0.3]))
    >>> round(found.difference.value, 3), found.improvement.value > 0.5
    (0.2, True)
    """
    if first.shape != second.shape or first.ndim != 1 or len(first) == 0:
        raise ValueError(f"first and second must have a number a seed each, got {first.shape} and {second.shape}")
    differences = first - second
    return Lead(
        difference=interquartile_mean(differences),
        improvement=_interval(_improvement, (first, second), paired=True),
        won=int((differences > 0).sum()),
        lost=int((differences < 0).sum()),
        pairs=len(differences),
        p=_swapped(differences),
    )


def interquartile_mean(values: np.ndarray) -> Estimate:
    """The mean of the middle half of some numbers, with its bootstrap interval (percentiles of 2,000 resamples).

    Of few numbers a quarter is rounded down: of five, one is cut at either end. And of few numbers such an interval is
    too narrow: it holds the truth less often than it says.

    Parameters
    ----------
    values : numpy.ndarray (n,)

    Returns
    -------
    Estimate

    Examples
    --------
    >>> import numpy as np
    >>> from tpcore.experiments import interquartile_mean
    >>> interquartile_mean(np.array([0.0, 0.4, 0.5, 0.6, 9.0])).value
    0.5
    """
    from scipy.stats import trim_mean

    return _interval(partial(trim_mean, proportiontocut=CUT), (values,))


def share(successes: int, number: int) -> Estimate:
    """A share with Wilson's interval.

    Parameters
    ----------
    successes, number : int
        Of so many, and how many there are: at least 1.

    Returns
    -------
    Estimate

    Raises
    ------
    ValueError
        By SciPy, if there are more successes than there can be, or the number is below 1.

    Examples
    --------
    >>> from tpcore.experiments import share
    >>> [round(part, 2) for part in share(0, 10)]
    [0.0, 0.0, 0.28]
    """
    from scipy.stats import binomtest

    found = binomtest(successes, number).proportion_ci(CONFIDENCE, method="wilson")
    return Estimate(successes / number, max(0.0, float(found.low)), min(1.0, float(found.high)))


def holm(p: Sequence[float]) -> list[float]:
    """Correct the p of all comparisons of one table (Holm 1979): the chance of even one false lead among them.

    Parameters
    ----------
    p : sequence of float

    Returns
    -------
    list of float
        In the same order.

    Examples
    --------
    >>> from tpcore.experiments import holm
    >>> holm([0.01, 0.5, 0.03])
    [0.03, 0.5, 0.06]
    """
    corrected, largest = [0.0] * len(p), 0.0
    for rank, place in enumerate(sorted(range(len(p)), key=lambda place: p[place])):
        largest = max(largest, min(1.0, (len(p) - rank) * p[place]))
        corrected[place] = largest
    return corrected


def performance_profile(values: np.ndarray, levels: np.ndarray) -> np.ndarray:
    """The share of the seeds at or above each level.

    Parameters
    ----------
    values : numpy.ndarray (seeds,)
    levels : numpy.ndarray (n,)

    Returns
    -------
    numpy.ndarray (n,)

    Examples
    --------
    >>> import numpy as np
    >>> from tpcore.experiments import performance_profile
    >>> performance_profile(np.array([0.2, 0.9]), np.array([0.0, 0.5, 1.0])).tolist()
    [1.0, 0.5, 0.0]
    """
    return np.asarray((values[:, None] >= levels).mean(0))


def _swapped(differences: np.ndarray) -> float:
    """The p of the permutation test that swaps the two within pairs."""
    from scipy.stats import permutation_test  # here: tpcore.experiments is imported without SciPy

    if len(differences) < 2:  # one pair and its swap are equally far from zero
        return 1.0
    test = permutation_test((differences,), np.mean, permutation_type="samples", n_resamples=10_000, rng=SEED)
    return float(test.pvalue)


def _improvement(first: np.ndarray, second: np.ndarray, axis: int = -1) -> np.ndarray:
    """P(X > Y) + P(X = Y)/2 over all pairs, along the last axis."""
    above = np.sign(first[..., :, None] - second[..., None, :])
    return np.asarray((above.mean((-1, -2)) + 1) / 2)


def _interval(statistic: Any, samples: tuple[np.ndarray, ...], *, paired: bool = False) -> Estimate:
    from scipy.stats import bootstrap

    value = float(statistic(*samples, axis=-1))
    if len(samples[0]) < 2:
        return Estimate(value, -np.inf, np.inf)
    found = bootstrap(
        samples, statistic, n_resamples=RESAMPLES, confidence_level=CONFIDENCE, method="percentile", paired=paired,
        vectorized=True, axis=-1, rng=SEED,
    ).confidence_interval  # fmt: skip
    return Estimate(value, float(found.low), float(found.high))
