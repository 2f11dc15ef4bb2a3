"""The pages draw with the plotly.js that notebooks draw with."""

from pathlib import Path

from plotly.offline import get_plotlyjs_version

FILE = Path(__file__).parents[2] / "book/assets/vendor/plotly.min.js"


def test_it_is_of_the_same_version() -> None:
    banner = FILE.read_text("utf-8").partition("\n")[0]
    assert f"plotly.js v{get_plotlyjs_version()} (scatter, bar, heatmap)" in banner
