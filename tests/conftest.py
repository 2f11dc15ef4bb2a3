"""What all tests share: the profile of property tests, one browser, and who runs what beside other workers."""

import os
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import settings

from tests.browser import chromium

# Property tests are the same on every run, and no speed is asserted.
settings.register_profile("book", deadline=None, derandomize=True, max_examples=50)
settings.load_profile("book")


@pytest.hookimpl(tryfirst=True)  # before xdist asks for the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """With --dist loadgroup: a file to one worker, a page of the book to one, JupyterLab to one; what waits most first."""
    for item in items:
        page = getattr(item, "callspec", None) and item.callspec.params.get("chapter", item.callspec.params.get("name"))
        file = item.nodeid.split("::")[0]
        group = (
            "jupyterlab" if "lab" in item.fixturenames else page if page and "browser" in item.fixturenames else file
        )
        item.add_marker(pytest.mark.xdist_group(group))
    items.sort(key=lambda item: ("lab" not in item.fixturenames, "browser" not in item.fixturenames))


@pytest.fixture(scope="session", autouse=True)
def part_of_the_cores() -> None:
    """Beside other workers (-n auto) each takes its part of the cores: threads that wait for one another take turns."""
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    if torch := sys.modules.get("torch"):  # not imported here: many tests do without
        torch.set_num_threads(max(1, torch.get_num_threads() // workers))


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """One headless Chromium for the book's pages and for JupyterLab: playwright runs once in a process."""
    with chromium() as opened:
        yield opened
