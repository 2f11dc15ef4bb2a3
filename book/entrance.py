"""The two pages that no source makes: index.html, which leads to the first chapter, and 404.html."""

from pathlib import Path

from address import known
from sphinx.application import Sphinx

from tools import set_repository

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
        first = f"{app.config.root_doc}.html"
        Path(app.outdir, "index.html").write_text(index(app.config.project, first), "utf-8")
        Path(app.outdir, "404.html").write_text(missing(app.config.project, home()), "utf-8")


def index(book: str, first: str) -> str:
    """The page that leads on at once, with a link for those whose browser does not."""
    head = f'\n<meta http-equiv="refresh" content="0; url={first}">\n<link rel="canonical" href="{first}">'
    return _PAGE.format(
        head=head, title="Welcome", book=book, text="The book begins with", address=first, link="its first page"
    )


def missing(book: str, address: str) -> str:
    """The page for an address that leads nowhere; it stands at any depth, so it needs no other file."""
    text = "This address leads to no page of the book. All of them are listed at"
    return _PAGE.format(head="", title="Page not found", book=book, text=text, address=address, link="its beginning")


def home() -> str:
    """The path at which GitHub Pages serves the book; that of the host where the repository is not known."""
    repository = known()
    path = set_repository.pages(*repository).partition("/")[2] if repository else ""
    return f"/{path}/" if path else "/"
