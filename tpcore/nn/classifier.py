"""The paper's network: a recurrence whose last hidden state is read by a linear layer."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from tpcore.nn.rnn import RNN
from tpcore.rules import Rule


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
    """One answer for a whole sequence: logits = V h_τ + c, initialized as in the paper.

    W, U and V are orthonormal and the biases zero. The recurrent part follows `rule`; the output layer always takes
    ordinary gradients.

    Parameters
    ----------
    input_size, hidden_size, output_size : int
        p, d and q.
    rule : BackProp or TargetProp
    nonlinearity : {"tanh", "relu", "identity"}
    generator : torch.Generator, optional
        The source of the initial weights.

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
    ) -> None:
        super().__init__()
        self.recurrent = RNN(input_size, hidden_size, nonlinearity=nonlinearity, batch_first=True, rule=rule)
        self.output = nn.Linear(hidden_size, output_size)
        for parameter in self.parameters():
            if parameter.ndim == 2:
                orthonormal_(parameter, generator)
            else:
                nn.init.zeros_(parameter)

    def forward(self, inputs: Tensor) -> Tensor:
        """Inputs (B, τ, p) to logits (B, q)."""
        _, last = self.recurrent(inputs)
        return self.output(last[0])
