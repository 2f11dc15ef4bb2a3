"""The playground's program: its small files put together into one ES module, and the same as a script of a page.

The files hold plain functions and name each other's; they are joined in the order below. The first ones are the
worker's, whose text is that of a function (`trainingWorker`), so that a worker can be made from it wherever the module
came from.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from functools import cache
from pathlib import Path

from tpcore.explorers.figures import PALETTE
from tpcore.playground.presets import PRESETS
from tpcore.playground.settings import FIELDS, RULES, START

NUMERICS = (
    "random",
    "kernel",
    "matrices",
    "singular",
    "inversion",
    "tasks",
    "rules",
    "schedule",
    "network",
    "training",
)
WORKER = (*NUMERICS, "lanes", "loop")
SCREEN = (
    "settings",
    "dom",
    "drawing",
    "pictures",
    "strips",
    "controls",
    "outcomes",
    "presets",
    "program",
    "table",
    "words",
    "trainer",
    "screen",
    "watching",
    "main",
)
FOLDER = Path(__file__).parent


def joined(names: tuple[str, ...]) -> str:
    """The files' text, one after the other."""
    return "\n".join((FOLDER / f"{name}.js").read_text("utf-8") for name in names)


def constants() -> str:
    """What the program takes from Python: presets, the settings' ranges and starting values, the book's colours."""
    colors = {rule: PALETTE[color] for rule, (_, color) in RULES.items()}
    presets = {name: asdict(preset) for name, preset in PRESETS.items()}
    values = {"PRESETS": presets, "FIELDS": FIELDS, "START": START, "PALETTE": PALETTE, "RULE_COLORS": colors}
    return "".join(f"const {name} = {json.dumps(value, ensure_ascii=False)};\n" for name, value in values.items())


@cache
def program() -> str:
    """All of it, without an export."""
    return f"{constants()}\nfunction trainingWorker() {{\n{joined(WORKER)}\n}}\n\n{joined(SCREEN)}"


def module() -> str:
    """The ES module, an anywidget's."""
    return f"{program()}\nexport default {{ render }};\n"


def page_script() -> str:
    """The same as a script of the hosted page, which may be opened as a file, where a browser loads no ES module."""
    return f"(() => {{\n{program()}\n{joined(('page',))}\n}})();\n"


def style() -> str:
    """Its style sheet."""
    return (FOLDER / "playground.css").read_text("utf-8")
