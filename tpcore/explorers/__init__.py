"""Explorers: figures with controls, live in a notebook and computed beforehand in the hosted page."""

from tpcore.explorers import hosts as hosts
from tpcore.explorers.controls import Choice, LogSlider, Slider, Stops
from tpcore.explorers.explorer import Explorer

__all__ = ["Choice", "Explorer", "LogSlider", "Slider", "Stops"]
