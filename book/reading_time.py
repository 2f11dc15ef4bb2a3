"""How long a chapter takes to read, from its words: what is folded, and what a cell prints or holds, is not counted."""

import math
from collections.abc import Iterator

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.transforms import SphinxTransform

WORDS_A_MINUTE = 200
_SILENT = (nodes.literal_block, nodes.raw, nodes.comment, nodes.system_message, nodes.image)


def setup(app: Sphinx) -> dict[str, bool]:
    app.add_transform(_ReadingTime)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def words(document: nodes.Node) -> tuple[int, int]:
    """The words of a page outside its folds and in them; a formula is one word."""
    open_, folded = 0, 0
    for text, in_fold in _texts(document):
        number = len(text.split())
        open_, folded = (open_, folded + number) if in_fold else (open_ + number, folded)
    return open_, folded


def _texts(document: nodes.Node) -> Iterator[tuple[str, bool]]:
    depth = 0
    for node in document.findall():
        if isinstance(node, nodes.raw):
            depth += node.astext().count("<details") - node.astext().count("</details>")
        elif isinstance(node, nodes.math | nodes.math_block):
            yield "formula", depth > 0
        elif isinstance(node, nodes.Text) and not isinstance(node.parent, (*_SILENT, nodes.math, nodes.math_block)):
            yield node.astext(), depth > 0


def sentence(outside: int, folded: int) -> str:
    """What stands under the chapter's title."""
    minutes = max(1, math.ceil(outside / WORDS_A_MINUTE))
    more = math.ceil(folded / WORDS_A_MINUTE)
    return f"{minutes} min to read" + (f", {more} more with what is folded" if more else "")


class _ReadingTime(SphinxTransform):
    """Puts it under the title of every chapter."""

    default_priority = 910

    def apply(self, **kwargs: object) -> None:
        title = next(iter(self.document.findall(nodes.title)), None)
        if title is not None and self.env.docname.startswith("notebooks/"):
            said = sentence(*words(self.document))
            title.parent.insert(title.parent.index(title) + 1, nodes.paragraph("", said, classes=["reading-time"]))
