import math
from dataclasses import FrozenInstanceError, replace
from fractions import Fraction

import numpy as np
import pytest
import torch

from tpcore import BackProp, GeometricTargetProp, RescaledBackProp, TargetProp
from tpcore.rules import check_rule


def test_a_rule_is_a_frozen_value():
    rule = TargetProp(r=1.0)
    assert rule == TargetProp(
        1.0, s=0.0, calibrated=False, form="linearized", accumulate="local", step=1.0, margin=1e-3
    )
    assert replace(rule, r=2.0) == TargetProp(2.0) and BackProp() == BackProp()
    with pytest.raises(FrozenInstanceError):
        rule.r = 2.0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"r": 0}, "r must be a finite number above 0, got 0"),
        ({"r": math.nan}, "r must be a finite number above 0, got nan"),
        ({"r": math.inf}, "r must be a finite number above 0, got inf"),
        ({"r": "one"}, "r must be a finite number above 0, got 'one'"),
        ({"r": 1, "s": -0.1}, "s must be a finite number of at least 0, got -0.1"),
        ({"r": 1, "step": 0}, "step must be a finite number above 0, got 0"),
        ({"r": "1.0"}, "r must be a finite number above 0, got '1.0'"),
        ({"r": True}, "r must be a finite number above 0, got True"),
        ({"r": 10**400}, "r must be a finite number above 0, got 1000"),
        ({"r": torch.ones(2)}, "r must be a finite number above 0, got tensor"),
        ({"r": 1, "s": 1e-46}, "s must be 0 or between 1e-37 and 1e\\+37, got 1e-46"),
        ({"r": 1, "s": 1e39}, "s must be 0 or between 1e-37 and 1e\\+37, got 1e\\+39"),
        ({"r": 1, "margin": 0}, "margin must be a finite number of at least 1e-07, got 0"),
        ({"r": 1, "form": ["plain"]}, "form must be one of .*, got \\['plain'\\]"),
        ({"r": 1, "margin": 1}, "margin must be below 1"),
        ({"r": 1, "calibrated": "yes"}, "calibrated must be True or False, got 'yes'"),
        ({"r": 1, "form": "exact"}, "form must be one of 'linearized', 'difference', 'plain', got 'exact'"),
        ({"r": 1, "accumulate": "global"}, "accumulate must be one of 'local', 'through_time', got 'global'"),
        ({"r": 1, "s": 1.0, "form": "plain"}, 's = 1.0 regularizes the linearized inverse.*form="plain"'),
    ],
)
def test_bad_values_are_named(options, message):
    with pytest.raises(ValueError, match=message):
        TargetProp(**options)


@pytest.mark.parametrize(
    ("kind", "options", "message"),
    [
        (GeometricTargetProp, {"p": 1.1}, "p must be a number from -1 to 1, got 1\\.1"),
        (GeometricTargetProp, {"p": "0"}, "p must be a number from -1 to 1, got '0'"),
        (GeometricTargetProp, {"p": 0, "step": 0}, "step must be a finite number above 0, got 0"),
        (GeometricTargetProp, {"p": 0, "margin": 1}, "margin must be below 1"),
        (GeometricTargetProp, {"p": 0, "accumulate": "all"}, "accumulate must be one of"),
        (RescaledBackProp, {"p": -0.1}, "p must be a number from 0 to 1, got -0\\.1"),
        (RescaledBackProp, {"p": 0, "step": -1}, "step must be a finite number above 0, got -1"),
    ],
)
def test_bad_values_of_the_others_are_named(kind, options, message):
    with pytest.raises(ValueError, match=message):
        kind(**options)


@pytest.mark.parametrize("number", [1, np.float32(1), Fraction(1), torch.tensor(1.0)])
def test_numbers_of_any_kind_are_kept_as_floats(number):
    rule = TargetProp(number, s=number, step=number, margin=np.float64(0.5))
    assert rule == TargetProp(1.0, s=1.0, margin=0.5) and hash(rule) == hash(TargetProp(1.0, s=1.0, margin=0.5))
    assert [type(value) for value in (rule.r, rule.s, rule.step, rule.margin)] == [float] * 4
    if isinstance(number, torch.Tensor):
        number.fill_(-5)  # a rule that was checked stays as it is
    assert rule.r == 1


def test_something_else_is_no_rule():
    with pytest.raises(
        TypeError, match=r"rule must be tpcore.BackProp\(\), tpcore.TargetProp\(r=...\), .* or .*, got 'bp'"
    ):
        check_rule("bp")
