"""The generator against the definition of the task."""

import pytest
import torch

from tpcore.tasks import TemporalOrder


def drawn(length, size=4000, seed=0):
    inputs, targets = TemporalOrder(length).batch(size, torch.Generator().manual_seed(seed))
    return inputs, targets, inputs.argmax(2)


@pytest.mark.parametrize("length", [10, 17, 60, 120])
def test_sequences_are_as_defined(length):
    inputs, targets, symbols = drawn(length)
    assert inputs.shape == (4000, length, 6) and inputs.dtype == torch.float32 and targets.dtype == torch.int64
    assert set(inputs.unique().tolist()) == {0.0, 1.0} and (inputs.sum(2) == 1).all()
    is_marker = symbols < 2
    assert (is_marker.sum(1) == 2).all()
    positions = is_marker.nonzero()[:, 1].view(-1, 2)
    for column, (low, high) in enumerate(((0.1, 0.2), (0.5, 0.6))):
        allowed = [t for t in range(length) if round(low * length, 9) <= t < round(high * length, 9)]
        counts = torch.bincount(positions[:, column], minlength=length)
        assert counts[allowed].sum() == 4000
        # uniform: each count within five standard deviations of its mean
        mean = 4000 / len(allowed)
        assert ((counts[allowed] - mean).abs() <= 5 * mean**0.5 + 1e-9).all()
    values = symbols.gather(1, positions)
    assert torch.equal(targets, 2 * values[:, 0] + values[:, 1])
    assert ((torch.bincount(targets, minlength=4) - 1000).abs() < 5 * 750**0.5).all()
    distractors = torch.bincount(symbols[~is_marker], minlength=6)[2:]
    mean = distractors.sum() / 4
    assert ((distractors - mean).abs() < 5 * mean**0.5).all()


def test_the_seed_decides():
    assert torch.equal(drawn(20, 50, seed=1)[0], drawn(20, 50, seed=1)[0])
    assert not torch.equal(drawn(20, 50, seed=1)[0], drawn(20, 50, seed=2)[0])


def test_loss_and_accuracy():
    task = TemporalOrder(10)
    outputs, targets = torch.tensor([[9.0, 0, 0, 0], [0, 9.0, 0, 0]]), torch.tensor([0, 3])
    assert task.accuracy(outputs, targets) == 0.5
    expected = -torch.log_softmax(outputs, 1)[[0, 1], targets].mean()
    torch.testing.assert_close(task.loss(outputs, targets), expected)


@pytest.mark.parametrize("length", [9, 0, -1, 12.0, True, "60"])
def test_a_length_that_cannot_be_is_named(length):
    with pytest.raises(ValueError, match="length must be an integer of at least 10"):
        TemporalOrder(length)
