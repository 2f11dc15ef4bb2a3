"""Checks of plain values: each returns the value, or raises a ValueError that names argument, value and range."""

from __future__ import annotations

import math
import numbers

LEAST_MARGIN = 1e-7  # 1 − margin is below 1 in float32, in which bfloat16 is computed too


def check_integer(name: str, value: object, least: int = 1, why: str = "") -> int:
    """The value as an int, if it is an integer of at least `least`."""
    if isinstance(value, bool) or not isinstance(value, numbers.Integral) or value < least:
        reason = f" ({why})" if why else ""
        raise ValueError(f"{name} must be an integer of at least {least}{reason}, got {value!r}")
    return int(value)


def check_positive(name: str, value: object) -> float:
    """The value as a float, if it is a finite number above 0."""
    number = _as_float(value)
    if not (number > 0 and math.isfinite(number)):
        raise ValueError(f"{name} must be a finite number above 0, got {value!r}")
    return number


def check_at_least(name: str, value: object, least: float) -> float:
    """The value as a float, if it is a finite number of at least `least`."""
    number = _as_float(value)
    if not (number >= least and math.isfinite(number)):
        raise ValueError(f"{name} must be a finite number of at least {least:g}, got {value!r}")
    return number


def check_between(name: str, value: object, least: float, most: float) -> float:
    """The value as a float, if it is a number from `least` to `most`."""
    number = _as_float(value)
    if not least <= number <= most:
        raise ValueError(f"{name} must be a number from {least:g} to {most:g}, got {value!r}")
    return number


def check_margin(margin: object) -> float:
    """The margin at which an activation's range is cut as a float, if it is from LEAST_MARGIN to below 1."""
    number = check_at_least("margin", margin, LEAST_MARGIN)
    if number >= 1:
        raise ValueError(f"margin must be below 1 (tanh is inverted on [-1+margin, 1-margin]), got {margin}")
    return number


def check_flag(name: str, value: object) -> bool:
    """The value, if it is True or False."""
    if not isinstance(value, bool):
        raise ValueError(f"{name} must be True or False, got {value!r}")
    return value


def check_option(name: str, value: object, options: tuple[str, ...]) -> str:
    """The value, if it is one of the options."""
    if not isinstance(value, str) or value not in options:
        raise ValueError(f"{name} must be one of {', '.join(map(repr, options))}, got {value!r}")
    return value


def _as_float(value: object) -> float:
    """A number of any kind, or a tensor of one element, as a float; NaN for anything else."""
    if isinstance(value, (str, bytes, bool)):
        return math.nan
    try:
        return float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError, RuntimeError):  # the last for a tensor of several elements
        return math.nan
