"""Single steps, for loops over time of one's own: refused, with the module that takes the sequence instead."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

DOCUMENTATION = """Not available; raises an error that says what to write with `{module}` instead.

    Raises
    ------
    NotImplementedError
        Always. Target propagation needs the sequence.

    Examples
    --------
    >>> import tpcore
    >>> tpcore.nn.{module}Cell(6, 32)  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    NotImplementedError: there is no tpcore.nn.{module}Cell: a rule goes back through the whole sequence, ...
    """


def _refused(module: str, states: str) -> Callable[..., NoReturn]:
    def cell(*arguments: Any, **options: Any) -> NoReturn:
        raise NotImplementedError(
            f"there is no tpcore.nn.{module}Cell: a rule goes back through the whole sequence, with one factorization "
            "of W for all steps, and a single step does not know the others. Stack the inputs of your loop, (τ, B, p), "
            f"and call the module once: output, {states} = tpcore.nn.{module}(input_size, hidden_size, rule=...)"
            "(torch.stack(inputs)); output[t] is what the cell would have returned at step t. Where an input depends "
            "on the output before it (decoding), call the module on one step at a time under torch.no_grad(), or train "
            f"that loop with torch.nn.{module}Cell"
        )

    cell.__name__ = cell.__qualname__ = f"{module}Cell"
    cell.__doc__ = DOCUMENTATION.format(module=module)
    return cell


RNNCell = _refused("RNN", "h_n")
GRUCell = _refused("GRU", "h_n")
LSTMCell = _refused("LSTM", "(h_n, c_n)")
