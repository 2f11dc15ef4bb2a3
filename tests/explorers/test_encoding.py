"""The compact document gives back every figure, and stores little twice."""

import json
import math

import numpy as np
import plotly.graph_objects as go
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.explorers.examples import example, example_map
from tpcore.explorers.encoding import decode, encode, plain
from tpcore.explorers.grid import compute_grid
from tpcore.explorers.hosted import page_html, position_key


@pytest.mark.parametrize("make", [example, example_map])
def test_every_position_is_what_evaluate_draws(make, tmp_path):
    explorer = make()
    grid = compute_grid(explorer, tmp_path, jobs=1)
    document = json.loads(json.dumps(encode({position_key(i): explorer.draw(result) for i, result in grid})))
    for index, _ in grid:
        chosen = {c.name: c.positions[i] for c, i in zip(explorer.controls, index, strict=True)}
        assert decode(document, position_key(index)) == plain(explorer.evaluate(**chosen))


def test_numbers_are_rounded_to_four_digits():
    figure = go.Figure(go.Scatter(x=np.array([1 / 3, 1234.567, 2e-7 / 3]), y=[np.nan, 123456.0, np.inf]))
    (trace,) = plain(figure)["data"]
    assert trace["x"] == [0.3333, 1235, 6.667e-08]
    assert trace["y"] == [None, 123456, None]


def test_what_is_alike_stands_once():
    x = list(range(1000))
    figures = {str(i): go.Figure(go.Scatter(x=x, y=[i % 2, 5])) for i in range(50)}
    document = encode(figures)
    assert document["base"]["data"][0]["x"] == x
    assert document["paths"] == [["data", 0, "y"]]
    assert document["values"] == [[0, 5], [1, 5]]


numbers = st.floats(allow_nan=True, allow_infinity=True, width=32)
traces = st.lists(
    st.fixed_dictionaries({"y": st.lists(numbers, max_size=4)}, optional={"name": st.text("ab</", max_size=3)}),
    max_size=3,
)


@given(st.lists(traces, min_size=1, max_size=4))
def test_any_figures_come_back(rows):
    figures = {str(i): go.Figure([go.Scatter(**trace) for trace in row]) for i, row in enumerate(rows)}
    document = json.loads(json.dumps(encode(figures)))
    for position, figure in figures.items():
        back = decode(document, position)["data"]
        assert [t.get("name") for t in back] == [t.name for t in figure.data]
        for trace, original in zip(back, figure.data, strict=True):
            for value, exact in zip(trace.get("y", []), original.y or [], strict=True):
                assert value is None if not math.isfinite(exact) else math.isclose(value, exact, rel_tol=5.01e-4)


def test_the_page_html_holds_one_type_of_output_and_no_open_door(tmp_path, monkeypatch):
    monkeypatch.setenv("TPCORE_EXPLORER_CACHE", str(tmp_path))
    explorer = example()
    explorer.title = "</script><b>x</b>"
    explorer.description = 'a "quoted" & <odd> one'
    text = page_html(explorer)
    assert text.count("</script>") == 1
    assert 'alt="a &quot;quoted&quot; &amp; &lt;odd&gt; one"' in text
    position = text.partition('<p class="explorer-position">')[2].partition("</p>")[0]
    assert "Steps back: 1" in position and position.count(": ") == len(explorer.controls)
    assert "http://" not in text.replace("http://www.w3.org", "") and "https://" not in text
