"""The theme's markup, mended once a page is written: what nobody needs is not loaded, and what is there has its name.

The theme brings a script of 543 KB (gzip) that draws seventeen icons, scripts for tabs and toggles that the book does
not have, and a search index on every page. Some of its roles and names are not what assistive technology expects.
"""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bs4 import BeautifulSoup, Tag
from sphinx.application import Sphinx

UNUSED = re.compile(
    r"/(scripts/fontawesome\.js|togglebutton\.(js|css)|design-tabs\.js|sphinx-design\.min\.css|sphinx-thebe\.(js|css))|"
    r"thebe"
)
SEARCHING = re.compile(r"/(searchtools\.js|language_data\.js)|searchindex\.js")
_WORDS = re.compile(r"toggle(Hint|Open|button)|DOCUMENTATION_OPTIONS\.|thebe", re.I)  # of scripts in the page itself
_THEBE = re.compile(r"thebe", re.I)  # of those that the search page does not need either; it has one twice
# Before anything is drawn; the theme's own says "auto" first, and then shows both logos until its script has run.
THEME = """{
  const chosen = localStorage.getItem("mode") || "auto", dark = matchMedia("(prefers-color-scheme: dark)").matches;
  const theme = chosen === "auto" ? (dark ? "dark" : "light") : chosen;
  Object.assign(document.documentElement.dataset, { mode: chosen, theme });
}"""
# The fonts come with the style: one that is late is not seen, or moves lines. A file may not be asked for in this way.
FONTS = """if (location.protocol.startsWith("http")) for (const href of %s) document.head.append(Object.assign(
  document.createElement("link"), { rel: "preload", as: "font", crossOrigin: "", href }));"""
# That of the formulas is in a style (book/mathematics.py): nothing is shown in the moment until it is read.
READ_FORMULAS_FONT = """{
  const { style } = document.documentElement;
  style.visibility = "hidden";
  document.fonts.load("1em 'STIX Two Math'").finally(() => (style.visibility = ""));
}"""
_TEXT_FONTS = [f"atkinson-hyperlegible-next-{face}.woff" for face in ("400-normal", "400-italic", "600-normal")]
_CODE_FONT = "atkinson-hyperlegible-mono-400-normal.woff"
# A page that is opened as a file may not read the pages that it found.
NO_EXCERPTS = """if (location.protocol === "file:") {
  DOCUMENTATION_OPTIONS.SHOW_SEARCH_SUMMARY = false;
  document.querySelector("#search-results").insertAdjacentHTML("beforebegin", `<p class="no-excerpts">Without excerpts:
    a browser lets no page that was opened as a file read another one. A served book (make serve) shows them.</p>`);
}"""
# What every page loads is one file: each request costs a reader time.
THEME_SCRIPTS = (
    "documentation_options.js", "doctools.js", "sphinx_highlight.js", "clipboard.min.js", "copybutton.js",
    "scripts/sphinx-book-theme.js", "scripts/bootstrap.js", "scripts/pydata-sphinx-theme.js",
)  # fmt: skip
JOINED = "theme.js"
COLUMNS = 64  # of code that fits its box on a wide screen
_NAMES = {
    ".primary-toggle": "Show or hide the chapters",
    ".secondary-toggle": "Show or hide the contents of this page",
    ".btn-source-repository-button": "Source repository",
}


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("build-finished", _mend_pages, priority=800)  # before the pages are checked
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def _mend_pages(app: Sphinx, error: Exception | None) -> None:
    if error is None and app.builder.format == "html":
        static = Path(app.outdir, "_static")
        joined = "\n;\n".join((static / name).read_text("utf-8") for name in THEME_SCRIPTS)
        (static / JOINED).write_text(joined, "utf-8")
        for page in Path(app.outdir).rglob("*.html"):
            if not {"_static", "_sources"} & set(page.relative_to(app.outdir).parts):
                page.write_text(mended(page.read_text("utf-8"), searches=page.name == "search.html"), "utf-8")


def mended(text: str, *, searches: bool = False) -> str:
    """The page without what it does not need, and with names and roles as they should be."""
    if "<body" not in text:
        return text
    soup = BeautifulSoup(text, "html.parser")
    _lighten(soup, searches)
    for mend in MENDS:
        mend(soup)
    return str(soup)


def _lighten(soup: BeautifulSoup, searches: bool) -> None:
    for tag in soup.find_all(["script", "link"]):
        address = str(tag.get("src") or tag.get("href") or "")
        preloaded = tag.name == "link" and "preload" in tag.get("rel", [])
        inline = tag.name == "script" and not address and tag.get("type") != "application/json"
        needless = UNUSED.search(address) or preloaded or (not searches and SEARCHING.search(address))
        if needless or (inline and (_THEBE if searches else _WORDS).search(tag.get_text())):
            tag.decompose()
        elif tag.name == "script" and address and not searches:
            tag["defer"] = ""
        elif inline and "dataset.mode" in tag.get_text():
            tag.string = THEME
    if not searches:
        _join(soup)
    if searches and soup.body:
        script = soup.new_tag("script")
        script.string = NO_EXCERPTS
        soup.body.append(script)
    style = soup.select_one('link[href*="_static/style.css"]')
    if style:
        wanted = _TEXT_FONTS + [_CODE_FONT] * bool(soup.find("code"))
        folder = str(style["href"]).partition("style.css")[0] + "vendor/"
        script = soup.new_tag("script")
        script.string = FONTS % json.dumps([folder + name for name in wanted])
        style.insert_before(script)
    for sheet in soup.select('link[href*="_static/formulas.css"]'):
        script = soup.new_tag("script")
        script.string = READ_FORMULAS_FONT
        sheet.insert_after(script)
    for tag in soup.select('meta[name="viewport"]')[1:]:
        tag.decompose()
    for tag in soup.select("#ethical-ad-placement"):
        tag.decompose()


def _join(soup: BeautifulSoup) -> None:
    """One script in the place of the theme's, where a page has them all."""
    found = {}
    for tag in soup.select('script[src*="_static/"]'):
        root, _, name = str(tag["src"]).partition("?")[0].partition("_static/")
        if name in THEME_SCRIPTS:
            found[name] = (root, tag)
    if tuple(found) == THEME_SCRIPTS:
        root, last = found[THEME_SCRIPTS[-1]]
        last["src"] = f"{root}_static/{JOINED}"
        for name in THEME_SCRIPTS[:-1]:
            found[name][1].decompose()


def _icons(soup: BeautifulSoup) -> None:
    """An icon is drawn by style.css and says nothing."""
    for icon in soup.select('[class*="fa-"]'):
        icon["aria-hidden"] = "true"
        if icon.has_attr("title"):
            del icon["title"]


def _names(soup: BeautifulSoup) -> None:
    """What is shown on a button is its name; a button that shows an icon alone has one for those who do not see it."""
    for selector, name in _NAMES.items():
        for button in soup.select(selector):
            button["aria-label"] = name
    for button in soup.select(".search-button-field"):
        del button["aria-label"]
    for field in soup.select("[placeholder][aria-label]"):
        field["aria-label"] = str(field["placeholder"]).rstrip(".")
        field["placeholder"] = field["aria-label"]
    for link in soup.select(".prev-next-area a, .headerlink"):
        link.attrs.pop("title", None)
    for link in soup.select(".headerlink"):
        heading = link.parent
        link["aria-label"] = f"Link to this {'definition' if heading and heading.name == 'dt' else 'section'}: #"
    for summary in soup.select("summary[aria-label]"):
        del summary["aria-label"]
    for summary in soup.select("li.has-children > details > summary"):
        entry = summary.find_parent("li")
        summary["aria-label"] = f"Pages of {entry.a.get_text().strip()}" if entry and entry.a else "Pages"
    for link in soup.select('a[target="_blank"]'):
        link["rel"] = "noopener"


def _landmarks(soup: BeautifulSoup) -> None:
    """Everything stands in a landmark: the logo beside the list of chapters, in a labelled one."""
    for sidebar in soup.select("#pst-primary-sidebar"):
        sidebar["role"] = "region"  # it stays the div that the theme's script asks for
        sidebar["aria-label"] = "Book"
    for sidebar in soup.select("#pst-secondary-sidebar"):
        sidebar["role"] = "region"
        sidebar["aria-label"] = "On this page"
    for caption in soup.select(".bd-links [role=heading]"):
        del caption["role"], caption["aria-level"]


def _lists(soup: BeautifulSoup) -> None:
    """Definition lists hold terms and definitions; references are list items, as their parent says."""
    for terms in soup.select("dl"):
        children = [child for child in terms.children if isinstance(child, Tag)]
        kinds = [child.name for child in children]
        if kinds and ("dt" not in kinds or "dd" not in kinds):
            terms.name = "div"
            for child in children:
                child.name = "div"
    for entry in soup.select('[role="doc-biblioentry"]'):
        entry["role"] = "listitem"
        for back in entry.select('[role="doc-backlink"]'):
            del back["role"]
    for back in soup.select(".citation-list > a, .citation-list > [role=doc-backlink]"):
        back.name = "span"


def _code(soup: BeautifulSoup) -> None:
    """Code that may be wider than its box can be scrolled with the keyboard."""
    for code in soup.select("div.highlight pre"):
        if max(map(len, code.get_text().splitlines()), default=0) > COLUMNS:
            code["tabindex"] = "0"


def _tables(soup: BeautifulSoup) -> None:
    for cell in soup.select("th"):
        if not cell.get_text(strip=True):
            cell.name = "td"


MENDS: tuple[Callable[[BeautifulSoup], Any], ...] = (_icons, _names, _landmarks, _lists, _code, _tables)
