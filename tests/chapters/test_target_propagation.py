"""The chapter's figures against closed forms and the definitions of tests/definition.py."""

import math

import numpy as np
import pytest
import torch

from tests.definition import Network, displacements
from tpcore.chapters import target_propagation as chapter
from tpcore.rules import BackProp, TargetProp


def plane_definition():
    rnn, inputs, h_0, goal = chapter.plane_network()
    weights = (rnn.weight_hh_l0.detach(), rnn.weight_ih_l0.detach(), torch.zeros(2, dtype=torch.float64))
    return Network("tanh", *weights, inputs, h_0), goal


@pytest.mark.parametrize("form", chapter.FORMS)
def test_the_plane_shows_the_definition(form):
    net, goal = plane_definition()
    states = torch.stack(net.states())[:, 0]
    losses = [torch.zeros_like(goal)] * (len(net.x) - 1) + [states[-1:] - goal]
    delta = torch.stack(displacements(net, losses, r=0.2, form=form, step=0.3))[:, 0]
    found = chapter.plane_targets(form, r=0.2, gamma_h=0.3)
    np.testing.assert_allclose(found["states"], states, rtol=1e-12)
    np.testing.assert_allclose(found["targets"], states + delta, rtol=1e-9)


def test_only_the_plain_form_asks_for_change_where_none_is_needed():
    for form in chapter.FORMS:
        found = chapter.plane_targets(form, r=0.1, gamma_h=1e-9)
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
