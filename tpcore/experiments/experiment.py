"""An experiment as data: a task, the methods to compare on it, steps and seeds; and the search that tunes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from tpcore.checks import check_integer, check_option
from tpcore.experiments.measures import MEASURES
from tpcore.experiments.method import Method
from tpcore.experiments.spec import Network, Run, Setup
from tpcore.tasks import Task


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
    choices : mapping of str to sequence of float
        Values of which one is drawn, all alike, as of Adam's epsilon; the same for every method.
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
    choices: Mapping[str, Sequence[float]] = field(default_factory=dict)
    seed: int = 1000


@dataclass(frozen=True)
class Experiment:
    """A task, the methods to compare on it, and how long and how often.

    Parameters
    ----------
    about : str
        One line for `tpcore list`.
    task : tpcore.tasks.Task
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
    network: Network = field(default_factory=Network)
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
