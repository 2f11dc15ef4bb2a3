"""Target propagation via regularized inversion, as drop-in PyTorch modules."""

from importlib.metadata import PackageNotFoundError, version

import torch

from tpcore import diagnostics, nn, schedules, tasks, training
from tpcore.inversion import RegularizedInverse, regularized_inverse
from tpcore.means import geometric_mean
from tpcore.rules import BackProp, GeometricTargetProp, LearnedTargetProp, RescaledBackProp, TargetProp

# So that torch.load reads back, with its default weights_only=True, a checkpoint that holds rules or modules.
modules = [getattr(nn, name) for name in nn.__all__ if isinstance(getattr(nn, name), type)]
torch.serialization.add_safe_globals(
    [BackProp, GeometricTargetProp, LearnedTargetProp, RescaledBackProp, TargetProp, *modules]
)
del modules

try:
    __version__ = version("tpcore")
except PackageNotFoundError:  # used from a checkout that was never installed
    __version__ = "0+unknown"

__all__ = [
    "BackProp", "GeometricTargetProp", "LearnedTargetProp", "RegularizedInverse", "RescaledBackProp", "TargetProp",
    "diagnostics", "geometric_mean", "nn", "regularized_inverse", "schedules", "tasks", "training",
]  # fmt: skip
