"""Target propagation via regularized inversion, as drop-in PyTorch modules."""

from importlib.metadata import PackageNotFoundError, version

from tpcore import diagnostics, nn, schedules, tasks, training
from tpcore.inversion import RegularizedInverse, regularized_inverse
from tpcore.means import geometric_mean
from tpcore.rules import BackProp, GeometricTargetProp, LearnedTargetProp, RescaledBackProp, TargetProp

try:
    __version__ = version("tpcore")
except PackageNotFoundError:  # used from a checkout that was never installed
    __version__ = "0+unknown"

__all__ = [
    "BackProp", "GeometricTargetProp", "LearnedTargetProp", "RegularizedInverse", "RescaledBackProp", "TargetProp",
    "diagnostics", "geometric_mean", "nn", "regularized_inverse", "schedules", "tasks", "training",
]  # fmt: skip
