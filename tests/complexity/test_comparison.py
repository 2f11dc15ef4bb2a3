from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tpcore.complexity import CONTENDERS, Shape, count, crossover_hidden, crossover_steps, limiting_ratio, ratio


def shapes(largest):
    return st.builds(Shape, *[st.integers(1, largest)] * 5, st.integers(1, 3))


@given(shapes(largest=200))
def test_order_of_the_contenders(shape):
    through_time, exact, gauss_newton = (
        count(contender, shape).operations for contender in ("TP through time", "exact inverse", "Gauss–Newton")
    )
    assert 1 < ratio(shape) < through_time / count("BP", shape).operations
    assert gauss_newton <= exact
    assert ratio(shape, "BP") == 1


@given(shapes(largest=200), st.sampled_from(CONTENDERS))
def test_limit_of_the_ratio(shape, contender):
    limit = limiting_ratio(shape, contender)
    assert ratio(replace(shape, length=10**12), contender) == pytest.approx(limit, rel=1e-6)
    assert limiting_ratio(replace(shape, batch=17, length=3, outputs=5), contender) == pytest.approx(limit, rel=1e-12)


@given(st.integers(1, 500), st.integers(1, 500))
def test_limit_in_closed_form(d, p):
    shape = Shape(3, 8, d, p, 2)
    assert limiting_ratio(shape) == pytest.approx(1 + 4 / (6 * d + 4 * p + 7), rel=1e-12)
    assert limiting_ratio(shape, "learned inverse") == pytest.approx(
        1 + (4 * d + 4 * p + 12) / (6 * d + 4 * p + 7), rel=1e-12
    )


@given(shapes(largest=100))
def test_ratio_falls_to_its_limit_with_the_batch(shape):
    """The inversion is paid once, and shared by all B·τ."""
    ratios = [ratio(replace(shape, batch=batch)) for batch in (1, 2, 10, 1000)]
    assert ratios == sorted(ratios, reverse=True)


@given(st.integers(3, 10**7), st.floats(0.5, 10))
def test_crossovers_are_each_others_inverses_and_cost_alike(steps, share):
    d = crossover_hidden(steps, share)
    inversion = 2 * d**3 + d * (d + 1) * (2 * d + 1) / 6 + 2 * d**3
    assert inversion == pytest.approx(share * 2 * steps * d**2, rel=1e-9)


@given(st.integers(1, 1000), st.integers(1, 1000))
def test_crossover_decides_which_part_is_larger(hidden, steps):
    parts = count("TP", Shape(1, steps, hidden, 1, 1)).parts
    dearer = parts["inversion"].operations > parts["backward recurrence"].operations
    assert dearer == (hidden > crossover_hidden(steps)) == (steps < crossover_steps(hidden))


def test_crossovers_far_out():
    assert crossover_hidden(1) == crossover_hidden(0.1) == 0
    assert crossover_hidden(10**9) / 10**9 == pytest.approx(6 / 13)
    assert crossover_steps(10**9) / 10**9 == pytest.approx(13 / 6)


@pytest.mark.parametrize("value", [0, -1.0, float("inf"), float("nan")])
def test_bad_arguments_of_crossovers_are_named(value):
    for call in (crossover_hidden, crossover_steps):
        with pytest.raises(ValueError, match=r"(steps|hidden) must be a finite number above 0, got"):
            call(value)
        with pytest.raises(ValueError, match="share must be a finite number above 0, got"):
            call(5, share=value)
