"""Which records there are of an experiment, and their columns over the seeds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np

from tpcore import results
from tpcore.experiments.experiment import Experiment
from tpcore.experiments.records import check_data, read_complete
from tpcore.experiments.registry import experiment_named
from tpcore.experiments.search import trials, winner
from tpcore.experiments.spec import Run
from tpcore.results import Record


def recorded(name: str, stage: str = "run", folder: Path | None = None) -> dict[str, list[Record]]:
    """The complete records of an experiment, as it is registered, by method.

    Parameters
    ----------
    name : str
        The experiment's.
    stage : {"run", "tuned"}
        With the registered settings, or with those of the search's winner on fresh seeds.
    folder : Path, optional
        Where records are; by default `tpcore.results.default_folder`.

    Returns
    -------
    dict of str to list of Record
        In the experiment's order of methods and seeds. A method of which not every seed has come to its end is left
        out: it was not run.

    Raises
    ------
    ValueError
        If there is no such experiment.
    tpcore.results.RecordError
        If a record is not as it was written, or is another run's, or if not all were made from the same data.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tpcore.experiments import recorded
    >>> recorded("adding-30", folder=Path("no records are here"))
    {}
    """
    folder = results.default_folder() if folder is None else folder
    experiment = experiment_named(name)

    def runs(method: str) -> list[Run]:
        if stage != "tuned":
            return experiment.runs(name, [method])
        setup = experiment.setup(winner(name, experiment, method, folder))
        return [Run(name, "tuned", method, seed, setup) for seed in experiment.seeds]

    return _complete(experiment, runs, folder)


def searched(name: str, folder: Path | None = None) -> dict[str, list[Record]]:
    """The records of the search's trials, by method; a method of which one is missing or under way is left out.

    Parameters
    ----------
    name, folder
        As in `recorded`.

    Returns
    -------
    dict of str to list of Record

    Raises
    ------
    ValueError, tpcore.results.RecordError
        As `recorded` does.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tpcore.experiments import searched
    >>> searched("equal-effort-order-60", folder=Path("no records are here"))
    {}
    """
    folder = results.default_folder() if folder is None else folder
    experiment = experiment_named(name)
    return _complete(experiment, lambda method: trials(name, experiment, method), folder)


def _complete(experiment: Experiment, runs: Callable[[str], list[Run]], folder: Path) -> dict[str, list[Record]]:
    """The records of the methods of which all runs have come to their end."""
    found = {}
    for method in experiment.methods:
        with suppress(FileNotFoundError):
            found[method] = read_complete(runs(method), folder)
    check_data([record for records in found.values() for record in records])
    return found


def column(records: Sequence[Record], name: str = "accuracy") -> tuple[np.ndarray, np.ndarray]:
    """A column of several runs of one setup, over the logged steps.

    Parameters
    ----------
    records : sequence of Record
        Of one configuration, one a seed.
    name : str
        The column. After a divergence an accuracy is that of the untrained network, anything else is NaN.

    Returns
    -------
    steps : numpy.ndarray (n,)
    values : numpy.ndarray (seeds, n)

    Raises
    ------
    KeyError
        If the records have no such column.

    Examples
    --------
    >>> from tpcore.experiments import column
    >>> from tpcore.results import Record
    >>> record = Record("adding-30", "run", "bp", 0, {"steps": 40, "log_every": 20}, status="diverged")
    >>> record.set_rows([{"step": 0, "accuracy": 0.25}, {"step": 20, "accuracy": 0.5}])
    >>> steps, values = column([record])
    >>> steps.tolist(), values.tolist()
    ([0, 20, 40], [[0.25, 0.5, 0.25]])
    """
    configuration = records[0].configuration
    last, every = configuration["steps"], configuration["log_every"]
    steps = np.unique([*range(0, last + 1, every), last])
    values = np.full((len(records), len(steps)), np.nan)
    for row, record in zip(values, records, strict=True):
        found = [np.nan if value is None else value for value in record.column(name)]
        kept = record.rows_kept()
        row[:kept] = found[:kept]
        if name == "accuracy":
            row[kept:] = found[0]
    return steps, values
