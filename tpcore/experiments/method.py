"""What an experiment compares: a method, that is a rule with its optimizer."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace

import torch
from torch import Tensor

from tpcore.experiments.learned import LearnedInverseSettings
from tpcore.experiments.moving import Moving
from tpcore.nn import SequenceClassifier
from tpcore.rules import Rule
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
        does see the size: a rule with ``step=1`` gives it what back-propagation does.
    momentum : float
        Of "nesterov".
    clip : float, optional
        The largest norm of the recurrent part's direction; longer ones are scaled down to it. It is meant for the
        direction without γ_h, so that it means the same for every rule.
    unit : bool
        Scale the recurrent part's direction to the norm ``clip``, shorter ones too.
    isometry : float
        η ≥ 0: η W(WᵀW − I), the gradient of η/4 ‖WᵀW − I‖², is added to W's direction before it is clipped.
    epsilon : float
        Adam's ε.
    decay : bool
        Whether both step sizes fall linearly, to zero at the end of the run.

    Raises
    ------
    ValueError
        If the kind is unknown, clip is not above 0, or unit is asked for without a clip.

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
    unit: bool = False
    isometry: float = 0.0
    epsilon: float = 1e-8

    def __post_init__(self) -> None:
        if self.kind not in OPTIMIZERS:
            raise ValueError(f"kind must be one of {', '.join(map(repr, OPTIMIZERS))}, got {self.kind!r}")
        if self.clip is not None and not self.clip > 0:
            raise ValueError(f"clip must be above 0, or None, got {self.clip}")
        if self.unit and self.clip is None:
            raise ValueError("clip must be the norm to scale to where unit is True, got None")

    def build(self, model: SequenceClassifier) -> torch.optim.Optimizer:
        """The optimizer of a model's parameters."""
        if self.kind == "adam":
            groups = [
                {"params": list(model.recurrent.parameters()), "lr": self.gamma_theta * self.gamma_h},
                {"params": list(model.output.parameters()), "lr": self.gamma_theta},
            ]
            optimizer: torch.optim.Optimizer = torch.optim.Adam(groups, eps=self.epsilon)
        else:
            groups = parameter_groups(model, self.gamma_theta, self.gamma_h)
            momentum = self.momentum if self.kind == "nesterov" else 0.0
            optimizer = torch.optim.SGD(groups, momentum=momentum, nesterov=momentum > 0)
        recurrent, step = model.recurrent, getattr(model.recurrent.rule, "step", 1.0)
        if self.isometry > 0:
            optimizer.register_step_pre_hook(lambda *_: _add_isometry(recurrent.weight_hh_l0, self.isometry * step))
        if self.clip is not None:
            trained, limit = list(recurrent.parameters()), self.clip * step
            optimizer.register_step_pre_hook(lambda *_: _clip(trained, limit, always=self.unit))
        return optimizer

    def schedule(self, steps: int) -> Callable[[int], float] | None:
        """The factor of the step sizes after so many of all ``steps``, for `tpcore.training.train`."""
        return (lambda step: 1 - step / steps) if self.decay else None


def _add_isometry(W: Tensor, eta: float) -> None:
    if W.grad is not None:
        Q = W.detach()
        W.grad += eta * (Q @ (Q.mT @ Q) - Q)


def _clip(parameters: Sequence[Tensor], limit: float, *, always: bool) -> None:
    norm = torch.nn.utils.clip_grad_norm_(parameters, limit)
    if always and 0 < norm < limit:
        for parameter in parameters:
            if parameter.grad is not None:
                parameter.grad *= limit / norm


@dataclass(frozen=True)
class Method:
    """What is compared: a rule with its optimizer.

    Parameters
    ----------
    rule : a rule, AdaptedTargetProp, LearnedInverseSettings, MovedByLoss or MovedBySteps
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

    rule: Rule | LearnedInverseSettings | Moving
    optimizer: Optimizer
    ranges: Mapping[str, tuple[float, float]] = field(default_factory=dict)

    def tuned(self, **values: float) -> Method:
        """The same with other values: of the optimizer, by their names; and of r, c_2, hold and ramp what the rule has.

        A calibrated rule keeps s = r. ``recurrent_step`` stands for γ_θ γ_h, and leaves the rule's own step alone.
        """
        own: dict[str, float] = {
            name: values[name] for name in ("r", "c_2", "hold", "ramp") if name in values and hasattr(self.rule, name)
        }
        if "r" in own and getattr(self.rule, "calibrated", False):
            own["s"] = own["r"]
        if "gamma_h" in values and hasattr(self.rule, "step"):
            own["step"] = values["gamma_h"]
        steps = {entry.name: values[entry.name] for entry in fields(self.optimizer) if entry.name in values}
        if "recurrent_step" in values:
            steps["gamma_h"] = values["recurrent_step"] / values["gamma_theta"]
        rule = replace(self.rule, **own)  # type: ignore[arg-type]
        return replace(self, rule=rule, optimizer=replace(self.optimizer, **steps))  # type: ignore[arg-type]
