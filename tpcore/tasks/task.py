"""What the training loop needs of a task."""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor

Batch = tuple[Tensor, Tensor]


class Task(Protocol):
    """What the loop needs of a task; this package has some, and a class with these members is another.

    Examples
    --------
    >>> from tpcore.tasks import Task, TemporalOrder
    >>> task: Task = TemporalOrder(length=20)
    >>> task.input_size, task.output_size, task.every_step
    (6, 4, False)
    """

    @property
    def input_size(self) -> int:
        """p, the size of an input."""

    @property
    def output_size(self) -> int:
        """q, the size of the network's output."""

    @property
    def every_step(self) -> bool:
        """Whether the answer is one at each step, (B, τ, q), or one a sequence, (B, q)."""

    def batch(self, size: int, generator: torch.Generator) -> Batch:
        """Draw inputs (size, τ, p) and their targets from the training data."""

    def held_out(self, size: int, generator: torch.Generator) -> Batch:
        """What is tested on: at most `size` sequences where the data are finite."""

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """The loss of the network's outputs, averaged over the batch."""

    def accuracy(self, outputs: Tensor, targets: Tensor) -> float:
        """The share of the outputs that are right, in [0, 1]."""
