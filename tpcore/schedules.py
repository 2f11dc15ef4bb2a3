"""Schedules: a rule that moves from one place to another while a network trains, as a learning rate does.

A schedule of this module belongs to a module of `tpcore.nn` as one of `torch.optim.lr_scheduler` belongs to an
optimizer: ``schedule.step(loss)`` after each step of the optimizer, ``state_dict`` and ``load_state_dict`` with the
model's. It holds a position λ in [0, 1] and sets ``module.rule`` to the rule at that place between two ends.
"""

from __future__ import annotations

import math
from dataclasses import fields, replace
from typing import Any, Protocol

from torch import Tensor

from tpcore.checks import check_at_least, check_between, check_integer, check_positive
from tpcore.rules import Rule

__all__ = ["ByLoss", "Constant", "Ramp", "RuleSchedule", "between"]

GEOMETRIC, LINEAR = ("r", "s"), ("p",)


class RuleSchedule(Protocol):
    """What moves a rule while a network trains: the schedules of this module, and what looks like them.

    Examples
    --------
    >>> import tpcore
    >>> from tpcore.schedules import Ramp, RuleSchedule
    >>> ends = tpcore.GeometricTargetProp(0.0), tpcore.GeometricTargetProp(1.0)
    >>> schedule: RuleSchedule = Ramp(tpcore.nn.RNN(6, 32), *ends, steps=100)
    >>> schedule.position
    0.0
    """

    position: float

    def step(self, loss: float) -> None:
        """Move on, after a step of the optimizer on a batch with that loss."""

    def state_dict(self) -> dict[str, Any]:
        """All that going on takes."""

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from there."""


def between(start: Rule, end: Rule, position: float) -> Rule:
    """The rule at a place λ between two of the same kind: p = (1 − λ) p_start + λ p_end, r = r_start^{1−λ} r_end^λ.

    Parameters
    ----------
    start, end : Rule
        They may differ in p, as `GeometricTargetProp` and `RescaledBackProp` have it, or in r and s of a `TargetProp`.
    position : float in [0, 1]
        λ: at 0 and 1 the rules themselves.

    Returns
    -------
    Rule

    Raises
    ------
    ValueError
        If the position is out of its range, or the rules differ in something that has no place in between.

    Examples
    --------
    >>> import tpcore
    >>> from tpcore.schedules import between
    >>> between(tpcore.GeometricTargetProp(0.0), tpcore.GeometricTargetProp(1.0), 0.25).p
    0.25
    >>> calibrated = [tpcore.TargetProp(r, s=r, calibrated=True) for r in (1.0, 100.0)]
    >>> round(between(*calibrated, 0.5).r, 6)
    10.0
    """
    place = check_between("position", position, 0.0, 1.0)
    if type(start) is not type(end):
        raise ValueError(f"start and end must be rules of one kind, got {start!r} and {end!r}")
    moved: dict[str, float] = {}
    for name in (entry.name for entry in fields(start)):
        low, high = getattr(start, name), getattr(end, name)
        if low == high:
            continue
        if name in GEOMETRIC and min(low, high) > 0:
            moved[name] = math.exp((1 - place) * math.log(low) + place * math.log(high))
        elif name in LINEAR:
            moved[name] = (1 - place) * low + place * high
        else:
            raise ValueError(
                f"{name} = {low!r} at the start and {high!r} at the end has no place in between: "
                "a schedule moves p, or r and s that are above 0"
            )
    return end if place == 1 else start if place == 0 else replace(start, **moved)  # type: ignore[arg-type]


class _Schedule:
    """What the schedules share: two ends, a position between them, and the module whose rule follows it."""

    position: float
    STATE: tuple[str, ...] = ("position",)

    def __init__(self, module: Any, start: Rule, end: Rule) -> None:
        between(start, end, 0.5)  # so that it is refused here and not in the middle of a training
        self.module, self.start, self.end = module, start, end
        self._move(0.0)

    def step(self, loss: Any = None) -> None:
        """Move on by one training step, after that of the optimizer; the loss is that of the batch."""
        self._move(self._next(loss))

    def state_dict(self) -> dict[str, float]:
        """All that a schedule made with the same arguments takes to go on from here."""
        return {name: getattr(self, name) for name in self.STATE}

    def load_state_dict(self, state: dict[str, float]) -> None:
        """Go on from a state, and give the module the rule of its position."""
        vars(self).update(state)
        self._move(self.position)

    def _move(self, position: float) -> None:
        self.position = position
        self.module.rule = between(self.start, self.end, position)

    def _next(self, loss: Any) -> float:
        raise NotImplementedError


class Constant(_Schedule):
    """A rule that stays at a place between two.

    Parameters
    ----------
    module : RNN, GRU or Dense
    start, end : Rule
        As in `between`.
    position : float in [0, 1]

    Raises
    ------
    ValueError
        As `between` does.

    Examples
    --------
    >>> import tpcore
    >>> from tpcore.schedules import Constant
    >>> rnn = tpcore.nn.RNN(6, 32)
    >>> schedule = Constant(rnn, tpcore.GeometricTargetProp(0.0), tpcore.GeometricTargetProp(1.0), position=0.5)
    >>> schedule.step()
    >>> rnn.rule.p
    0.5
    """

    def __init__(self, module: Any, start: Rule, end: Rule, position: float) -> None:
        super().__init__(module, start, end)
        self._move(check_between("position", position, 0.0, 1.0))

    def _next(self, loss: Any) -> float:
        return self.position


class Ramp(_Schedule):
    """A rule that moves evenly from the start to the end in so many steps, and then stays there.

    Parameters
    ----------
    module : RNN, GRU or Dense
    start, end : Rule
        As in `between`.
    steps : int, at least 1

    Raises
    ------
    ValueError
        As `between` does, and if steps is no such integer.

    Examples
    --------
    >>> import tpcore
    >>> from tpcore.schedules import Ramp
    >>> rnn = tpcore.nn.RNN(6, 32)
    >>> schedule = Ramp(rnn, tpcore.GeometricTargetProp(0.0), tpcore.GeometricTargetProp(1.0), steps=1000)
    >>> for _ in range(250):
    ...     schedule.step()
    >>> rnn.rule.p
    0.25
    """

    STATE = ("position", "taken")

    def __init__(self, module: Any, start: Rule, end: Rule, steps: int) -> None:
        self.steps, self.taken = check_integer("steps", steps), 0
        super().__init__(module, start, end)

    def _next(self, loss: Any) -> float:
        self.taken += 1
        return min(1.0, self.taken / self.steps)


class ByLoss(_Schedule):
    """Targets first, gradients after: a rule that moves to its end once the loss says that something was found.

    With ℓ̄ the running mean of the training loss and ℓ₀ the loss at chance, of an answer that knows nothing of its
    input,

    λ₀ = clip((c₁ − ℓ̄/ℓ₀)/(c₁ − c₂), 0, 1) and λ ← max(λ₀, λ (1 − 1/hold)).

    So λ is 0 while ℓ̄ is above c₁ ℓ₀, 1 when it has come down to c₂ ℓ₀, and it falls back slowly when the loss rises.

    Parameters
    ----------
    module : RNN, GRU or Dense
    start, end : Rule
        As in `between`: `GeometricTargetProp` from p = 0 to 1, or a calibrated `TargetProp` from r = s = 1 to 100,
        where its gains on σ ≤ 1 and on slopes are within 1 % of back-propagation's.
    loss_0 : float > 0
        ℓ₀. For k equally likely classes under cross-entropy it is log k, under a squared error the variance of the
        answers. The loss of a new network may be far above it, and would then call it found when it is not.
    c_1, c_2 : float
        c₁ > c₂ > 0.
    hold : float ≥ 1
        The steps after which λ has fallen to 1/e, if the loss is back at ℓ₀. 1: it does not hold.
    rate : float in (0, 1]
        Of the running mean, ℓ̄ ← (1 − rate) ℓ̄ + rate ℓ, which starts at ℓ₀.

    Raises
    ------
    ValueError
        As `between` does; if a value is out of its range; by ``step``, if the loss is not a finite number.

    Examples
    --------
    >>> import math, torch, tpcore
    >>> from tpcore.schedules import ByLoss
    >>> model = tpcore.nn.SequenceClassifier(6, 32, 4, rule=tpcore.BackProp())
    >>> ends = tpcore.GeometricTargetProp(0.0), tpcore.GeometricTargetProp(1.0)
    >>> schedule = ByLoss(model.recurrent, *ends, loss_0=math.log(4), rate=0.5)
    >>> inputs, labels = torch.randn(20, 300, 6), torch.randint(4, (20,))
    >>> optimizer = torch.optim.Adam(model.parameters(), lr=1e-4, eps=1e-30)
    >>> loss = torch.nn.functional.cross_entropy(model(inputs), labels)
    >>> loss.backward()
    >>> optimizer.step()
    >>> schedule.step(loss)  # in each step of the loop
    """

    STATE = ("position", "mean_loss")

    def __init__(
        self,
        module: Any,
        start: Rule,
        end: Rule,
        *,
        loss_0: float,
        c_1: float = 0.996,
        c_2: float = 0.9,
        hold: float = 500.0,
        rate: float = 0.02,
    ) -> None:
        self.loss_0, self.hold = check_positive("loss_0", loss_0), check_at_least("hold", hold, 1.0)
        self.c_1, self.c_2, self.rate = (
            check_positive("c_1", c_1),
            check_positive("c_2", c_2),
            check_positive("rate", rate),
        )
        if self.c_1 <= self.c_2:
            raise ValueError(f"c_1 must be above c_2, got c_1 = {self.c_1:g} and c_2 = {self.c_2:g}")
        check_between("rate", self.rate, 0.0, 1.0)
        self.mean_loss = self.loss_0
        super().__init__(module, start, end)

    def _next(self, loss: Any) -> float:
        value = math.nan if loss is None else float(loss.detach() if isinstance(loss, Tensor) else loss)
        if not math.isfinite(value):
            raise ValueError(f"loss must be the batch's training loss, a finite number, got {loss!r}")
        self.mean_loss += self.rate * (value - self.mean_loss)
        found = (self.c_1 - self.mean_loss / self.loss_0) / (self.c_1 - self.c_2)
        return max(min(max(found, 0.0), 1.0), self.position * (1 - 1 / self.hold))
