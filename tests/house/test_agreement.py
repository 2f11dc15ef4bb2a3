"""pyproject.toml, constraints.txt and environment.yml say the same thing."""

import re
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
ENVIRONMENT = yaml.safe_load((ROOT / "environment.yml").read_text("utf-8"))
NAMED = [
    Requirement(line)
    for lines in [PROJECT["dependencies"], *PROJECT["optional-dependencies"].values()]
    for line in lines
]


def pins() -> dict[str, Version]:
    """The exact versions in constraints.txt, by canonical name."""
    lines = (ROOT / "constraints.txt").read_text("utf-8").splitlines()
    entries = [line.split("==") for line in lines if line and not line.startswith("#")]
    return {canonicalize_name(name): Version(version) for name, version in entries}


def environment_pip() -> list[str]:
    (lines,) = [entry["pip"] for entry in ENVIRONMENT["dependencies"] if isinstance(entry, dict)]
    return lines


@pytest.mark.parametrize("requirement", NAMED, ids=str)
def test_each_dependency_has_a_pin_that_it_admits(requirement: Requirement) -> None:
    if requirement.name == "tpcore":
        assert requirement.extras <= set(PROJECT["optional-dependencies"])
    else:
        assert requirement.specifier.contains(pins()[canonicalize_name(requirement.name)])


def test_pins_install_everywhere() -> None:
    assert all(version.local is None for version in pins().values()), "a local version is one machine's"
    assert "tpcore" not in pins()


def test_python_agrees() -> None:
    (python,) = [
        entry.removeprefix("python=")
        for entry in ENVIRONMENT["dependencies"]
        if isinstance(entry, str) and entry.startswith("python=")
    ]
    oldest = re.fullmatch(r">=(3\.\d+)", PROJECT["requires-python"])
    assert oldest and python == oldest[1]
    install = (ROOT / "tools/install.py").read_text("utf-8")
    makefile = (ROOT / "Makefile").read_text("utf-8")
    assert f"OLDEST_PYTHON = ({oldest[1].replace('.', ', ')})" in install
    assert f"sys.version_info < ({oldest[1].replace('.', ', ')})" in makefile


def test_environment_installs_tpcore_under_the_constraints() -> None:
    lines = environment_pip()
    assert "-c constraints.txt" in lines
    assert "-e .[notebooks,experiments]" in lines
    assert "--extra-index-url https://download.pytorch.org/whl/cpu" in lines


def test_environment_pins_what_the_constraints_pin() -> None:
    requirements = [Requirement(line) for line in environment_pip() if not line.startswith("-")]
    assert {requirement.name for requirement in requirements} == {"torch"}
    for requirement in requirements:
        assert str(requirement.specifier) == f"=={pins()[requirement.name]}"
