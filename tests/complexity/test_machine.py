import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tpcore.complexity import CONTENDERS, Machine, Shape, count, measure_machine, roofline_seconds

SHAPE = Shape(16, 60, 100, 6, 4)


@pytest.mark.parametrize("contender", CONTENDERS)
def test_without_a_limit_of_memory_time_is_arithmetic(contender):
    step = count(contender, SHAPE)
    assert roofline_seconds(step, Machine(1e9, 1e30)) == pytest.approx(step.operations / 1e9)


@pytest.mark.parametrize("contender", CONTENDERS)
def test_without_a_limit_of_arithmetic_time_is_memory(contender):
    step = count(contender, SHAPE)
    moved = sum(work.moved for work in step.parts.values())
    assert roofline_seconds(step, Machine(1e30, 1e9)) == pytest.approx(4 * moved / 1e9)


@given(st.floats(1e6, 1e15), st.floats(1e6, 1e15), st.sampled_from(CONTENDERS))
def test_time_lies_between_the_larger_and_the_sum(operations, memory, contender):
    step = count(contender, SHAPE)
    arithmetic, moving = (
        roofline_seconds(step, machine) for machine in (Machine(operations, 1e30), Machine(1e30, memory))
    )
    both = roofline_seconds(step, Machine(operations, memory))
    assert max(arithmetic, moving) * (1 - 1e-9) <= both <= (arithmetic + moving) * (1 + 1e-9)


def test_measuring_says_what_it_measured_and_its_spread():
    machine = measure_machine(seconds=0.05)
    assert 1e7 < machine.operations_per_second < 1e15
    assert 1e7 < machine.bytes_per_second < 1e14
    assert machine.operations_spread >= 0
    assert machine.bytes_spread >= 0
    assert machine.threads == torch.get_num_threads()


@pytest.mark.parametrize("rate", [0, -1.0, math.inf, math.nan])
@pytest.mark.parametrize("name", ["operations_per_second", "bytes_per_second"])
def test_bad_rates_are_named(name, rate):
    with pytest.raises(ValueError, match=f"{name} must be a finite number above 0, got"):
        Machine(**{"operations_per_second": 1.0, "bytes_per_second": 1.0} | {name: rate})
