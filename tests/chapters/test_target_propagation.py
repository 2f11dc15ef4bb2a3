"""The chapter's figures against closed forms and the definitions of tests/definition.py."""

import itertools
import math

import numpy as np
import pytest
import torch

from tests.definition import Network, displacements
from tpcore.chapters.target_propagation import plane
from tpcore.chapters.target_propagation import through_time as chapter
from tpcore.rules import BackProp, TargetProp


def plane_definition():
    rnn, inputs, h_0, goal = plane.plane_network()
    weights = (rnn.weight_hh_l0.detach(), rnn.weight_ih_l0.detach(), torch.zeros(2, dtype=torch.float64))
    return Network("tanh", *weights, inputs, h_0), goal


@pytest.mark.parametrize("form", plane.FORMS)
def test_the_plane_shows_the_definition(form):
    net, goal = plane_definition()
    states = torch.stack(net.states())[:, 0]
    losses = [torch.zeros_like(goal)] * (len(net.x) - 1) + [states[-1:] - goal]
    delta = torch.stack(displacements(net, losses, r=0.2, form=form, step=0.3))[:, 0]
    found = plane.plane_targets(form, r=0.2, gamma_h=0.3)
    np.testing.assert_allclose(found["states"], states, rtol=1e-12)
    np.testing.assert_allclose(found["targets"], states + delta, rtol=1e-9)


def test_only_the_plain_form_asks_for_change_where_none_is_needed():
    for form in plane.FORMS:
        found = plane.plane_targets(form, r=0.1, gamma_h=1e-9)
        still = np.abs(found["targets"] - found["states"]).max() < 1e-6
        assert still == (form != "plain")


def test_small_and_large_r_bend_the_first_figure_as_its_sentence_says():
    grows, fades = (chapter.paper_norms(r)["delta"] for r in (1e-2, 1e2))
    assert grows[-1] > 10 and fades[-1] < 1e-20
    level = [chapter.paper_norms(r)["delta"] for r in np.logspace(-2, 2, 41)]
    assert min(abs(math.log(curve[-1])) for curve in level) < 0.5


def test_the_linearization_error_is_of_second_order():
    found = chapter.linearization_error(r=1.0)
    inside = (chapter.STEPS > 1e-4) & (chapter.STEPS < 1e-2)
    slope = np.polyfit(np.log(chapter.STEPS[inside]), np.log(found["after_1"][inside]), 1)[0]
    assert slope == pytest.approx(2, abs=0.02)


def test_the_ends_and_the_middle_of_the_slider():
    far, middle = chapter.calibrated_norms(1e3), chapter.calibrated_norms(1.0)
    np.testing.assert_allclose(far["calibrated"], far["lambda"], rtol=0.05)
    assert far["angle"] < 0.1 < middle["angle"]
    assert (np.diff(middle["calibrated"]) <= 1e-12).all()  # never expands
    assert middle["calibrated"][-1] > 10 * middle["lambda"][-1]  # and forgets more slowly than back-propagation


def test_norms_are_relative_to_the_last_step():
    for rule in (BackProp(), TargetProp(1.0)):
        norms = chapter.relative_norms(rule)
        assert norms.shape == (chapter.LENGTH + 1,) and norms[0] == 1


def test_walking_back_shows_the_last_targets_first():
    whole = plane.plane_targets("linearized", 0.2, 0.1)["targets"]
    for back in range(plane.STEPS + 1):
        found = plane.plane_targets("linearized", 0.2, 0.1, back)
        np.testing.assert_array_equal(found["targets"], whole[plane.STEPS - back :])
        (line,) = [trace for trace in plane.plane_figure(found).data if trace.name == "targets v<sub>t</sub>"]
        assert list(line.text) == [str(t) for t in range(plane.STEPS - back, plane.STEPS + 1)]


def test_labels_touch_neither_points_nor_each_other():
    for form, gamma_h in itertools.product(plane.FORMS, (1e-3, 0.1)):
        found = plane.plane_targets(form, 0.1, gamma_h)
        points = np.concatenate([found["states"], found["targets"]])
        places = plane.label_places(points)
        np.testing.assert_allclose(np.linalg.norm(places - points, axis=1), plane.BESIDE)
        apart = np.linalg.norm(places[:, None] - places, axis=2) + np.eye(len(places))
        assert apart.min() > plane.BESIDE / 2
        assert np.linalg.norm(places[:, None] - points, axis=2).min() > plane.BESIDE / 2


def test_step_adjoints_are_derivatives_of_the_squared_distances():
    """−μ_t by autograd: minus the gradient of Σ_k ½‖h_k − v_k‖² in h_t, through the recurrence."""
    net, goal = plane_definition()
    found = plane.step_adjoints(r=0.3, gamma_h=0.2)
    states = [state.detach() for state in net.states()]
    targets = [torch.as_tensor(state + delta) for state, delta in zip(found["states"], found["delta"], strict=True)]
    for t in range(1, len(states)):
        h = states[t].clone().requires_grad_()
        now, distance = h, 0.5 * (h - targets[t - 1]).square().sum()
        for k in range(t + 1, len(states)):
            now = torch.tanh(now @ net.W.T + net.x[k - 1] @ net.U.T)
            distance = distance + 0.5 * (now - targets[k - 1]).square().sum()
        distance.backward()
        np.testing.assert_allclose(found["minus_mu"][t - 1], -h.grad[0], rtol=1e-9)
    h = states[1].clone().requires_grad_()
    now = h
    for k in range(2, len(states)):
        now = torch.tanh(now @ net.W.T + net.x[k - 1] @ net.U.T)
    (0.5 * (now - goal).square().sum()).backward()
    np.testing.assert_allclose(found["minus_lambda"][0], -0.2 * h.grad[0], rtol=1e-9)
