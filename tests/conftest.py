"""What all tests share: the profile of property tests, and one browser."""

import os
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from hypothesis import settings

from tests.browser import chromium

# Property tests are the same on every run, and no speed is asserted.
settings.register_profile("book", deadline=None, derandomize=True, max_examples=50)
settings.load_profile("book")

# Beside other workers (-n auto) each takes its part of the cores: threads that wait for one another would take turns.
workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
torch.set_num_threads(max(1, torch.get_num_threads() // workers))


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """One headless Chromium for the book's pages and for JupyterLab: playwright runs once in a process."""
    with chromium() as opened:
        yield opened
