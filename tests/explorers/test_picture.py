"""The still picture: it holds the figure's words and shapes, is small, and is the same every time."""

import pytest
from plotly.subplots import make_subplots

from tests.explorers.examples import example, example_map
from tpcore.explorers.picture import picture_svg
from tpcore.figures import figure


def test_it_holds_the_words_and_is_small_and_repeats():
    drawn = example().evaluate()
    svg = picture_svg(drawn)
    for text in ("singular value σ", "pseudo-inverse", "r = 1", "gain 1"):
        assert text in svg
    assert svg == picture_svg(drawn)
    assert len(svg) < 40_000


def test_maps_bars_and_subplots_are_drawn():
    assert "<image" in picture_svg(example_map().evaluate())
    both = make_subplots(rows=1, cols=2, subplot_titles=["left one", "right one"])
    both.add_bar(x=[1, 2], y=[3, 4], row=1, col=1)
    both.add_scatter(x=[1, 2], y=[3, 4], mode="markers", name="dots", row=1, col=2)
    svg = picture_svg(both)
    assert "left one" in svg and "right one" in svg
    assert svg.count('id="axes_') == 2


def test_the_names_of_categories_are_text_as_well():
    svg = picture_svg(figure().add_scatter(x=[1, 2], y=["one", "two<br>lines"], mode="markers"))
    assert "two" in svg and "lines" in svg and "br" not in svg.replace("break", "")


def test_a_map_has_its_numbers_and_its_ticks():
    drawn = figure().add_heatmap(
        z=[[0.125, 0.5]], text=[["one eighth", "0.5000"]], texttemplate="%{text}", textfont={"color": "white"}
    )
    drawn.update_xaxes(tickmode="array", tickvals=[0, 1], ticktext=["0.0001", "1"])
    svg = picture_svg(drawn)
    for text in ("one eighth", "0.5000", "0.0001"):
        assert f">{text}<" in svg


def test_another_kind_of_trace_is_refused():
    with pytest.raises(ValueError, match="'surface'"):
        picture_svg(figure().add_surface(z=[[1, 2], [3, 4]]))
