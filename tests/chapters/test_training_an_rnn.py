import numpy as np
import torch

from tpcore.chapters import training_an_rnn as chapter
from tpcore.chapters import welcome
from tpcore.rules import BackProp, TargetProp
from tpcore.training import train_classifier


def test_a_position_is_the_runs_it_names(monkeypatch):
    asked = []

    def watched(rule, gamma_h, gamma_theta):
        asked.append((rule, gamma_h, gamma_theta))
        return {}

    monkeypatch.setattr(chapter, "trained_seeds", watched)
    chapter.trained("through_time", "calibrated", 2.0, 0.03, 0.5)
    chapter.trained("local", "paper", 2.0, 0.03, 0.5)
    chapter.trained("backprop", "paper", 2.0, 0.03, 0.5)
    through_time, reference, local, _, backprop, _ = asked
    assert through_time == (TargetProp(2.0, 2.0, True, accumulate="through_time", step=0.03), 0.03, 0.5)
    assert local == (TargetProp(2.0, step=0.03), 0.03, 0.5)
    assert reference == backprop == (BackProp(), 0.03, 0.5)


def test_accuracies_are_those_of_the_training_loop():
    rule = TargetProp(1.0, 1.0, True, step=0.1)
    found = chapter.trained_seeds(rule, 0.1, 0.3)
    assert found["accuracy"].shape == (len(chapter.SEEDS), len(chapter.LOGGED)) and found["diverged"] == [None] * 3
    run = train_classifier(
        chapter.TASK, rule, hidden_size=chapter.HIDDEN, gamma_theta=0.3, gamma_h=0.1, seed=1,
        steps=2 * chapter.LOG_EVERY, log_every=chapter.LOG_EVERY, test_size=chapter.TEST_SIZE, progress=False,
    )  # fmt: skip
    np.testing.assert_array_equal(found["accuracy"][1, :3], run.column("accuracy"))


def test_a_divergence_counts_as_chance_and_is_marked():
    result = chapter.trained("through_time", "paper", 0.1, 0.1, 1.0)
    accuracy, diverged = result["chosen"]["accuracy"], result["chosen"]["diverged"]
    assert any(step is not None for step in diverged)
    for row, step in zip(accuracy, diverged, strict=True):
        if step is not None:
            assert (row[step <= chapter.LOGGED] == 0.25).all() and row[0] != 0.25
    crosses = chapter.training_figure(result).data[-1]
    assert list(crosses.x) == [step for step in diverged if step is not None]
    assert f"{len(crosses.x)} of 3" in crosses.name


def test_the_trained_network_answers_right_at_the_end():
    right = 0
    for example in range(20):
        result = chapter.answers(example)
        np.testing.assert_allclose(result["probabilities"].sum(1), 1, rtol=1e-5)
        right += result["probabilities"][-1].argmax() == result["class"]
        first, second = (result["symbols"] < 2).nonzero()[0]
        assert result["class"] == 2 * result["symbols"][first] + result["symbols"][second]
    assert right >= 18
    figure = chapter.answers_figure(result)
    strip, *_ = figure.data
    np.testing.assert_array_equal(np.asarray(strip.z), result["probabilities"].T)
    (named,) = [i for i, text in enumerate(figure.layout.yaxis.ticktext[1:]) if "✓" in text]
    assert named == result["class"]


def test_the_welcome_figure_holds_step_sizes_equal():
    curves = welcome.three_rules(1.0)
    expected = chapter.trained_seeds(BackProp(), welcome.GAMMA_H, welcome.GAMMA_THETA)
    np.testing.assert_array_equal(curves["backprop"]["accuracy"], expected["accuracy"])
    assert set(curves) == {"paper", "calibrated", "backprop"}


def test_the_trained_network_is_not_changed_by_looking():
    before = [parameter.clone() for parameter in chapter.trained_network().parameters()]
    chapter.answers(3)
    assert all(torch.equal(a, b) for a, b in zip(before, chapter.trained_network().parameters(), strict=True))
