"""The still picture: it holds the figure's words and shapes, is small, and is the same every time."""

import re
from xml.etree import ElementTree

import pytest
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import TextPath
from plotly.subplots import make_subplots

from tests.explorers.examples import example, example_map
from tpcore.explorers.figures import figure
from tpcore.explorers.picture import WIDTH, picture_svg

SVG = "{http://www.w3.org/2000/svg}"


def words(svg: str) -> dict[str, tuple[float, float, float, float]]:
    """Each text that is not rotated: its left and right ends, its baseline and its size."""
    found = {}
    for element in ElementTree.fromstring(svg).iter(f"{SVG}text"):
        place = re.fullmatch(r"(?:translate|rotate)\((-0 )?([-\d.]+) ([-\d.]+)\)", element.get("transform", ""))
        if place and element.text:
            style = element.attrib["style"]
            size = float(re.findall(r"font-size: ([\d.]+)px", style)[0])
            width = (
                TextPath((0, 0), element.text, prop=FontProperties(family="DejaVu Sans", size=size)).get_extents().width
            )
            before = width * (0.5 if "anchor: middle" in style else "anchor: end" in style)
            found[element.text] = (float(place[2]) - before, float(place[2]) - before + width, float(place[3]), size)
    return found


def paths(svg: str, kind: str) -> list[list[tuple[float, float]]]:
    """The points of the paths in groups of a kind."""
    groups = [g for g in ElementTree.fromstring(svg).iter(f"{SVG}g") if g.get("id", "").startswith(kind)]
    return [
        [(float(x), float(y)) for x, y in re.findall(r"([-\d.]+) ([-\d.]+)", path.attrib["d"])]
        for group in groups
        for path in group.iter(f"{SVG}path")
    ]


def long_figure():
    """Long names of rows, many and long entries of the legend, tick labels of four lines."""
    drawn = figure("share", "method", height=420)
    for number in range(9):
        row = f"a method with a long name, {number}"
        drawn.add_scatter(x=[number % 4], y=[row], mode="markers", name=f"what the method with number {number} costs")
    drawn.update_yaxes(type="category")
    return drawn.update_xaxes(tickvals=[0, 3], ticktext=["one<br>two<br>three<br>four", "a last one, which is wide"])


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


def test_nothing_leaves_the_picture_and_its_size_stays():
    svg = picture_svg(long_figure())
    assert re.match(rf'<svg [^>]*width="{WIDTH}pt" height="420pt" viewBox="0 0 {WIDTH} 420"', svg)
    found = words(svg)
    assert len([text for text in found if text.startswith(("a method", "what"))]) == 18
    for text, (left, right, baseline, size) in found.items():
        assert left >= 0 and right <= WIDTH and size <= baseline <= 420 - size / 4, text


def test_the_legend_is_above_the_plot():
    svg = picture_svg(long_figure())
    top = min(y for path in paths(svg, "patch_2") for _, y in path)
    assert max(baseline for text, (*_, baseline, _) in words(svg).items() if text.startswith("what")) < top


def test_the_rows_and_columns_stand_in_the_order_of_their_axes():
    drawn = figure().add_scatter(x=["60", "120"], y=["first", "second"], mode="markers")
    drawn.update_yaxes(type="category", autorange="reversed")
    drawn.update_xaxes(type="category", categoryorder="array", categoryarray=["500", "120", "60"], range=[-0.5, 2.5])
    found = words(picture_svg(drawn))
    assert found["first"][2] < found["second"][2]
    assert found["500"][0] < found["120"][0] < found["60"][0]


def test_a_row_with_nothing_but_words_has_its_name():
    drawn = figure().add_scatter(x=[1], y=["run"], mode="markers")
    drawn.add_scatter(x=[1], y=["other"], text=["not run"], mode="text")
    found = words(picture_svg(drawn))
    assert found["other"][2] == pytest.approx(found["not run"][2], abs=2)
    assert found["other"][2] < found["run"][2] - 50


def test_each_marker_has_its_size_and_the_words_keep_clear_of_it():
    drawn = figure().add_scatter(
        x=[1, 2], y=[1, 1], marker={"size": [4, 20]}, text=["small", "large"], textposition="bottom center",
        mode="markers+text", name="dots",
    )  # fmt: skip
    svg = picture_svg(drawn.add_scatter(x=[1], y=[2], name="other"))
    dots = paths(svg, "PathCollection")[:2]
    for diameter, path in zip((4, 20), dots, strict=True):
        assert max(x for x, _ in path) - min(x for x, _ in path) == pytest.approx(diameter, abs=0.1)
    found = words(svg)
    for text, path in zip(("small", "large"), dots, strict=True):
        _, _, baseline, size = found[text]
        assert baseline - size > max(y for _, y in path) - 2
    assert "dots" in found  # in the legend


def test_bars_of_errors_have_their_lengths():
    errors = {"type": "data", "symmetric": False, "array": [2.0], "arrayminus": [1.0]}
    drawn = figure(x_range=(0, 10), y_range=(0, 10))
    drawn.add_scatter(x=[5], y=[5], mode="markers", error_x=errors, error_y={"type": "data", "array": [3.0]})
    svg = picture_svg(drawn)
    frame = paths(svg, "patch_2")[0]
    (x0, x1), (y0, y1) = ((min(ends), max(ends)) for ends in zip(*frame, strict=True))
    across, along = paths(svg, "LineCollection")
    assert [(x - x0) / (x1 - x0) for x, _ in across] == pytest.approx([0.4, 0.7], abs=1e-3)
    assert [(y1 - y) / (y1 - y0) for _, y in along] == pytest.approx([0.2, 0.8], abs=1e-3)


def test_a_named_tick_has_lines_and_no_markup():
    drawn = figure().add_bar(x=[0, 1], y=[1, 2])
    drawn.update_xaxes(tickmode="array", tickvals=[0, 1], ticktext=["TP<br>through", "time"])
    found = words(picture_svg(drawn))
    assert found["TP"][2] == pytest.approx(found["time"][2], abs=2)
    assert found["through"][2] > found["TP"][2] + 8


@pytest.mark.parametrize("refs", [{}, {"xref": "paper", "yref": "paper"}])
def test_an_annotation_is_shifted(refs):
    drawn = figure(x_range=(0, 1), y_range=(0, 1)).add_scatter(x=[0, 1], y=[0, 1])
    drawn.add_annotation(x=0.5, y=0.5, text="here", **refs)
    drawn.add_annotation(x=0.5, y=0.5, text="hers", xshift=20, yshift=12, **refs)
    found = words(picture_svg(drawn))
    assert sum(found["hers"][:2]) / 2 - sum(found["here"][:2]) / 2 == pytest.approx(20, abs=0.1)
    assert found["here"][2] - found["hers"][2] == pytest.approx(12, abs=0.1)


def test_another_kind_of_trace_is_refused():
    with pytest.raises(ValueError, match="'surface'"):
        picture_svg(figure().add_surface(z=[[1, 2], [3, 4]]))
