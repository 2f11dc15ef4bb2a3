"""What a training step costs: counted in operations and memory, and estimated in time."""

from tpcore.complexity.comparison import crossover_hidden, crossover_steps, limiting_ratio, ratio
from tpcore.complexity.counts import CONTENDERS as CONTENDERS
from tpcore.complexity.counts import ELEMENTWISE as ELEMENTWISE
from tpcore.complexity.counts import PARTS as PARTS
from tpcore.complexity.counts import Count, Shape, Work, count
from tpcore.complexity.machine import Machine, measure_machine, roofline_seconds
from tpcore.complexity.timing import Timing, threads, time_in_turn, training_step

__all__ = [
    "Count",
    "Machine",
    "Shape",
    "Timing",
    "Work",
    "count",
    "crossover_hidden",
    "crossover_steps",
    "limiting_ratio",
    "measure_machine",
    "ratio",
    "roofline_seconds",
    "threads",
    "time_in_turn",
    "training_step",
]
