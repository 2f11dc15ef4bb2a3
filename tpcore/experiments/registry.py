"""All experiments by name. Adding one is adding an entry to `paper`, `fair`, `grids` or `regimes`."""

from __future__ import annotations

from tpcore.experiments.experiment import Experiment
from tpcore.experiments.fair import FAIR
from tpcore.experiments.grids import GRIDS
from tpcore.experiments.paper import PAPER
from tpcore.experiments.regimes import REGIMES

# As `tpcore list` shows them
EXPERIMENTS: dict[str, Experiment] = {**PAPER, **FAIR, **GRIDS, **REGIMES}


def experiment_named(name: str) -> Experiment:
    """The experiment of that name.

    Parameters
    ----------
    name : str

    Returns
    -------
    Experiment

    Raises
    ------
    ValueError
        If there is none; the message names those there are.

    Examples
    --------
    >>> from tpcore.experiments import experiment_named
    >>> experiment_named("adding-30").task
    Adding(length=30)
    """
    if name not in EXPERIMENTS:
        raise ValueError(f"experiment must be one of {', '.join(EXPERIMENTS)}, got {name!r}")
    return EXPERIMENTS[name]
