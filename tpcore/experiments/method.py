"""What an experiment compares: a method, that is a rule with its optimizer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import torch

from tpcore.experiments.learned import LearnedInverseSettings
from tpcore.nn import SequenceClassifier
from tpcore.rules import BackProp, Rule
from tpcore.training import parameter_groups

OPTIMIZERS = ("sgd", "nesterov", "adam")


@dataclass(frozen=True)
class Optimizer:
    """How directions become steps: γ_θ for the output layer, γ_θ γ_h for the recurrent part, whatever the rule.

    Parameters
    ----------
    gamma_theta, gamma_h : float
        γ_θ and γ_h; γ_h must be the rule's own ``step`` under `TargetProp`. γ_h = 1: one step size for all.
    kind : {"sgd", "nesterov", "adam"}
        Adam does not see the size of a direction, so that under it γ_h is put into the step size for every rule. Its ε
        does see the size.
    momentum : float
        Of "nesterov".
    clip : float, optional
        The largest norm of the recurrent part's direction; longer ones are scaled down to it. It is meant for the
        direction without γ_h, so that it means the same for every rule.
    decay : bool
        Whether both step sizes fall linearly, to zero at the end of the run.

    Raises
    ------
    ValueError
        If the kind is unknown or clip is not above 0.

    Examples
    --------
    >>> from tpcore.experiments import Optimizer
    >>> Optimizer(gamma_theta=0.1, gamma_h=0.01).kind
    'sgd'
    """

    gamma_theta: float
    gamma_h: float = 1.0
    kind: str = "sgd"
    momentum: float = 0.9
    clip: float | None = None
    decay: bool = False

    def __post_init__(self) -> None:
        if self.kind not in OPTIMIZERS:
            raise ValueError(f"kind must be one of {', '.join(map(repr, OPTIMIZERS))}, got {self.kind!r}")
        if self.clip is not None and not self.clip > 0:
            raise ValueError(f"clip must be above 0, or None, got {self.clip}")

    def build(self, model: SequenceClassifier) -> torch.optim.Optimizer:
        """The optimizer of a model's parameters."""
        groups = parameter_groups(model, self.gamma_theta, self.gamma_h)
        if self.kind == "adam":
            groups[0]["lr"] = self.gamma_theta * self.gamma_h
            optimizer: torch.optim.Optimizer = torch.optim.Adam(groups)
        else:
            momentum = self.momentum if self.kind == "nesterov" else 0.0
            optimizer = torch.optim.SGD(groups, momentum=momentum, nesterov=momentum > 0)
        if self.clip is not None:
            recurrent = list(model.recurrent.parameters())
            scale = 1.0 if isinstance(model.recurrent.rule, BackProp) else self.gamma_h
            limit = self.clip * scale

            def clip(*_: Any) -> None:
                torch.nn.utils.clip_grad_norm_(recurrent, limit)

            optimizer.register_step_pre_hook(clip)
        return optimizer

    def schedule(self, steps: int) -> Callable[[int], float] | None:
        """The factor of the step sizes after so many of all ``steps``, for `tpcore.training.train`."""
        return (lambda step: 1 - step / steps) if self.decay else None


@dataclass(frozen=True)
class Method:
    """What is compared: a rule with its optimizer.

    Parameters
    ----------
    rule : BackProp, TargetProp, AdaptedTargetProp or LearnedInverseSettings
    optimizer : Optimizer
    ranges : mapping of str to (low, high)
        Where a `Search` looks for this method's values, in place of its own ranges: Adam and momentum want other step
        sizes than plain SGD.

    Examples
    --------
    >>> import tpcore
    >>> from tpcore.experiments import Method, Optimizer
    >>> method = Method(tpcore.TargetProp(r=1.0, step=0.1), Optimizer(gamma_theta=0.1, gamma_h=0.1))
    >>> method.tuned(r=3.0).rule.r
    3.0
    """

    rule: Rule | LearnedInverseSettings
    optimizer: Optimizer
    ranges: Mapping[str, tuple[float, float]] = field(default_factory=dict)

    def tuned(self, **values: float) -> Method:
        """The same with other values of gamma_theta, gamma_h and r; of r only what the rule takes.

        A calibrated rule keeps s = r.
        """
        own = {"r": values["r"]} if "r" in values and hasattr(self.rule, "r") else {}
        if own and getattr(self.rule, "calibrated", False):
            own["s"] = own["r"]
        if "gamma_h" in values and hasattr(self.rule, "step"):
            own["step"] = values["gamma_h"]
        steps = {name: values[name] for name in ("gamma_theta", "gamma_h") if name in values}
        rule = replace(self.rule, **own)  # type: ignore[arg-type]
        return replace(self, rule=rule, optimizer=replace(self.optimizer, **steps))  # type: ignore[arg-type]
