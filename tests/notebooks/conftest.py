"""A real JupyterLab over a copy of the notebooks, and a browser to use it with."""

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbformat import NotebookNode
from playwright.sync_api import TimeoutError as BrowserTimeout

from tests.browser import missing

ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
# Every other chapter must show one.
WITHOUT_EXPLORER = {"10-what-was-reproduced", "playground"}
PLOTTED = "() => document.querySelector('.js-plotly-plot')?.data?.length > 0"
# What is far from the screen need not be drawn.
INTO_VIEW = "document.querySelector('.js-plotly-plot, .tpcore-explorer, .playground-view')?.scrollIntoView()"
PROMPTS = "[...document.querySelectorAll('.jp-InputPrompt')]"

# JupyterLab sends what a widget says to a thread of the kernel, for which it asks when the first widget comes. What is
# sent before that thread is there is lost, and nothing moves until the page is loaded again.
LISTENING = """async () => {
    const { kernel } = jupyterapp.shell.currentWidget.sessionContext.session;
    const late = new Promise(resolve => setTimeout(resolve, 10_000));  // a widget that sends nothing may have no thread
    for (const comm of kernel._comms.values()) await Promise.race([(async () => (await comm).subshellStarted)(), late]);
}"""


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The notebooks, and one of the tests' own whose explorer is slow."""
    copy = tmp_path_factory.mktemp("lab")
    for notebook in (ROOT / "notebooks").glob("*.ipynb"):
        shutil.copy(notebook, copy)
    slow = nbformat.v4.new_notebook()
    slow.metadata.kernelspec = {"name": "python3", "display_name": "Python 3", "language": "python"}
    lines = ["from tests.notebooks.slow import slow_explorer", "explorer = slow_explorer()", "explorer"]
    slow.cells = [nbformat.v4.new_code_cell("\n".join(lines))]
    nbformat.write(slow, copy / "slow.ipynb")
    return copy


@pytest.fixture(scope="session")
def lab(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a JupyterLab server of its own, without token, settings or extensions' network access."""
    if shutil.which("jupyter-lab", path=str(Path(sys.executable).parent)) is None:
        missing("JupyterLab is not installed (pip install '.[book]')")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    home = tmp_path_factory.mktemp("home")
    quiet = home / "settings" / "@jupyterlab" / "apputils-extension" / "notification.jupyterlab-settings"
    quiet.parent.mkdir(parents=True)
    quiet.write_text('{"fetchNews": "false", "checkForUpdates": false}')
    environment = {key: value for key, value in os.environ.items() if key != "TPCORE_EXPLORER_HOST"}
    environment |= {
        "PYTHONPATH": str(ROOT),
        "OMP_NUM_THREADS": "1",  # other tests run beside it; waiting threads would take their turns
        "JUPYTER_CONFIG_DIR": str(home / "config"),
        "JUPYTERLAB_SETTINGS_DIR": str(home / "settings"),
    }
    environment |= {"JUPYTERLAB_WORKSPACES_DIR": str(home / "workspaces"), "JUPYTER_RUNTIME_DIR": str(home / "runtime")}
    options = [
        "--no-browser",
        "--allow-root",
        f"--port={port}",
        "--ServerApp.port_retries=0",
        "--IdentityProvider.token=",
    ]
    options += ["--ServerApp.password=", f"--ServerApp.root_dir={folder}", "--LabApp.expose_app_in_browser=True"]
    with (home / "log").open("w") as log:
        server = subprocess.Popen(
            [sys.executable, "-m", "jupyterlab", *options], env=environment, stdout=log, stderr=log, cwd=folder
        )
        try:
            address = f"http://127.0.0.1:{port}"
            wait_for(address, server, home / "log")
            yield address
        finally:
            server.terminate()
            server.wait(30)


def wait_for(address: str, server: Any, log: Path) -> None:
    for _ in range(600):
        if server.poll() is not None:
            pytest.fail(f"JupyterLab did not start:\n{log.read_text()}", pytrace=False)
        try:
            with urllib.request.urlopen(f"{address}/api/status", timeout=5) as answer:
                json.load(answer)
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    pytest.fail(f"JupyterLab did not answer within a minute:\n{log.read_text()}", pytrace=False)


@pytest.fixture
def run_notebook(browser: Any, lab: str) -> Iterator[Any]:
    """Opens a notebook in JupyterLab, runs all its cells and waits for the kernel to be idle; returns the page."""
    contexts = []

    def run(name: str, drawn: str = PLOTTED) -> Any:
        context = browser.new_context(viewport={"width": 1280, "height": 1000})
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(300_000)  # a busy machine is no failure
        page.problems = []
        page.on("console", lambda m: page.problems.append(m.text) if m.type == "error" else None)
        page.on("pageerror", lambda e: page.problems.append(str(e)))
        page.goto(f"{lab}/lab/tree/{name}?reset")
        page.locator(".jp-Notebook .jp-CodeCell").first.wait_for()
        page.locator("#jp-main-statusbar").get_by_text("| Idle").wait_for()
        for _ in range(3):  # a kernel that has only just connected may lose the request
            page.locator("#jp-MainMenu").get_by_text("Run", exact=True).click()
            page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
            with contextlib.suppress(BrowserTimeout):
                page.wait_for_function(f"() => {PROMPTS}.some(p => /\\[[*\\d]/.test(p.textContent))", timeout=10_000)
                break
        idle(page)
        until(page, f"() => {{ {INTO_VIEW}; return ({drawn})(); }}")
        page.evaluate(LISTENING)
        return page

    yield run
    for context in contexts:
        context.close()


def notebook_of(page: Any) -> NotebookNode:
    """The notebook that stands open in JupyterLab, with its outputs."""
    return nbformat.from_dict(page.evaluate("window.jupyterapp.shell.currentWidget.content.model.toJSON()"))


def check_ran(notebook: NotebookNode, *, shows_explorer: bool) -> None:
    """Every cell has run, without an error and without a warning, and an explorer is shown if there is one."""
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.source for cell in cells if cell.execution_count is None] == []
    outputs = [output for cell in cells for output in cell.outputs]
    assert [o for o in outputs if o.output_type == "error"] == []
    assert [o["text"] for o in outputs if o.get("name") == "stderr" and "Warning" in o["text"]] == []
    assert any("application/vnd.jupyter.widget-view+json" in o.get("data", {}) for o in outputs) is shows_explorer


def idle(page: Any) -> None:
    """Waits until no cell waits or runs, and the kernel says that it is idle."""
    until(
        page,
        f"""() => !{PROMPTS}.some(p => p.textContent.includes('[*]'))
        && document.querySelector('.jp-Notebook-ExecutionIndicator')?.dataset.status === 'idle'""",
    )


def until(page: Any, expression: str, seconds: float = 300) -> None:
    """Waits until the expression holds in the page, asked from here: the page's own timers were seen to stand still."""
    end = time.monotonic() + seconds
    while not page.evaluate(expression):
        if time.monotonic() > end:
            raise TimeoutError(f"not true within {seconds:.0f} seconds: {expression}\n{state(page)}")
        page.wait_for_timeout(100)


def state(page: Any) -> str:
    """What an open notebook shows, for whoever reads why a test failed."""
    seen = page.evaluate(f"""() => ({{
        prompts: {PROMPTS}.map((prompt) => prompt.textContent).join(" "),
        kernel: document.querySelector(".jp-Notebook-ExecutionIndicator")?.dataset.status,
        explorers: document.querySelectorAll(".tpcore-explorer").length,
        figures: [...document.querySelectorAll(".js-plotly-plot")].map((plot) => plot.data?.length),
        outputs: [...document.querySelectorAll(".jp-OutputArea-output")].map((output) => output.innerText.slice(-200)),
    }})""")
    return "\n".join([*(f"{name}: {value}" for name, value in seen.items()), *page.problems])
