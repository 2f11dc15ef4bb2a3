"""The comparison of two methods against all divisions of the seeds, counted one by one."""

import itertools

import numpy as np
import pytest

from tpcore.experiments.comparison import compare

NEVER = np.nan


def by_counting(first, second):
    """The share of divisions at least as far apart, from the definition: half a point for a tie, one for a win."""
    steps = np.nan_to_num([*first, *second], nan=np.inf)

    def wins(chosen):
        others = [i for i in range(len(steps)) if i not in chosen]
        return sum((steps[i] < steps[j]) + 0.5 * (steps[i] == steps[j]) for i in chosen for j in others)

    middle = len(first) * len(second) / 2
    divisions = list(itertools.combinations(range(len(steps)), len(first)))
    apart = abs(wins(range(len(first))) - middle)
    return sum(abs(wins(chosen) - middle) >= apart - 1e-9 for chosen in divisions) / len(divisions)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ([1, 2, 3, 4, 5], [6, 7, 8, 9, 10]),
        ([1, 2, 3, 4, NEVER], [3, 4, 5, NEVER, NEVER]),
        ([200, 200, 400, 400, 400], [200, 400, 400, 600, NEVER]),
        ([5, 5, 5], [5, 5, 5]),
        ([1, NEVER, NEVER], [2, 3, 4, 5, 6]),
    ],
)
def test_p_is_the_share_of_divisions(first, second):
    first, second = np.array(first, dtype=float), np.array(second, dtype=float)
    found = compare(first, second)
    assert found.p == pytest.approx(by_counting(first, second))
    turned = compare(second, first)
    assert turned.p == pytest.approx(found.p) and turned.difference == pytest.approx(-found.difference)


def test_a_seed_that_never_gets_there_comes_last():
    late, never = np.full(5, 1e9), np.full(5, NEVER)
    assert compare(late, never).says == "first sooner" and compare(never, late).says == "second sooner"
    assert compare(never, never).says == "neither"


def test_too_little_is_no_difference():
    assert compare(np.array([1.0, 2, 3]), np.array([4.0, 5, 6])).says == "no clear difference"  # p = 2/20
    assert compare(np.full(5, 400.0), np.full(5, 400.0)).says == "no clear difference"
