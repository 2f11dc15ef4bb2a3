"""`GRU`: torch.nn.GRU whose backward pass follows a rule."""

from __future__ import annotations

import torch

from tpcore.nn.recurrent import Recurrent
from tpcore.recurrences.gru import Gated
from tpcore.rules import LearnedTargetProp, Rule, TargetProp


class GRU(Recurrent, torch.nn.GRU):
    """A drop-in for `torch.nn.GRU` whose ``loss.backward()`` follows a rule.

    h_t = (1 − z) ⊙ n + z ⊙ h_{t−1}, with n = tanh(c + ρ ⊙ (W_n h_{t−1} + b_n)), c = U_n x_t + b_in, and the gates
    ρ, z = sigmoid(W h_{t−1} + U x_t + b). The constructor, shapes, initial states, parameter names and state dicts are
    those of `torch.nn.GRU`; the losses may be on any of the hidden states.

    Parameters
    ----------
    input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional, device, dtype
        As in `RNN`.
    rule : BackProp, TargetProp, GeometricTargetProp or RescaledBackProp
        What flows backward. May be changed at any time: ``gru.rule = ...``.

    Notes
    -----
    The gates mix two branches with weights that sum to one: the state itself, and the candidate n. Both are asked for
    the same displacement δ; the state's own branch answers δ, the candidate's M̃_n Ã_s(κ) δ with κ = ρ ⊙ (1 − n²), and
    the answers are averaged with the gates' weights. In the calibrated form

    δ_{t−1} = z ⊙ δ_t + M̃_n((1 − z) ⊙ Ã_s(κ) ⊙ δ_t) + s/(1 + s) · (M̃_z(c_z ⊙ δ_t) + M̃_ρ(c_ρ ⊙ δ_t)),

    with the slopes c_z = (h_{t−1} − n) ⊙ z(1 − z) and c_ρ = (1 − z)(1 − n²) ⊙ (W_n h_{t−1} + b_n) ⊙ ρ(1 − ρ) of the
    gates; otherwise all of it divided by (1 + r)(1 + s). At s = 0 the gates are held fixed, and κ is bounded below by
    clipping ρ to [margin, 1] and n as in `RNN`. At z = 0 and ρ = 1 this is the rule of `RNN`; where z = 1 a
    displacement passes unchanged; as r = s → ∞ it is back-propagation. The book's appendix on the GRU derives it and
    says what is approximated.

    Under `GeometricTargetProp`, with the candidate's own κᵖ and M_p of W_n,

    δ_{t−1} = z ⊙ δ_t + M_p((1 − z) ⊙ κᵖ ⊙ δ_t) + max(p, 0) · (W_zᵀ(c_z ⊙ δ_t) + W_ρᵀ(c_ρ ⊙ δ_t)).

    Up to p = 0 the gates are held fixed. At p = 0 δ_t is divided by them between the state and the candidate, and both
    parts go back at full length: where the parts do not cancel nothing is lost, whatever W_n has become.

    ``.grad``, inputs, h_0 and layers as in `RNN`. The form "plain" is refused: to average a state with the inverse of a
    branch has no meaning.

    Raises
    ------
    ValueError
        For ``form="plain"``.
    ValueError, TypeError, AttributeError, FloatingPointError, RuntimeError
        As in `RNN`.

    Examples
    --------
    >>> import torch, tpcore
    >>> gru = tpcore.nn.GRU(6, 100, batch_first=True, rule=tpcore.TargetProp(r=1.0, s=1.0, calibrated=True))
    >>> output, h_n = gru(torch.randn(20, 60, 6))
    >>> output.shape, h_n.shape
    (torch.Size([20, 60, 100]), torch.Size([1, 20, 100]))
    >>> h_n.square().sum().backward()
    >>> gru.weight_hh_l0.grad.shape
    torch.Size([300, 100])

    References
    ----------
    Cho et al. 2014 for the unit; Roulet & Harchaoui, TMLR 2023, for the regularized inverse of its affine maps.
    """

    def checked_rule(self, rule: object) -> Rule:
        return gated_rule(super().checked_rule(rule), "GRU")

    def _cell(self) -> tuple[type[Gated], tuple[()]]:
        return Gated, ()


def gated_rule(rule: Rule, module: str) -> Rule:
    """The rule, if a module with gates can follow it."""
    if isinstance(rule, LearnedTargetProp):
        raise ValueError(f"tpcore.LearnedTargetProp inverts a layer of tpcore.nn.RNN, not of tpcore.nn.{module}")
    if isinstance(rule, TargetProp) and rule.form == "plain":
        raise ValueError(
            f'form="plain" is not defined for tpcore.nn.{module}, whose gates mix a state with the inverse of a '
            'branch: use form="difference" or form="linearized"'
        )
    return rule
