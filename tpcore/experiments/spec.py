"""One run as data: task, network, rule, optimizer, steps and seed; and its configuration, as a record holds it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import MISSING, dataclass, fields, is_dataclass
from pathlib import Path
from typing import Any, get_args

import torch

from tpcore import rules, tasks
from tpcore.experiments.adapted import AdaptedTargetProp
from tpcore.experiments.learned import LearnedInverseSettings
from tpcore.experiments.method import Optimizer
from tpcore.experiments.moving import MovedByLoss, MovedBySteps, Moving
from tpcore.nn import SequenceClassifier
from tpcore.results import record_path
from tpcore.rules import Rule
from tpcore.schedules import RuleSchedule
from tpcore.tasks import Task


@dataclass(frozen=True)
class Network:
    """`tpcore.nn.SequenceClassifier` with d hidden units.

    Parameters
    ----------
    hidden_size : int
        The number d.
    cell : {"RNN", "GRU", "LSTM"}
    nonlinearity : {"tanh", "relu", "identity"}
        Of the RNN.
    input_scale : float
        By which the initial U is multiplied, orthonormal otherwise.

    Examples
    --------
    >>> from tpcore.experiments import Network
    >>> Network(hidden_size=64).cell
    'RNN'
    """

    hidden_size: int = 100
    cell: str = "RNN"
    nonlinearity: str = "tanh"
    input_scale: float = 1.0


@dataclass(frozen=True)
class Setup:
    """All that decides a run, but for its seed.

    `Experiment.setup` makes one, and the record of a run holds it.

    Parameters
    ----------
    task : tpcore.tasks.Task
    network : Network
    rule, optimizer
        As in `Method`.
    steps, batch_size, log_every, test_size, measures
        As in `Experiment`.

    Examples
    --------
    >>> from tpcore.experiments import experiment_named
    >>> experiment = experiment_named("temporal-order-60")
    >>> setup = experiment.setup(experiment.methods["tp-local"])
    >>> setup.task, setup.steps
    (TemporalOrder(length=60, bits=1, late=False), 20000)
    """

    task: Task
    network: Network
    rule: Rule | LearnedInverseSettings | Moving
    optimizer: Optimizer
    steps: int
    batch_size: int = 20
    log_every: int = 200
    test_size: int = 1000
    measures: tuple[str, ...] = ()

    def build(self, seed: int) -> tuple[SequenceClassifier, torch.optim.Optimizer]:
        """The model with the weights that the seed draws, and its optimizer."""
        weights = torch.Generator().manual_seed(seed)
        task, network = self.task, self.network
        learned = self.rule if isinstance(self.rule, LearnedInverseSettings) else None
        moving = isinstance(self.rule, Moving)
        with torch.random.fork_rng(devices=[]):  # modules draw, and throw away, weights from the global generator
            model = SequenceClassifier(
                task.input_size, network.hidden_size, task.output_size,
                rule=rules.BackProp() if learned is not None or moving else self.rule,  # type: ignore[arg-type]
                nonlinearity=network.nonlinearity, generator=weights, cell=network.cell, every_step=task.every_step,
            )  # fmt: skip
        if learned is not None:  # after the network, whose weights are those of every other rule
            learned.give_inverse(model, weights)
        if network.input_scale != 1:
            with torch.no_grad():
                model.recurrent.weight_ih_l0.mul_(network.input_scale)
        optimizer = self.optimizer.build(model)
        if learned is not None:
            learned.train_inverse(model, optimizer)
        if isinstance(self.rule, AdaptedTargetProp):
            self.rule.follow(model.recurrent)
        return model, optimizer

    def rule_schedule(self, model: SequenceClassifier) -> RuleSchedule | None:
        """What moves the model's rule, if it moves."""
        return self.rule.schedule(model.recurrent) if isinstance(self.rule, Moving) else None

    def configuration(self) -> dict[str, Any]:
        """All values as plain data, for the record; `from_configuration` reads it."""
        return _plain(self, defaults=True)

    def key(self) -> str:
        """Eight letters that stand for this setup.

        Defaults are left out, so that an option added to a rule or a task later does not change it.
        """
        text = json.dumps(_plain(self, defaults=False), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:8]


@dataclass(frozen=True)
class Run:
    """One training: a setup with a seed, and the names under which its record is filed.

    Parameters
    ----------
    experiment : str
    stage : {"run", "search", "tuned"}
        An experiment as it is registered, a trial of a search, or a search's winner.
    method : str
    seed : int
    setup : Setup

    Examples
    --------
    >>> from tpcore.experiments import experiment_named
    >>> run = experiment_named("temporal-order-60").runs("temporal-order-60", methods=["bp"], seeds=[3])[0]
    >>> run.stage, run.name == f"bp-{run.setup.key()}-3"
    ('run', True)
    """

    experiment: str
    stage: str
    method: str
    seed: int
    setup: Setup

    @property
    def name(self) -> str:
        """Method, configuration and seed."""
        return f"{self.method}-{self.setup.key()}-{self.seed}"

    def path(self, folder: Path) -> Path:
        """Where its record is."""
        return record_path(folder, self.experiment, self.stage, self.name)


TAG = "class"  # under it a configuration names the class that its values are of
MADE_HERE = (AdaptedTargetProp, LearnedInverseSettings, MovedByLoss, MovedBySteps, Network, Optimizer, Setup)
KINDS: dict[str, type] = {
    kind.__name__: kind for kind in (*get_args(Rule), *MADE_HERE, *(getattr(tasks, name) for name in tasks.__all__))
}


def _plain(value: Any, *, defaults: bool) -> Any:
    if is_dataclass(value):
        kept = {f.name: getattr(value, f.name) for f in fields(value) if defaults or not _is_default(value, f)}
        return {
            TAG: type(value).__name__,
            **{name: _plain(entry, defaults=defaults) for name, entry in kept.items()},
        }
    return list(value) if isinstance(value, tuple) else value


def _is_default(value: Any, entry: Any) -> bool:
    return entry.default is not MISSING and getattr(value, entry.name) == entry.default


def from_configuration(configuration: Any) -> Any:
    """What `Setup.configuration` was made from.

    Raises
    ------
    ValueError
        If it names a kind, or a value of one, that there is not.
    """
    if isinstance(configuration, list):
        return tuple(configuration)
    if not isinstance(configuration, dict):
        return configuration
    values = {name: from_configuration(value) for name, value in configuration.items() if name != TAG}
    try:
        return KINDS[configuration[TAG]](**values)
    except (KeyError, TypeError) as error:
        raise ValueError(f"this version of tpcore has no such {configuration.get(TAG)}: {error}") from error
