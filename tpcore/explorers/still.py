"""A picture beside a live explorer, for a saved notebook: it is seen where no kernel is, and hidden where one is."""

import hashlib
import html
from typing import Any

from tpcore.explorers.explorer import Explorer
from tpcore.explorers.picture import picture_svg_uri


def still_html(explorer: Explorer, figure: Any) -> str:
    """Write the picture of a position's figure, which `hidden_style` hides while the live explorer stands above it.

    JupyterLab writes an error in the place of a widget whose kernel is gone; where the picture stands, it goes.
    """
    error = ".jp-OutputArea-child:has(> .jupyter-widgets:not(:has(*)))"
    return f"""<div class="{_name(explorer)}"><style>{error} {{ display: none; }}</style>
<strong>{html.escape(explorer.title)}</strong> (run the cell to move it)
<img style="max-width: 100%; background: white" alt="{html.escape(explorer.description, quote=True)}"
 src="{picture_svg_uri(figure)}"></div>"""


def hidden_style(explorer: Explorer) -> str:
    """Write the style that hides the picture, as part of the live explorer."""
    return f"<style>.{_name(explorer)} {{ display: none; }}</style>"


def _name(explorer: Explorer) -> str:
    return "explorer-still-" + hashlib.sha256((explorer.title + explorer.description).encode()).hexdigest()[:8]
