"""Named experiments: what they are (`spec`, `registry`), running them (`running`, `search`), checking (`verify`)."""

from tpcore.experiments.registry import EXPERIMENTS as EXPERIMENTS
from tpcore.experiments.registry import experiment_named
from tpcore.experiments.running import RunError, run_all, run_one
from tpcore.experiments.search import sweep
from tpcore.experiments.spec import Experiment, Method, Network, Optimizer, Run, Search, Setup

__all__ = [
    "Experiment",
    "Method",
    "Network",
    "Optimizer",
    "Run",
    "RunError",
    "Search",
    "Setup",
    "experiment_named",
    "run_all",
    "run_one",
    "sweep",
]
