"""What search engines and messengers read of a page: its description, picture, address, and whose work it is.

Addresses are those of GitHub Pages. Where the repository is not known there is none, and nothing that needs one: the
canonical address, the picture, sitemap.xml.
"""

import html
import json
import re
import textwrap
from pathlib import Path
from typing import Any

import yaml
from address import INSTEAD, ROOT, known
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.config import Config

from tools import set_repository

PICTURE = "_static/card.png"  # made by `make picture`
WIDTH, HEIGHT = 1200, 630  # pixels, of the picture
ABOUT = (
    "A live book on target propagation: training recurrent networks by sending targets backward, through regularized "
    "inverses of their layers, where back-propagation sends gradients."
)
LONGEST = 200  # characters of a description; a search engine shows fewer
SHORTEST = 60  # characters of a paragraph that says what a page is about


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("config-inited", _into_settings)
    app.connect("html-page-context", _into_page)
    app.connect("build-finished", _for_robots)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def base() -> str | None:
    """The address under which the book stands, with its slash; None where it is not known."""
    repository = known()
    return f"https://{set_repository.pages(*repository)}/" if repository else None


def description(document: nodes.Node) -> str:
    """The first sentences of a page that says something, without formulas that are more than letters."""
    for paragraph in document.findall(nodes.paragraph):
        text = " ".join(paragraph.astext().split())
        if len(text) < SHORTEST or text == INSTEAD.replace("`", ""):
            continue
        said = ""
        for sentence in re.split(r"(?<=[.?!]) ", text):
            if "\\" in sentence or len(said) + len(sentence) >= LONGEST:
                break
            said = f"{said} {sentence}".strip()
        if said:
            return said
        if "\\" not in text:
            return textwrap.shorten(text, LONGEST, placeholder=" …")
    return ABOUT


def tags(book: str, title: str, about: str, url: str | None, picture: str | None, data: dict[str, Any]) -> str:
    """The elements of a page's head."""
    graph = {"og:type": "article", "og:site_name": book, "og:title": title, "og:description": about}
    card = {"description": about, "twitter:card": "summary"}
    if url and picture:
        graph |= {"og:url": url, "og:image": picture, "og:image:width": str(WIDTH), "og:image:height": str(HEIGHT)}
        graph["og:image:alt"] = f"{book}: the book's first page"
        card["twitter:card"] = "summary_large_image"
    lines = [f'<meta name="{name}" content="{html.escape(text)}">' for name, text in card.items()]
    lines += [f'<meta property="{name}" content="{html.escape(text)}">' for name, text in graph.items()]
    text = json.dumps(data, ensure_ascii=False).replace("</", "<\\/")
    return "\n".join([*lines, f'<script type="application/ld+json">{text}</script>', ""])


def structured(book: str, title: str, about: str, url: str | None, home: str | None, is_home: bool) -> dict[str, Any]:
    """The page as schema.org has it: the book with the paper it rests on, or one of its parts."""
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text("utf-8"))
    whole: dict[str, Any] = {"@type": "Book", "name": book, "inLanguage": "en"} | ({"url": home} if home else {})
    if not is_home:
        part = {"@type": "Chapter", "name": title, "description": about, "isPartOf": whole}
        return {"@context": "https://schema.org", **part} | ({"url": url} if url else {})
    (paper,) = citation["references"]
    authors = [
        {"@type": "Person", "givenName": author["given-names"], "familyName": author["family-names"]}
        for author in paper["authors"]
    ]
    return {
        "@context": "https://schema.org",
        **whole,
        "description": ABOUT,
        "author": [{"@type": "Organization", "name": author["name"]} for author in citation["authors"]],
        "keywords": citation["keywords"],
        "license": f"https://spdx.org/licenses/{citation['license']}.html",
        "citation": {
            "@type": "ScholarlyArticle",
            "name": paper["title"],
            "author": authors,
            "isPartOf": {"@type": "Periodical", "name": paper["journal"]},
            "datePublished": str(paper["year"]),
            "url": paper["url"],
        },
    }


def sitemap(home: str, pages: list[str]) -> str:
    """The addresses of all pages, as sitemaps.org has them."""
    places = "\n".join(f"<url><loc>{html.escape(home + page)}.html</loc></url>" for page in pages)
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">\n{places}\n</urlset>\n'
    )


def robots(home: str | None) -> str:
    """Everyone may read everything."""
    return "User-agent: *\nAllow: /\n" + (f"Sitemap: {home}sitemap.xml\n" if home else "")


def _into_settings(app: Sphinx, config: Config) -> None:
    config.html_baseurl = base() or ""  # Sphinx writes the canonical address


def _into_page(app: Sphinx, page: str, template: str, context: dict[str, Any], document: Any) -> None:
    if document is None:
        return
    book, home, title = app.config.html_title, base(), _plain(context.get("title", ""))
    about = description(document)
    url, picture = (f"{home}{page}.html", f"{home}{PICTURE}") if home else (None, None)
    data = structured(book, title, about, url, home, page == app.config.root_doc)
    context["metatags"] = context.get("metatags", "") + tags(book, title, about, url, picture, data)


def _plain(title: str) -> str:
    return html.unescape(re.sub(r"<[^>]+>", "", title))


def _for_robots(app: Sphinx, error: Exception | None) -> None:
    if error is None and app.builder.format == "html":
        home, folder = base(), Path(app.outdir)
        (folder / "robots.txt").write_text(robots(home), "utf-8")
        if home:
            (folder / "sitemap.xml").write_text(sitemap(home, sorted(app.env.found_docs)), "utf-8")
        else:
            (folder / "sitemap.xml").unlink(missing_ok=True)
