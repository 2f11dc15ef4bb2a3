"""The two step sizes γ_θ and γ_h, so that a comparison of rules is one of directions."""

from __future__ import annotations

import math
from typing import Any

import torch

from tpcore.nn.classifier import SequenceClassifier
from tpcore.rules import BackProp

__all__ = ["parameter_groups", "two_step_sizes"]


def two_step_sizes(model: SequenceClassifier, gamma_theta: float, gamma_h: float) -> torch.optim.SGD:
    """Plain SGD in which every rule takes the same two step sizes: see `parameter_groups`.

    Parameters
    ----------
    model : SequenceClassifier
    gamma_theta, gamma_h : float
        γ_θ and γ_h.

    Returns
    -------
    torch.optim.SGD

    Raises
    ------
    ValueError
        As `parameter_groups` does.

    Examples
    --------
    >>> import tpcore
    >>> from tpcore.step_sizes import two_step_sizes
    >>> model = tpcore.nn.SequenceClassifier(6, 32, 4, rule=tpcore.BackProp())
    >>> [group["lr"] for group in two_step_sizes(model, gamma_theta=0.5, gamma_h=0.25).param_groups]
    [0.125, 0.5]
    """
    return torch.optim.SGD(parameter_groups(model, gamma_theta, gamma_h))


def parameter_groups(model: SequenceClassifier, gamma_theta: float, gamma_h: float) -> list[dict[str, Any]]:
    """The recurrent part and the output layer, each with its step size, for an optimizer of torch's.

    The output layer takes γ_θ. The recurrent part takes γ_θ γ_h: under `TargetProp` γ_h is the rule's own ``step``
    and is already in ``.grad``; under `BackProp` it is put into the step size. So a comparison of rules is
    one of directions.

    Parameters
    ----------
    model : SequenceClassifier
    gamma_theta, gamma_h : float
        γ_θ and γ_h.

    Returns
    -------
    list of dict
        The recurrent part's group and the output layer's.

    Raises
    ------
    ValueError
        If the rule has a ``step`` and it is not gamma_h.

    Examples
    --------
    >>> import tpcore
    >>> from tpcore.step_sizes import parameter_groups
    >>> model = tpcore.nn.SequenceClassifier(6, 32, 4, rule=tpcore.TargetProp(r=1.0, step=0.25))
    >>> [group["lr"] for group in parameter_groups(model, gamma_theta=0.5, gamma_h=0.25)]
    [0.5, 0.5]
    """
    rule = model.recurrent.rule
    if not isinstance(rule, BackProp) and not math.isclose(rule.step, gamma_h):
        raise ValueError(
            f"gamma_h = {gamma_h:g} but the rule's step is {rule.step:g}: under TargetProp they are the same number"
        )
    recurrent = gamma_theta * gamma_h if isinstance(rule, BackProp) else gamma_theta
    return [
        {"params": list(model.recurrent.parameters()), "lr": recurrent},
        {"params": list(model.output.parameters()), "lr": gamma_theta},
    ]
