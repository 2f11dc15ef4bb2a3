"""The book's build extension.

It tells the notebooks' kernels to show explorers in their hosted form, adds the explorers' script and style to their
pages, puts figures before their code, keeps punctuation with its formula, links the API reference, and fails the build
where a page's explorers outgrow their budget or a page would fetch anything from another host.
"""

import os
import re
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from docutils import nodes
from myst_nb.sphinx_ import HideCodeCellNode
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.errors import SphinxError
from sphinx.transforms import SphinxTransform
from sphinx.transforms.post_transforms import SphinxPostTransform

PAGE_BUDGET = 1_500_000  # bytes of explorers' data in one page
_DATA = re.compile(
    r'<figcaption class="explorer-title"><span[^>]*>(.*?)</span>(?:<button.*?</button>)*</figcaption>'
    r'.*?<script[^>]*class="explorer-data"[^>]*>(.*?)</script>',
    re.S,
)

# What a browser fetches by itself: these attributes of these elements. A link leaves the site only when clicked.
# Of srcset it fetches any of several candidates, and of a style's text what stands in url() and @import.
FETCHED = {
    "img": ("src", "srcset"), "script": ("src",), "iframe": ("src",), "source": ("src", "srcset"), "audio": ("src",),
    "video": ("src", "poster"), "track": ("src",), "object": ("data",), "embed": ("src",), "input": ("src",),
    "use": ("href", "xlink:href"), "image": ("href", "xlink:href"),
}  # fmt: skip
FETCHED_LINKS = {
    "stylesheet",
    "preload",
    "prefetch",
    "preconnect",
    "dns-prefetch",
    "icon",
    "manifest",
    "modulepreload",
    "apple-touch-icon",
}
_OPENING = re.compile(r"[(\[“‘]+$")
_CLOSING = re.compile(r"^[^\s\w(\[“‘]+")
_FOREIGN = re.compile(r"\s*(https?:)?//", re.I)
_FOREIGN_IN_STYLE = re.compile(r"""(?:url\(|@import)\s*["']?((?:https?:)?//[^\s"')]*)""", re.I)
_STYLE_COMMENT = re.compile(r"/\*.*?\*/", re.S)
_CANDIDATE = re.compile(r"([^\s,](?:\S*[^\s,])?)[^,]*")  # of srcset: a comma inside an address (data:) is part of it


def setup(app: Sphinx) -> dict[str, Any]:
    os.environ["TPCORE_EXPLORER_HOST"] = "page"
    os.environ.setdefault("TPCORE_EXPLORER_CACHE", str(Path(app.srcdir, "_build", "explorers").resolve()))
    root = str(Path(app.srcdir).resolve())  # kernels start in the notebooks' folder
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")]))
    sys.path.insert(0, root)  # the reference documents the tpcore beside the book, whichever is installed
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # the chapters' networks are small; threads would wait for each other
    app.add_transform(_PlainQuotes)
    app.add_post_transform(_LinkToPosition)
    app.add_post_transform(_FigureBeforeCode)
    app.add_post_transform(_PunctuationStays)
    app.connect("missing-reference", _name_in_backticks)
    app.connect("html-page-context", _add_scripts)
    app.connect("builder-inited", _write_playground)
    app.connect("build-finished", _check_pages, priority=900)
    app.add_css_file("icons.css", priority=900)
    app.add_css_file("style.css", priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


class _LinkToPosition(SphinxPostTransform):
    """A link may name a position of the playground or an explorer, which is no heading: playground.ipynb#v1&b_r=10."""

    default_priority = 8  # before MyST looks for headings

    def run(self, **kwargs: Any) -> None:
        for link in list(self.document.findall(addnodes.pending_xref)):
            position = link.get("reftargetid") or ""
            if link["refdomain"] == "doc" and "=" in position:
                address = self.app.builder.get_relative_uri(self.env.docname, link["reftarget"])
                reference = nodes.reference("", "", refuri=f"{address}#{position}", internal=True)
                reference += link.children
                link.replace_self(reference)


class _FigureBeforeCode(SphinxPostTransform):
    """A figure comes before the hidden code that shows it, for the eye and for the keyboard."""

    default_priority = 900  # after myst-nb has wrapped the code
    formats = ("html",)

    def run(self, **kwargs: Any) -> None:
        for code in list(self.document.findall(HideCodeCellNode)):
            cell = code.parent  # None where it hides a whole cell: myst-nb does not say whose child it is
            if "above-input" in code["classes"] and cell is not None:
                cell.remove(code)
                cell.append(code)


class _PunctuationStays(SphinxPostTransform):
    """A formula keeps the bracket before it and the comma after it on its line; Firefox would break there."""

    default_priority = 900
    formats = ("html",)

    def run(self, **kwargs: Any) -> None:
        for formula in list(self.document.findall(nodes.math)):
            together = nodes.inline("", "", classes=["together"])
            formula.replace_self(together)
            together += formula
            _take(together, -1, _OPENING)
            _take(together, 1, _CLOSING)


def _take(together: nodes.inline, side: int, pattern: re.Pattern[str]) -> None:
    """Moves into `together` what the pattern finds in the text before it (side -1) or after it (1)."""
    parent, place = together.parent, together.parent.index(together) + side
    beside = parent[place] if 0 <= place < len(parent) else None
    if isinstance(beside, nodes.Text) and (found := pattern.search(beside)):
        parent.replace(beside, nodes.Text(beside[: found.start()] + beside[found.end() :]))
        together.insert(0 if side < 0 else len(together), nodes.Text(found[0]))


class _PlainQuotes(SphinxTransform):
    """In the reference a quote is code, "tanh", and stays as it is typed."""

    default_priority = 900  # after Sphinx has made quotes typographic

    def apply(self, **kwargs: Any) -> None:
        if self.env.docname.startswith("book/api/"):
            for text in list(self.document.findall(nodes.Text)):
                text.parent.replace(text, nodes.Text(re.sub("[“”]", '"', text)))


def _name_in_backticks(app: Sphinx, env: Any, node: Any, content: Any) -> Any:
    """In a docstring `RNN` links to tpcore.nn.RNN, and what the reference does not hold (`torch.nn.RNN`) is code."""
    if (node.get("refdomain"), node.get("reftype")) != ("py", "obj"):
        return None  # any other reference must hold, or the build fails
    entries = env.get_domain("py").find_obj(env, "", "", node["reftarget"], "obj", searchmode=1)
    found = [(name, entry) for name, entry in entries if not entry.aliased]
    if len(found) != 1:
        content["classes"] = []
        return content
    name, entry = found[0]
    address = app.builder.get_relative_uri(node["refdoc"], entry.docname)
    return nodes.reference("", "", content, refuri=f"{address}#{entry.node_id}", internal=True, reftitle=name)


def _add_scripts(app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: Any) -> None:
    """Only pages with an explorer load the explorers' files, and so for questions and the playground."""
    for data, sheet, scripts in (
        ("explorer-data", "explorer.css", ["explorer.js", "explorer-address.js"]),
        ("question-data", "questions.css", ["questions.js"]),
        ("playground-data", "playground.css", ["playground.js"]),
    ):
        if f'class="{data}"' in context.get("body", ""):
            app.add_css_file(sheet, priority=901)
            for script in scripts:
                app.add_js_file(script, loading_method="defer")


def _write_playground(app: Sphinx) -> None:
    """The playground's program and style, from the package: beside the pages, like explorer.js."""
    from tpcore.playground.module import page_script, style  # here: from the tpcore beside the book

    folder = Path(app.outdir, "_static")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "playground.js").write_text(page_script(), encoding="utf-8")
    (folder / "playground.css").write_text(style(), encoding="utf-8")


def _check_pages(app: Sphinx, error: Exception | None) -> None:
    if error is not None or app.builder.format != "html":
        return
    problems = []
    for page in sorted(Path(app.outdir).rglob("*.html")):
        if "_static" not in page.parts:
            text, name = page.read_text(encoding="utf-8"), str(page.relative_to(app.outdir))
            problems += over_budget(name, text) + foreign_requests(name, text)
    for sheet in sorted(Path(app.outdir).rglob("*.css")):
        name = str(sheet.relative_to(app.outdir))
        problems += _complaints(name, foreign_in_style(sheet.read_text(encoding="utf-8")))
    if problems:
        raise SphinxError("\n".join(problems))


def over_budget(name: str, text: str) -> list[str]:
    """The complaint about a page whose explorers hold more data than PAGE_BUDGET, if it is one."""
    sizes = [(len(data.encode()), title) for title, data in _DATA.findall(text)]  # two may share a title
    total = sum(size for size, _ in sizes)
    if total <= PAGE_BUDGET:
        return []
    each = ", ".join(f"{title}: {size:,}" for size, title in sorted(sizes, reverse=True))
    return [
        f"{name}: its explorers hold {total:,} bytes of data, "
        f"over the budget of {PAGE_BUDGET:,} ({each}). "
        "Use fewer positions or draw fewer points."
    ]


def foreign_requests(name: str, text: str) -> list[str]:
    """The complaints about everything that a browser would fetch from another host to show the page."""
    finder = _Fetches()
    finder.feed(text)
    finder.close()
    foreign = [address for address in finder.fetched if _FOREIGN.match(address)]
    return _complaints(name, foreign + foreign_in_style("\n".join(finder.styles)))


def foreign_in_style(text: str) -> list[str]:
    """What a style would fetch from another host; whether its rule ever applies is not asked, comments are left out."""
    return _FOREIGN_IN_STYLE.findall(_STYLE_COMMENT.sub(" ", text))


def _complaints(name: str, addresses: list[str]) -> list[str]:
    return [f"{name}: it would fetch {address} from another host; keep a copy in book/assets" for address in addresses]


class _Fetches(HTMLParser):
    """Gathers the addresses that a page's elements fetch, and the text of its styles."""

    def __init__(self) -> None:
        super().__init__()
        self.fetched: list[str] = []
        self.styles: list[str] = []
        self.in_style = False

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        values = dict(attributes)
        wanted = FETCHED.get(tag, ())
        if tag == "link" and FETCHED_LINKS & set((values.get("rel") or "").lower().split()):
            wanted = ("href",)
        for attribute in wanted:
            value = values.get(attribute) or ""
            self.fetched += _CANDIDATE.findall(value) if attribute == "srcset" else [value]
        self.styles.append(values.get("style") or "")
        self.in_style = tag == "style"

    def handle_endtag(self, tag: str) -> None:
        self.in_style = False

    def handle_data(self, data: str) -> None:
        if self.in_style:
            self.styles.append(data)
