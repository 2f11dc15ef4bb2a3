"""`LSTM`: torch.nn.LSTM whose backward pass follows a rule."""

from __future__ import annotations

import torch

from tpcore.nn.gru import gated_rule
from tpcore.nn.recurrent import Recurrent
from tpcore.recurrences.lstm import LongShortTerm
from tpcore.rules import Rule


class LSTM(Recurrent, torch.nn.LSTM):  # type: ignore[misc]
    """A drop-in for `torch.nn.LSTM` whose ``loss.backward()`` follows a rule."""

    parts = 2

    def checked_rule(self, rule: object) -> Rule:
        return gated_rule(super().checked_rule(rule), "LSTM")

    def _cell(self) -> tuple[type[LongShortTerm], tuple[()]]:
        return LongShortTerm, ()
