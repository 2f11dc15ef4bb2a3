"""The repository's address in the pages: that of the repository that builds them, or none.

In a GitHub workflow it is the one that runs it, elsewhere that of the checkout's GitHub remote. Where there is none,
the pages have no launch buttons and no links to Colab and Binder, which would lead nowhere, and say how a notebook is
opened.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

from sphinx.application import Sphinx
from sphinx.config import Config

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from tools import set_repository  # noqa: E402

PLACEHOLDER = "-".join(["your", "account"])  # where there is no address yet; in pieces: files are searched for it
_BADGES = re.compile(r"\[Open in Colab\]\([^)]*\)[^\[]*\[Open on Binder\]\([^)\"]*\)")
_LINK = re.compile(rf"\[([^\]]+)\]\(https://github\.com/{PLACEHOLDER}/[^)]*\)")
INSTEAD = "To run this chapter, open it in JupyterLab: `make lab` in a copy of the repository."


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("config-inited", _into_settings)
    app.connect("source-read", _into_text)
    app.connect("build-finished", _into_downloads)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def known() -> tuple[str, str] | None:
    """Account and name of the repository that builds: the workflow's, the checkout's remote, or the files' own."""
    if named := os.environ.get("GITHUB_REPOSITORY"):
        return set_repository.parse(f"https://github.com/{named}")
    command = ["git", "-C", str(ROOT), "remote", "get-url", "origin"]
    remote = subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
    own = set_repository.written(ROOT)
    return set_repository.of_remote(remote) or (None if own[0] == PLACEHOLDER else own)


def branch() -> str:
    """The branch that Colab and Binder open: a workflow whose repository is not the one written makes its own, live."""
    return "live" if "GITHUB_REPOSITORY" in os.environ and known() != set_repository.written(ROOT) else "main"


def in_text(text: str, repository: tuple[str, str] | None) -> str:
    """A source with the repository's address in the place of the one written there; without one, no dead links."""
    if repository is None:
        return _LINK.sub(r"\1", _BADGES.sub(INSTEAD, text))
    text = set_repository.rewrite(text, set_repository.written(ROOT), repository)
    return re.sub(r"(/blob/|/)main(/notebooks|\?urlpath)", rf"\g<1>{branch()}\g<2>", text)


def _into_settings(app: Sphinx, config: Config) -> None:
    if repository := known():
        config.html_theme_options["repository_url"] = "https://github.com/" + "/".join(repository)
        config.html_theme_options["repository_branch"] = branch()
    else:
        config.html_theme_options |= {"launch_buttons": {}, "use_repository_button": False}


def _into_text(app: Sphinx, page: str, source: list[str]) -> None:
    source[0] = in_text(source[0], known())


def _into_downloads(app: Sphinx, error: Exception | None) -> None:
    """A notebook that is downloaded from its page installs from the same address."""
    if error is None and app.builder.format == "html":
        for path in Path(app.outdir, "_sources").rglob("*.ipynb"):
            path.write_text(in_text(path.read_text("utf-8"), known()), "utf-8")
