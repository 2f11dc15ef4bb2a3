"""Temporal order: tell in which order two or three markers appeared, long after they did."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from tpcore.checks import check_flag, check_integer
from tpcore.tasks.base import Classes, Generated

VALUES = 2  # what a marker may be
SYMBOLS = 6
LATE = (1, 9)
TENTHS = {1: (1, 5), 3: (1, 3, 6)}  # the tenth of the sequence in which each marker stands


@dataclass(frozen=True)
class TemporalOrder(Classes, Generated):
    """The temporal-order task of length τ.

    A sequence of symbols, one-hot in 6. The first marker stands at a position in [0.1τ, 0.2τ), the second at one in
    [0.5τ, 0.6τ); each is symbol 0 or 1 with equal chance. Every other position holds one of the symbols 2 to 5. The
    class, one of 4, is the pair: 2·first + second.

    The harder "3-bit" form has three markers, at positions in [0.1τ, 0.2τ), [0.3τ, 0.4τ) and [0.6τ, 0.7τ), and 8
    classes: 4·first + 2·second + third.

    Parameters
    ----------
    length : int, at least 10
        τ.
    bits : {1, 3}
        1 is the task with two markers, 3 the one with three.
    late : bool
        With two markers, put the second one into [0.9τ, τ): half of the answer is then near, and half far.

    Raises
    ------
    ValueError
        If the length is not such an integer, bits is neither 1 nor 3, or three markers are to be late.

    Examples
    --------
    >>> import torch
    >>> from tpcore.tasks import TemporalOrder
    >>> inputs, targets = TemporalOrder(length=20).batch(5, torch.Generator().manual_seed(0))
    >>> inputs.shape, targets.shape
    (torch.Size([5, 20, 6]), torch.Size([5]))

    References
    ----------
    Hochreiter & Schmidhuber 1997, tasks 6a and 6b; the settings are those of Roulet & Harchaoui, TMLR 2023, and for
    three markers those of Martens & Sutskever 2011 and Pascanu et al. 2013.
    """

    length: int = 60
    bits: int = 1
    late: bool = False

    input_size: ClassVar[int] = SYMBOLS

    def __post_init__(self) -> None:
        check_integer("length", self.length, 10, "a marker needs a tenth of it")
        if not isinstance(self.bits, int) or self.bits not in TENTHS:
            raise ValueError(f"bits must be 1 (two markers) or 3 (three markers), got {self.bits!r}")
        if check_flag("late", self.late) and self.bits != 1:
            raise ValueError(f"late must be False with three markers, bits={self.bits}, got True")

    @property
    def output_size(self) -> int:
        """The number of classes."""
        return int(VALUES ** len(TENTHS[self.bits]))

    def marker_ranges(self) -> tuple[range, ...]:
        """The positions at which each marker may stand."""
        tenths = LATE if self.late else TENTHS[self.bits]
        return tuple(range(-(-tenth * self.length // 10), -(-(tenth + 1) * self.length // 10)) for tenth in tenths)

    def batch(self, size: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Draw `size` sequences: inputs (size, τ, 6), float32, and classes (size,), int64."""
        ranges = self.marker_ranges()
        symbols = torch.randint(VALUES, SYMBOLS, (size, self.length), generator=generator)
        markers = torch.randint(VALUES, (size, len(ranges)), generator=generator)
        classes = torch.zeros(size, dtype=torch.int64)
        for column, positions in enumerate(ranges):
            where = torch.randint(positions.start, positions.stop, (size, 1), generator=generator)
            symbols.scatter_(1, where, markers[:, column : column + 1])
            classes = VALUES * classes + markers[:, column]
        return torch.nn.functional.one_hot(symbols, SYMBOLS).float(), classes
