"""Target propagation via regularized inversion, as drop-in PyTorch modules."""

from importlib.metadata import PackageNotFoundError, version

from tpcore import diagnostics, nn, tasks, training
from tpcore.inversion import RegularizedInverse, regularized_inverse
from tpcore.rules import BackProp, LearnedTargetProp, TargetProp

try:
    __version__ = version("tpcore")
except PackageNotFoundError:  # used from a checkout that was never installed
    __version__ = "0+unknown"

__all__ = [
    "BackProp", "LearnedTargetProp", "RegularizedInverse", "TargetProp",
    "diagnostics", "nn", "regularized_inverse", "tasks", "training",
]  # fmt: skip
