"""Where tpcore is missing, as on Colab, a chapter's first cell fetches what the chapter needs."""

import json
import os
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
WITH_RECORDS = {name for name, cells in CODE.items() if "record" in "\n".join(cells[1:])}

# Without the packages unless they are asked for, and with a pip that only says what it was asked for
RUN = """
import os, sys
from IPython.core.interactiveshell import InteractiveShell
if "--installed" not in sys.argv:
    sys.modules["tpcore"] = sys.modules["pytorch_lightning"] = None
shell = InteractiveShell.instance()
shell.register_magic_function(lambda line: print("pip", line), magic_name="pip")
shell.run_cell(sys.stdin.read()).raise_error()
print("records", os.environ.get("TPCORE_RESULTS"))
"""


def run_first_cell(name: str, folder: Path, *arguments: str) -> list[str]:
    """The lines that it prints in a folder, with this repository in the place of the public one."""
    environment = {key: value for key, value in os.environ.items() if key != "TPCORE_RESULTS"}
    environment |= {
        "IPYTHONDIR": str(folder / "ipython"),
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": f"url.{ROOT.as_uri()}.insteadOf",
        "GIT_CONFIG_VALUE_0": ADDRESS,
    }
    done = subprocess.run(
        [sys.executable, "-c", RUN, *arguments],
        input=CODE[name][0],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.splitlines()


def test_some_chapters_read_records() -> None:
    assert 0 < len(WITH_RECORDS) < len(CODE)


@pytest.mark.parametrize("name", sorted(WITH_RECORDS))
def test_a_chapter_with_records_fetches_them(name: str, tmp_path: Path) -> None:
    lines = run_first_cell(name, tmp_path)
    assert lines[-2:] == [
        'pip install --quiet "./repository[notebooks]"',
        f"records {tmp_path / 'repository/results'}",
    ]
    assert (tmp_path / "repository/pyproject.toml").is_file(), "what pip is to install"
    assert list((tmp_path / "repository/results/bench").glob("*.json"))


def test_the_records_are_found_after_a_restart(tmp_path: Path) -> None:
    """Then the package is there, and the variable is gone."""
    (tmp_path / "repository/results").mkdir(parents=True)
    for name in WITH_RECORDS:
        assert run_first_cell(name, tmp_path, "--installed") == [f"records {tmp_path / 'repository/results'}"]


@pytest.mark.parametrize("name", sorted(set(CODE) - WITH_RECORDS))
def test_any_other_installs_the_package_alone(name: str, tmp_path: Path) -> None:
    lines = run_first_cell(name, tmp_path)
    assert f'pip install --quiet "tpcore[notebooks] @ git+{ADDRESS}"' in lines
    assert lines[-1] == "records None"
    assert not (tmp_path / "repository").exists()


@pytest.mark.parametrize("name", sorted(CODE))
def test_the_other_cells_do_not_lean_on_its_imports(name: str) -> None:
    """Where the first cell had to install tpcore, it has not imported it."""
    command = [sys.executable, "-m", "ruff", "check", "--isolated", "--select", "F821", "-"]
    done = subprocess.run(command, input="\n".join(CODE[name][1:]), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
