"""The playground: a recurrent network that trains in the reader's own browser, in a page and in a notebook alike."""

from tpcore.playground.presets import PRESETS as PRESETS
from tpcore.playground.presets import Preset
from tpcore.playground.widget import Playground

__all__ = ["Playground", "Preset"]
