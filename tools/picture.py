"""Take the book's pictures of its built first chapter, in Chromium: the README's, and the card that links show."""

import sys
import threading
from pathlib import Path
from typing import Any

from chromium import find_chromium
from playwright.sync_api import sync_playwright
from serve import open_server

PAGE = "notebooks/00-welcome.html"
FOLDER = Path("book/assets")
PICTURES = {"live-book.png": (1280, 860), "card.png": (1200, 630)}  # pixels
LARGEST = 300_000  # bytes: a README's first screen should come at once
TRAINED = "Number(document.querySelector('.pg-steps')?.textContent.replace('step ', '')) >= 60"
# A card is the page without what leads elsewhere.
CARD = """.bd-sidebar-primary, .bd-sidebar-secondary, .bd-header-article { display: none !important; }
.reading-time, .reading-time + p { display: none !important; }
.bd-main .bd-content .bd-article-container { max-width: 60rem !important; }"""


def main() -> None:
    chromium = find_chromium()
    if chromium is None:
        sys.exit("Chromium is missing. On Debian or Ubuntu: sudo apt-get install chromium")
    if not Path("_build/html", PAGE).exists():
        sys.exit(f"_build/html/{PAGE} is missing: run 'make book' first.")

    server = open_server(Path("_build/html"))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium, args=["--no-sandbox", "--disable-background-networking"]
        )
        for name, (width, height) in PICTURES.items():
            page = browser.new_page(viewport={"width": width, "height": height}, color_scheme="light")
            page.goto(f"http://127.0.0.1:{server.server_address[1]}/{PAGE}")
            take(page, FOLDER / name)
        browser.close()
    server.shutdown()


def take(page: Any, picture: Path) -> None:
    page.wait_for_function(TRAINED, timeout=120_000)
    if picture.name == "card.png":
        page.add_style_tag(content=CARD)
    page.evaluate("document.fonts.ready")
    page.screenshot(path=picture, animations="disabled")
    size = picture.stat().st_size
    if size > LARGEST:
        sys.exit(f"{picture} has {size} bytes, more than {LARGEST}: choose a smaller window.")
    print(f"{picture}: {size} bytes")


if __name__ == "__main__":
    main()
