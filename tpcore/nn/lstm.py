"""`LSTM`: torch.nn.LSTM whose backward pass follows a rule."""

from __future__ import annotations

import torch

from tpcore.nn.gru import gated_rule
from tpcore.nn.recurrent import Recurrent
from tpcore.recurrences.lstm import LongShortTerm
from tpcore.rules import Rule


class LSTM(Recurrent, torch.nn.LSTM):
    r"""A drop-in for `torch.nn.LSTM` whose ``loss.backward()`` follows a rule.

    c_t = f ⊙ c_{t−1} + i ⊙ g and h_t = o ⊙ tanh c_t, with g = tanh(W_g h_{t−1} + U_g x_t + b) and the gates
    i, f, o = sigmoid(W h_{t−1} + U x_t + b). The constructor, shapes, initial states, parameter names and state dicts
    are those of `torch.nn.LSTM`; the losses may be on any of the hidden states, and on c_n.

    Parameters
    ----------
    input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional, device, dtype
        As in `RNN`.
    rule : BackProp, TargetProp, GeometricTargetProp or RescaledBackProp
        What flows backward. May be changed at any time: ``lstm.rule = ...``.

    Notes
    -----
    Displacements go back for the pair (h, c). With the slopes κ_o = o(1 − tanh² c_t) and κ_g = i(1 − g²), the cell is
    asked for e = δ_c + Ã_s(κ_o) δ_h, which its own branch and the candidate's share by regularized least squares; in
    the calibrated form

    - δ_c ← (1 + s) f/(f² + κ_g² + s) ⊙ e,
    - δ_h ← M̃_g((1 + s) κ_g/(f² + κ_g² + s) ⊙ e) + s/(1 + s) · (what the gates send by their slopes, through M̃_i, M̃_f
      and M̃_o);

    otherwise all of it divided by (1 + r)(1 + s). At s = 0 the gates are held fixed and clipped to [margin, 1]. Where
    f = 1 and i = 0 a cell's displacement passes unchanged; as r = s → ∞ the rule is back-propagation. The book's
    appendix on the LSTM derives it and says what is approximated.

    ``.grad``, inputs, initial states, layers, dropout and packed sequences as in `RNN`. The form "plain" is refused.

    Raises
    ------
    ValueError
        For ``form="plain"``.
    ValueError, TypeError, AttributeError, FloatingPointError, RuntimeError
        As in `RNN`.

    Examples
    --------
    >>> import torch, tpcore
    >>> lstm = tpcore.nn.LSTM(6, 100, batch_first=True, rule=tpcore.TargetProp(r=1.0, s=1.0, calibrated=True))
    >>> output, (h_n, c_n) = lstm(torch.randn(20, 60, 6))
    >>> output.shape, h_n.shape, c_n.shape
    (torch.Size([20, 60, 100]), torch.Size([1, 20, 100]), torch.Size([1, 20, 100]))
    >>> h_n.square().sum().backward()
    >>> lstm.weight_hh_l0.grad.shape
    torch.Size([400, 100])

    References
    ----------
    Hochreiter & Schmidhuber 1997 and Gers et al. 2000 for the unit; Roulet & Harchaoui, TMLR 2023, for the regularized
    inverse of its affine maps.
    """

    parts = 2

    def checked_rule(self, rule: object) -> Rule:
        return gated_rule(super().checked_rule(rule), "LSTM")

    def _cell(self) -> tuple[type[LongShortTerm], tuple[()]]:
        return LongShortTerm, ()
