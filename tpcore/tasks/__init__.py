"""Tasks: batches of (inputs, targets), drawn from a seeded generator.

`tpcore.training.Task` says what the training loop needs of one.
"""

from tpcore.tasks.adding import Adding
from tpcore.tasks.pixels import Pixels
from tpcore.tasks.temporal_order import TemporalOrder
from tpcore.tasks.text import Characters, Words

__all__ = ["Adding", "Characters", "Pixels", "TemporalOrder", "Words"]
