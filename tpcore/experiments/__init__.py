"""Named experiments: what they are (`experiment`, `registry`), running, searching, verifying and reading them."""

from tpcore.experiments.adapted import AdaptedTargetProp
from tpcore.experiments.contests import in_the_same_time, mean_accuracy, seconds_per_step, winner_of
from tpcore.experiments.experiment import Experiment, Search
from tpcore.experiments.learned import LearnedInverseSettings
from tpcore.experiments.many import run_all
from tpcore.experiments.method import Method, Optimizer
from tpcore.experiments.registry import EXPERIMENTS as EXPERIMENTS
from tpcore.experiments.registry import experiment_named
from tpcore.experiments.running import RunError, run_one
from tpcore.experiments.search import sweep
from tpcore.experiments.spec import Network, Run, Setup
from tpcore.experiments.summary import Outcome, column, level_of, outcome, recorded, searched, solved_at

__all__ = [
    "AdaptedTargetProp",
    "Experiment",
    "LearnedInverseSettings",
    "Method",
    "Network",
    "Optimizer",
    "Outcome",
    "Run",
    "RunError",
    "Search",
    "Setup",
    "column",
    "experiment_named",
    "in_the_same_time",
    "level_of",
    "mean_accuracy",
    "outcome",
    "recorded",
    "run_all",
    "run_one",
    "searched",
    "seconds_per_step",
    "solved_at",
    "sweep",
    "winner_of",
]
