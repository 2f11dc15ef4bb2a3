"""The same search for every method: as many trials, the same draws, and the winner run again on fresh seeds.

Where the data are finite, a trial is judged on a part of the training data, and only the winner on the test.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from tpcore.experiments.experiment import Experiment
from tpcore.experiments.many import run_all
from tpcore.experiments.method import Method
from tpcore.experiments.records import read_complete
from tpcore.experiments.spec import Run
from tpcore.results import Record


def trials(name: str, experiment: Experiment, method: str) -> list[Run]:
    """The trials of one method of the experiment of that name.

    Raises
    ------
    ValueError
        If the search's seed is one of the experiment's: those of the winner would not be fresh.
    """
    search = experiment.search
    if search.seed in experiment.seeds:
        raise ValueError(f"the search's seed, {search.seed}, must not be one of the experiment's seeds")
    task: Any = experiment.task
    if hasattr(task, "validation"):
        experiment = replace(experiment, task=replace(task, validation=True))
    return [Run(name, "search", method, search.seed, experiment.setup(tuned)) for tuned in _drawn(experiment, method)]


def _drawn(experiment: Experiment, method: str) -> list[Method]:
    from scipy.stats.qmc import Halton  # here: tpcore.experiments is imported without SciPy

    search = experiment.search
    chosen = experiment.methods[method]
    axes = {**search.ranges, **search.choices, **chosen.ranges}
    draws = Halton(len(axes), rng=search.seed).random(search.trials)
    return [
        chosen.tuned(
            **{
                name: _value(place, among, among is search.choices.get(name))
                for place, (name, among) in zip(row, axes.items(), strict=True)
            }
        )
        for row in draws
    ]


def _value(place: float, among: Sequence[float], choose: bool) -> float:
    """What stands at a place in [0, 1): of some values, or of a range on a logarithmic axis."""
    if choose:
        return among[int(place * len(among))]
    low, high = among
    return float(f"{low * (high / low) ** place:.3g}")


def score(record: Record) -> float:
    """The mean accuracy over the logged steps, so that early, lasting success counts most.

    From a divergence on, the accuracy is the untrained network's.
    """
    configuration = record.configuration
    expected = 1 + -(-configuration["steps"] // configuration["log_every"])
    accuracy = record.column("accuracy")
    kept = record.rows_kept()
    return float(sum(accuracy[:kept]) + (expected - kept) * accuracy[0]) / expected


def winner(name: str, experiment: Experiment, method: str, folder: Path) -> Method:
    """The method with the values of its best trial.

    Raises
    ------
    FileNotFoundError
        If a trial has no record yet, or is under way.
    RecordError
        If what lies in a trial's place is not its record, or the trials' data differ.
    """
    scores = [score(record) for record in read_complete(trials(name, experiment, method), folder)]
    return _drawn(experiment, method)[int(np.argmax(scores))]


def sweep(name: str, experiment: Experiment, methods: Sequence[str] | None, folder: Path, **where: Any) -> list[Run]:
    """Search for every method, then run each winner on the experiment's own seeds.

    Every method has the same number of trials, with the same draws. Where the data are finite, a trial is judged on a
    part of the training data; only the winner sees the test data.

    Parameters
    ----------
    name : str
        The experiment's, under which the records are filed.
    experiment : Experiment
    methods : sequence of str, optional
        Some of the experiment's; None: all.
    folder : Path
        For the records.
    **where
        Go to `run_all`: jobs, dask, progress.

    Returns
    -------
    list of Run
        Those of the winners.

    Raises
    ------
    ValueError
        If there is no such method, or the search's seed is one of the experiment's.
    RunError, RecordError, tpcore.tasks.files.DataError
        As `run_all` does.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import tpcore
    >>> from tpcore.experiments import Experiment, Method, Network, Optimizer, Search, sweep
    >>> from tpcore.tasks import TemporalOrder
    >>> method = Method(tpcore.BackProp(), Optimizer(gamma_theta=0.1, gamma_h=0.1))
    >>> small = {"steps": 2, "network": Network(8), "seeds": (0, 1), "log_every": 1, "test_size": 10, "measures": ()}
    >>> experiment = Experiment("an example", TemporalOrder(10), {"bp": method}, **small, search=Search(trials=2))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     winners = sweep("example", experiment, None, Path(folder), jobs=1, progress=False)
    >>> [(run.method, run.stage, run.seed) for run in winners]
    [('bp', 'tuned', 0), ('bp', 'tuned', 1)]
    """
    chosen = experiment.chosen(methods)
    draws = zip(*(trials(name, experiment, method) for method in chosen), strict=True)
    run_all([run for draw in draws for run in draw], folder, **where)  # in turn: a part of a search is a fair part
    winners = {method: experiment.setup(winner(name, experiment, method, folder)) for method in chosen}
    runs = [Run(name, "tuned", method, seed, winners[method]) for seed in experiment.seeds for method in chosen]
    run_all(runs, folder, **where)
    return runs
