"""The controls of an explorer: what may vary, over which positions, and which value comes first."""

import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

from tpcore.explorers.labels import number_text, plain_text

Value: TypeAlias = float | int | str
Conditions: TypeAlias = Mapping[str, tuple[str, ...]]


@dataclass(frozen=True)
class Slider:
    """A slider over evenly spaced positions.

    Where `low`, `high` and every position are whole numbers given as int, its values are ints; otherwise they
    are floats. With a kernel a float slider also stops between the positions.

    Parameters
    ----------
    name : str
        The keyword argument of `compute` that it sets.
    label : str
        What the reader sees; may hold `<sub>`, `<sup>` and `<i>`.
    low, high : float
        The ends, finite, low < high.
    points : int ≥ 2
        The number of positions in the hosted page.
    value : float, optional
        The position at the start, one of the positions; None takes the middle one.
    unit : str
        Shown after the value.
    active_when : mapping of str to tuple of str, optional
        The control has an effect only where each named Choice, defined before this one, has one of these values;
        elsewhere it is disabled and `compute` gets its starting value.

    Raises
    ------
    ValueError
        If the ends, the points or the value make no slider.

    Examples
    --------
    >>> from tpcore.explorers import Slider
    >>> Slider("k", "Step k", 0, 10, points=6).positions
    (0, 2, 4, 6, 8, 10)
    """

    name: str
    label: str
    low: float
    high: float
    points: int = 11
    value: float | None = None
    unit: str = ""
    active_when: Conditions | None = None

    def __post_init__(self) -> None:
        _check_range(self)
        object.__setattr__(self, "value", _position_of(self))

    @property
    def whole(self) -> bool:
        """Whether its values are ints."""
        ends_are_int = isinstance(self.low, int) and isinstance(self.high, int)
        return ends_are_int and (self.high - self.low) % (self.points - 1) == 0

    @property
    def positions(self) -> tuple[float, ...]:
        """The values at which it stops in the hosted page."""
        if self.whole:
            step = int(self.high - self.low) // (self.points - 1)
            return tuple(int(self.low) + i * step for i in range(self.points))
        width = (self.high - self.low) / (self.points - 1)
        return tuple(_tidy(self.low + i * width) for i in range(self.points))

    def text(self, value: Value) -> str:
        """Return the value as a reader sees it, with its unit."""
        return number_text(float(value), self.unit)


@dataclass(frozen=True)
class LogSlider:
    """A slider whose positions are evenly spaced in the logarithm.

    Parameters
    ----------
    low, high : float > 0
        The ends, finite, low < high.
    name, label, points, value, unit, active_when
        As in `Slider`.

    Raises
    ------
    ValueError
        As for `Slider`, and if low is not above 0.

    Examples
    --------
    >>> from tpcore.explorers import LogSlider
    >>> LogSlider("r", "Regularization r", 0.01, 100, points=5).positions
    (0.01, 0.1, 1.0, 10.0, 100.0)
    """

    name: str
    label: str
    low: float
    high: float
    points: int = 26
    value: float | None = None
    unit: str = ""
    active_when: Conditions | None = None

    def __post_init__(self) -> None:
        _check_range(self)
        if self.low <= 0:
            raise ValueError(f"LogSlider {self.name!r}: low = {self.low} has no logarithm; it must be above 0")
        object.__setattr__(self, "value", _position_of(self))

    @property
    def positions(self) -> tuple[float, ...]:
        """The values at which it stops in the hosted page."""
        start, stop = math.log10(self.low), math.log10(self.high)
        width = (stop - start) / (self.points - 1)
        return tuple(_tidy(10 ** (start + i * width)) for i in range(self.points))

    def text(self, value: Value) -> str:
        """Return the value as a reader sees it, with its unit."""
        return number_text(float(value), self.unit)


@dataclass(frozen=True)
class Stops:
    """A slider that stops at given values only, with a kernel too: for results that were recorded.

    Parameters
    ----------
    values : tuple of float
        Rising. One alone leaves nothing to choose, and is not shown.
    name, label, value, unit, active_when
        As in `Slider`; value None takes the middle one.

    Raises
    ------
    ValueError
        If there are no values, they do not rise, or the value is none of them.

    Examples
    --------
    >>> from tpcore.explorers import Stops
    >>> Stops("r", "Regularization r", (0.1, 0.3, 1.0, 3.0)).value
    1.0
    """

    name: str
    label: str
    values: tuple[float, ...]
    value: float | None = None
    unit: str = ""
    active_when: Conditions | None = None

    def __post_init__(self) -> None:
        if not self.values or any(low >= high for low, high in itertools.pairwise(self.values)):
            raise ValueError(f"Stops {self.name!r}: values = {self.values} must be one or more, and rise")
        if self.value is None:
            object.__setattr__(self, "value", self.values[len(self.values) // 2])
        if self.value not in self.values:
            raise ValueError(f"Stops {self.name!r}: value = {self.value!r} is not among its values {self.values}")

    @property
    def positions(self) -> tuple[float, ...]:
        """Its values."""
        return self.values

    def text(self, value: Value) -> str:
        """Return the value as a reader sees it, with its unit."""
        return number_text(float(value), self.unit)


@dataclass(frozen=True)
class Choice:
    """One of a few named options.

    Parameters
    ----------
    name, label, active_when
        As in `Slider`.
    options : mapping of str to str
        Maps each value that `compute` gets to what the reader sees. One alone leaves nothing to choose, and is not
        shown.
    value : str, optional
        The option at the start; None takes the first one.

    Raises
    ------
    ValueError
        If there are no options, or the value is none of them.

    Examples
    --------
    >>> from tpcore.explorers import Choice
    >>> Choice("form", "Form", {"linearized": "linearized", "difference": "difference"}).value
    'linearized'
    """

    name: str
    label: str
    options: Mapping[str, str]
    value: str | None = None
    active_when: Conditions | None = None

    def __post_init__(self) -> None:
        if not self.options:
            raise ValueError(f"Choice {self.name!r}: options = {{}} has no value for compute; give one or more")
        if self.value is None:
            object.__setattr__(self, "value", next(iter(self.options)))
        if self.value not in self.options:
            raise ValueError(
                f"Choice {self.name!r}: value = {self.value!r} is not among its options {list(self.options)}"
            )

    @property
    def positions(self) -> tuple[str, ...]:
        """The values of its options."""
        return tuple(self.options)

    def text(self, value: Value) -> str:
        """Return the option as a reader sees it, without markup."""
        return plain_text(self.options[str(value)])


Control: TypeAlias = Slider | LogSlider | Stops | Choice


def _check_range(control: Slider | LogSlider) -> None:
    kind = type(control).__name__
    if not (math.isfinite(control.low) and math.isfinite(control.high)):
        raise ValueError(f"{kind} {control.name!r}: low = {control.low} and high = {control.high} must be finite")
    if control.low >= control.high:
        raise ValueError(f"{kind} {control.name!r}: low = {control.low} must be below high = {control.high}")
    if control.points < 2:
        raise ValueError(f"{kind} {control.name!r}: points = {control.points} makes no slider; give at least 2")


def _position_of(control: Slider | LogSlider) -> float:
    """Return the position that equals the starting value up to rounding."""
    positions = control.positions
    value = control.value
    if value is None:
        return positions[len(positions) // 2]
    nearest = min(positions, key=lambda position: abs(position - value))
    if not math.isclose(nearest, value, rel_tol=1e-6, abs_tol=1e-9 * (control.high - control.low)):
        raise ValueError(
            f"{type(control).__name__} {control.name!r}: value = {value} is not one of its {control.points} "
            f"positions; the nearest is {nearest:.6g}"
        )
    return nearest


def _tidy(value: float) -> float:
    """Drop the last bits' rounding, so that 10 ** log10(0.001) is 0.001."""
    return float(f"{value:.12g}")
