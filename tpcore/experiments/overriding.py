"""One value of an experiment in place of its own: "r=3", "hidden_size=64".

What is changed so is filed under a name of its own, "NAME+r=3", so that it can't be taken for the experiment.
"""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

from tpcore.experiments.experiment import Experiment

METHOD_VALUES = ("gamma_theta", "gamma_h", "r")
WHOLE = ("batch_size", "log_every", "test_size", "hidden_size", "length")


def with_value(experiment: Experiment, change: str) -> Experiment:
    """The experiment with one value changed, for all its methods alike.

    Raises
    ------
    ValueError
        If there is no such value, or it is not a number that this value can be.
    """
    name, _, text = change.partition("=")
    if name not in (*METHOD_VALUES, *WHOLE):
        raise ValueError(f"a value must be one of {', '.join((*METHOD_VALUES, *WHOLE))}, as in r=3, got {change!r}")
    try:
        value = int(text) if name in WHOLE else float(text)
    except ValueError:
        kind = "a whole number" if name in WHOLE else "a number"
        raise ValueError(f"{name} must be {kind}, as in {name}=3, got {text!r}") from None
    if not 0 < value < float("inf"):
        raise ValueError(f"{name} must be above 0 and finite, got {text}")
    if name in METHOD_VALUES:
        return replace(
            experiment, methods={own: method.tuned(**{name: value}) for own, method in experiment.methods.items()}
        )
    if name == "hidden_size":
        return replace(experiment, network=replace(experiment.network, hidden_size=int(value)))
    if name == "length":
        task: Any = experiment.task
        if "length" not in {entry.name for entry in fields(task)}:
            raise ValueError(f"length can't be changed: the data give the length of a {type(task).__name__}")
        return replace(experiment, task=replace(task, length=int(value)))
    changed: dict[str, Any] = {name: int(value)}
    return replace(experiment, **changed)
