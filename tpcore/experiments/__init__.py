"""Named experiments: what they are (`experiment`, `registry`), running, searching, verifying and reading them."""

from tpcore.experiments.adapted import AdaptedTargetProp
from tpcore.experiments.contests import compare_methods, in_the_same_time, mean_accuracy
from tpcore.experiments.costs import step_cost
from tpcore.experiments.experiment import Experiment, Search
from tpcore.experiments.learned import LearnedInverseSettings
from tpcore.experiments.many import run_all
from tpcore.experiments.method import Method, Optimizer
from tpcore.experiments.moving import MovedByLoss, MovedBySteps
from tpcore.experiments.outcomes import Outcome, chance_of, found_at, learns, level_of, outcome, solved_at
from tpcore.experiments.registry import EXPERIMENTS as EXPERIMENTS
from tpcore.experiments.registry import experiment_named
from tpcore.experiments.running import RunError, run_one
from tpcore.experiments.search import sweep
from tpcore.experiments.spec import Network, Run, Setup
from tpcore.experiments.statistics import (
    Estimate,
    Lead,
    compare_pairs,
    holm,
    interquartile_mean,
    performance_profile,
    share,
)
from tpcore.experiments.summary import column, recorded, searched

__all__ = [
    "AdaptedTargetProp",
    "Estimate",
    "Experiment",
    "Lead",
    "LearnedInverseSettings",
    "Method",
    "MovedByLoss",
    "MovedBySteps",
    "Network",
    "Optimizer",
    "Outcome",
    "Run",
    "RunError",
    "Search",
    "Setup",
    "chance_of",
    "column",
    "compare_methods",
    "compare_pairs",
    "experiment_named",
    "found_at",
    "holm",
    "in_the_same_time",
    "interquartile_mean",
    "learns",
    "level_of",
    "mean_accuracy",
    "outcome",
    "performance_profile",
    "recorded",
    "run_all",
    "run_one",
    "searched",
    "share",
    "solved_at",
    "step_cost",
    "sweep",
]
