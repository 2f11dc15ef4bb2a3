"""The definition of an explorer: what it accepts, what it refuses and what its errors say."""

import pytest

from tests.explorers.examples import curve, curve_figure, example, point_figure
from tpcore.explorers import Choice, Explorer, LogSlider, Slider, Stops


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: LogSlider("r", "r", 1e-3, 1e2, points=26, value=2.0), "nearest is 1.58489"),
        (lambda: Slider("k", "k", 0, 10, points=11, value=10.5), "nearest is 10"),
        (lambda: Slider("k", "k", 3, 3), "must be below"),
        (lambda: Slider("k", "k", 0, float("inf")), "finite"),
        (lambda: Slider("k", "k", 0, 1, points=1), "at least 2"),
        (lambda: LogSlider("r", "r", 0, 1), "above 0"),
        (lambda: Stops("r", "r", ()), "must be one or more, and rise"),
        (lambda: Stops("r", "r", (1.0, 3.0, 3.0)), "must be one or more, and rise"),
        (lambda: Stops("r", "r", (1.0, 3.0), value=2.0), "value = 2.0 is not among its values"),
        (lambda: Choice("c", "c", {}), "one or more"),
        (lambda: Choice("c", "c", {"a": "A", "b": "B"}, value="x"), "not among its options"),
    ],
)
def test_unfit_controls_are_refused(make, says):
    with pytest.raises(ValueError, match=says):
        make()


RULE = Choice("rule", "Rule", {"local": "L", "bp": "B"})
R, K = LogSlider("r", "r", 0.1, 10, points=3), Slider("k", "k", 0, 2, points=3)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"title": " "}, "title is empty"),
        ({"description": ""}, "description is empty"),
        ({"controls": [R, K, RULE, R]}, "two controls are named 'r'"),
        ({"controls": [R, RULE]}, r"no control for the arguments \['k'\]"),
        ({"controls": [R, K, RULE, Slider("w", "w", 0, 1)]}, r"no argument for the controls \['w'\]"),
        (
            {"controls": [Slider("k", "k", 0, 2, points=3, active_when={"rule": ("local",)}), R, RULE]},
            "not a Choice defined before it",
        ),
        ({"controls": [RULE, R, Slider("k", "k", 0, 2, points=3, active_when={"rule": ("x",)})]}, "its options are"),
    ],
)
def test_unfit_explorers_are_refused(changes, says):
    fit = {"title": "T", "description": "D", "controls": [R, RULE, K], "compute": curve, "draw": curve_figure}
    Explorer(**fit)
    with pytest.raises(ValueError, match=says):
        Explorer(**{**fit, **changes})


def test_evaluate_takes_starting_values_for_what_is_left_out_or_without_effect():
    explorer = example()
    assert explorer.values({"r": 10.0}) == {"r": 10.0, "rule": "local", "k": 1}
    assert explorer.values({"rule": "bp", "k": 2}) == {"r": 1.0, "rule": "bp", "k": 1}
    assert explorer.evaluate(r=10.0).data[1].name == "r = 10"
    with pytest.raises(ValueError, match="no control 'x'"):
        explorer.evaluate(x=1)
    with pytest.raises(ValueError, match="no option 'y'"):
        explorer.evaluate(rule="y")


def test_positions_hold_round_values_and_ints():
    assert LogSlider("r", "r", 1e-3, 1e2, points=6, value=1.0).positions == (0.001, 0.01, 0.1, 1.0, 10.0, 100.0)
    assert [type(v) for v in Slider("k", "k", 0, 4, points=3).positions] == [int, int, int]
    assert Slider("k", "k", 0, 1, points=3).positions == (0.0, 0.5, 1.0)
    assert LogSlider("r", "r", 1e-6, 1, points=7).text(1e-6) == "1×10⁻⁶"
    assert Slider("t", "t", 0, 4, points=3, unit="s").text(2) == "2 s"


def test_a_figure_without_controls():
    explorer = Explorer(title="T", description="D", compute=lambda: {"r": 1}, draw=point_figure)
    assert explorer.defaults == {}
    assert explorer.evaluate().data[0].y[0] == 1
