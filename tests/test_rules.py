import math
from dataclasses import FrozenInstanceError, replace

import pytest

from tpcore import BackProp, TargetProp
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
        ({"r": 1, "s": -0.1}, "s must be a finite number at least 0, got -0.1"),
        ({"r": 1, "step": 0}, "step must be a finite number above 0, got 0"),
        ({"r": 1, "margin": 0}, "margin must be a finite number above 0, got 0"),
        ({"r": 1, "margin": 1.5}, "margin must be below 1"),
        ({"r": 1, "calibrated": "yes"}, "calibrated must be True or False, got 'yes'"),
        ({"r": 1, "form": "exact"}, "form must be one of 'linearized', 'difference', 'plain', got 'exact'"),
        ({"r": 1, "accumulate": "global"}, "accumulate must be one of 'local', 'through_time', got 'global'"),
        ({"r": 1, "s": 1.0, "form": "plain"}, 's = 1.0 regularizes the linearized inverse.*form="plain"'),
    ],
)
def test_bad_values_are_named(options, message):
    with pytest.raises(ValueError, match=message):
        TargetProp(**options)


def test_something_else_is_no_rule():
    with pytest.raises(
        TypeError, match=r"rule must be tpcore.BackProp\(\), tpcore.TargetProp\(r=...\) or .*, got 'bp'"
    ):
        check_rule("bp")
