"""An explorer in the hosted page: the whole grid as data in the page, a picture, and no kernel.

book/assets/explorer.js reads the data, makes the controls and draws.
"""

import hashlib
import html
import json
from typing import Any

from tpcore.explorers.controls import Choice, Control, label_html, plain_text
from tpcore.explorers.encoding import encode
from tpcore.explorers.explorer import Explorer
from tpcore.explorers.grid import Position, compute_grid
from tpcore.explorers.picture import picture_svg_uri

DATA_CLASS = "explorer-data"
PLOTLY_HEIGHT = 450  # pixels, of a figure that says none


def page_html(explorer: Explorer) -> str:
    """Write the explorer as self-contained HTML: title, picture of the starting position, the data for the script."""
    figures = {position_key(index): explorer.draw(result) for index, result in compute_grid(explorer)}
    start = figures[position_key(tuple(control.positions.index(control.value) for control in explorer.controls))]
    controls = [_control(control) for control in explorer.controls]
    data = {"controls": controls, **encode(figures)}
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False).replace("</", "<\\/")
    name = "explorer-" + hashlib.sha256((explorer.title + text).encode()).hexdigest()[:8]
    description = html.escape(explorer.description, quote=True)
    return f"""<figure class="explorer mathjax_ignore tex2jax_ignore" id="{name}"
 role="figure" aria-labelledby="{name}-title">
<figcaption class="explorer-title"><span id="{name}-title">{label_html(explorer.title)}</span></figcaption>
<p class="explorer-position">{_position(controls)}</p>
<div class="explorer-stage" style="--height: {start.layout.height or PLOTLY_HEIGHT}px"><img class="explorer-picture"
 alt="{description}" src="{picture_svg_uri(start)}"></div>
<script type="application/json" class="{DATA_CLASS}">{text}</script>
</figure>"""


def _position(controls: list[dict[str, Any]]) -> str:
    """Where the controls stand in the picture, for paper and for pages without scripts."""
    return "; ".join(f"{control['label']}: {control['texts'][control['start']]}" for control in controls)


def position_key(index: Position) -> str:
    """Name a position in the page's data: the index in each control's positions."""
    return "-".join(map(str, index))


def _control(control: Control) -> dict[str, Any]:
    """Return what the script needs of a control.

    `label` and `texts` hold HTML; `name` and `values` are the code's.
    """
    if isinstance(control, Choice):
        shown = [label_html(text) for text in control.options.values()]
    else:
        shown = [label_html(control.text(value)) for value in control.positions]
    conditions = {
        name: [wanted] if isinstance(wanted, str) else list(wanted)
        for name, wanted in (control.active_when or {}).items()
    }
    return {
        "name": control.name,
        "kind": "choice" if isinstance(control, Choice) else "slider",
        "label": label_html(control.label),
        "spoken": plain_text(control.label),
        "values": list(control.positions),
        "texts": shown,
        "start": control.positions.index(control.value),
        "activeWhen": conditions,
    }
