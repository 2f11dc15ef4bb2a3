"""The examples in the docstrings print what they say."""

import doctest
import importlib
import pkgutil

import pytest

import tpcore

MODULES = [module.name for module in pkgutil.walk_packages(tpcore.__path__, "tpcore.")]


@pytest.mark.parametrize("name", MODULES)
def test_examples(name):
    assert doctest.testmod(importlib.import_module(name)).failed == 0
