"""`LearnedInverse`: an inverse of a recurrent layer with parameters of its own, trained to reconstruct."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn

from tpcore.checks import check_at_least, check_integer
from tpcore.nn.arguments import check_alike
from tpcore.nn.rnn import RNN


class LearnedInverse(nn.Module):
    """g(v, x) = tanh(V v + U x + c), which learns to undo a layer of `RNN`: g(f_t(h), x_t) ≈ h.

    The baseline of difference target propagation with a parameterized inverse: `LearnedTargetProp` sends targets back
    through it, and its own loss, its own parameters and its own optimizer keep it close to an inverse while the network
    changes.

    Parameters
    ----------
    input_size, hidden_size : int
        p and d, those of the network.
    bias : bool
        Whether there is a c.
    noise : float ≥ 0
        Standard deviation of what is added to the states from which it learns; 0: the states as they are.
    device, dtype
        As for any module; those of the network.

    Notes
    -----
    It has V (d, d), U (d, p) and c (d,) as parameters, none of them shared with the network. They are no part of the
    network's ``parameters()`` or state dict, and the network's ``.to(...)`` does not move them: give them an optimizer,
    a state dict and a device of their own. The values of g lie between −1 and 1, so the states of a ReLU or a linear
    network outside cannot be reconstructed.

    Raises
    ------
    ValueError
        If a size is no integer of at least 1, noise is negative or not finite, or the network has other sizes or
        several layers.
    TypeError
        If the network is no `RNN`, or has another dtype or device.

    Examples
    --------
    >>> import torch, tpcore
    >>> inverse = tpcore.nn.LearnedInverse(6, 32)
    >>> rnn = tpcore.nn.RNN(6, 32, rule=tpcore.LearnedTargetProp(inverse, step=0.1))
    >>> steps = [torch.optim.SGD(module.parameters(), lr=0.01) for module in (rnn, inverse)]
    >>> inputs = torch.randn(20, 8, 6)
    >>> rnn(inputs)[1].square().sum().backward()  # the network's targets go through the inverse
    >>> inverse.reconstruction_loss(rnn, inputs).backward()  # and the inverse has a loss of its own
    >>> for optimizer in steps:
    ...     optimizer.step()

    References
    ----------
    Lee et al., *Difference target propagation*, ECML 2015; in this form the "DTP-PI" of Roulet & Harchaoui, TMLR 2023.
    """

    c: nn.Parameter | None

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        *,
        bias: bool = True,
        noise: float = 0.0,
        device: Any = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        self.input_size = check_integer("input_size", input_size)
        self.hidden_size = check_integer("hidden_size", hidden_size)
        self.noise = check_at_least("noise", noise, 0.0)
        self.V = nn.Parameter(torch.empty(hidden_size, hidden_size, device=device, dtype=dtype))
        self.U = nn.Parameter(torch.empty(hidden_size, input_size, device=device, dtype=dtype))
        c = nn.Parameter(torch.empty(hidden_size, device=device, dtype=dtype)) if bias else None
        self.register_parameter("c", c)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw all parameters afresh, uniform on ±1/√d, as torch.nn.RNN does."""
        for parameter in self.parameters():
            nn.init.uniform_(parameter, -1 / math.sqrt(self.hidden_size), 1 / math.sqrt(self.hidden_size))

    def extra_repr(self) -> str:
        return f"{self.input_size}, {self.hidden_size}, bias={self.c is not None}, noise={self.noise:g}"

    def forward(self, v: Tensor, x: Tensor) -> Tensor:
        """The state before: v (..., d), the state or target after, and x (..., p), the input between, to (..., d)."""
        linear = nn.functional.linear
        return torch.tanh(linear(v, self.V, self.c) + linear(x, self.U))

    def reconstruction_loss(self, rnn: RNN, inputs: Tensor, hx: Tensor | None = None) -> Tensor:
        """½‖g(f_t(h), x_t) − h‖² for h = h_{t−1} plus noise, averaged over steps and batch.

        Inputs and hx are what the network takes. The network runs once more; its parameters, the inputs and hx receive
        nothing. With noise ε ~ N(0, noise²), f_t is evaluated at h_{t−1} + ε, drawn from torch's global generator.
        """
        self.check_fits(rnn)
        self.check_alike(rnn.weight_hh_l0)
        check_alike("inputs", inputs, rnn.weight_hh_l0)
        with torch.no_grad():
            after = rnn(inputs, hx)[0]
            inputs = inputs.detach()  # an embedding below belongs to the network
            if rnn.batch_first and inputs.ndim == 3:
                inputs, after = inputs.transpose(0, 1), after.transpose(0, 1)
            first = after.new_zeros(after[:1].shape) if hx is None else hx.reshape(after[:1].shape)
            before = torch.cat((first, after[:-1]))
            if self.noise > 0:  # the layer at the noisy states: each step is a sequence of length one
                before = before + self.noise * torch.randn_like(before)
                x, h = inputs.reshape(-1, 1, rnn.input_size), before.reshape(1, -1, rnn.hidden_size)
                x = x if rnn.batch_first else x.transpose(0, 1)
                after = rnn(x, h)[1].reshape(before.shape)
        return 0.5 * (self(after, inputs) - before).square().sum(-1).mean()

    def check_fits(self, rnn: RNN) -> None:
        """Raise TypeError or ValueError if this is not an inverse for that network's layer."""
        if not isinstance(rnn, RNN):
            raise TypeError(f"rnn must be a tpcore.nn.RNN, got {type(rnn).__module__}.{type(rnn).__name__}")
        sizes = (rnn.input_size, rnn.hidden_size)
        if sizes != (self.input_size, self.hidden_size) or rnn.num_layers != 1 or rnn.bidirectional:
            raise ValueError(
                f"LearnedInverse({self.input_size}, {self.hidden_size}) inverts one layer of these sizes in one "
                f"direction; the network has input_size={sizes[0]}, hidden_size={sizes[1]}, "
                f"num_layers={rnn.num_layers} and bidirectional={rnn.bidirectional}"
            )

    def check_alike(self, weight: Tensor) -> None:
        """Raise TypeError unless the parameters have the dtype and the device of the network's weights."""
        if self.V.dtype != weight.dtype or self.V.device != weight.device:
            raise TypeError(
                f"LearnedInverse is {self.V.dtype} on {self.V.device} but the network's weights are {weight.dtype} on "
                f"{weight.device}: use inverse.to(rnn.weight_hh_l0)"
            )
