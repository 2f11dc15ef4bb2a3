"""Which of two methods gets there sooner, as far as a few seeds can tell."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

LEVEL_OF_SIGNIFICANCE = 0.05


@dataclass(frozen=True)
class Comparison:
    """How the seeds of one method stand against those of another.

    Parameters
    ----------
    p : float in (0, 1]
        How often a random division of all seeds into two groups sets them at least as far apart in their ranks.
    difference : float
        The mean rank of the first minus that of the second; below 0 the first is sooner.
    both_never : bool
        Whether no seed of either gets there.

    Examples
    --------
    >>> from tpcore.experiments.comparison import Comparison
    >>> Comparison(p=0.3, difference=-1.0, both_never=False).says
    'no clear difference'
    """

    p: float
    difference: float
    both_never: bool

    @property
    def says(self) -> str:
        """In words: "first sooner", "second sooner", "no clear difference" or "neither"."""
        if self.both_never:
            return "neither"
        if self.p >= LEVEL_OF_SIGNIFICANCE:
            return "no clear difference"
        return "first sooner" if self.difference < 0 else "second sooner"


def compare(first: np.ndarray, second: np.ndarray) -> Comparison:
    """Compare the steps that two methods take, seed by seed, to the same level.

    An exact permutation test of the mean ranks, two-sided. A seed that never gets there comes after all that do, so
    that success and speed are judged by one number.

    Parameters
    ----------
    first, second : numpy.ndarray (seeds,)
        Steps, or seconds; NaN for a seed that does not get there.

    Returns
    -------
    Comparison

    Examples
    --------
    >>> import numpy as np
    >>> from tpcore.experiments.comparison import compare
    >>> found = compare(np.array([200, 200, 400, 400, 600]), np.array([800, 800, 1000, np.nan, np.nan]))
    >>> found.says, round(found.p, 3)
    ('first sooner', 0.008)
    """
    from scipy.stats import permutation_test, rankdata

    steps = np.concatenate([first, second])
    ranks = rankdata(np.where(np.isnan(steps), np.inf, steps))

    def apart(one: np.ndarray, other: np.ndarray, axis: int) -> np.ndarray:
        return np.abs(np.mean(one, axis=axis) - np.mean(other, axis=axis))

    one, other = ranks[: len(first)], ranks[len(first) :]
    test = permutation_test((one, other), apart, alternative="greater", n_resamples=np.inf, vectorized=True)
    return Comparison(float(test.pvalue), float(one.mean() - other.mean()), bool(np.isnan(steps).all()))
