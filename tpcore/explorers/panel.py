"""The controls of a hosted explorer as HTML: native inputs over the positions, named and in place before any script."""

import html

from tpcore.explorers.conditions import offers_choice
from tpcore.explorers.controls import Choice, Control
from tpcore.explorers.labels import label_html, plain_text

MOST_RADIOS = 5  # options of a choice; more are a list to choose from


def panel_html(controls: tuple[Control, ...], name: str) -> str:
    """Write the form of the explorer whose id is `name`; the page's script makes it work. A control with one
    position is left out, and nothing is written where none is left."""
    if not any(map(offers_choice, controls)):
        return ""
    boxes = "\n".join(_box(control, f"{name}-{control.name}") for control in controls if offers_choice(control))
    return f'<form class="explorer-controls" autocomplete="off" inert>\n{boxes}\n</form>'


def texts(control: Control) -> list[str]:
    """Write each position as HTML."""
    if isinstance(control, Choice):
        return [label_html(text) for text in control.options.values()]
    return [label_html(control.text(value)) for value in control.positions]


def _box(control: Control, name: str) -> str:
    if not isinstance(control, Choice):
        return _slider(control, name)
    return _select(control, name) if len(control.options) > MOST_RADIOS else _radios(control, name)


def _slider(control: Control, name: str) -> str:
    last, start, shown = len(control.positions) - 1, _start(control), texts(control)[_start(control)]
    spoken = html.escape(f"{plain_text(control.label)} {control.text(control.positions[start])}", quote=True)
    return f"""<div class="explorer-control explorer-slider"><label for="{name}">{label_html(control.label)}</label>
<output for="{name}" aria-live="off">{shown}</output>
<input type="range" id="{name}" min="0" max="{last}" step="1" value="{start}" aria-valuetext="{spoken}"
 style="--filled: {100 * start / last:g}%"></div>"""


def _radios(control: Choice, name: str) -> str:
    options = "\n".join(
        f'<label><input type="radio" name="{name}" value="{i}"{" checked" * (i == _start(control))}>'
        f"<span>{text}</span></label>"
        for i, text in enumerate(texts(control))
    )
    return f"""<fieldset class="explorer-control explorer-choice"><legend>{label_html(control.label)}</legend>
{options}</fieldset>"""


def _select(control: Choice, name: str) -> str:
    options = "\n".join(
        f'<option value="{i}"{" selected" * (i == _start(control))}>{html.escape(control.text(value))}</option>'
        for i, value in enumerate(control.positions)
    )
    return f"""<div class="explorer-control explorer-choice"><label for="{name}">{label_html(control.label)}</label>
<select id="{name}">{options}</select></div>"""


def _start(control: Control) -> int:
    return control.positions.index(control.value)
