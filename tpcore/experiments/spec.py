"""An experiment as data: task, network, methods, steps, seeds; and the runs it consists of."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, dataclass, field, fields, is_dataclass
from pathlib import Path
from typing import Any, get_args

import torch

from tpcore import rules, tasks
from tpcore.checks import check_integer, check_option
from tpcore.experiments.adapted import AdaptedTargetProp
from tpcore.experiments.learned import LearnedInverseSettings
from tpcore.experiments.measures import MEASURES
from tpcore.experiments.method import Method, Optimizer
from tpcore.nn import SequenceClassifier
from tpcore.results import record_path
from tpcore.rules import Rule
from tpcore.training import Task


@dataclass(frozen=True)
class Network:
    """`tpcore.nn.SequenceClassifier` with d hidden units.

    Parameters
    ----------
    hidden_size : int
        The number d.
    cell : {"RNN", "GRU"}
    nonlinearity : {"tanh", "relu", "identity"}
        Of the RNN.

    Examples
    --------
    >>> from tpcore.experiments import Network
    >>> Network(hidden_size=64).cell
    'RNN'
    """

    hidden_size: int = 100
    cell: str = "RNN"
    nonlinearity: str = "tanh"


@dataclass(frozen=True)
class Setup:
    """All that decides a run, but for its seed.

    `Experiment.setup` makes one, and the record of a run holds it.

    Parameters
    ----------
    task : tpcore.training.Task
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
    (TemporalOrder(length=60, bits=1), 20000)
    """

    task: Task
    network: Network
    rule: Rule | LearnedInverseSettings
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
        with torch.random.fork_rng(devices=[]):  # modules draw, and throw away, weights from the global generator
            model = SequenceClassifier(
                task.input_size, network.hidden_size, task.output_size,
                rule=rules.BackProp() if isinstance(self.rule, LearnedInverseSettings) else self.rule,
                nonlinearity=network.nonlinearity, generator=weights, cell=network.cell, every_step=task.every_step,
            )  # fmt: skip
        if learned is not None:  # after the network, whose weights are those of every other rule
            learned.give_inverse(model, weights)
        optimizer = self.optimizer.build(model)
        if learned is not None:
            learned.train_inverse(model, optimizer)
        if isinstance(self.rule, AdaptedTargetProp):
            self.rule.follow(model.recurrent)
        return model, optimizer

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


@dataclass(frozen=True)
class Search:
    """A search over step sizes and r: places drawn evenly on logarithmic axes, the same ones for every method.

    They are a scrambled Halton sequence, which covers the ranges better than independent draws; more trials keep those
    there are.

    Parameters
    ----------
    trials : int
        The same number for every method.
    ranges : mapping of str to (low, high)
        Of gamma_theta, gamma_h and r; a method without r has one dimension less to search with as many trials. A method
        may have ranges of its own.
    seed : int
        Of the draws, and of the training; the winner is trained again from the experiment's own seeds, which must not
        hold it.

    Examples
    --------
    >>> from tpcore.experiments import Search
    >>> Search(trials=8).ranges["r"]
    (0.1, 10.0)
    """

    trials: int = 16
    ranges: Mapping[str, tuple[float, float]] = field(
        default_factory=lambda: {"gamma_theta": (1e-3, 1.0), "gamma_h": (1e-4, 1.0), "r": (1e-1, 1e1)}
    )
    seed: int = 1000


@dataclass(frozen=True)
class Experiment:
    """A task, the methods to compare on it, and how long and how often.

    Parameters
    ----------
    about : str
        One line for `tpcore list`.
    task : tpcore.training.Task
    methods : mapping of str to Method
        By the names under which they are filed.
    steps : int
        Training steps of each run.
    network : Network
    batch_size : int
        Sequences in a batch.
    log_every : int
        Steps from one row of a record to the next.
    test_size : int
        Held-out sequences.
    seeds : sequence of int
        Each draws weights and data.
    measures : sequence of {"directions", "profile"}
        What each row holds beside losses and accuracy: the norm of the direction, its angle to back-propagation's and
        the spectral norm of W; the norms of what is carried back, at five times.
    search : Search

    Raises
    ------
    ValueError
        If a measure or a seed is none, or a seed stands there twice; by `runs`, if there is no such method.

    Examples
    --------
    >>> from tpcore.experiments import experiment_named
    >>> experiment = experiment_named("temporal-order-60")
    >>> len(experiment.runs("temporal-order-60")) == len(experiment.methods) * len(experiment.seeds)
    True
    """

    about: str
    task: Task
    methods: Mapping[str, Method]
    steps: int
    network: Network = Network()
    batch_size: int = 20
    log_every: int = 200
    test_size: int = 1000
    seeds: Sequence[int] = (0, 1, 2, 3, 4)
    measures: Sequence[str] = ("directions",)
    search: Search = Search()

    def __post_init__(self) -> None:
        if isinstance(self.measures, str):
            raise ValueError(f"measures must be a sequence of names, got {self.measures!r}")
        for name in self.measures:
            check_option("measures", name, tuple(MEASURES))
        for seed in self.seeds:
            check_integer("seeds", seed, 0)
        if len(set(self.seeds)) < len(self.seeds):
            raise ValueError(f"seeds must differ, got {list(self.seeds)}")

    def setup(self, method: Method) -> Setup:
        """What a method's runs are."""
        return Setup(
            self.task, self.network, method.rule, method.optimizer,
            self.steps, self.batch_size, self.log_every, self.test_size, tuple(self.measures),
        )  # fmt: skip

    def runs(self, name: str, methods: Sequence[str] | None = None, seeds: Sequence[int] | None = None) -> list[Run]:
        """The runs of some methods and seeds, by default of all; ``name`` is the experiment's.

        Raises
        ------
        ValueError
            If there is no such method.
        """
        return [
            Run(name, "run", method, seed, self.setup(self.methods[method]))
            for method in self.chosen(methods)
            for seed in (self.seeds if seeds is None else seeds)
        ]

    def chosen(self, methods: Sequence[str] | None) -> list[str]:
        """The names of the methods, all by default; ValueError if one is none."""
        for method in methods or ():
            if method not in self.methods:
                raise ValueError(f"method must be one of {', '.join(self.methods)}, got {method!r}")
        return list(self.methods if methods is None else methods)


TAG = "class"  # under it a configuration names the class that its values are of
MADE_HERE = (AdaptedTargetProp, LearnedInverseSettings, Network, Optimizer, Setup)
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
