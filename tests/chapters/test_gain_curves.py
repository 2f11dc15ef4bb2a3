"""The calibrated gain is a weighted harmonic mean, with its bound."""

import math

import numpy as np
import pytest

from tpcore.chapters.gain_curves import calibrated_gain, largest_gain

FINE = np.logspace(-3, 3, 200_001)
every_r = pytest.mark.parametrize("r", [1e-3, 0.2, 1.0, 5.0, 1e3])


@every_r
def test_the_gain_is_a_harmonic_mean_and_the_ends_are_mirror_images(r):
    found = calibrated_gain(FINE, r)
    np.testing.assert_allclose(1 / found, (FINE + r / FINE) / (1 + r), rtol=1e-12)
    np.testing.assert_allclose(found, calibrated_gain(1 / FINE, 1 / r), rtol=1e-12)


@every_r
def test_the_bound(r):
    found, largest = calibrated_gain(FINE, r), largest_gain(r)
    assert found.max() == pytest.approx(largest, rel=1e-8)
    assert FINE[found.argmax()] == pytest.approx(math.sqrt(r), rel=1e-3)
    assert largest == 1 if r == 1 else largest > 1
    slopes = np.linspace(1e-4, 1, 10_001)  # of tanh: above one exactly where r < a' < 1
    np.testing.assert_array_equal((calibrated_gain(slopes, r) > 1 + 1e-12), (slopes > r + 1e-9) & (slopes < 1 - 1e-9))


@every_r
def test_the_distances_from_the_ends(r):
    np.testing.assert_allclose(calibrated_gain(FINE, r) - FINE, FINE * (1 - FINE**2) / (FINE**2 + r), atol=1e-9)
    expected = r * (1 - FINE**2) / (FINE * (FINE**2 + r))
    np.testing.assert_allclose(1 / FINE - calibrated_gain(FINE, r), expected, atol=1e-9)


def test_the_middle_is_one_over_cosh():
    np.testing.assert_allclose(calibrated_gain(FINE, 1.0), 1 / np.cosh(np.log(FINE)), rtol=1e-12)
