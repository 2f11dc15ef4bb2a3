"""Pages with nothing but the playground, without the book around it."""

from pathlib import Path
from typing import Any

from tpcore.playground import PRESETS, module
from tpcore.playground.hosted import page_html
from tpcore.playground.settings import START, checked

MIDDLE = PRESETS["middle"].settings
SHELL = """<!doctype html><html lang="en" data-theme="light"><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1"><title>Playground</title>
<link rel="stylesheet" href="playground.css"><script src="playground.js" defer></script>
<body><p>Some text.</p>{figure}<p style="height: 150vh">More text.</p></body></html>"""


class Shown:
    """What `page_html` needs of a playground."""

    def __init__(self, *, simple: bool = False, autostart: bool = False, **settings: Any) -> None:
        self.settings, self.simple, self.autostart = checked({**START, **settings}), simple, autostart
        self.page = "https://example.org/playground.html"


def write_pages(folder: Path) -> None:
    """Write full.html, simple.html as the welcome page has it, and what they load."""
    (folder / "playground.js").write_text(module.page_script(), "utf-8")
    (folder / "playground.css").write_text(module.style(), "utf-8")
    for name, shown in (("full", Shown()), ("simple", Shown(simple=True, autostart=True, **MIDDLE))):
        (folder / f"{name}.html").write_text(SHELL.format(figure=page_html(shown)), "utf-8")
