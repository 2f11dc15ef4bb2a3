"""Cells for loops over time of one's own are refused."""

import pytest

import tpcore


@pytest.mark.parametrize(("cell", "states"), [("RNN", "h_n"), ("GRU", "h_n"), ("LSTM", r"\(h_n, c_n\)")])
def test_each_names_the_module_to_use(cell, states):
    message = rf"no tpcore\.nn\.{cell}Cell: .*output, {states} = tpcore\.nn\.{cell}\("
    with pytest.raises(NotImplementedError, match=message):
        getattr(tpcore.nn, f"{cell}Cell")(3, 4, bias=False)
