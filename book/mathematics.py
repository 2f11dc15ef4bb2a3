"""Formulas as MathML, set when the book is built: no script, no Tab stop, and one font for all of them.

The font stands in a style of its own, in which a page waits for it: one that comes late changes the size of every
formula, and moves the text between them.
"""

from base64 import b64encode
from pathlib import Path
from typing import Any

from docutils import nodes
from math_core import LatexError, LatexToMathML
from sphinx.application import Sphinx
from sphinx.util import logging

FONT = Path(__file__).parent / "assets" / "vendor" / "stix-two-math.woff"
SHEET = "formulas.css"
LONG = 24  # signs of LaTeX: an inline formula above that may be wider than a phone, and gets a scroll bar there
_CONVERTER = LatexToMathML(macros={"widetilde": r"\tilde{#1}"})  # which it lacks
_logger = logging.getLogger(__name__)


def setup(app: Sphinx) -> dict[str, bool]:
    app.add_html_math_renderer("mathml", (_inline, None), (_block, None))
    app.connect("builder-inited", _write_font)
    app.connect("html-page-context", _add_font)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def mathml(latex: str, *, display: bool) -> str:
    """The formula as MathML; what the converter does not know raises `math_core.LatexError`."""
    return _CONVERTER.convert_with_local_state(latex, displaystyle=display)


def _write_font(app: Sphinx) -> None:
    folder = Path(app.outdir, "_static")
    folder.mkdir(parents=True, exist_ok=True)
    font = b64encode(FONT.read_bytes()).decode()
    face = f'@font-face {{ font-family: "STIX Two Math"; src: url("data:font/woff;base64,{font}") format("woff"); }}\n'
    (folder / SHEET).write_text(face, "utf-8")


def _add_font(app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: Any) -> None:
    if "<math" in context.get("body", ""):
        app.add_css_file(SHEET, priority=902)


def _inline(writer: Any, node: nodes.math) -> None:
    formula = _converted(node, display=False)
    long = len(node.astext()) > LONG
    writer.body.append(f'<span class="formula">{formula}</span>' if long else formula)
    raise nodes.SkipNode


def _block(writer: Any, node: nodes.math_block) -> None:
    writer.body.append(writer.starttag(node, "div", CLASS="math"))
    writer.body.append(_converted(node, display=True) + "</div>\n")
    raise nodes.SkipNode


def _converted(node: nodes.Element, *, display: bool) -> str:
    try:
        return mathml(node.astext(), display=display)
    except LatexError as error:
        _logger.warning("this formula has no MathML: %s\n%s", node.astext(), error, location=node)
        return ""
