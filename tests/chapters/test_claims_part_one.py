"""What the sentences beside the explorers of the first chapters claim, at the start and over the range they name.

Each claim is a function of computed results. The sentence itself stands in the notebook, quoted above its test.
"""

import itertools
import json
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from tpcore.chapters import training_an_rnn as third
from tpcore.chapters import welcome
from tpcore.chapters.regularized_inversion import layer, matrix
from tpcore.chapters.target_propagation import drawing, plane, through_time
from tpcore.diagnostics import angle_to_gradient
from tpcore.nn import SequenceClassifier
from tpcore.rules import BackProp, TargetProp

ROOT = Path(__file__).parents[2]


def positions(explorer, name):
    (control,) = [control for control in explorer.controls if control.name == name]
    return control.positions


def start(explorer):
    return explorer.compute(**explorer.defaults)


# Regularized inversion


@pytest.mark.parametrize("r", positions(matrix.filter_explorer, "r")[::5])
def test_the_filter_turns_at_the_root_of_r_and_follows_both_lines_away_from_it(r):
    """ "Read from right to left, the blue curve follows the inverse, turns over at σ = √r and comes down." """
    curve, sigma = matrix.filter_on_spectrum(r, 100.0)["curve"], matrix.SIGMA
    top = sigma[curve.argmax()]
    assert top == pytest.approx(r**0.5, rel=0.05)
    rises = np.diff(curve) > 0
    assert rises[sigma[1:] < top].all() and not rises[sigma[:-1] > top].any()
    far = sigma > 5 * r**0.5
    np.testing.assert_allclose(curve[far], 1 / sigma[far], rtol=0.05)
    near = sigma < r**0.5 / 5
    np.testing.assert_allclose(curve[near], sigma[near] / r, rtol=0.05)


def test_at_the_start_the_filter_amplifies_far_less_than_the_inverse():
    """ "At the start the inverse amplifies one direction of W ten times; the filter none more than twice." """
    found = start(matrix.filter_explorer)
    assert 1 / found["sigma"].min() == pytest.approx(10) and found["gain"].max() < 2


def test_the_regularized_line_is_bounded_where_the_exact_one_is_not():
    """ "The blue curve goes through 0 and nowhere beyond the two diamonds." """
    for r in positions(matrix.line_explorer, "r"):
        found = matrix.line_inverses(r)
        assert found["regularized"][1].max() <= 0.5 / r**0.5 + 1e-12
        assert found["regularized"][1, 0] < found["exact"][1, 0] / 10
        assert 0.5 / r**0.5 <= 5 + 1e-9, "the diamonds are in the frame"


def test_an_inverse_leaves_the_disc_s_frame_and_the_regularized_one_stays():
    """ "At the start W⁻¹ stretches the circle out of the picture, M_r never beyond 1/(2√r)." """
    found = start(matrix.disc_explorer)
    assert np.abs(found["exact"]).max() > 2.5 > np.abs(found["regularized"]).max()


@pytest.mark.parametrize("kappa", positions(matrix.disc_explorer, "kappa"))
def test_with_an_error_regularizing_helps_where_w_is_badly_conditioned(kappa):
    """ "From κ = 5.6 on the right r misses by less than the inverse; at κ below 2 none helps by more than 2 %." """
    off = [matrix.disc_images("error", r, kappa) for r in positions(matrix.disc_explorer, "r")]
    gain = min(found["regularized_rms"] / found["exact_rms"] for found in off)
    assert gain < 0.9 if kappa > 5 else gain > 0.94
    if kappa < 2:
        assert gain > 0.98


def test_at_the_start_the_regularized_inverse_misses_by_less_than_half():
    """ "At the start M_r misses by less than half as much." """
    found = matrix.disc_images(**matrix.disc_explorer.defaults | {"view": "error"})
    assert found["regularized_rms"] < 0.5 * found["exact_rms"]


def test_the_tanh_unit_at_the_start():
    """ "Between the dotted lines the closed form bends as the exact inverse; the true minimizer stays flatter." """
    found = start(layer.unit_explorer)
    margin = layer.unit_explorer.defaults["margin"]
    inside = np.abs(layer.TARGETS) < 1 - margin
    r, w = layer.unit_explorer.defaults["r"], layer.unit_explorer.defaults["w"]
    np.testing.assert_allclose(found["closed"][inside], found["exact"][inside] * w**2 / (w**2 + r))
    assert np.ptp(found["minimizer"]) < 0.6 * np.ptp(found["closed"])
    assert np.ptp(found["closed"][layer.TARGETS > 1]) == 0


# Deriving target propagation


def test_the_level_place_and_both_sides_of_it():
    """ "At r = 0.1 the blue curve ends about where it began; at 0.01 it grows a hundredfold, from 1 on it is gone." """
    level = start(through_time.norms_explorer)["delta"]
    assert through_time.norms_explorer.defaults == {"r": 0.1}
    assert level.min() > 0.5 and level.max() < 2
    assert through_time.paper_norms(0.01)["delta"][-1] > 100
    for r in (1.0, 10.0, 100.0):
        assert through_time.paper_norms(r)["delta"][-1] < 1e-15


def test_only_plain_targets_stay_away_from_the_states():
    """ "Hardly anything is asked for, and yet the plain targets lie far from their states." """
    defaults = plane.plane_explorer.defaults
    for form, r in itertools.product(plane.FORMS, positions(plane.plane_explorer, "r")):
        found = plane.plane_targets(form, r, defaults["gamma_h"])
        away = np.linalg.norm(found["targets"] - found["states"], axis=1)
        assert (away[0] > 0.2) == (form == "plain")
        assert form == "plain" or away.max() < 0.01
    assert defaults["form"] == "plain"


def test_every_target_is_inside_the_frame():
    (left, right), (low, high) = plane.FRAME
    explorers = [(plane.plane_explorer, plane.FORMS), (welcome.targets_explorer, ["linearized"])]
    for explorer, forms in explorers:
        grid = itertools.product(forms, positions(explorer, "r"), positions(explorer, "gamma_h"))
        for form, r, gamma_h in grid:
            x, y = plane.plane_targets(form, r, gamma_h)["targets"].T
            assert left < x.min() and x.max() < right and low < y.min() and y.max() < high, (form, r, gamma_h)


@pytest.mark.parametrize("r", positions(through_time.linearization_explorer, "r"))
def test_the_price_of_linearizing_is_of_second_order_for_every_r(r):
    """ "From γ_h = 10⁻⁴ on both curves run parallel to the guide of slope two." """
    found, steps = through_time.linearization_error(r), through_time.STEPS
    beyond = steps >= 0.99e-4
    for key in ("after_1", "after_10"):
        slopes = np.diff(np.log(found[key][beyond])) / np.diff(np.log(steps[beyond]))
        assert (np.abs(slopes - 2) < 0.25).all()


def test_the_three_arrows():
    """ "From r = 10 on the purple arrow lies on the orange one, and the blue one is short but at the end." """
    for r in positions(plane.step_adjoints_explorer, "r"):
        found = plane.step_adjoints(r)
        np.testing.assert_allclose(found["minus_mu"][-1], found["delta"][-1])
        np.testing.assert_allclose(found["minus_lambda"][-1], found["delta"][-1])
        for key in ("delta", "minus_mu", "minus_lambda"):
            heads = found["states"] + found[key]
            assert (heads > [end[0] for end in plane.FRAME]).all() and (heads < [end[1] for end in plane.FRAME]).all()
        if r >= 9.9:
            longest = np.linalg.norm(found["minus_lambda"], axis=1).max()
            apart = np.linalg.norm(found["minus_mu"] - found["minus_lambda"], axis=1)
            assert apart.max() < 0.2 * longest
            assert np.linalg.norm(found["delta"][:-1], axis=1).max() < 0.2 * longest
    found = start(plane.step_adjoints_explorer)
    assert (np.linalg.norm(found["minus_mu"] - found["minus_lambda"], axis=1)[:-1] > 0.01).all()


def test_the_drawing_has_each_rule_s_own_two_boxes():
    """ "Only the two boxes of the lower row, and what passes them, change with the rule." """
    drawn = {rule: drawing.step_figure(drawing.step_of(rule)) for rule in drawing.RULES}
    texts = {rule: {note.text for note in fig.layout.annotations} for rule, fig in drawn.items()}
    common = set.intersection(*texts.values())
    assert all(len(own - common) == 4 for own in texts.values())
    assert {"⊘ a′", "M<sub>r</sub>", "δ<sub>t−1</sub>"} <= texts["paper"]
    assert {"⊙ a′", "W<sup>⊤</sup>", "λ<sub>t−1</sub>"} <= texts["bp"]


def test_the_calibrated_slider_from_end_to_end():
    """ "Exact inversion explodes, the middle keeps more than half, the right end is back-propagation." """
    middle = start(through_time.calibrated_explorer)
    left, right = (through_time.calibrated_norms(r) for r in (1e-3, 1e3))
    assert left["calibrated"][-1] > 300
    assert (np.diff(middle["calibrated"]) <= 1e-12).all() and middle["calibrated"][-1] > 0.5
    assert middle["lambda"][-1] < 0.05 and middle["paper"][-1] < 1e-15
    np.testing.assert_allclose(right["calibrated"], right["lambda"], rtol=0.05)
    assert left["angle"] > 90 > middle["angle"] > 0.1 > right["angle"]


# Training an RNN with targets


def last(method, calibration, r, gamma_h, gamma_theta):
    return third.trained(method, calibration, r, gamma_h, gamma_theta)["chosen"]["accuracy"][:, -1]


def test_calibrated_reaches_the_top_where_the_paper_s_rule_does_not():
    """ "All three networks reach the top. Under the paper's local rule none comes above 0.6, at any r." """
    defaults = third.training_explorer.defaults
    steps = {name: defaults[name] for name in ("gamma_h", "gamma_theta")}
    assert (defaults["method"], defaults["calibration"]) == ("local", "calibrated")
    assert last(**defaults).min() >= 0.99
    assert third.trained_seeds(BackProp(), **steps)["accuracy"][:, -1].min() >= 0.99
    for r in positions(third.training_explorer, "r"):
        assert last("local", "paper", r, **steps).max() < 0.6
        assert last("local", "calibrated", r, **steps).min() > (0.89 if r > 0.3 else 0)


def test_a_small_r_fails_and_through_time_a_large_one_learns():
    """ "At r = 0.1 no rule of targets leaves chance. Through time the paper's fails up to r = 1, learns from 3 on." """
    steps = {name: third.training_explorer.defaults[name] for name in ("gamma_h", "gamma_theta")}
    for method, calibration in itertools.product(third.TARGETS, third.CALIBRATIONS):
        assert last(method, calibration, 0.1, **steps).max() < 0.35
    for r in positions(third.training_explorer, "r"):
        reached = last("through_time", "paper", r, **steps)
        assert reached.min() >= 0.99 if r > 2 else reached.max() < 0.35


def test_through_time_turns_to_the_gradient_and_the_local_rule_does_not():
    """ "At r = 10 through time lies within a few degrees of the gradient, local more than 60° away." """
    inputs, labels = third.TASK.batch(20, torch.Generator().manual_seed(1))
    fresh = SequenceClassifier(6, 32, 4, rule=BackProp(), generator=torch.Generator().manual_seed(0))
    for model in (fresh, third.trained_network()):
        through_time, local = (
            angle_to_gradient(model, TargetProp(10.0, accumulate=accumulate), inputs, labels)
            for accumulate in ("through_time", "local")
        )
        assert through_time < 5 and local > 60


def test_the_answer_so_far_is_often_sure_and_wrong_and_right_at_the_end():
    """ "Before the end it is often sure and wrong; at the last symbol it is right." """
    wrong_before = []
    for example in range(third.EXAMPLES):
        found = third.answers(example)
        p, right = found["probabilities"], found["class"]
        assert p[-1].argmax() == right
        before = np.delete(p[:-1], right, axis=1).max()
        wrong_before.append(before > 0.8)
        if example == third.answers_explorer.defaults["example"]:
            assert before > 0.9 and p[-1, right] > 0.9
    assert all(wrong_before)


# Welcome


def test_welcome_starts_where_the_calibrated_rule_learns_and_the_paper_s_never_does():
    found = start(welcome.welcome_explorer)
    assert found["calibrated"]["accuracy"][:, -1].min() >= 0.99
    for r in positions(welcome.welcome_explorer, "r"):
        rule = TargetProp(r, step=welcome.GAMMA_H)
        ends = third.trained_seeds(rule, welcome.GAMMA_H, welcome.GAMMA_THETA)["accuracy"][:, -1]
        assert np.median(ends) < 0.6


def test_the_targets_of_the_welcome_page_ask_more_of_early_states_at_the_start():
    """ "At r = 0.1 it asks the early states for more than the last one moves, at r = 10 for next to nothing." """
    defaults = welcome.targets_explorer.defaults
    asked = {}
    for r in (defaults["r"], 10.0):
        found = welcome.linearized_targets(defaults["gamma_h"], r)
        asked[r] = np.linalg.norm(found["targets"] - found["states"], axis=1)
    assert defaults["r"] == 0.1 and (asked[0.1][:-1] >= asked[0.1][-1]).all()
    assert (asked[10.0][:3] < 0.01 * asked[10.0][-1]).all()


def test_the_main_path_is_about_an_hour_of_reading():
    """Parts one to four at 200 words a minute."""
    parts = yaml.safe_load((ROOT / "_toc.yml").read_text("utf-8"))["parts"][:4]
    words = 0
    for name in ["notebooks/00-welcome", *(chapter["file"] for part in parts for chapter in part["chapters"])]:
        cells = json.loads((ROOT / f"{name}.ipynb").read_text("utf-8"))["cells"]
        words += sum(len("".join(cell["source"]).split()) for cell in cells if cell["cell_type"] == "markdown")
    assert 40 < words / 200 < 90
