"""An experiment as data: task, network, rules, optimizers, steps, seeds; and the runs it consists of."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, dataclass, field, fields, is_dataclass, replace
from pathlib import Path
from typing import Any, get_args

import torch

from tpcore import rules, tasks
from tpcore.experiments.adapted import AdaptedTargetProp
from tpcore.experiments.learned import LearnedInverseSettings
from tpcore.nn import SequenceClassifier
from tpcore.results import record_path
from tpcore.rules import Rule
from tpcore.training import Task, parameter_groups

OPTIMIZERS = ("sgd", "nesterov", "adam")


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
class Optimizer:
    """How directions become steps: γ_θ for the output layer, γ_θ γ_h for the recurrent part, whatever the rule.

    Parameters
    ----------
    gamma_theta, gamma_h : float
        γ_θ and γ_h; γ_h must be the rule's own ``step`` under `TargetProp`. γ_h = 1: one step size for all.
    kind : {"sgd", "nesterov", "adam"}
        Adam does not see the size of a direction, so that under it γ_h is put into the step size for every rule.
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
            scale = 1.0 if isinstance(model.recurrent.rule, rules.BackProp) else self.gamma_h
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
        By `runs`, if there is no such method.

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
        return list(methods or self.methods)


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
