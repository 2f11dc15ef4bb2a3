"""An explorer in the hosted page: the whole grid as data in the page, a picture, and no kernel.

book/assets/explorer.js reads the data, makes the controls work and draws.
"""

import hashlib
import html
import json
from typing import Any

from tpcore.explorers.controls import Choice, Control
from tpcore.explorers.encoding import encode
from tpcore.explorers.explorer import Explorer
from tpcore.explorers.grid import Position, compute_grid
from tpcore.explorers.labels import label_html, plain_text
from tpcore.explorers.panel import panel_html, texts
from tpcore.explorers.picture import picture_svg_uri
from tpcore.explorers.words import sentence

DATA_CLASS = "explorer-data"
PLOTLY_HEIGHT = 450  # pixels, of a figure that says none


def page_html(explorer: Explorer) -> str:
    """Write the explorer as self-contained HTML: title, controls, picture of the starting position, data."""
    results = {position_key(index): result for index, result in compute_grid(explorer)}
    figures = {position: explorer.drawn(result) for position, result in results.items()}
    start = position_key(tuple(control.positions.index(control.value) for control in explorer.controls))
    said = {position: sentence(results[position], figure) for position, figure in figures.items()}
    controls = [_control(control) for control in explorer.controls]
    data = {"controls": controls, "said": said, **encode(figures)}
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False).replace("</", "<\\/")
    # The name stands in addresses that readers keep, so it does not change with the numbers.
    name = "explorer-" + hashlib.sha256((explorer.title + explorer.description).encode()).hexdigest()[:8]
    description = html.escape(explorer.description, quote=True)
    height = figures[start].layout.height or PLOTLY_HEIGHT
    panel = panel_html(explorer.controls, name)
    buttons = (("reset", "Reset"), ("link", "Copy link")) if panel else ()
    actions = "".join(f'<button type="button" class="explorer-{what}">{text}</button>' for what, text in buttons)
    return f"""<figure class="explorer" id="{name}" aria-labelledby="{name}-title">
<figcaption class="explorer-title"><span id="{name}-title">{label_html(explorer.title)}</span>{actions}</figcaption>
{panel}
<p class="explorer-position">{_position(controls)}</p>
<div class="explorer-stage" style="--height: {height}px"><img class="explorer-picture"
 alt="{description}" src="{picture_svg_uri(figures[start])}"></div>
<p class="explorer-said" role="status"></p>
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
        "texts": texts(control),
        "start": control.positions.index(control.value),
        "activeWhen": conditions,
    }
