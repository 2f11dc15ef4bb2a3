"""The wheel holds the whole package and asks for no more than it uses."""

import subprocess
import sys
import zipfile
from email.parser import Parser
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (path,) = folder.glob("*.whl")
    return zipfile.ZipFile(path)


def test_it_holds_every_tracked_file_of_the_package(wheel: zipfile.ZipFile) -> None:
    listing = subprocess.run(["git", "ls-files", "tpcore"], cwd=ROOT, check=True, capture_output=True, text=True)
    tracked = {name for name in listing.stdout.splitlines() if (ROOT / name).is_file()}
    assert tracked
    assert tracked <= set(wheel.namelist())


def test_it_holds_nothing_else(wheel: zipfile.ZipFile) -> None:
    assert {name.split("/")[0] for name in wheel.namelist()} == {"tpcore", "tpcore-0.2.0.dist-info"}
    assert not [name for name in wheel.namelist() if "__pycache__" in name]


def test_it_needs_only_what_its_core_uses(wheel: zipfile.ZipFile) -> None:
    metadata = Parser().parsestr(wheel.read("tpcore-0.2.0.dist-info/METADATA").decode())
    core = [line for line in metadata.get_all("Requires-Dist", []) if "extra ==" not in line]
    assert {line.split(">")[0] for line in core} == {"torch", "numpy", "scipy", "threadpoolctl", "tqdm"}
    assert metadata["License-Expression"] == "MIT"


def test_importing_it_needs_no_extra() -> None:
    """What the extras bring, and SciPy, are refused to a fresh interpreter, and tpcore is imported."""
    extras = ["plotly", "ipywidgets", "anywidget", "IPython", "joblib", "matplotlib", "numba", "scipy", "sphinx"]
    extras += ["distributed", "filelock", "pooch", "requests", "sklearn"]
    code = (
        f"import sys; sys.modules.update(dict.fromkeys({extras})); import tpcore.experiments; print(tpcore.__version__)"
    )
    result = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert result.stdout.strip() == "0.2.0"
