"""Several controls together: which have an effect, and which values then reach `compute`."""

from collections.abc import Mapping
from typing import Any

from tpcore.explorers.controls import Choice, Control


def check_controls(controls: tuple[Control, ...]) -> None:
    """Raise ValueError where names repeat, or an `active_when` names no Choice before it or none of its options."""
    before: dict[str, Control] = {}
    for control in controls:
        if control.name in before:
            raise ValueError(f"two controls are named {control.name!r}; every control sets its own argument of compute")
        for name, wanted in (control.active_when or {}).items():
            other = before.get(name)
            if not isinstance(other, Choice):
                raise ValueError(
                    f"control {control.name!r}: active_when names {name!r}, which is not a Choice defined before it; "
                    f"the choices before it are {[n for n, c in before.items() if isinstance(c, Choice)]}"
                )
            unknown = [value for value in _as_tuple(wanted) if value not in other.options]
            if unknown:
                raise ValueError(
                    f"control {control.name!r}: active_when asks {name!r} for {unknown}, "
                    f"but its options are {list(other.options)}"
                )
        before[control.name] = control


def offers_choice(control: Control) -> bool:
    """Return whether there is more than one position: what has one alone is not shown."""
    return len(control.positions) > 1


def active(control: Control, values: Mapping[str, Any]) -> bool:
    """Return whether the control has an effect, given the values in force of the controls before it."""
    return all(values[name] in _as_tuple(wanted) for name, wanted in (control.active_when or {}).items())


def in_force(controls: tuple[Control, ...], values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values that reach `compute`: a control without effect takes its starting value."""
    effective: dict[str, Any] = {}
    for control in controls:
        given = values.get(control.name, control.value)
        effective[control.name] = given if active(control, effective) else control.value
    return effective


def _as_tuple(wanted: Any) -> tuple[str, ...]:
    return (wanted,) if isinstance(wanted, str) else tuple(wanted)
