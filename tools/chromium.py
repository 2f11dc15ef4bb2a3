"""Where Chromium is: for the tests in a browser, and for the README's picture."""

import shutil

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")  # .ci/run looks for the same


def find_chromium() -> str | None:
    """The path of the first Chromium on this machine's PATH; None without one."""
    return next(filter(None, map(shutil.which, NAMES)), None)
