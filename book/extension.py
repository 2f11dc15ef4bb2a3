"""The book's build extension.

It tells the notebooks' kernels to show explorers in their hosted form, puts plotly.js and the explorers' script and
style beside the pages, links the API reference, and fails the build where a page's explorers outgrow their budget or a
page would fetch anything from another host.
"""

import os
import re
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import plotly
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.errors import SphinxError
from sphinx.transforms import SphinxTransform
from sphinx.util.fileutil import copy_asset

PAGE_BUDGET = 1_500_000  # bytes of explorers' data in one page
_DATA = re.compile(
    r'<figcaption class="explorer-title">(.*?)</figcaption>.*?<script[^>]*class="explorer-data">(.*?)</script>', re.S
)

# What a browser fetches by itself: these attributes of these elements. A link leaves the site only when clicked.
FETCHED = {
    "img": ("src", "srcset"), "script": ("src",), "iframe": ("src",), "source": ("src", "srcset"), "audio": ("src",),
    "video": ("src", "poster"), "object": ("data",), "embed": ("src",), "input": ("src",),
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


def setup(app: Sphinx) -> dict[str, Any]:
    os.environ["TPCORE_EXPLORER_HOST"] = "page"
    os.environ.setdefault("TPCORE_EXPLORER_CACHE", str(Path(app.srcdir, "_build", "explorers").resolve()))
    root = str(Path(app.srcdir).resolve())  # kernels start in the notebooks' folder
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")]))
    sys.path.insert(0, root)  # the reference documents the tpcore beside the book, whichever is installed
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # the chapters' networks are small; threads would wait for each other
    app.add_transform(_PlainQuotes)
    app.connect("missing-reference", _name_in_backticks)
    app.connect("html-page-context", _add_explorer_script)
    app.connect("html-page-context", _drop_thebe, priority=900)
    app.connect("build-finished", _copy_plotly)
    app.connect("build-finished", _check_pages, priority=900)
    app.add_css_file("style.css", priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


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


def _add_explorer_script(app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: Any) -> None:
    """Only pages with an explorer load the explorers' files."""
    if 'class="explorer-data"' in context.get("body", ""):
        app.add_css_file("explorer.css", priority=901)
        app.add_js_file("explorer.js", loading_method="defer")


def _drop_thebe(app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: Any) -> None:
    """Jupyter Book loads sphinx-thebe even where it is off; its script names a foreign host and declares it twice."""
    context["script_files"] = [script for script in context["script_files"] if not _is_thebe(script)]


def _is_thebe(script: Any) -> bool:
    attributes = getattr(script, "attributes", {})
    return "thebe" in f"{getattr(script, 'filename', '')} {attributes.get('body', '')}".lower()


def _copy_plotly(app: Sphinx, error: Exception | None) -> None:
    """The Python package's own copy, so that notebooks and pages draw with one version."""
    if error is None and app.builder.format == "html":
        copy_asset(
            str(Path(plotly.__file__).parent / "package_data" / "plotly.min.js"), str(Path(app.outdir, "_static"))
        )


def _check_pages(app: Sphinx, error: Exception | None) -> None:
    if error is not None or app.builder.format != "html":
        return
    problems = []
    for page in sorted(Path(app.outdir).rglob("*.html")):
        if "_static" not in page.parts:
            text, name = page.read_text(encoding="utf-8"), str(page.relative_to(app.outdir))
            problems += over_budget(name, text) + foreign_requests(name, text)
    if problems:
        raise SphinxError("\n".join(problems))


def over_budget(name: str, text: str) -> list[str]:
    """The complaint about a page whose explorers hold more data than PAGE_BUDGET, if it is one."""
    sizes = {title: len(data.encode()) for title, data in _DATA.findall(text)}
    if sum(sizes.values()) <= PAGE_BUDGET:
        return []
    each = ", ".join(f"{title}: {size:,}" for title, size in sorted(sizes.items(), key=lambda pair: -pair[1]))
    return [
        f"{name}: its explorers hold {sum(sizes.values()):,} bytes of data, "
        f"over the budget of {PAGE_BUDGET:,} ({each}). "
        "Use fewer positions or draw fewer points."
    ]


def foreign_requests(name: str, text: str) -> list[str]:
    """The complaints about everything that a browser would fetch from another host to show the page."""
    finder = _Fetches()
    finder.feed(text)
    return [
        f"{name}: it would fetch {address} from another host; keep a copy in book/assets" for address in finder.foreign
    ]


class _Fetches(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.foreign: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        values = dict(attributes)
        wanted = FETCHED.get(tag, ())
        if tag == "link" and FETCHED_LINKS & set((values.get("rel") or "").split()):
            wanted = ("href",)
        for attribute in wanted:
            address = values.get(attribute) or ""
            if re.match(r"(https?:)?//", address):
                self.foreign.append(address)
