"""The paper's network: a recurrence whose last hidden state, or every one, is read by a linear layer."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from tpcore.nn.gru import GRU
from tpcore.nn.lstm import LSTM
from tpcore.nn.rnn import RNN
from tpcore.rules import Rule

CELLS: dict[str, type[GRU] | type[LSTM] | type[RNN]] = {"RNN": RNN, "GRU": GRU, "LSTM": LSTM}


def orthonormal_(weight: Tensor, generator: torch.Generator | None = None) -> Tensor:
    """Overwrite a matrix by the orthonormal polar factor U Vᵀ of a matrix uniform on [−1, 1).

    Its rows or columns, whichever are fewer, become orthonormal.

    Parameters
    ----------
    weight : Tensor (q, p)
        A matrix; overwritten.
    generator : torch.Generator, optional
        The source of the uniform matrix.

    Returns
    -------
    Tensor (q, p)
        The same tensor.

    Examples
    --------
    >>> import torch, tpcore
    >>> W = tpcore.nn.orthonormal_(torch.empty(3, 5))
    >>> bool(torch.allclose(W @ W.mT, torch.eye(3), atol=1e-6))
    True

    References
    ----------
    Roulet & Harchaoui, TMLR 2023, experiments.
    """
    with torch.no_grad():
        uniform = torch.rand(weight.shape, dtype=torch.float64, generator=generator) * 2 - 1
        left, _, right = torch.linalg.svd(uniform, full_matrices=False)
        return weight.copy_(left @ right)


class SequenceClassifier(nn.Module):
    """One answer for a whole sequence, by a linear layer on h_τ, or one at each step; initialized as in the paper.

    All matrices are orthonormal (of a cell with gates, each gate's) and the biases zero. The recurrent part follows
    `rule`; the output layer always takes ordinary gradients.

    Parameters
    ----------
    input_size, hidden_size, output_size : int
        p, d and q.
    rule : BackProp or TargetProp
    nonlinearity : {"tanh", "relu", "identity"}
        Of the cell "RNN".
    generator : torch.Generator, optional
        The source of the initial weights.
    cell : {"RNN", "GRU", "LSTM"}
        The module of `tpcore.nn` that is the recurrent part.
    every_step : bool
        Answer at each step, from h_t, instead of once.

    Raises
    ------
    ValueError
        If there is no such cell, or one with gates is given another nonlinearity than its own.

    Examples
    --------
    >>> import torch, tpcore
    >>> model = tpcore.nn.SequenceClassifier(6, 32, 4, rule=tpcore.TargetProp(r=1.0))
    >>> model(torch.randn(20, 60, 6)).shape
    torch.Size([20, 4])

    References
    ----------
    Roulet & Harchaoui, TMLR 2023, experiments.
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        output_size: int,
        *,
        rule: Rule,
        nonlinearity: str = "tanh",
        generator: torch.Generator | None = None,
        cell: str = "RNN",
        every_step: bool = False,
    ) -> None:
        super().__init__()
        if cell not in CELLS:
            raise ValueError(f"cell must be one of {', '.join(map(repr, CELLS))}, got {cell!r}")
        if cell != "RNN" and nonlinearity != "tanh":
            raise ValueError(f"nonlinearity must be 'tanh' for the cell \"{cell}\", got {nonlinearity!r}")
        options: dict[str, Any] = {"nonlinearity": nonlinearity} if cell == "RNN" else {}
        self.recurrent = CELLS[cell](input_size, hidden_size, batch_first=True, rule=rule, **options)
        self.output = nn.Linear(hidden_size, output_size)
        self.every_step = every_step
        for parameter in self.parameters():
            if parameter.ndim == 1:
                nn.init.zeros_(parameter)
            else:
                gates = [parameter] if parameter is self.output.weight else parameter.split(hidden_size)
                for matrix in gates:
                    orthonormal_(matrix, generator)

    def forward(self, inputs: Tensor) -> Tensor:
        """Inputs (B, τ, p) to logits (B, q), or (B, τ, q) if it answers at each step."""
        states, last = self.recurrent(inputs)
        h_n = last[0] if isinstance(last, tuple) else last  # an LSTM's cell state is not read
        return self.output(states if self.every_step else h_n[0])
