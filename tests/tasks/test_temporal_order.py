"""The generator against the definition of the task."""

import pytest
import torch

from tpcore.tasks import TemporalOrder


def drawn(length, size=4000, seed=0, bits=1):
    inputs, targets = TemporalOrder(length, bits).batch(size, torch.Generator().manual_seed(seed))
    return inputs, targets, inputs.argmax(2)


RANGES = {1: ((0.1, 0.2), (0.5, 0.6)), 3: ((0.1, 0.2), (0.3, 0.4), (0.6, 0.7))}


@pytest.mark.parametrize("bits", [1, 3])
@pytest.mark.parametrize("length", [10, 17, 60, 120])
def test_sequences_are_as_defined(length, bits):
    inputs, targets, symbols = drawn(length, bits=bits)
    count = len(RANGES[bits])
    assert inputs.shape == (4000, length, 6) and inputs.dtype == torch.float32 and targets.dtype == torch.int64
    assert set(inputs.unique().tolist()) == {0.0, 1.0} and (inputs.sum(2) == 1).all()
    is_marker = symbols < 2
    assert (is_marker.sum(1) == count).all()
    positions = is_marker.nonzero()[:, 1].view(-1, count)
    for column, (low, high) in enumerate(RANGES[bits]):
        allowed = [t for t in range(length) if round(low * length, 9) <= t < round(high * length, 9)]
        counts = torch.bincount(positions[:, column], minlength=length)
        assert counts[allowed].sum() == 4000
        # uniform: each count within five standard deviations of its mean
        mean = 4000 / len(allowed)
        assert ((counts[allowed] - mean).abs() <= 5 * mean**0.5 + 1e-9).all()
    values = symbols.gather(1, positions)
    assert targets.tolist() == [int("".join(map(str, row)), 2) for row in values.tolist()]
    classes = TemporalOrder(length, bits).output_size
    assert classes == 2**count
    mean = 4000 / classes
    assert ((torch.bincount(targets, minlength=classes) - mean).abs() < 5 * mean**0.5).all()
    distractors = torch.bincount(symbols[~is_marker], minlength=6)[2:]
    mean = distractors.sum() / 4
    assert ((distractors - mean).abs() < 5 * mean**0.5).all()


def test_a_late_second_marker():
    inputs, targets = TemporalOrder(40, late=True).batch(200, torch.Generator().manual_seed(0))
    found = (inputs[..., :2].sum(2) > 0).nonzero()[:, 1].reshape(200, 2)
    assert set(found[:, 0].tolist()) == set(range(4, 8)) and set(found[:, 1].tolist()) == set(range(36, 40))
    marks = inputs.argmax(2).gather(1, found)
    assert torch.equal(targets, 2 * marks[:, 0] + marks[:, 1])
    with pytest.raises(ValueError, match="late must be False with three markers"):
        TemporalOrder(40, bits=3, late=True)


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


@pytest.mark.parametrize("bits", [0, 2, "1"])
def test_bits_that_cannot_be_are_named(bits):
    with pytest.raises(ValueError, match="bits must be 1"):
        TemporalOrder(60, bits)
