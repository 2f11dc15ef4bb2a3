"""The chapter's figures and propositions against calculus, dense inverses and autograd."""

import numpy as np
import pytest
import torch

import tpcore
from tpcore.chapters.one_slider import gains as chapter
from tpcore.training import train_classifier

every_r = pytest.mark.parametrize("r", [1e-3, 0.2, 1.0, 5.0, 1e3])


@every_r
def test_what_r_does_to_a_matrix_its_reciprocal_does_to_the_transposed_inverse(r):
    torch.manual_seed(0)
    W = torch.randn(6, 6, dtype=torch.float64)
    mirrored = tpcore.regularized_inverse(torch.linalg.inv(W).T, 1 / r, calibrated=True).matrix
    torch.testing.assert_close(tpcore.regularized_inverse(W, r, calibrated=True).matrix, mirrored)


def test_both_panels_show_their_own_curve():
    result = chapter.both_gains(0.3)
    above, below = chapter.gains_figure(result).data[2], chapter.gains_figure(result).data[5]
    np.testing.assert_allclose(above.y, 1.3 * np.array(above.x) / (np.array(above.x) ** 2 + 0.3))
    np.testing.assert_allclose(below.y, 1.3 * np.array(below.x) / (np.array(below.x) ** 2 + 0.3))
    assert (above.xaxis, below.xaxis) == (None, "x2") and max(below.x) == 1


@pytest.mark.parametrize("trained_by", chapter.TRAINED_BY)
def test_snapshots_are_those_of_the_training(trained_by):
    run = train_classifier(
        chapter.TASK, chapter.TRAINED_BY[trained_by], hidden_size=chapter.HIDDEN, seed=chapter.SEED,
        gamma_theta=chapter.GAMMA_THETA, gamma_h=chapter.GAMMA_H,
        steps=chapter.EVERY, log_every=chapter.EVERY, test_size=200, progress=False,
    )  # fmt: skip
    assert [accuracy for accuracy, _ in chapter.snapshots(trained_by)[:2]] == run.column("accuracy")
    assert len(chapter.snapshots(trained_by)) == 1 + chapter.STEPS // chapter.EVERY


def test_profiles_are_the_definition_s():
    step, r = 600, 0.4
    found = chapter.profiles("bp", step, r)
    _, model, inputs, targets = chapter.snapshot("bp", step)
    states = model.recurrent(inputs)[0].detach()
    last = states[:, -1].clone().requires_grad_()
    loss = torch.nn.functional.cross_entropy(model.output(last), targets)
    (gradient,) = torch.autograd.grad(loss, last)
    W, slopes = model.recurrent.weight_hh_l0.detach(), 1 - states**2
    ridge = torch.linalg.solve(W.T @ W + r * torch.eye(len(W), dtype=W.dtype), W.T)
    maps = {
        "lambda": lambda t, flow: (slopes[:, t] * flow) @ W,
        "calibrated": lambda t, flow: (1 + r) ** 2 * (slopes[:, t] / (slopes[:, t] ** 2 + r) * flow) @ ridge.T,
        "paper": lambda t, flow: (flow / slopes[:, t].clamp(min=1 - (1 - 1e-3) ** 2)) @ ridge.T,
    }
    for name, one_back in maps.items():
        flow, expected = gradient, [1.0]
        for t in reversed(range(states.shape[1])):
            flow = one_back(t, flow)
            expected.append(float(flow.norm() / gradient.norm()))
        np.testing.assert_allclose(found[name], expected, rtol=1e-6)


@pytest.mark.parametrize("trained_by", chapter.TRAINED_BY)
def test_the_middle_never_rises_and_the_far_end_is_the_adjoint(trained_by):
    for step in range(0, chapter.STEPS + 1, chapter.EVERY):
        middle, far = chapter.profiles(trained_by, step, 1.0), chapter.profiles(trained_by, step, 1e4)
        assert (np.diff(middle["calibrated"]) <= 1e-12).all()
        np.testing.assert_allclose(far["calibrated"], far["lambda"], rtol=0.05)
        assert far["angle"] < 0.1 < middle["angle"]


def test_the_figure_says_how_far_the_network_has_come():
    figure = chapter.profiles_explorer.evaluate(step=1000)
    accuracy = chapter.snapshots("bp")[-1][0]
    assert any(f"accuracy: {accuracy:.2f}" in note.text for note in figure.layout.annotations)
