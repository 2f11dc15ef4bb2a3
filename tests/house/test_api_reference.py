"""Every public object stands in the book's API reference, with an example and with what it raises."""

import ast
import doctest
import importlib
import inspect
import pkgutil
import re
import textwrap
from collections import Counter
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import tpcore

ROOT = Path(__file__).parents[2]
NAMES = {module.name for module in pkgutil.walk_packages(tpcore.__path__, "tpcore.")}
NAMES.remove("tpcore.recurrences.triton_kernels")  # not public, and needs Triton
MODULES = [tpcore, *(importlib.import_module(name) for name in sorted(NAMES))]
WITHOUT_LIST = ("tpcore.diagnostics", "tpcore.explorers.figures", "tpcore.training")  # public, but with no __all__
DIRECTIVE = re.compile(r"^\.\. auto(?:class|function):: (\S+)$", re.MULTILINE)
LISTED = Counter(
    name for page in (ROOT / "book/api").glob("*.md") for name in DIRECTIVE.findall(page.read_text("utf-8"))
)


def public_names(module: ModuleType) -> list[str]:
    if module.__name__ in WITHOUT_LIST:
        return [
            name
            for name, value in vars(module).items()
            if not name.startswith("_") and getattr(value, "__module__", "") == module.__name__
        ]
    return getattr(module, "__all__", [])


PUBLIC: dict[str, Any] = {
    f"{module.__name__}.{name}": getattr(module, name)
    for module in MODULES
    for name in public_names(module)
    if not isinstance(getattr(module, name), ModuleType)
}


def test_the_reference_holds_every_public_object_once() -> None:
    assert dict(LISTED) == dict.fromkeys(PUBLIC, 1)


@pytest.mark.parametrize("name", PUBLIC)
def test_its_docstring_has_an_example(name: str) -> None:
    """Which tests/test_docstrings.py runs."""
    assert doctest.DocTestParser().get_examples(inspect.getdoc(PUBLIC[name]) or "")


@pytest.mark.parametrize("name", PUBLIC)
def test_its_docstring_says_what_it_raises(name: str) -> None:
    tree = ast.parse(textwrap.dedent(inspect.getsource(PUBLIC[name])))
    if any(isinstance(node, ast.Raise) for node in ast.walk(tree)):
        assert re.search(r"^Raises\n------$", inspect.getdoc(PUBLIC[name]) or "", re.MULTILINE)


def test_each_page_of_the_reference_stands_in_the_table_of_contents() -> None:
    contents = (ROOT / "_toc.yml").read_text("utf-8")
    for page in (ROOT / "book/api").glob("*.md"):
        assert f"- file: book/api/{page.stem}\n" in contents
