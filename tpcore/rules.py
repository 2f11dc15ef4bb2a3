"""Rules: what flows backward through a network, as plain values.

Back-propagation and target propagation share the forward pass, the parameter products, the optimizer and the
training loop. They differ in the map that carries something one step back. A rule names that map; a module of
`tpcore.nn` takes a rule, and ``loss.backward()`` then fills ``.grad`` with that rule's directions.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Protocol, get_args, runtime_checkable

from tpcore.checks import check_at_least, check_between, check_flag, check_margin, check_option, check_positive

Form = Literal["linearized", "difference", "plain"]
Accumulate = Literal["local", "through_time"]
FORMS: tuple[str, ...] = get_args(Form)
ACCUMULATIONS: tuple[str, ...] = get_args(Accumulate)
S_RANGE = 1e-37, 1e37  # beyond, float32 has no normal numbers for s, or for 1 + s times a slope


@dataclass(frozen=True)
class BackProp:
    """Back-propagation: the adjoint λ_t = ∂ℓ/∂h_t flows backward, and ``.grad`` holds the gradient.

    λ_{t−1} = Wᵀ (a′(z_t) ⊙ λ_t); the result equals that of `torch.nn.RNN` with autograd.

    Examples
    --------
    >>> import tpcore
    >>> tpcore.nn.RNN(6, 100, rule=tpcore.BackProp()).rule
    BackProp()
    """


@dataclass(frozen=True)
class TargetProp:
    """Target propagation by regularized inversion: displacements δ_t = v_t − h_t flow backward.

    The first target is v_τ = h_τ − γ_h ∂ℓ/∂h_τ. One step back, the layer is inverted in a regularized way:

    ==============  =====================================================================
    ``form``        what reaches the previous step
    ==============  =====================================================================
    "linearized"    δ_{t−1} = M_r A_s δ_t, A_0 = diag(1/a′) at the clipped hidden state
    "difference"    v_{t−1} = h_{t−1} + f_t⁻¹(v_t) − f_t⁻¹(h_t)
    "plain"         v_{t−1} = f_t⁻¹(v_t)
    ==============  =====================================================================

    with M_r = (WᵀW + rI)⁻¹Wᵀ and f_t⁻¹(v) = M_r (a⁻¹(clip(v)) − U x_t − b). ``.grad`` holds *minus* the direction of
    the parameters, so that a gradient step ``p ← p − γ_θ p.grad`` moves each layer toward its target.

    Parameters
    ----------
    r : float > 0
        Regularization of the inverse of W. Small: nearly exact inversion, which may explode; large: shrinks.
    s : float ≥ 0
        Regularization of the inverse of the activation: A_s = diag(a′/(a′² + s)). Only for the linearized form; 0, or
        between 1e-37 and 1e37, so that float32 can compute with it.
    calibrated : bool
        Multiply M_r by 1 + r and A_s by 1 + s, so that an isometry is inverted exactly at every r and s.
        r = s → 0 is exact inversion, r = s = 1 never expands a displacement, r = s → ∞ is back-propagation.
    form : {"linearized", "difference", "plain"}
    accumulate : {"local", "through_time"}
        "local": each step's own derivative, the previous state held fixed (the paper's rule). "through_time": minus
        the gradient of Σ_t ½‖h_t(θ) − v_t‖², the targets fixed, through the whole recurrence (what its reference
        code does).
    step : float > 0
        γ_h, the step that makes the first target. The forms "difference" and "plain" are not linear in it, nor in the
        loss: a loss that is scaled, as by `torch.amp.GradScaler`, gives another direction there, not a multiple of it.
        A warning says so, once, when most targets lie beyond the states' range.
    margin : float in [1e-7, 1)
        The inverse of tanh is taken on [−1 + margin, 1 − margin]. With less, 1 − margin is 1 in float32.

    Numbers may come from NumPy, Python or a tensor; they are kept as Python's floats.

    Raises
    ------
    ValueError
        If a value is out of its range; the message names it.

    Examples
    --------
    >>> import dataclasses, tpcore
    >>> rule = tpcore.TargetProp(r=1.0, s=1.0, calibrated=True)
    >>> rnn = tpcore.nn.RNN(6, 100, rule=rule)
    >>> rnn.rule = dataclasses.replace(rule, r=10.0, s=10.0)  # nearer to back-propagation
    >>> tpcore.TargetProp(r=0.0)
    Traceback (most recent call last):
    ValueError: r must be a finite number above 0, got 0.0

    References
    ----------
    Roulet & Harchaoui, TMLR 2023 (arXiv 2112.01453), for s = 0 and uncalibrated; the chapter
    *Deriving target propagation* of this book for s and calibration.
    """

    r: float
    s: float = 0.0
    calibrated: bool = False
    form: Form = "linearized"
    accumulate: Accumulate = "local"
    step: float = 1.0
    margin: float = 1e-3

    def __post_init__(self) -> None:
        _keep(self, "r", check_positive("r", self.r))
        _keep(self, "s", check_at_least("s", self.s, 0.0))
        _keep(self, "step", check_positive("step", self.step))
        _keep(self, "margin", check_margin(self.margin))
        if self.s > 0 and not S_RANGE[0] <= self.s <= S_RANGE[1]:
            raise ValueError(f"s must be 0 or between {S_RANGE[0]:g} and {S_RANGE[1]:g}, got {self.s}")
        check_flag("calibrated", self.calibrated)
        check_option("form", self.form, FORMS)
        check_option("accumulate", self.accumulate, ACCUMULATIONS)
        if self.s > 0 and self.form != "linearized":
            raise ValueError(
                f"s = {self.s} regularizes the linearized inverse of the activation; "
                f'form="{self.form}" inverts it exactly: use s=0 or form="linearized"'
            )


@dataclass(frozen=True)
class GeometricTargetProp:
    """Target propagation through a geometric mean: p = −1 inverts, p = 0 keeps every length, p = 1 is back-propagation.

    With W = U Σ Vᵀ, displacements go back by δ_{t−1} = M_p A_p δ_t, where M_p = V Σᵖ Uᵀ is the weighted geometric mean
    of W⁻¹ and Wᵀ, and A_p = diag(a′ᵖ) that of 1/a′ and a′. The first target is v_τ = h_τ − γ_h ∂ℓ/∂h_τ, and the
    directions follow from the displacements as under `TargetProp`.

    - p = 0: M_0 = V Uᵀ is the orthogonal matrix nearest to Wᵀ and to W⁻¹, and the activation lets a displacement pass.
      Every displacement reaches every step at full length, whatever the weights and the states.
    - p = 1: with ``accumulate="local"`` the directions are γ_h times back-propagation's, exactly.
    - 0 ≤ p ≤ 1: bounded where W is singular or a unit saturated. p < 0: not, but for the floor and the margin.

    Parameters
    ----------
    p : float in [−1, 1]
    accumulate : {"local", "through_time"}
        As in `TargetProp`.
    step : float > 0
        γ_h, the step that makes the first target.
    margin : float in [1e-7, 1)
        For p ≤ 0 slopes are those on the range where `TargetProp` with s = 0 inverts the activation: tanh's at least
        1 − (1 − margin)², ReLU's 1. For p > 0 they are the activation's own, so that a ReLU which is off blocks.

    Notes
    -----
    `geometric_mean` makes M_p once a step: for p = 0 by Newton–Schulz, for p = 1 it is Wᵀ, and otherwise it takes an
    eigendecomposition of WᵀW. Its docstring says what becomes of singular values below 10⁻⁶ σ_max.

    Raises
    ------
    ValueError
        If a value is out of its range; the message names it.

    Examples
    --------
    >>> import torch, tpcore
    >>> rnn = tpcore.nn.RNN(6, 100, rule=tpcore.GeometricTargetProp(p=0.0))
    >>> rnn(torch.randn(300, 20, 6))[1].square().sum().backward()
    >>> rnn.rule = tpcore.GeometricTargetProp(p=1.0)  # from now on, back-propagation

    References
    ----------
    Bhatia, *Positive Definite Matrices*, Princeton 2007, for means of matrices; the rule is this book's own.
    """

    p: float
    accumulate: Accumulate = "local"
    step: float = 1.0
    margin: float = 1e-3

    form: ClassVar[str] = "linearized"

    def __post_init__(self) -> None:
        _keep(self, "p", check_between("p", self.p, -1.0, 1.0))
        check_option("accumulate", self.accumulate, ACCUMULATIONS)
        _keep(self, "step", check_positive("step", self.step))
        _keep(self, "margin", check_margin(self.margin))


@dataclass(frozen=True)
class RescaledBackProp:
    """Back-propagation whose message keeps some of its length: the direction of one rule, the length of another.

    λ_{t−1} = (‖λ_t‖/‖λ′‖)^{1−p} λ′ with λ′ = Wᵀ (a′(z_t) ⊙ λ_t), for each sample. At p = 0 every step hands on the norm
    that it was given, as `GeometricTargetProp` does at p = 0, but along back-propagation's direction; p = 1 is
    back-propagation. It is the control that tells whether the length or the direction does it. For recurrent modules.

    Parameters
    ----------
    p : float in [0, 1]
    step : float > 0
        γ_h, by which the gradient on the states is multiplied first.

    Raises
    ------
    ValueError
        If a value is out of its range.

    Examples
    --------
    >>> import torch, tpcore
    >>> rnn = tpcore.nn.RNN(6, 100, rule=tpcore.RescaledBackProp(p=0.0))
    >>> rnn(torch.randn(300, 20, 6))[1].square().sum().backward()
    """

    p: float
    step: float = 1.0

    form: ClassVar[str] = "rescaled"
    accumulate: ClassVar[str] = "local"

    def __post_init__(self) -> None:
        _keep(self, "p", check_between("p", self.p, 0.0, 1.0))
        _keep(self, "step", check_positive("step", self.step))


@runtime_checkable
class ParameterizedInverse(Protocol):
    """What `LearnedTargetProp` needs of an inverse g(v, x) = tanh(V v + U x + c): `nn.LearnedInverse` is one."""

    V: Any  # (d, d)
    U: Any  # (d, p)
    c: Any  # (d,), or None

    def check_fits(self, rnn: Any) -> None:
        """Raise TypeError or ValueError if it is no inverse for that network's layer."""

    def check_alike(self, weight: Any) -> None:
        """Raise TypeError unless its parameters have the dtype and the device of the network's weights."""


@dataclass(frozen=True)
class LearnedTargetProp:
    """Difference target propagation through a learned inverse: the baseline with an inverse that has parameters.

    v_τ = h_τ − γ_h ∂ℓ/∂h_τ and v_{t−1} = h_{t−1} + g(v_t, x_t) − g(h_t, x_t), with g a `nn.LearnedInverse`. The
    directions follow from the displacements as under `TargetProp`. ``loss.backward()`` leaves the inverse's own
    parameters alone; they are trained by its reconstruction loss. For `nn.RNN` with one layer.

    Parameters
    ----------
    inverse : tpcore.nn.LearnedInverse
        ``copy.deepcopy`` of a module with this rule copies the inverse too: give the copy an optimizer of its own.
    step : float > 0
        γ_h, the step that makes the first target.
    accumulate : {"local", "through_time"}
        As in `TargetProp`.

    Raises
    ------
    TypeError, ValueError
        If the inverse is none, or a value is out of its range.

    Examples
    --------
    >>> import torch, tpcore
    >>> inverse = tpcore.nn.LearnedInverse(6, 32)
    >>> rnn = tpcore.nn.RNN(6, 32, rule=tpcore.LearnedTargetProp(inverse, step=0.1))
    >>> rnn(torch.randn(20, 8, 6))[1].square().sum().backward()
    >>> rnn.weight_hh_l0.grad.shape, inverse.V.grad
    (torch.Size([32, 32]), None)

    References
    ----------
    Lee et al., *Difference target propagation*, ECML 2015; Roulet & Harchaoui, TMLR 2023, experiments ("DTP-PI").
    """

    inverse: Any  # a ParameterizedInverse
    step: float = 1.0
    accumulate: Accumulate = "local"

    form: ClassVar[str] = "learned"

    def __post_init__(self) -> None:
        if not isinstance(self.inverse, ParameterizedInverse):
            raise TypeError(f"inverse must be a tpcore.nn.LearnedInverse, got {type(self.inverse).__name__}")
        _keep(self, "step", check_positive("step", self.step))
        check_option("accumulate", self.accumulate, ACCUMULATIONS)


def _keep(rule: Rule, name: str, number: float) -> None:
    """Put the float that a number of a frozen rule stands for in its place: a tensor could be changed afterwards."""
    object.__setattr__(rule, name, number)


Rule = BackProp | TargetProp | GeometricTargetProp | RescaledBackProp | LearnedTargetProp
Linearized = TargetProp | GeometricTargetProp


def check_rule(rule: object) -> Rule:
    """Return `rule` if it is one, else raise TypeError."""
    if not isinstance(rule, Rule):
        raise TypeError(
            "rule must be tpcore.BackProp(), tpcore.TargetProp(r=...), tpcore.GeometricTargetProp(p=...), "
            f"tpcore.RescaledBackProp(p=...) or tpcore.LearnedTargetProp(inverse), got {rule!r}"
        )
    return rule
