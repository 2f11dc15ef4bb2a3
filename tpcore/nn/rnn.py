"""`RNN`: torch.nn.RNN whose backward pass follows a rule."""

from __future__ import annotations

from typing import Any, Literal

import torch
from torch import Tensor

from tpcore.activations import Activation, activation_named
from tpcore.nn.recurrent import Recurrent, States
from tpcore.recurrences import Elman
from tpcore.rules import LearnedTargetProp, Rule

Nonlinearity = Literal["tanh", "relu", "identity"]


class RNN(Recurrent, torch.nn.RNN):
    """A drop-in for `torch.nn.RNN` whose ``loss.backward()`` follows a rule.

    h_t = a(W h_{t−1} + U x_t + b). The constructor, shapes, initial states, parameter names and state dicts are those
    of `torch.nn.RNN`; the losses may be on any of the hidden states.

    Parameters
    ----------
    input_size, hidden_size : int
        p and d.
    num_layers : int
        Layers one above the other, each with the states of the one below as its inputs.
    dropout : float in [0, 1]
        In training, between layers: each value of the states passed upward is zero with this probability. May be
        changed at any time.
    bidirectional : bool
        Each layer runs in both directions, each with weights and an inverse of its own; outputs are concatenated.
    nonlinearity : {"tanh", "relu", "identity"}
    bias, batch_first, device, dtype
        As in torch.nn.RNN; float32, float64, or bfloat16, which computes in float32.
    rule : BackProp, TargetProp, GeometricTargetProp, RescaledBackProp, or, for one layer, LearnedTargetProp
        What flows backward. May be changed at any time: ``rnn.rule = ...``.

    Notes
    -----
    After ``backward()``, ``.grad`` of a parameter holds minus the rule's direction (the gradient, for `BackProp`).
    Under `TargetProp` an input x_t receives what a parameter used at step t alone would, Uᵀ (a′ ⊙ (−δ_t)), or through
    time Uᵀ (a′ ⊙ μ_t); h_0 receives −δ_0 under both. Between layers the same crosses: targets go back through time, and
    a layer's states are moved so that the squared distances of the layer above shrink. γ_h is applied once, where the
    loss meets the states. So two layers are two modules of one layer, the lower one with ``step=1``.

    The input may be a `PackedSequence`: the output is one then, every sequence is as if it ran by itself, and padding
    costs no step. Under dropout a layer's targets are those of the states before the mask: what comes down from the
    layer above has passed the same mask, so that a state that was dropped is not displaced by it, and one that was kept
    is displaced 1/(1 − dropout) times.

    On a GPU a training step can be captured as a CUDA graph. What is not finite is not looked for then.

    Raises
    ------
    ValueError, TypeError
        For ``proj_size``, wrong shapes (those are RuntimeErrors too), dtypes or devices, and inputs or initial states
        that are not finite.
    AttributeError
        When what the weights were made for is changed afterwards, as ``rnn.bidirectional = True`` would.
    FloatingPointError
        When hidden states or directions are not finite: training has diverged. ``.grad`` of that layer and of those
        below is then left as it was; layers above may have theirs already.
    RuntimeError
        When a second derivative or several gradients at once are asked for, when weights or inputs are changed in place
        before the backward pass has read them, and where a tool would trace or export the module: see `to_torch`.

    Examples
    --------
    >>> import torch, tpcore
    >>> rnn = tpcore.nn.RNN(6, 100, batch_first=True, rule=tpcore.TargetProp(r=1.0))
    >>> output, h_n = rnn(torch.randn(20, 60, 6))
    >>> output.shape, h_n.shape
    (torch.Size([20, 60, 100]), torch.Size([1, 20, 100]))
    >>> h_n.square().sum().backward()
    >>> rnn.weight_hh_l0.grad.shape
    torch.Size([100, 100])

    Sentences of different lengths, in two directions:

    >>> from torch.nn.utils.rnn import pack_sequence, pad_packed_sequence
    >>> rnn = tpcore.nn.RNN(6, 100, 2, dropout=0.3, bidirectional=True, rule=tpcore.TargetProp(r=1.0))
    >>> output, h_n = rnn(pack_sequence([torch.randn(n, 6) for n in (7, 60, 31)], enforce_sorted=False))
    >>> pad_packed_sequence(output)[0].shape, h_n.shape  # h_n: each sequence's own last state
    (torch.Size([60, 3, 200]), torch.Size([4, 3, 100]))

    References
    ----------
    Roulet & Harchaoui, TMLR 2023, sections 2 and 3.
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        nonlinearity: Nonlinearity = "tanh",
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        **options: Any,
    ) -> None:
        activation_named(nonlinearity)
        known = nonlinearity if nonlinearity in ("tanh", "relu") else "tanh"  # torch.nn.RNN knows no identity
        super().__init__(
            input_size,
            hidden_size,
            num_layers,
            bias,
            batch_first,
            dropout,
            bidirectional,
            nonlinearity=known,
            **options,
        )
        self.nonlinearity = nonlinearity

    def checked_rule(self, rule: object) -> Rule:
        checked = super().checked_rule(rule)
        if isinstance(checked, LearnedTargetProp):
            checked.inverse.check_fits(self)
        return checked

    def _run_layers(self, *arguments: Any) -> tuple[Tensor, States]:
        if isinstance(self.rule, LearnedTargetProp):  # not before: either may still be moved after construction
            self.rule.inverse.check_alike(self.weight_hh_l0)
        return super()._run_layers(*arguments)

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, nonlinearity={self.nonlinearity!r}"

    def to_torch(self) -> torch.nn.RNNBase:
        if self.nonlinearity not in ("tanh", "relu"):
            raise ValueError(f"torch.nn.RNN has no nonlinearity={self.nonlinearity!r}: it takes 'tanh' or 'relu'")
        return super().to_torch()

    to_torch.__doc__ = Recurrent.to_torch.__doc__

    def _options(self) -> tuple[str, ...]:
        return ("nonlinearity",)

    def _cell(self) -> tuple[type[Elman], tuple[Activation]]:
        return Elman, (activation_named(self.nonlinearity),)
