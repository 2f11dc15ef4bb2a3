"""Intervals, tests and corrections against derivations of their own: all resamples, all swaps, Holm's steps by hand."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tpcore.experiments import compare_pairs, holm, interquartile_mean, performance_profile, share

FIVE = np.array([0.02, 0.10, 0.15, 0.21, 0.40])


def middle(values):
    """The mean of the middle half, a quarter rounded down cut from either end."""
    cut = len(values) // 4
    return np.mean(sorted(values)[cut : len(values) - cut])


def test_the_interval_is_that_of_all_resamples():
    found = interquartile_mean(FIVE)
    every = [middle(drawn) for drawn in itertools.product(FIVE, repeat=5)]
    assert found.value == pytest.approx(middle(FIVE)) == pytest.approx(0.46 / 3)
    assert (found.low, found.high) == pytest.approx(tuple(np.quantile(every, [0.025, 0.975])), abs=0.02)


@pytest.mark.parametrize("second", [np.zeros(5), np.array([0.05, 0.0, 0.3, 0.1, 0.2])])
def test_p_is_the_share_of_swaps_that_are_as_far_from_zero(second):
    differences = FIVE - second
    swapped = [abs(np.dot(signs, differences)) for signs in itertools.product((1, -1), repeat=5)]
    expected = np.mean([size >= abs(differences.sum()) - 1e-12 for size in swapped])
    found = compare_pairs(FIVE, second)
    assert found.p == pytest.approx(expected)
    assert (found.won, found.lost, found.pairs) == ((differences > 0).sum(), (differences < 0).sum(), 5)


def test_five_pairs_cannot_say_more_than_a_sixteenth_and_ten_can():
    assert compare_pairs(np.full(5, 0.9) + FIVE, np.zeros(5)).p == 2 / 2**5
    assert compare_pairs(np.arange(1.0, 11.0), np.zeros(10)).p == pytest.approx(2 / 2**10)


def test_the_probability_of_improvement_counts_all_pairs_and_half_of_the_ties():
    first, second = np.array([0.5, 0.7, 0.9]), np.array([0.6, 0.7, 0.1])
    by_hand = np.mean([(x > y) + (x == y) / 2 for x in first for y in second])
    assert compare_pairs(first, second).improvement.value == pytest.approx(by_hand)


def test_the_sides_are_mirror_images():
    other = np.array([0.05, 0.0, 0.3, 0.1, 0.2])
    one, two = compare_pairs(FIVE, other), compare_pairs(other, FIVE)
    assert one.difference == pytest.approx([-part for part in (two.difference[0], *two.difference[:0:-1])])
    assert one.p == two.p and (one.won, one.lost) == (two.lost, two.won)
    assert one.improvement.value == pytest.approx(1 - two.improvement.value)


def test_the_sign_needs_the_whole_interval():
    assert compare_pairs(FIVE, np.zeros(5)).sign == 1 and compare_pairs(np.zeros(5), FIVE).sign == -1
    assert compare_pairs(FIVE, np.full(5, 0.15)).sign == 0 and compare_pairs(FIVE, FIVE).sign == 0


def test_one_pair_has_no_interval():
    found = compare_pairs(np.array([0.5]), np.array([0.1]))
    assert found.difference == (pytest.approx(0.4), -math.inf, math.inf) and found.sign == 0


@pytest.mark.parametrize(
    ("first", "second"), [(np.ones(2), np.ones(3)), (np.ones(0), np.ones(0)), (np.ones((2, 2)),) * 2]
)
def test_what_is_no_pairs_is_refused(first, second):
    with pytest.raises(ValueError, match="first and second must have a number a seed each, got"):
        compare_pairs(first, second)


@given(st.integers(1, 30), st.integers(0, 30))
@settings(max_examples=30)
def test_the_interval_of_a_share_is_wilson_s(number, successes):
    successes = min(successes, number)
    z, p = 1.959963984540054, successes / number
    center = (p + z**2 / (2 * number)) / (1 + z**2 / number)
    half = z / (1 + z**2 / number) * math.sqrt(p * (1 - p) / number + z**2 / (4 * number**2))
    expected = (p, max(0, center - half), min(1, center + half))
    assert share(successes, number) == pytest.approx(expected, abs=1e-9)


def test_holm_by_hand():
    assert holm([0.04, 0.01, 0.03]) == pytest.approx([0.06, 0.03, 0.06])  # 0.01·3, 0.03·2, then no less than that
    assert holm([0.9, 0.9]) == [1.0, 1.0] and holm([]) == []


def test_a_profile_is_the_share_at_or_above():
    assert performance_profile(np.array([0.5, 0.5, 1.0]), np.array([0.4, 0.5, 0.6])).tolist() == [
        1,
        1,
        pytest.approx(1 / 3),
    ]


def test_a_tie_is_neither_won_nor_lost():
    found = compare_pairs(np.array([1.0, 2.0, 3.0, 5.0]), np.array([1.0, 1.0, 4.0, 4.0]))
    assert (found.won, found.lost, found.pairs) == (2, 1, 4)
