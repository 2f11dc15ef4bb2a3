"""Where tpcore is missing, as on Colab, a chapter's first cell fetches what the chapter needs."""

import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ADDRESS = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["urls"]["repository"]
CODE = {
    path.stem: ["".join(cell["source"]) for cell in json.loads(path.read_text("utf-8"))["cells"] if "outputs" in cell]
    for path in sorted((ROOT / "notebooks").glob("*.ipynb"))
}
READS = re.compile(  # rooms that read them
    "record|targets_first|slider_runs|equal_effort|regularization.answer|reproduced|"
    "chapters.speed|use_it|complexity_regimes"
)
WITH_RECORDS = {name for name, cells in CODE.items() if READS.search("\n".join(cells[1:]))}

# Without the packages, and with a pip that says what it was asked for and then has installed it
RUN = """
import sys
from IPython.core.interactiveshell import InteractiveShell
sys.modules["tpcore"] = sys.modules["pytorch_lightning"] = None
def pip(line):
    print("pip", line)
    for name in ("tpcore", "pytorch_lightning"):
        if name in line:
            del sys.modules[name]
shell = InteractiveShell.instance()
shell.register_magic_function(pip, magic_name="pip")
shell.run_cell(sys.stdin.read()).raise_error()
"""


def run_first_cell(name: str, folder: Path, **environment: str) -> list[str]:
    """The lines that it prints in a folder, with this repository in the place of the public one."""
    kept = {key: value for key, value in os.environ.items() if key != "TPCORE_RESULTS"}
    kept |= {"IPYTHONDIR": str(folder / "ipython"), "XDG_CACHE_HOME": str(folder / "cache"), "PYTHONPATH": str(ROOT)}
    kept |= {
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": f"url.{ROOT.as_uri()}.insteadOf",
        "GIT_CONFIG_VALUE_0": ADDRESS,
    }
    done = subprocess.run(
        [sys.executable, "-c", RUN],
        input=CODE[name][0],
        cwd=folder,
        env=kept | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.splitlines()


def test_some_chapters_read_records() -> None:
    assert 0 < len(WITH_RECORDS) < len(CODE)
    assert all(("fetch_records()" in CODE[name][0]) is (name in WITH_RECORDS) for name in CODE)


@pytest.mark.parametrize("name", sorted({cells[0]: name for name, cells in CODE.items()}.values()))  # each kind once
def test_it_installs_the_package(name: str, tmp_path: Path) -> None:
    lines = run_first_cell(name, tmp_path)
    assert lines[0] == f'pip install --quiet "tpcore[notebooks] @ git+{ADDRESS}"'
    assert not [line for line in lines[1:] if not line.startswith("pip install")], (
        "nothing is fetched: records are here"
    )


def test_a_chapter_fetches_the_records_that_are_missing(tmp_path: Path) -> None:
    name, nowhere = min(WITH_RECORDS), tmp_path / "nowhere"
    lines = run_first_cell(name, tmp_path, TPCORE_RESULTS=str(nowhere))
    assert "Fetching the records of the experiments from" in lines[1] and ADDRESS in lines[1]
    (kept,) = (tmp_path / "cache/tpcore").iterdir()
    assert {path.name for path in (ROOT / "results").iterdir() if path.is_dir()} <= {p.name for p in kept.iterdir()}


@pytest.mark.parametrize("name", sorted(CODE))
def test_the_other_cells_do_not_lean_on_its_imports(name: str) -> None:
    """Where the first cell had to install tpcore, it has not imported it."""
    command = [sys.executable, "-m", "ruff", "check", "--isolated", "--select", "F821", "-"]
    done = subprocess.run(command, input="\n".join(CODE[name][1:]), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
