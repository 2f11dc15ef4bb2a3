"""Rules that move while a network trains, as values that a record can hold."""

from __future__ import annotations

from dataclasses import dataclass

from tpcore.nn.recurrent import Recurrent
from tpcore.rules import GeometricTargetProp, RescaledBackProp, TargetProp
from tpcore.schedules import ByLoss, Ramp

End = GeometricTargetProp | RescaledBackProp | TargetProp


@dataclass(frozen=True)
class MovedByLoss:
    """A rule that `tpcore.schedules.ByLoss` moves from a start to an end.

    Parameters
    ----------
    start, end : GeometricTargetProp, RescaledBackProp or TargetProp
    loss_0, c_2, hold
        As in `tpcore.schedules.ByLoss`, whose c₁ and rate keep their defaults.

    Examples
    --------
    >>> import math, tpcore
    >>> from tpcore.experiments import MovedByLoss
    >>> rule = MovedByLoss(tpcore.GeometricTargetProp(0.0), tpcore.GeometricTargetProp(1.0), loss_0=math.log(4))
    >>> rule.schedule(tpcore.nn.RNN(6, 32)).position
    0.0
    """

    start: End
    end: End
    loss_0: float
    c_2: float = 0.9
    hold: float = 500.0

    def schedule(self, recurrent: Recurrent) -> ByLoss:
        """The schedule of a module; it gives the module its rule."""
        return ByLoss(recurrent, self.start, self.end, loss_0=self.loss_0, c_2=self.c_2, hold=self.hold)


@dataclass(frozen=True)
class MovedBySteps:
    """A rule that `tpcore.schedules.Ramp` moves from a start to an end.

    Parameters
    ----------
    start, end : GeometricTargetProp, RescaledBackProp or TargetProp
    ramp : float
        The steps that it takes, to be rounded.

    Examples
    --------
    >>> import tpcore
    >>> from tpcore.experiments import MovedBySteps
    >>> rule = MovedBySteps(tpcore.GeometricTargetProp(0.0), tpcore.GeometricTargetProp(1.0), ramp=5_000)
    >>> rule.schedule(tpcore.nn.RNN(6, 32)).position
    0.0
    """

    start: End
    end: End
    ramp: float

    def schedule(self, recurrent: Recurrent) -> Ramp:
        """The schedule of a module; it gives the module its rule."""
        return Ramp(recurrent, self.start, self.end, round(self.ramp))


Moving = MovedByLoss | MovedBySteps
