"""The playground's settings: their names, ranges and starting values, one list for Python and for the page."""

from __future__ import annotations

from typing import Any

_SHARED: dict[str, dict[str, Any]] = {
    "task": {"label": "Task", "options": {"order": "Temporal order", "adding": "Adding"}},
    "tau": {"label": "Length τ", "low": 10, "high": 60, "step": 10},
    "d": {"label": "Hidden units d", "low": 8, "high": 64, "step": 1},
    "seed": {"label": "Seed", "low": 0, "high": 9999, "step": 1},
}
# Each rule's name, and its colour in `tpcore.explorers.figures.PALETTE`.
RULES = {
    "bp": ("Back-propagation", "orange"),
    "paper": ("Targets, paper’s rule", "blue"),
    "cal": ("Targets, calibrated", "green"),
    "geo": ("Targets, geometric", "olive"),
    "first": ("Targets first", "purple"),
}
_LANE: dict[str, dict[str, Any]] = {
    "": {"label": "Rule", "options": {rule: label for rule, (label, _) in RULES.items()}},
    "_r": {"label": "Regularization r", "low": 1e-3, "high": 1e3},
    "_p": {"label": "Power p", "low": -1, "high": 1, "linear": True},
    "_gamma_h": {"label": "Target step γ_h", "low": 1e-3, "high": 1e1},
    "_gamma_theta": {"label": "Parameter step γ_θ", "low": 1e-3, "high": 1e1},
    "_accumulate": {"label": "Directions", "options": {"local": "Local", "through_time": "Through time"}},
    "_optimizer": {"label": "Optimizer", "options": {"sgd": "SGD", "adam": "Adam"}},
}  # fmt: skip

# Each setting has options, or is a number from low to high: a multiple of its step, or without one anywhere between,
# on a logarithmic slider unless it is linear.
FIELDS = _SHARED | {lane + name: field for lane in ("a", "b") for name, field in _LANE.items()}

_LANE_START = {
    "": "bp",
    "_r": 1.0,
    "_p": 0.0,
    "_gamma_h": 0.1,
    "_gamma_theta": 0.3,
    "_accumulate": "local",
    "_optimizer": "sgd",
}
# An address leaves out what stands here: another value needs another version of addresses (settings.js).
START: dict[str, Any] = {"task": "order", "tau": 20, "d": 32, "seed": 0}
START |= {lane + name: value for lane in ("a", "b") for name, value in _LANE_START.items()} | {"b": "cal"}


def checked(given: dict[str, Any]) -> dict[str, Any]:
    """All settings: those given, and the starting value of every other.

    Raises
    ------
    ValueError
        If a name is no setting, or a value is not among its options or out of its range.
    """
    for name, value in given.items():
        if name not in FIELDS:
            raise ValueError(f"there is no setting {name!r}; the settings are {', '.join(FIELDS)}")
        complaint = _complaint(value, FIELDS[name])
        if complaint:
            raise ValueError(f"{name} must be {complaint}, got {value!r}")
    return START | given


def _complaint(value: Any, field: dict[str, Any]) -> str:
    """What a value should have been; nothing if it will do."""
    if "options" in field:
        return "" if value in field["options"] else "one of " + ", ".join(map(repr, field["options"]))
    low, high, step = field["low"], field["high"], field.get("step")
    number = isinstance(value, (int, float)) and not isinstance(value, bool) and low <= value <= high
    if number and (step is None or value % step == 0):
        return ""
    kind = "a number" if step is None else "an integer" if step == 1 else f"a multiple of {step}"
    return f"{kind} from {low:g} to {high:g}"
