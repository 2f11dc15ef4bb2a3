"""Take the README's picture, book/assets/live-book.png, of the built book's first chapter in Chromium."""

import sys
import threading
from pathlib import Path

from chromium import find_chromium
from playwright.sync_api import sync_playwright
from serve import open_server

PAGE = "notebooks/00-welcome.html"
PICTURE = Path("book/assets/live-book.png")
LARGEST = 300_000  # bytes: a README's first screen should come at once


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
        page = browser.new_page(viewport={"width": 1280, "height": 860}, color_scheme="light")
        page.goto(f"http://127.0.0.1:{server.server_address[1]}/{PAGE}")
        page.wait_for_selector(".js-plotly-plot .main-svg")
        page.screenshot(path=PICTURE, animations="disabled")
        browser.close()
    server.shutdown()

    size = PICTURE.stat().st_size
    if size > LARGEST:
        sys.exit(f"{PICTURE} has {size} bytes, more than {LARGEST}: choose a smaller window.")
    print(f"{PICTURE}: {size} bytes")


if __name__ == "__main__":
    main()
