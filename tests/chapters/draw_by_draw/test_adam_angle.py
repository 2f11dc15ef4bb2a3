"""Directions entry by entry: what is drawn is what Adam's first step keeps, and the proposition of chapter 11."""

import math

import numpy as np
import pytest
import torch

from tpcore.chapters.draw_by_draw.adam_angle import SHOWN, angle_of_signs, entries, entries_figure
from tpcore.chapters.one_slider.gains import TASK, network
from tpcore.rules import BackProp, TargetProp


def adam_s_first_step(rule):
    """From torch's own Adam, in a plain training step."""
    model = network(rule)
    before = [parameter.detach().clone() for parameter in model.recurrent.parameters()]
    inputs, answers = TASK.batch(20, torch.Generator().manual_seed(0))
    adam = torch.optim.Adam(model.recurrent.parameters(), lr=1e-3)
    TASK.loss(model(inputs), answers).backward()
    adam.step()
    return torch.cat(
        [(new.detach() - old).flatten() for new, old in zip(model.recurrent.parameters(), before, strict=True)]
    )


@pytest.mark.parametrize("r", [1.0, 10.0])
def test_the_signs_are_what_adam_s_first_step_takes(r):
    one, other = (adam_s_first_step(rule) for rule in (BackProp(), TargetProp(r, s=r, calibrated=True)))
    found = entries(r)
    cosine = float(torch.nn.functional.cosine_similarity(one.double(), other.double(), dim=0))
    assert found["angle_of_signs"] == pytest.approx(math.degrees(math.acos(cosine)), abs=0.5)
    assert found["flipped"] == pytest.approx(float((one.sign() != other.sign()).double().mean()), abs=0.002)


@pytest.mark.parametrize("theta", [0.5, 5.0, 30.0, 90.0, 150.0])
def test_the_signs_of_normal_entries(theta):
    """Entries drawn as in the proof, but enough of them: a million."""
    generator = np.random.default_rng(0)
    g, z = generator.standard_normal((2, 1_000_000))
    c = g * math.cos(math.radians(theta)) + z * math.sin(math.radians(theta))
    assert np.mean(np.sign(g) != np.sign(c)) == pytest.approx(theta / 180, rel=0.05)
    angle = math.degrees(math.acos(np.mean(np.sign(g) * np.sign(c))))
    assert angle_of_signs(theta) == pytest.approx(angle, rel=0.03)


def test_the_directions_of_a_network_follow_it_nearly():
    """Their entries are not normal; over three decades of r the proposition is off by less than a tenth."""
    for r in (1.0, 10.0, 100.0, 1000.0):
        found = entries(r)
        assert found["angle_of_signs"] == pytest.approx(angle_of_signs(found["angle"]), rel=0.1)


def test_red_dots_are_those_that_differ_in_sign():
    found = entries(1.0)
    same, other = entries_figure(found).data
    assert len(same.x) + len(other.x) == len(found["gradient"]) == SHOWN == 500
    assert (np.sign(same.x) == np.sign(same.y)).all() and (np.sign(other.x) != np.sign(other.y)).all()
    assert f"{found['flipped']:.1%}" in other.name and len(other.x) / 500 == pytest.approx(found["flipped"], abs=0.06)
