"""The generator against the definition of the task."""

import pytest
import torch

from tpcore.tasks import Adding


@pytest.mark.parametrize("length", [10, 17, 30, 100])
def test_sequences_are_as_defined(length):
    inputs, targets = Adding(length).batch(4000, torch.Generator().manual_seed(0))
    assert inputs.shape == (4000, length, 2) and targets.shape == (4000, 1)
    assert inputs.dtype == targets.dtype == torch.float32
    numbers, marks = inputs.unbind(2)
    assert set(marks.unique().tolist()) == {0.0, 1.0} and (marks.sum(1) == 2).all()
    positions = marks.nonzero()[:, 1].view(-1, 2)
    for column, (low, high) in enumerate(((0, 0.1), (0.1, 0.5))):
        allowed = [t for t in range(length) if round(low * length, 9) <= t < round(high * length, 9)]
        counts = torch.bincount(positions[:, column], minlength=length)
        assert counts[allowed].sum() == 4000
        mean = 4000 / len(allowed)  # uniform: each count within five standard deviations of its mean
        assert ((counts[allowed] - mean).abs() <= 5 * mean**0.5 + 1e-9).all()
    for row in range(50):
        first, second = (float(numbers[row, t]) for t in positions[row])
        assert float(targets[row]) == pytest.approx((first + second) / 2, rel=1e-6)
    # uniform in [0, 1): the first two moments, within five standard errors
    assert numbers.min() >= 0 and numbers.max() < 1
    size = numbers.numel()
    assert abs(float(numbers.double().mean()) - 1 / 2) < 5 * (1 / 12 / size) ** 0.5
    assert abs(float(numbers.double().square().mean()) - 1 / 3) < 5 * (4 / 45 / size) ** 0.5


def test_held_out_sequences_come_from_their_own_generator():
    one, two = (Adding(10).held_out(5, torch.Generator().manual_seed(seed))[0] for seed in (0, 1))
    assert not torch.equal(one, two)


def test_loss_and_accuracy():
    task = Adding(10)
    outputs, targets = torch.tensor([[0.5], [0.2], [0.9]]), torch.tensor([[0.53], [0.25], [0.87]])
    assert task.accuracy(outputs, targets) == pytest.approx(2 / 3)
    assert float(task.loss(outputs, targets)) == pytest.approx((0.03**2 + 0.05**2 + 0.03**2) / 3, rel=1e-5)


@pytest.mark.parametrize("length", [9, True, 12.0])
def test_a_length_that_cannot_be_is_named(length):
    with pytest.raises(ValueError, match="length must be an integer of at least 10"):
        Adding(length)
