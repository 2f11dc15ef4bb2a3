"""What a run may record beside losses and accuracy: directions, angles and norms, on a few held-out sequences."""

from __future__ import annotations

import torch
from torch import Tensor

from tpcore.diagnostics import angle_between, norms_through_time
from tpcore.nn import SequenceClassifier
from tpcore.rules import BackProp, Rule
from tpcore.tasks.task import Batch, Task
from tpcore.training import Measure

SEQUENCES = 20  # on which the measures are taken
QUARTERS = 4


def directions(model: SequenceClassifier, task: Task, held_out: Batch) -> dict[str, float]:
    """Of the recurrent part: the norm of the rule's direction, its angle to back-propagation's, and W's spectral norm.

    Columns ``direction_norm`` (γ_h included, as in ``.grad``), ``angle`` in degrees (0 under back-propagation) and
    ``spectral_norm``. NaN where a direction is not finite; whether the run has diverged is for the training to say.
    """
    batch = _few(held_out)
    own, gradient = (direction(model, task, rule, batch) for rule in (model.recurrent.rule, BackProp()))
    same = isinstance(model.recurrent.rule, BackProp)
    return {
        "direction_norm": float(own.norm()),
        "angle": 0.0 if same else angle_between(own, gradient),
        "spectral_norm": float(torch.linalg.matrix_norm(model.recurrent.weight_hh_l0.detach(), 2)),
    }


def profile(model: SequenceClassifier, task: Task, held_out: Batch) -> dict[str, float]:
    """What is carried back, at five times: columns ``norm_0`` to ``norm_4`` for t = 0, τ/4, … τ.

    ‖δ_t‖ under target propagation and ‖λ_t‖ under back-propagation, for a loss on the last state.
    """
    inputs, targets = _few(held_out)
    with torch.no_grad():
        last = model.recurrent(inputs)[1][0]
    last.requires_grad_()
    (gradient,) = torch.autograd.grad(task.loss(model.output(last), targets), last)
    norms = norms_through_time(model, model.recurrent.rule, inputs, gradient)
    return {f"norm_{k}": float(norms[k * (len(norms) - 1) // QUARTERS]) for k in range(QUARTERS + 1)}


MEASURES: dict[str, Measure] = {"directions": directions, "profile": profile}


def _few(held_out: Batch) -> Batch:
    inputs, targets = held_out
    return inputs[:SEQUENCES], targets[:SEQUENCES]


def direction(model: SequenceClassifier, task: Task, rule: Rule, batch: Batch) -> Tensor:
    """What a rule would leave in ``.grad`` of the recurrent part, as one vector; NaN if that is not finite.

    Neither the model's own rule nor its ``.grad`` is changed.
    """
    own_rule = model.recurrent.rule
    try:
        model.recurrent.rule = rule
        loss = task.loss(model(batch[0]), batch[1])
        return torch.cat([grad.flatten() for grad in torch.autograd.grad(loss, list(model.recurrent.parameters()))])
    except FloatingPointError:
        return torch.full((sum(p.numel() for p in model.recurrent.parameters()),), torch.nan)
    finally:
        model.recurrent.rule = own_rule
