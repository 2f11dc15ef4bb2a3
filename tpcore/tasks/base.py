"""What tasks share: scores of classes, and held-out batches of generated data."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor


class Generated:
    """A task without end, whose held-out batches are drawn as its training batches are, from another generator."""

    every_step: ClassVar[bool] = False

    def batch(self, size: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Draw `size` sequences."""
        raise NotImplementedError

    def held_out(self, size: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Draw `size` sequences to test on; `generator` must not be the one of the training batches."""
        return self.batch(size, generator)


class Classes:
    """Answers that are classes: one a sequence, logits (B, q), or one a step, logits (B, τ, q)."""

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """The cross-entropy of the logits, averaged over all answers."""
        return torch.nn.functional.cross_entropy(outputs.flatten(0, -2), targets.flatten())

    def accuracy(self, outputs: Tensor, targets: Tensor) -> float:
        """The share of answers whose class has the largest logit, in [0, 1]."""
        return float((outputs.argmax(-1) == targets).double().mean())
