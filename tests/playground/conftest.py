"""The playground alone on a page, without the book around it, and its numerics as functions of a page."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.playground.pages import write_pages
from tpcore.playground import module


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the pages full.html and simple.html, and what they load."""
    made = tmp_path_factory.mktemp("playground")
    write_pages(made)
    return made


@pytest.fixture
def open_playground(browser: Any, folder: Path) -> Iterator[Any]:
    """Opens one of the pages as a file; what goes wrong on it is in `page.problems`."""
    contexts = []

    def open_(name: str = "full", address: str = "", before: str = "", **options: Any) -> Any:
        context = browser.new_context(**{"viewport": {"width": 1000, "height": 900}, **options})
        contexts.append(context)
        page = context.new_page()
        page.problems = []
        page.on("console", lambda m: page.problems.append(m.text) if m.type in ("error", "warning") else None)
        page.on("pageerror", lambda e: page.problems.append(str(e)))
        if before:
            page.add_init_script(before)
        page.goto(f"{(folder / name).as_uri()}.html{address}")
        return page

    yield open_
    for context in contexts:
        context.close()


@pytest.fixture(scope="session")
def compute(browser: Any) -> Iterator[Any]:
    """Calls JavaScript with the numerics at hand: `compute(function, argument)`."""
    page = browser.new_page()
    page.add_script_tag(content=module.joined((*module.NUMERICS, "lanes")))

    def call(function: str, argument: Any = None) -> Any:
        return json.loads(page.evaluate(f"argument => JSON.stringify(({function})(argument))", argument))

    yield call
    page.close()
