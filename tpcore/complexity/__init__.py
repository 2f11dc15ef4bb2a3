"""What a training step costs: counted in operations and memory, and estimated in time."""

from tpcore.complexity.comparison import crossover_hidden, crossover_steps, limiting_ratio, ratio
from tpcore.complexity.counts import CONTENDERS as CONTENDERS
from tpcore.complexity.counts import ELEMENTWISE as ELEMENTWISE
from tpcore.complexity.counts import PARTS as PARTS
from tpcore.complexity.counts import Count, Shape, Work, count
from tpcore.complexity.machine import Machine, measure_machine, roofline_seconds
from tpcore.complexity.measuring import BUSY as BUSY
from tpcore.complexity.measuring import MEASURED as MEASURED
from tpcore.complexity.measuring import Comparison, compare_times, contender_step, counted, measure_step
from tpcore.complexity.scaling import fitted_slope
from tpcore.complexity.timing import Timing, threads, time_in_turn, training_step

__all__ = [
    "Comparison",
    "Count",
    "Machine",
    "Shape",
    "Timing",
    "Work",
    "compare_times",
    "contender_step",
    "count",
    "counted",
    "crossover_hidden",
    "crossover_steps",
    "fitted_slope",
    "limiting_ratio",
    "measure_machine",
    "measure_step",
    "ratio",
    "roofline_seconds",
    "threads",
    "time_in_turn",
    "training_step",
]
