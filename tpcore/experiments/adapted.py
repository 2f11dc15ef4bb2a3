"""r that follows the scale of W while a network trains, as a rule of an experiment."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import torch

from tpcore.nn import RNN
from tpcore.nn.recurrent import Recurrent
from tpcore.rules import TargetProp


@dataclass(frozen=True)
class AdaptedTargetProp(TargetProp):
    """`TargetProp`, calibrated, whose r is multiplied by the scale of W as it is at each pass.

    With c = ‖W‖_F/√d, the root of the mean σ² of W's singular values, r = r₀ c. It is a function of W alone, so that a
    run which is resumed needs nothing more than W. s stays what it is: the activation's scale does not change.

    Parameters
    ----------
    r : float > 0
        r₀, the r for c = 1, as at the start, where W is orthonormal.
    s, calibrated, form, accumulate, step, margin
        As in `TargetProp`; calibrated must be True.

    Notes
    -----
    M̃ = (1 + r)(WᵀW + rI)⁻¹Wᵀ has the gain (1 + r)σ/(σ² + r), and an isometry keeps its norm under it only if its scale
    is one. On W = cQ, Q orthogonal, the inverse's gain is 1/c and the transpose's is c. With r = r₀c the gain is
    (1 + r₀c)/(c + r₀): it runs from 1/c at r₀ = 0 to c at r₀ = ∞, and at r₀ = 1, halfway, it is 1 for every c. For any
    spectrum the gain is at most (1 + r)/(2√r), which for r₀ = 1 is 1 at c = 1 and 1.02 at c = 1.5. With r = r₀c²
    instead, which would make the filter σ²/(σ² + r) a function of σ/c, the gain on cQ at r₀ = 1 would be (c + 1/c)/2,
    above 1 for every c but one.

    Only the runs of an experiment adapt it: a module that is given this rule by hand takes it with r = r₀.

    Raises
    ------
    ValueError
        As `TargetProp`, and if it is not calibrated.
    TypeError
        When a run is built whose network is a GRU: it has no single W.

    Examples
    --------
    >>> import torch
    >>> from tpcore.experiments import AdaptedTargetProp
    >>> AdaptedTargetProp(r=3.0, s=3.0, calibrated=True).at(2 * torch.eye(4)).r
    6.0
    """

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.calibrated:
            raise ValueError("calibrated must be True for an r that follows the scale of W, got False")

    def at(self, W: torch.Tensor) -> AdaptedTargetProp:
        """The rule for a square W (d, d); unchanged if W is zero or not finite, which is for the module to refuse."""
        scale = float(torch.linalg.matrix_norm(W.detach())) / math.sqrt(len(W))
        return replace(self, r=self.r * scale) if 0 < scale < math.inf else self

    def follow(self, recurrent: Recurrent) -> None:
        """Set the module's rule anew before each pass, unless it has another rule at that moment."""
        if not isinstance(recurrent, RNN):
            raise TypeError(f"an r that follows the scale of W needs a tpcore.nn.RNN, got {type(recurrent).__name__}")

        def adapt(*_: Any) -> None:
            if isinstance(recurrent.rule, AdaptedTargetProp):
                recurrent.rule = self.at(recurrent.weight_hh_l0)

        recurrent.register_forward_pre_hook(adapt)
