"""Temporal order: tell in which order two markers appeared, long after they did."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

MARKERS = 2
SYMBOLS = 6


@dataclass(frozen=True)
class TemporalOrder:
    """The temporal-order task of length τ.

    A sequence of symbols, one-hot in 6. The first marker stands at a position in [0.1τ, 0.2τ), the second at one in
    [0.5τ, 0.6τ); each is symbol 0 or 1 with equal chance. Every other position holds one of the symbols 2 to 5. The
    class, one of 4, is the pair: 2·first + second.

    Parameters
    ----------
    length : int, at least 10
        τ.

    Raises
    ------
    ValueError
        If the length is not such an integer.

    Examples
    --------
    >>> import torch
    >>> from tpcore.tasks import TemporalOrder
    >>> inputs, targets = TemporalOrder(length=20).batch(5, torch.Generator().manual_seed(0))
    >>> inputs.shape, targets.shape
    (torch.Size([5, 20, 6]), torch.Size([5]))

    References
    ----------
    Hochreiter & Schmidhuber 1997; the settings are those of Roulet & Harchaoui, TMLR 2023.
    """

    length: int = 60

    input_size: ClassVar[int] = SYMBOLS
    output_size: ClassVar[int] = MARKERS**2

    def __post_init__(self) -> None:
        if isinstance(self.length, bool) or not isinstance(self.length, int) or self.length < 10:
            raise ValueError(
                f"length must be an integer of at least 10 (a marker needs a tenth of it), got {self.length!r}"
            )

    def marker_ranges(self) -> tuple[range, range]:
        """The positions at which the first and the second marker may stand."""
        return tuple(range(-(-low * self.length // 10), -(-(low + 1) * self.length // 10)) for low in (1, 5))  # type: ignore[return-value]

    def batch(self, size: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Draw `size` sequences: inputs (size, τ, 6), float32, and classes (size,), int64."""
        symbols = torch.randint(MARKERS, SYMBOLS, (size, self.length), generator=generator)
        markers = torch.randint(MARKERS, (size, 2), generator=generator)
        for column, positions in enumerate(self.marker_ranges()):
            where = torch.randint(positions.start, positions.stop, (size, 1), generator=generator)
            symbols.scatter_(1, where, markers[:, column : column + 1])
        inputs = torch.nn.functional.one_hot(symbols, SYMBOLS).float()
        return inputs, MARKERS * markers[:, 0] + markers[:, 1]

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """The cross-entropy of logits (B, 4), averaged over the batch."""
        return torch.nn.functional.cross_entropy(outputs, targets)

    def accuracy(self, outputs: Tensor, targets: Tensor) -> float:
        """The share of sequences whose class has the largest logit, in [0, 1]."""
        return float((outputs.argmax(1) == targets).float().mean())
