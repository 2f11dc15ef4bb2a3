"""The playground: a recurrent network that trains in the reader's own browser, in a page and in a notebook alike."""

from tpcore.playground.presets import PRESETS, Preset
from tpcore.playground.widget import Playground

__all__ = ["PRESETS", "Playground", "Preset"]
