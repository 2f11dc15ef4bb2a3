"""Tasks: batches of (inputs, targets), drawn from a seeded generator."""

from tpcore.tasks.temporal_order import TemporalOrder

__all__ = ["TemporalOrder"]
