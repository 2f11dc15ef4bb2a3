"""The records that chapters show, where the repository is not: fetched once, from its commit, into a cache folder."""

import json
import os
import subprocess
import tempfile
from importlib.metadata import distribution
from pathlib import Path

import platformdirs

from tpcore.results import VARIABLE, default_folder

LATER = "The figures and tables that show recorded runs say so; all else works."


def fetch_records() -> None:
    """Make the recorded experiments readable, and say in a line what was done.

    Where they are there already, by `tpcore.results.default_folder`, nothing happens. Else they are copied with git
    from the repository's address, at the commit or the release of the installed package where it has one, into the
    user's cache folder. Git checks what it copies against the commit's hash, and each record has a checksum of its own.
    Without git or a network that is said, and the chapter goes on without records.

    Examples
    --------
    >>> from tpcore.chapters.fetching import fetch_records
    >>> fetch_records()  # nothing, in a clone of the repository
    """
    if any(default_folder().glob("*/*/*.jsonl")):
        return
    address, wanted = _source()
    cache = Path(platformdirs.user_cache_dir("tpcore"))
    kept = cache / f"records-{wanted}"
    if not kept.is_dir():
        print(f"Fetching the records of the experiments from {address}, 5 MB, into {cache} ...")
        try:
            commit = _fetch(address, wanted, kept)
        except (OSError, subprocess.CalledProcessError) as error:
            said = getattr(error, "stderr", None) or str(error)
            print(f"They could not be fetched: {said.strip().splitlines()[-1]}\n{LATER}")
            return
        print(f"Fetched, as of commit {commit[:12]}.")
    os.environ[VARIABLE] = str(kept)


def _source() -> tuple[str, str]:
    """The repository's address, and the commit that pip installed from, else the release, else "HEAD"."""
    package = distribution("tpcore")
    urls = dict(line.split(", ", 1) for line in package.metadata.get_all("Project-URL") or [])
    installed = json.loads(package.read_text("direct_url.json") or "{}")
    if "vcs_info" in installed:  # pip installed from a repository, perhaps a fork
        return installed["url"], installed["vcs_info"]["commit_id"]
    return urls["repository"], f"v{package.version}"


def _fetch(address: str, wanted: str, kept: Path) -> str:
    """Copy the records of a commit or tag, else those of the newest commit, and return the commit's hash."""
    kept.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=kept.parent) as folder:

        def git(*arguments: str) -> str:
            command = ["git", "-C", folder, *arguments]
            return subprocess.run(command, check=True, capture_output=True, text=True, timeout=600).stdout.strip()

        git("init", "--quiet")
        git("remote", "add", "origin", address)
        git("sparse-checkout", "set", "results")
        options = ("fetch", "--quiet", "--depth", "1", "--filter=blob:none", "origin")
        try:
            git(*options, wanted)
        except subprocess.CalledProcessError:
            git(*options, "HEAD")
        git("checkout", "--quiet", "FETCH_HEAD")
        Path(folder, "results").rename(kept)  # whole, or not at all
        return git("rev-parse", "HEAD")
