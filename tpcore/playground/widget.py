"""The playground's face in Python: an anywidget, and in the book's build its hosted form."""

from __future__ import annotations

import os
from importlib.metadata import metadata
from typing import Any

import anywidget
import traitlets

from tpcore.playground.module import module, style
from tpcore.playground.presets import PRESETS
from tpcore.playground.settings import START, checked

PAGE = "notebooks/playground.html"


class Playground(anywidget.AnyWidget):
    """Two recurrent networks that train side by side in the reader's browser while their settings are moved.

    As the last line of a cell it shows itself: as a widget with a kernel, as part of the page in the hosted book
    (environment variable TPCORE_EXPLORER_HOST=page). Lanes A and B start from the same weights and take the same
    batches; each has a rule and step sizes of its own.

    Parameters
    ----------
    preset : str
        Where to start: a name in `PRESETS`.
    simple : bool
        One slider and two pictures alone.
    autostart : bool
        Train as soon as it is in view.
    **settings
        What differs from the preset, by the names in ``Playground().settings``: ``tau``, ``b_r``, …

    Attributes
    ----------
    settings : dict
        What the reader sees; setting it moves the sliders.
    playing : bool
        Whether it trains; set it to start or stop.
    record : dict
        ``step``, and for each lane, "a" and "b", ``rows`` (``step``, ``loss``, ``accuracy`` in [0, 1], ``angle`` in
        degrees) and ``diverged_at``.

    Raises
    ------
    ValueError
        If there is no such preset or setting, or a value is out of its range.

    Examples
    --------
    >>> from tpcore.playground import Playground
    >>> playground = Playground("middle", tau=30)
    >>> playground.settings["b"], playground.settings["b_r"], playground.settings["tau"]
    ('cal', 1.0, 30)
    >>> playground.settings = {**playground.settings, "b_r": 0.1}
    """

    _esm = module()
    _css = style()

    settings = traitlets.Dict(START).tag(sync=True)
    playing = traitlets.Bool(False).tag(sync=True)
    record = traitlets.Dict({}).tag(sync=True)
    simple = traitlets.Bool(False).tag(sync=True)
    autostart = traitlets.Bool(False).tag(sync=True)
    page = traitlets.Unicode("").tag(sync=True)
    notice = traitlets.Unicode("").tag(sync=True)

    def __init__(
        self, preset: str = "middle", *, simple: bool = False, autostart: bool = False, **settings: Any
    ) -> None:
        if preset not in PRESETS:
            raise ValueError(f"preset must be one of {', '.join(map(repr, PRESETS))}, got {preset!r}")
        chosen = checked({**PRESETS[preset].settings, **settings})
        super().__init__(settings=chosen, simple=simple, autostart=autostart, page=hosted_address())

    @traitlets.validate("settings")
    def _checked(self, proposal: Any) -> dict[str, Any]:
        return checked(proposal["value"])

    def open(self) -> None:
        """Begin to be a widget; in the book's build there is no kernel to talk to afterwards."""
        if not in_page():
            super().open()

    def _ipython_display_(self) -> None:
        from IPython.display import display

        if in_page():
            from tpcore.playground.hosted import page_html

            display({"text/html": page_html(self)}, raw=True)
        else:
            bundle, _ = self._repr_mimebundle_() or ({}, {})
            display(bundle, raw=True)


def in_page() -> bool:
    """Whether the book is being built."""
    return os.environ.get("TPCORE_EXPLORER_HOST") == "page"


def hosted_address() -> str:
    """The address of the hosted playground, from the package's metadata."""
    links = dict(entry.split(", ", 1) for entry in metadata("tpcore").get_all("Project-URL") or [])
    return f"{links['documentation']}/{PAGE}" if "documentation" in links else ""
