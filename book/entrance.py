"""The pages that no source makes: index.html, those of old addresses, which lead on, and 404.html."""

from pathlib import Path

from address import known
from sphinx.application import Sphinx
from sphinx.errors import SphinxError
from sphinx.util.osutil import relative_uri

from tools import set_repository

# Pages that were renamed, merged or moved: their old names, and where they are now, "page" or "page#section".
MOVED: dict[str, str] = {}

_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">{head}
<title>{title} — {book}</title>
<style>
body {{ max-width: 34rem; margin: 15vh auto; padding: 0 1rem; font: 1.05rem/1.6 system-ui, sans-serif; }}
a {{ color: inherit; }}
</style>
</head>
<body>
<main>
<h1>{title}</h1>
<p>{text} <a href="{address}">{link}</a>.</p>
</main>
</body>
</html>
"""


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("build-finished", _write, priority=700)  # before the pages are mended and checked
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def _write(app: Sphinx, error: Exception | None) -> None:
    if error is None and app.builder.format == "html":
        if complaints := dead_ends(MOVED, app.env.found_docs):
            raise SphinxError("\n".join(complaints))
        book, home_page = app.config.html_title, f"{app.config.root_doc}.html"
        pages = {"index": leading(book, home_page, "Welcome", "The book begins with", "its first page")}
        pages |= {old: moved(book, old, new) for old, new in MOVED.items()}
        pages["404"] = missing(book, home())
        for name, text in pages.items():
            path = Path(app.outdir, f"{name}.html")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, "utf-8")


def dead_ends(table: dict[str, str], pages: set[str]) -> list[str]:
    """The complaints about old names that are pages still, and about new ones that are none."""
    return [f"MOVED: {old} is still a page of the book; it can't lead elsewhere" for old in table if old in pages] + [
        f"MOVED: {old} leads to {new}, which is no page of the book"
        for old, new in table.items()
        if new.partition("#")[0] not in pages
    ]


def leading(book: str, address: str, title: str, text: str, link: str) -> str:
    """A page that leads on at once, to the section or position asked for; with a link where a browser does not."""
    page = address.partition("#")[0]
    head = f"""
<link rel="canonical" href="{page}">
<script>location.replace(location.hash ? {page!r} + location.hash : {address!r});</script>
<noscript><meta http-equiv="refresh" content="0; url={address}"></noscript>"""
    return _PAGE.format(head=head, title=title, book=book, text=text, address=address, link=link)


def moved(book: str, old: str, new: str) -> str:
    """The page at an old address."""
    page, _, section = new.partition("#")
    address = relative_uri(f"{old}.html", f"{page}.html") + (f"#{section}" if section else "")
    return leading(book, address, "This page has moved", "What stood here is now on", "another page of the book")


def missing(book: str, address: str) -> str:
    """The page for an address that leads nowhere; it stands at any depth, so it needs no other file."""
    text = "This address leads to no page of the book. All of them are listed at"
    return _PAGE.format(head="", title="Page not found", book=book, text=text, address=address, link="its beginning")


def home() -> str:
    """The path at which GitHub Pages serves the book; that of the host where the repository is not known."""
    repository = known()
    path = set_repository.pages(*repository).partition("/")[2] if repository else ""
    return f"/{path}/" if path else "/"
