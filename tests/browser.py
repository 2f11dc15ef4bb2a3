"""Chromium for tests. Where it is missing the tests are skipped, in CI (CI=true) they fail."""

import contextlib
import os
from collections.abc import Iterator
from typing import Any

import pytest

QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def missing(what: str) -> None:
    """Skips the test, or fails it in CI, where nothing may be missing."""
    if os.environ.get("CI") == "true":
        pytest.fail(f"{what}; in CI this test may not be skipped", pytrace=False)
    pytest.skip(what)


@contextlib.contextmanager
def chromium() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    from tools.chromium import find_chromium  # here: a source distribution holds the tests without tools/

    path = find_chromium()
    if path is None:
        missing("no Chromium found (on Debian: apt-get install chromium)")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=QUIET)
        yield browser
        browser.close()
