"""Explorers: figures with controls, live in a notebook and computed beforehand in the hosted page; and questions."""

from tpcore.explorers import hosts as hosts
from tpcore.explorers.controls import Choice, LogSlider, Slider, Stops
from tpcore.explorers.explorer import Explorer
from tpcore.explorers.questions import Predict, Question

__all__ = ["Choice", "Explorer", "LogSlider", "Predict", "Question", "Slider", "Stops"]
