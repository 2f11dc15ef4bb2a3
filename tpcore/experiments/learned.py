"""A learned inverse as a method of an experiment: plain settings, and an inverse that learns beside the network."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from tpcore.nn import LearnedInverse, SequenceClassifier
from tpcore.rules import Accumulate, LearnedTargetProp


@dataclass(frozen=True)
class LearnedInverseSettings:
    """What a `LearnedTargetProp` is made from, as plain data: the inverse itself belongs to one run.

    Whenever the network takes a step, the inverse takes one on its reconstruction loss for the same batch, from the
    network as it was before its step. It is a plain gradient step, whatever the network's momentum: a further group of
    the same optimizer. Its step size falls with the others if those do.

    Parameters
    ----------
    inverse_step : float > 0
        The step size of the inverse's own parameters.
    step : float > 0
        γ_h, the step that makes the first target.
    accumulate : {"local", "through_time"}
        As in `TargetProp`.
    noise : float ≥ 0
        As in `nn.LearnedInverse`. What is drawn depends on the run's seed alone and goes on where it was when a run is
        resumed: the generator's state is a buffer of the inverse.

    Raises
    ------
    ValueError
        If inverse_step is out of its range; the others are checked when a run is built. Then also if the optimizer is
        Adam, which takes no plain steps.

    Examples
    --------
    >>> from dataclasses import replace
    >>> from tpcore.experiments import LearnedInverseSettings, Method, Optimizer, experiment_named
    >>> method = Method(LearnedInverseSettings(inverse_step=1e-3, step=0.1), Optimizer(gamma_theta=0.01, gamma_h=0.1))
    >>> model, optimizer = experiment_named("temporal-order-60").setup(method).build(seed=0)
    >>> model.recurrent.rule.inverse is model.inverse
    True
    >>> [group["lr"] for group in optimizer.param_groups]
    [0.01, 0.01, 0.001]

    References
    ----------
    Roulet & Harchaoui, TMLR 2023, experiments ("DTP-PI").
    """

    inverse_step: float
    step: float = 1.0
    accumulate: Accumulate = "local"
    noise: float = 0.0

    def __post_init__(self) -> None:
        if not (math.isfinite(self.inverse_step) and self.inverse_step > 0):
            raise ValueError(f"inverse_step must be a finite number above 0, got {self.inverse_step!r}")

    def give_inverse(self, model: SequenceClassifier, generator: torch.Generator) -> None:
        """Register an inverse on the model, its weights drawn from the generator, and the rule that goes through it."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(int(torch.randint(2**62, (), generator=generator)))
            inverse = LearnedInverse(model.recurrent.input_size, model.recurrent.hidden_size, noise=self.noise)
            inverse.register_buffer("random_state", torch.get_rng_state())
        model.add_module("inverse", inverse)
        model.recurrent.rule = LearnedTargetProp(inverse, self.step, self.accumulate)

    def train_inverse(self, model: SequenceClassifier, optimizer: torch.optim.Optimizer) -> None:
        """Let every step of the optimizer be one of the inverse too."""
        if isinstance(optimizer, torch.optim.Adam):
            raise ValueError("kind must be 'sgd' or 'nesterov': a learned inverse takes plain steps; got 'adam'")
        inverse, recurrent, seen = model.recurrent.rule.inverse, model.recurrent, {}  # type: ignore[union-attr]
        group = {"params": list(inverse.parameters()), "lr": self.inverse_step, "momentum": 0.0, "nesterov": False}
        optimizer.add_param_group(group)

        def look(_: Any, inputs: tuple[Tensor, ...]) -> None:
            seen["inputs"] = inputs[0]

        def reconstruct(*_: Any) -> None:  # here, not while running forward: measures do that too
            with torch.random.fork_rng(devices=[]):
                torch.set_rng_state(inverse.random_state)
                loss = inverse.reconstruction_loss(recurrent, seen["inputs"])
                inverse.random_state.copy_(torch.get_rng_state())
            loss.backward()

        recurrent.register_forward_pre_hook(look)
        optimizer.register_step_pre_hook(reconstruct)
