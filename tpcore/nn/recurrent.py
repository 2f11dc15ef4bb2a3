"""What the recurrent modules share: the constructor, checks, layouts, layers one above the other, two directions."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence

from tpcore.nn.arguments import ShapeError, check_alike, check_finite, refuse_tracing
from tpcore.nn.layer import Layer, Plan
from tpcore.recurrences import Cell, Weights
from tpcore.recurrences.arrays import as_array
from tpcore.rules import BackProp, Rule, check_rule

COMPUTED = {torch.float32: torch.float32, torch.float64: torch.float64, torch.bfloat16: torch.float32}
FIXED = ("input_size", "hidden_size", "num_layers", "bias", "bidirectional", "proj_size", "mode")
UNTRACEABLE = (
    "tpcore's loops through time run outside of torch.compile: leave fullgraph=True out, or compile the equal module "
    "of torch, which to_torch() returns, with back-propagation"
)
States = tuple[Tensor, ...]  # h_0, and c_0 for the LSTM; (L, B, d)


class Recurrent(torch.nn.RNNBase):
    """Base of `RNN`, `GRU` and `LSTM`: a torch module of the same name whose backward pass follows a rule."""

    rule: Rule
    weight_ih_l0: Tensor
    weight_hh_l0: Tensor
    bias_ih_l0: Tensor
    bias_hh_l0: Tensor
    parts = 1  # of a state: 2 for the LSTM

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        *,
        device: Any = None,
        dtype: torch.dtype | None = None,
        proj_size: int = 0,
        rule: Rule = BackProp(),  # noqa: B008 (a frozen value)
        **options: Any,
    ) -> None:
        if proj_size:
            raise ValueError(
                f"proj_size={proj_size!r} is not supported by tpcore.nn.{type(self).__name__}: leave it out, and put a "
                "torch.nn.Linear or tpcore.nn.Dense on the output"
            )
        super().__init__(
            input_size,  # type: ignore[arg-type]  # the next class is torch's module, not its base
            hidden_size,
            num_layers,
            bias=bias,
            batch_first=batch_first,
            dropout=dropout,
            bidirectional=bidirectional,
            device=device,
            dtype=dtype,
            **options,
        )
        self.rule = self.checked_rule(rule)

    def __setattr__(self, name: str, value: Any) -> None:
        if name in FIXED and self.__dict__.get(name, value) != value:
            raise AttributeError(
                f"{name} of a tpcore.nn.{type(self).__name__} is fixed when the module is made, here as "
                f"{self.__dict__[name]!r}: make another with {name}={value!r}"
            )
        super().__setattr__(name, value)

    def __prepare_scriptable__(self) -> Any:
        raise RuntimeError(
            f"tpcore.nn.{type(self).__name__} cannot be scripted by torch.jit.script: its loops are outside of torch. "
            "For inference, script the equal module of torch, which to_torch() returns"
        )

    def _cell(self) -> tuple[Any, tuple[Any, ...]]:
        """The cell's class, and what its `run` takes before the inputs."""
        raise NotImplementedError

    def checked_rule(self, rule: object) -> Rule:
        """The rule, or an error if this module cannot follow it."""
        return check_rule(rule)

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, rule={self.rule!r}"

    def to_torch(self) -> torch.nn.RNNBase:
        """The equal module of torch, with copies of the weights: for torch.export, ONNX, TorchScript or quantization.

        Its outputs are those of this module up to rounding; what it trains by is back-propagation.

        Returns
        -------
        torch.nn.RNN, torch.nn.GRU or torch.nn.LSTM

        Raises
        ------
        ValueError
            For ``nonlinearity="identity"``, which torch does not have.

        Examples
        --------
        >>> import torch, tpcore
        >>> gru = tpcore.nn.GRU(6, 32, rule=tpcore.TargetProp(r=1.0))
        >>> x = torch.randn(60, 20, 6)
        >>> bool(torch.allclose(gru.to_torch()(x)[0], gru(x)[0], atol=1e-5))
        True
        """
        names = ("input_size", "hidden_size", "num_layers", "bias", "batch_first", "dropout", "bidirectional")
        options: dict[str, Any] = {name: getattr(self, name) for name in (*names, *self._options())}
        theirs = getattr(torch.nn, self._torch_name())(**options, device=self.weight_hh_l0.device)
        theirs.to(self.weight_hh_l0.dtype)
        with torch.no_grad():
            for name, parameter in theirs.named_parameters():
                parameter.copy_(getattr(self, name)).requires_grad_(getattr(self, name).requires_grad)
        return theirs.train(self.training)

    def _torch_name(self) -> str:
        return next(kind.__name__ for kind in type(self).__mro__ if kind.__module__ == "torch.nn.modules.rnn")

    def _options(self) -> tuple[str, ...]:
        """Names of the constructor's options beside those that all have."""
        return ()

    def forward(self, input: Tensor | PackedSequence, hx: Any = None) -> tuple[Any, Any]:
        """Run over a batch of sequences.

        Parameters
        ----------
        input : Tensor (τ, B, p), or (B, τ, p) with batch_first, or (τ, p) unbatched; or PackedSequence
        hx : Tensor (L, B, d), or (L, d) unbatched, optional; for the LSTM a pair of them, (h_0, c_0)
            The initial states, zeros by default. L is num_layers, twice that in two directions.

        Returns
        -------
        output : Tensor (τ, B, d), or (τ, B, 2 d) in two directions; laid out as the input, packed if that is
            Every hidden state of the last layer, of the weights' dtype.
        h_n : Tensor (L, B, d), or (L, d) unbatched; for the LSTM a pair of them, (h_n, c_n)
            The last state of every layer and direction; of each sequence its own.
        """
        refuse_tracing(type(self).__name__, input, self.weight_hh_l0)
        if isinstance(input, PackedSequence):
            return self._forward_packed(input, hx)
        self._check_tensor("input", input, (2, 3))
        batched = input.ndim == 3
        inputs = input.unsqueeze(1) if not batched else input.transpose(0, 1) if self.batch_first else input
        if inputs.shape[0] == 0 or inputs.shape[2] != self.input_size:
            layout = "(τ, p)" if not batched else "(B, τ, p)" if self.batch_first else "(τ, B, p)"
            raise ShapeError(
                f"input must have shape {layout} with τ ≥ 1 and p = input_size = {self.input_size}; "
                f"its shape is {tuple(input.shape)}"
            )
        output, last = self._run_layers(inputs, self._initial_states(inputs.shape[1], hx, batched))
        if not batched:
            return output.squeeze(1), self._as_hx(tuple(state.squeeze(1) for state in last))
        return output.transpose(0, 1) if self.batch_first else output, self._as_hx(last)

    def _forward_packed(self, input: PackedSequence, hx: Any) -> tuple[PackedSequence, Any]:
        data, sizes, order, back = input
        self._check_tensor("input", data, (2,))
        if data.shape[1] != self.input_size:
            raise ShapeError(
                f"input must be packed from sequences with p = input_size = {self.input_size} values a step; its data "
                f"has shape {tuple(data.shape)}"
            )
        batch_sizes = tuple(sizes.tolist())
        start = self._initial_states(batch_sizes[0], hx, True)
        if start is not None and order is not None:
            start = tuple(state.index_select(1, order) for state in start)
        output, last = self._run_layers(data, start, batch_sizes)
        if back is not None:
            last = tuple(state.index_select(1, back) for state in last)
        return PackedSequence(output, sizes, order, back), self._as_hx(last)

    def _as_hx(self, last: States) -> Any:
        return last if self.parts > 1 else last[0]

    def _run_layers(
        self, states: Tensor, start: States | None, batch_sizes: tuple[int, ...] | None = None
    ) -> tuple[Tensor, States]:
        """From inputs, (τ, B, p) or packed, and first states, None for zeros, to the last layer's and the last ones."""
        rule, dtype, last = self.checked_rule(self.rule), self.weight_hh_l0.dtype, []
        states = _converted(states, COMPUTED[dtype])
        directions = 2 if self.bidirectional else 1
        for layer in range(self.num_layers):
            if layer > 0 and self.dropout > 0:
                states = torch.nn.functional.dropout(states, self.dropout, self.training)
            # What comes from the layer above has γ_h in it already; a loss on this layer's own last state does not.
            below = rule if layer == self.num_layers - 1 or isinstance(rule, BackProp) else replace(rule, step=1.0)
            plan, outputs = Plan(*self._cell(), below, batch_sizes), []
            for direction in range(directions):
                weights = [_converted(weight, states.dtype) for weight in self._weights(layer, direction)]
                index = directions * layer + direction
                first = [_converted(state[index], states.dtype) for state in start or ()]
                given = _reversed(states, batch_sizes) if direction else states
                output, *ends = Layer.apply(plan, given, *weights, *first)
                outputs.append(_reversed(output, batch_sizes) if direction else output)
                last.append(ends if below is rule else [_ScaledGradient.apply(end, rule.step) for end in ends])  # type: ignore[union-attr]
            states = outputs[0] if directions == 1 else torch.cat(outputs, -1)
        found = zip(*last, strict=True)
        states_of = (layers[0] if len(layers) == 1 else torch.cat(layers) for layers in found)
        return _converted(states, dtype), tuple(_converted(state, dtype) for state in states_of)

    def run_cell(self, inputs: Tensor, h_0: Tensor, layer: int = 0) -> Cell:
        """A layer's forward pass, outside autograd: from inputs (τ, B, p) and h_0 (B, d), for a look inside."""
        kind, options = self._cell()
        computed = COMPUTED[self.weight_hh_l0.dtype]
        given, start, *weights = (as_array(t.detach().to(computed)) for t in (inputs, h_0, *self._weights(layer)))
        return kind.run(*options, given, (start,), Weights(*weights))

    def _weights(self, layer: int, direction: int = 0) -> list[Tensor]:
        """W, U, b_ih and b_hh of a layer; zeros for biases that it does not have."""
        place = f"l{layer}{'_reverse' if direction else ''}"
        W, U = getattr(self, f"weight_hh_{place}"), getattr(self, f"weight_ih_{place}")
        if not self.bias:
            return [W, U, W.new_zeros(len(W)), W.new_zeros(len(W))]
        return [W, U, getattr(self, f"bias_ih_{place}"), getattr(self, f"bias_hh_{place}")]

    def _check_tensor(self, name: str, value: Tensor, dims: tuple[int, ...]) -> None:
        weight = self.weight_hh_l0
        if weight.dtype not in COMPUTED:
            known = ", ".join(str(dtype).removeprefix("torch.") for dtype in COMPUTED)
            raise TypeError(f"tpcore.nn.{type(self).__name__} takes weights in {known}; they are {weight.dtype}")
        check_alike(name, value, weight)
        if value.ndim not in dims:
            raise ShapeError(
                f"{name} must have {' or '.join(map(str, dims))} dimensions; its shape is {tuple(value.shape)}"
            )
        check_finite(name, value)

    def _initial_states(self, batch: int, hx: Any, batched: bool) -> States | None:
        if hx is None:
            return None
        if self.parts > 1 and not (isinstance(hx, (tuple, list)) and len(hx) == self.parts):
            raise TypeError(f"hx must be a pair (h_0, c_0), got {type(hx).__name__}")
        layers, d = self.num_layers * (2 if self.bidirectional else 1), self.hidden_size
        shape, states = ((layers, batch, d) if batched else (layers, d)), []
        for name, state in zip(
            ("h_0", "c_0") if self.parts > 1 else ("hx",), hx if self.parts > 1 else [hx], strict=True
        ):
            self._check_tensor(name, state, (3 if batched else 2,))
            if state.shape != shape:
                raise ShapeError(f"{name} must have shape {shape} for this input; its shape is {tuple(state.shape)}")
            states.append(state if batched else state.unsqueeze(1))
        return tuple(states)


def _keep_compilers_out(forward: Any) -> None:
    """What torch.compiler.disable does, which would import all of torch.compile with tpcore, in seconds."""
    from torch._C._dynamo import eval_frame

    skip = eval_frame._FrameAction.SKIP
    eval_frame.set_code_exec_strategy(forward.__code__, eval_frame._FrameExecStrategy(skip, skip))
    forward._torchdynamo_disable, forward._torchdynamo_disable_msg = True, UNTRACEABLE


_keep_compilers_out(Recurrent.forward)


def _converted(tensor: Tensor, dtype: torch.dtype) -> Tensor:
    """In that dtype; `Tensor.to` takes ten times as long to find that it is."""
    return tensor if tensor.dtype == dtype else tensor.to(dtype)


def _reversed(states: Tensor, batch_sizes: tuple[int, ...] | None) -> Tensor:
    """The steps from the last to the first, of every sequence its own."""
    if batch_sizes is None:
        return states.flip(0)
    sizes = torch.tensor(batch_sizes)
    first = sizes.cumsum(0) - sizes  # where a step's rows begin
    lengths = (sizes[:, None] > torch.arange(batch_sizes[0])).sum(0)
    step = torch.repeat_interleave(torch.arange(len(sizes)), sizes)
    row = torch.arange(len(step)) - first[step]
    return states.index_select(0, (first[lengths[row] - 1 - step] + row).to(states.device))


class _ScaledGradient(torch.autograd.Function):
    """The identity, whose gradient is multiplied by a number."""

    @staticmethod
    def forward(ctx: Any, value: Tensor, factor: float) -> Tensor:
        ctx.factor = factor
        return value.view_as(value)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        return ctx.factor * grad, None
