"""What the repository must and must not hold."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
TRACKED = [
    ROOT / name
    for name in subprocess.run(
        ["git", "ls-files"], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout.splitlines()
    if (ROOT / name).is_file()
]
NOTEBOOKS = [path for path in TRACKED if path.suffix == ".ipynb"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebooks_carry_no_outputs(path: Path) -> None:
    for cell in json.loads(path.read_text("utf-8"))["cells"]:
        assert not cell.get("outputs")
        assert cell.get("execution_count") is None


def test_no_static_folder_at_the_root() -> None:
    """Jupyter Book would add every script and style under it to every page."""
    assert not (ROOT / "_static").exists()


def test_no_path_of_one_machine() -> None:
    private = re.compile(r"(?<![\w.])/(work|root|home/\w+|Users/\w+)/")
    for path in TRACKED:
        try:
            text = path.read_text("utf-8")
        except UnicodeDecodeError:
            continue  # a picture
        if path != Path(__file__):
            assert not private.search(text), path


def test_readme_s_files_exist() -> None:
    text = (ROOT / "README.md").read_text("utf-8")
    for target in re.findall(r"\]\((?!https?://)([^)#]+)\)", text):
        assert (ROOT / target).exists(), target


def test_readme_s_code_runs() -> None:
    (code,) = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text("utf-8"), re.DOTALL)
    code += "\nassert all(p.grad is not None and p.grad.isfinite().all() for p in rnn.parameters())"
    result = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr


def test_make_help_lists_every_target() -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    phony = re.search(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)
    assert phony
    assert set(phony[1].split()) == set(re.findall(r"^([a-z-]+):.*## ", makefile, re.MULTILINE))


def test_citation_names_this_software_and_the_paper() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text("utf-8"))
    assert citation["type"] == "software"
    assert citation["version"] == "0.2.0"
    (paper,) = citation["references"]
    assert "2112.01453" in paper["url"]
    assert [author["family-names"] for author in paper["authors"]] == ["Roulet", "Harchaoui"]


@pytest.mark.parametrize("name", ["tests", "pages", "weekly"])
def test_workflows_call_what_exists(name: str) -> None:
    workflow = yaml.safe_load((ROOT / f".github/workflows/{name}.yml").read_text("utf-8"))
    makefile = (ROOT / "Makefile").read_text("utf-8")
    commands = [step["run"] for job in workflow["jobs"].values() for step in job["steps"] if "run" in step]
    assert commands
    called = re.findall(r"\bmake (\w+)", " ".join(commands))
    called += [target for command in commands if command.startswith("bash .ci/run") for target in command.split()[2:]]
    for target in called:
        assert re.search(rf"^{target}:", makefile, re.MULTILINE)


@pytest.mark.parametrize("name", ["tests", "pages", "weekly"])
def test_actions_are_pinned_by_commit(name: str) -> None:
    """A tag can be moved; the commit's tag stands beside it, for people and for Dependabot."""
    lines = [
        line for line in (ROOT / f".github/workflows/{name}.yml").read_text("utf-8").splitlines() if "uses:" in line
    ]
    assert lines
    assert [line for line in lines if not re.search(r"uses: [\w/-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$", line)] == []


def test_the_container_calls_what_exists() -> None:
    container = json.loads((ROOT / ".devcontainer/devcontainer.json").read_text("utf-8"))
    makefile = (ROOT / "Makefile").read_text("utf-8")
    commands = f"{container['onCreateCommand']} && {container['postAttachCommand']}"
    called = re.findall(r"\bmake (\S+)", commands)
    assert called == [".venv/installed", "serve"]
    for target in called:
        assert re.search(rf"^{re.escape(target)}:", makefile, re.MULTILINE)


def test_the_book_is_published_only_after_the_tests() -> None:
    pages, tests = (
        yaml.safe_load((ROOT / f".github/workflows/{name}.yml").read_text("utf-8")) for name in ("pages", "tests")
    )
    triggers = pages[True]  # YAML 1.1 reads the key `on` as true
    assert set(triggers) == {"workflow_run"}, "by hand a commit could be published that no test has seen"
    assert triggers["workflow_run"] == {"workflows": [tests["name"]], "types": ["completed"], "branches": ["main"]}
    condition = pages["jobs"]["build"]["if"]
    assert "workflow_run.event == 'push'" in condition and "workflow_run.conclusion == 'success'" in condition


def test_the_job_that_may_publish_builds_nothing() -> None:
    pages = yaml.safe_load((ROOT / ".github/workflows/pages.yml").read_text("utf-8"))
    assert pages["permissions"] == {"contents": "read"} and "permissions" not in pages["jobs"]["build"]
    publish = pages["jobs"]["publish"]
    assert publish["needs"] == "build" and set(publish["permissions"]) == {"pages", "id-token"}
    assert not any("run" in step or "checkout" in step.get("uses", "") for step in publish["steps"])
