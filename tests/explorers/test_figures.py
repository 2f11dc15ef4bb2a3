"""The palette can be read on both of the book's backgrounds."""

import pytest

from tpcore.explorers.figures import NEUTRAL, PALETTE, figure

BACKGROUNDS = {"light": "#ffffff", "dark": "#171c22"}  # --explorer-surface in book/assets/explorer.css


def luminance(color: str) -> float:
    """WCAG 2's relative luminance."""
    parts = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("background", BACKGROUNDS)
@pytest.mark.parametrize("name", [*PALETTE, "neutral"])
def test_contrast_is_at_least_three_to_one(name, background):
    low, high = sorted([luminance(PALETTE.get(name, NEUTRAL)), luminance(BACKGROUNDS[background])])
    assert (high + 0.05) / (low + 0.05) >= 3


def test_ranges_are_in_data_units():
    axis = figure(log_x=True, x_range=(0.01, 100)).layout.xaxis
    assert tuple(axis.range) == (-2, 2)
