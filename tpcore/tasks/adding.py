"""Adding: half the sum of two marked numbers, long after they went by."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from tpcore.checks import check_integer
from tpcore.tasks.base import Generated

TOLERANCE = 0.04


@dataclass(frozen=True)
class Adding(Generated):
    """The adding task of length τ.

    Two channels: numbers uniform in [0, 1), and marks, 1 at two positions and 0 elsewhere. The first mark stands at a
    position in [0, 0.1τ), the second at one in [0.1τ, 0.5τ). The answer is half the sum of the two marked numbers.

    Parameters
    ----------
    length : int, at least 10
        τ.

    Raises
    ------
    ValueError
        If length is no integer of at least 10.

    Examples
    --------
    >>> import torch
    >>> from tpcore.tasks import Adding
    >>> inputs, answers = Adding(30).batch(20, torch.Generator().manual_seed(0))
    >>> inputs.shape, answers.shape
    (torch.Size([20, 30, 2]), torch.Size([20, 1]))

    References
    ----------
    Hochreiter & Schmidhuber 1997; the settings are those of Roulet & Harchaoui, TMLR 2023.
    """

    length: int = 30

    input_size: ClassVar[int] = 2
    output_size: ClassVar[int] = 1

    def __post_init__(self) -> None:
        check_integer("length", self.length, 10, "a mark needs a tenth of it")

    def mark_ranges(self) -> tuple[range, range]:
        """The positions at which the first and the second mark may stand."""
        tenth, half = -(-self.length // 10), -(-self.length // 2)
        return range(tenth), range(tenth, half)

    def batch(self, size: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Draw `size` sequences: inputs (size, τ, 2) and answers (size, 1), float32."""
        numbers = torch.rand(size, self.length, generator=generator)
        marks = torch.zeros(size, self.length)
        for positions in self.mark_ranges():
            marks.scatter_(1, torch.randint(positions.start, positions.stop, (size, 1), generator=generator), 1.0)
        return torch.stack((numbers, marks), 2), (numbers * marks).sum(1, keepdim=True) / 2

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """The squared error, averaged over the batch."""
        return torch.nn.functional.mse_loss(outputs, targets)

    def accuracy(self, outputs: Tensor, targets: Tensor) -> float:
        """The share of sequences answered within 0.04, in [0, 1]."""
        return float(((outputs - targets).abs() < TOLERANCE).double().mean())
