"""Single steps, for loops over time of one's own: refused, with the module that takes the sequence instead."""

from __future__ import annotations

from typing import Any, NoReturn


def _refuse(cell: str, module: str, states: str) -> NoReturn:
    raise NotImplementedError(
        f"there is no tpcore.nn.{cell}: a rule goes back through the whole sequence, with one factorization of W for "
        "all steps, and a single step does not know the others. Stack the inputs of your loop, (τ, B, p), and call "
        f"the module once: output, {states} = tpcore.nn.{module}(input_size, hidden_size, rule=...)"
        "(torch.stack(inputs)); output[t] is what the cell would have returned at step t. Where an input depends on "
        "the output before it (decoding), call the module on one step at a time under torch.no_grad(), or train that "
        f"loop with torch.nn.{cell}"
    )


def RNNCell(*arguments: Any, **options: Any) -> NoReturn:
    """Not available; raises an error that says what to write with `RNN` instead.

    Raises
    ------
    NotImplementedError
        Always. Target propagation needs the sequence.

    Examples
    --------
    >>> import tpcore
    >>> tpcore.nn.RNNCell(6, 32)  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    NotImplementedError: there is no tpcore.nn.RNNCell: a rule goes back through the whole sequence, ...
    """
    _refuse("RNNCell", "RNN", "h_n")


def GRUCell(*arguments: Any, **options: Any) -> NoReturn:
    """Not available; raises an error that says what to write with `GRU` instead.

    Raises
    ------
    NotImplementedError
        Always. Target propagation needs the sequence.

    Examples
    --------
    >>> import tpcore
    >>> tpcore.nn.GRUCell(6, 32)  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    NotImplementedError: there is no tpcore.nn.GRUCell: a rule goes back through the whole sequence, ...
    """
    _refuse("GRUCell", "GRU", "h_n")


def LSTMCell(*arguments: Any, **options: Any) -> NoReturn:
    """Not available; raises an error that says what to write with `LSTM` instead.

    Raises
    ------
    NotImplementedError
        Always. Target propagation needs the sequence.

    Examples
    --------
    >>> import tpcore
    >>> tpcore.nn.LSTMCell(6, 32)  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    NotImplementedError: there is no tpcore.nn.LSTMCell: a rule goes back through the whole sequence, ...
    """
    _refuse("LSTMCell", "LSTM", "(h_n, c_n)")
