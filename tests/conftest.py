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
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """What waits most comes first, and the tests of a page of the book follow one another: it is opened once.

    With --dist loadgroup a file, a page of the book, and JupyterLab have one worker.
    """
    items.sort(key=_turn)
    if config.pluginmanager.hasplugin("xdist"):
        for item in items:
            item.add_marker(pytest.mark.xdist_group(_group(item)))


def _turn(item: pytest.Item) -> tuple[bool, bool, str]:
    in_a_browser = "browser" in item.fixturenames
    return "lab" not in item.fixturenames, not in_a_browser, _group(item) if in_a_browser else ""


def _group(item: pytest.Item) -> str:
    if "lab" in item.fixturenames:
        return "jupyterlab"
    parameters = item.callspec.params if hasattr(item, "callspec") else {}
    page = parameters.get("name")
    return page if page and "browser" in item.fixturenames else item.nodeid.split("::")[0]


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
