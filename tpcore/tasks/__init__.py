"""Tasks: batches of (inputs, targets), drawn from a seeded generator.

`Task` says what the training loop needs of one.
"""

from tpcore.tasks.adding import Adding
from tpcore.tasks.pixels import Pixels
from tpcore.tasks.task import Task
from tpcore.tasks.temporal_order import TemporalOrder
from tpcore.tasks.text import Characters, Words

__all__ = ["Adding", "Characters", "Pixels", "Task", "TemporalOrder", "Words"]
