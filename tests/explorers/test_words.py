"""What is said of a figure is in its numbers."""

import numpy as np

from tpcore.explorers.figures import band, figure
from tpcore.explorers.words import sentence


def test_curves_are_said_with_their_last_value() -> None:
    drawn = figure("step", "accuracy").add_scatter(x=[0, 1], y=[0.2, -0.9876], name="BP").add_scatter(x=[0], y=[0.5])
    drawn.add_traces(band([0, 1], [0, 0], [1, 1], "#2f7fc8", "seeds"))
    drawn.add_scatter(x=[0, 1, 2], y=[0.1, 0.25, np.nan], name="TP<sub>r</sub>")
    assert sentence({}, drawn) == "accuracy at the end: BP −0.988, TPr 0.25"


def test_bars_and_maps_are_said_with_their_extremes() -> None:
    drawn = figure(y_title="ms").add_bar(x=["a", "b"], y=[3, 12.34], name="BP")
    assert sentence({}, drawn) == "ms largest: BP 12.3"
    assert sentence({}, figure().add_heatmap(z=[[1, None], [3, 2]])) == "values: 1 to 3"


def test_an_explorer_s_own_sentence_comes_first() -> None:
    assert sentence({"sentence": "It learned."}, figure().add_scatter(x=[0], y=[1], name="a")) == "It learned."
    assert sentence({}, figure()) == ""
