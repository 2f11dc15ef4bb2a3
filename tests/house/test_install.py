"""What the machine lacks is said in one line, with the remedy."""

import ast
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tools import chromium, install

ROOT = Path(__file__).parents[2]


def test_this_python_will_do() -> None:
    assert install.complaint() is None


@pytest.mark.parametrize("version", [(2, 7, 18), (3, 6, 0), (3, 10, 14)])
def test_an_old_python_is_named_with_the_remedy(version: tuple[int, ...]) -> None:
    message = install.complaint(version, "/usr/bin/python3")
    assert "3.11 or newer" in message
    assert f"this is {version[0]}.{version[1]} (/usr/bin/python3)" in message
    assert "python.org" in message
    assert "\n" not in message


@pytest.mark.parametrize("module", ["venv", "ensurepip"])
def test_a_python_without_venv_is_told_what_to_install(module: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, module, None)  # importing it now raises ImportError, as on Debian
    message = install.complaint((3, 12, 1), "/usr/bin/python3.12")
    assert "apt-get install python3.12-venv" in message
    assert "\n" not in message


def test_an_old_python_can_read_the_script() -> None:
    tree = ast.parse((ROOT / "tools/install.py").read_text("utf-8"))
    too_new = (ast.JoinedStr, ast.NamedExpr, ast.AnnAssign, ast.AsyncFunctionDef, ast.Match, ast.Starred)
    found = [
        node
        for node in ast.walk(tree)
        if isinstance(node, too_new) and not (isinstance(node, ast.Starred) and isinstance(node.ctx, ast.Load))
    ]
    assert not found
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            assert node.returns is None
            assert all(argument.annotation is None for argument in node.args.args)
        if isinstance(node, ast.Call):  # Python 2 reads f(a, *b), not f(*a, *b)
            assert sum(isinstance(argument, ast.Starred) for argument in node.args) <= 1


@pytest.mark.parametrize(
    ("log", "expected"),
    [
        ("connection broken by 'NewConnectionError('...')", "No network"),
        ("ERROR: Could not install packages: [Errno 28] No space left on device", "disk is full"),
        ("ERROR: No matching distribution found for torch==2.13.0", "torch==2.13.0 has no build for Python"),
        (
            "  × No solution found\n  ╰─▶ Because there is no version of torch==2.13.0 and",
            "torch==2.13.0 has no build for",
        ),
        ("  × Failed to fetch: `https://pypi.org/simple/torch/`", "No network"),
        ("error: something else", "pip failed"),
        ("NewConnectionError, long ago\n$ python -m pip install x\nerror: something else", "pip failed"),
    ],
)
def test_why_pip_failed(log: str, expected: str) -> None:
    message = install.pip_failure(log)
    assert expected in message
    assert install.LOG in message
    assert "\n" not in message


def test_no_network_is_said_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "tools").mkdir()
    for name in ["pyproject.toml", "constraints.txt", "tools/install.py"]:
        shutil.copy(ROOT / name, tmp_path / name)
    nothing_listens = "http://127.0.0.1:9/simple"
    environment = {name: value for name, value in os.environ.items() if name != "CI" and name[:4] != "PIP_"}
    result = subprocess.run(
        [sys.executable, "tools/install.py"],
        cwd=tmp_path,
        env=environment | {"PIP_CONFIG_FILE": os.devnull, "PIP_INDEX_URL": nothing_listens},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 1
    (line,) = (result.stdout + result.stderr).splitlines()
    assert line == "make: " + install.NO_NETWORK
    assert nothing_listens in (tmp_path / install.LOG).read_text()


def test_uv_is_told_of_pip_s_settings() -> None:
    listed = (
        ":env:.find-links='/wheels /more'\nglobal.extra-index-url='https://one.example/simple file:///two'\n"
        "global.index-url='https://mirror.example/simple'\n:env:.disable-pip-version-check='1'\n"
    )
    assert install.uv_environment(listed) == {
        "UV_INDEX_STRATEGY": "unsafe-best-match",
        "UV_FIND_LINKS": "/wheels,/more",
        "UV_EXTRA_INDEX_URL": "https://one.example/simple file:///two",
        "UV_DEFAULT_INDEX": "https://mirror.example/simple",
    }


@pytest.fixture
def failing_pip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A pip that finds the disk full, after 40 lines of something else."""

    def pip(*arguments: str) -> bool:
        lines = [f"line {i}" for i in range(40)] + ["ERROR: [Errno 28] No space left on device"]
        Path(install.LOG).write_text("\n".join(["\n$ pip", *lines]) + "\n")
        return False

    monkeypatch.chdir(tmp_path)
    Path(install.VENV).mkdir()
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.setattr(install, "run_module", pip)
    monkeypatch.setattr(install.subprocess, "call", lambda command: 0)  # the making of .venv


@pytest.mark.usefixtures("failing_pip")
def test_the_first_run_of_pip_too_says_what_went_wrong(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        install.install()
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("make: The disk is full")


@pytest.mark.usefixtures("failing_pip")
def test_ci_shows_the_end_of_the_log(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("CI", "true")
    with pytest.raises(SystemExit):
        install.step("pip", "install", "x")
    *log, line = capsys.readouterr().err.splitlines()
    assert log == [f"line {i}" for i in range(11, 40)] + ["ERROR: [Errno 28] No space left on device"]
    assert line.startswith("make: The disk is full")


def test_ci_looks_for_chromium_by_the_names_that_the_tests_know() -> None:
    script = (ROOT / ".ci/run").read_text("utf-8")
    assert f"! command -v {' '.join(chromium.NAMES)} >/dev/null" in script


@pytest.mark.skipif(sys.platform == "win32", reason="the Makefile needs a POSIX shell")
def test_make_without_any_python_says_so() -> None:
    result = subprocess.run(
        ["make", "--always-make", ".venv/installed", "PYTHON=no-such-python"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode != 0
    assert result.stderr.splitlines()[0].startswith("make: no Python found. Install Python 3.11 or newer")
