"""What undoes an activation for a small displacement: its regularized inverse slope."""

from __future__ import annotations

from types import ModuleType

from tpcore.activations import Activation, Array
from tpcore.rules import GeometricTargetProp, Linearized


def inverse_slope(activation: Activation, xp: ModuleType, slope: Array, rule: Linearized) -> Array:
    """The diagonal of A_s: what undoes the activation for a small displacement, from its slope a′ at the hidden state.

    s = 0: 1/a′(a⁻¹(clip(h))), bounded only by the margin. s > 0: a′/(a′² + s), bounded by 1/(2√s) without any clipping.
    Calibrated: times 1 + s, the weighted harmonic mean of 1/a′ (weight 1) and a′ (weight s).
    Under `GeometricTargetProp` it is a′ᵖ, for p ≤ 0 clipped as s = 0 is.
    """
    if isinstance(rule, GeometricTargetProp):
        return (slope if rule.p > 0 else activation.clip_slope(xp, slope, rule.margin)) ** rule.p
    if rule.s > 0:
        gain = slope * slope
        gain += rule.s
        xp.divide(slope, gain, out=gain)
        if rule.calibrated:
            gain *= 1 + rule.s
        return gain
    return 1 / activation.clip_slope(xp, slope, rule.margin)
