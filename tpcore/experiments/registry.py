"""All experiments by name. Adding one is adding an entry to `paper`, `fair`, `grids`, `regimes` or `targets_first`."""

from __future__ import annotations

from difflib import get_close_matches
from functools import reduce

from tpcore.experiments.experiment import Experiment
from tpcore.experiments.fair import FAIR
from tpcore.experiments.grids import GRIDS
from tpcore.experiments.overriding import with_value
from tpcore.experiments.paper import PAPER
from tpcore.experiments.regimes import REGIMES
from tpcore.experiments.targets_first import TARGETS_FIRST

# As `tpcore list` shows them
EXPERIMENTS: dict[str, Experiment] = {**PAPER, **FAIR, **GRIDS, **REGIMES, **TARGETS_FIRST}


def experiment_named(name: str) -> Experiment:
    """The experiment of that name; "NAME+r=3" is the experiment NAME with that value in place of its own.

    Parameters
    ----------
    name : str
        What may follow a plus sign says `tpcore.experiments.overriding`.

    Returns
    -------
    Experiment

    Raises
    ------
    ValueError
        If there is none, and the message names those there are and any that is spelt alike; or if what follows a plus
        sign is no value that can be changed.

    Examples
    --------
    >>> from tpcore.experiments import experiment_named
    >>> experiment_named("adding-30").task
    Adding(length=30)
    """
    base, *changes = name.split("+")
    if base not in EXPERIMENTS:
        alike = get_close_matches(base, EXPERIMENTS, n=3)
        meant = f": did you mean {' or '.join(alike)}?" if alike else ""
        raise ValueError(f"experiment must be one of {', '.join(EXPERIMENTS)}, got {base!r}{meant}")
    return reduce(with_value, changes, EXPERIMENTS[base])
