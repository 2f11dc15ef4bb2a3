"""The examples in the docstrings print what they say."""

import doctest
import importlib
import pkgutil

import pytest

import tpcore

NAMES = {module.name for module in pkgutil.walk_packages(tpcore.__path__, "tpcore.")}
MODULES = sorted(NAMES - {"tpcore.recurrences.triton_kernels"})  # which needs Triton, and has no example


@pytest.mark.parametrize("name", MODULES)
def test_examples(name):
    assert doctest.testmod(importlib.import_module(name)).failed == 0
