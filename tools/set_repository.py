"""Change the repository's address everywhere: make set-repository URL=https://github.com/ACCOUNT/NAME.

The address has one place of truth, ``repository`` under [project.urls] in pyproject.toml. The addresses
that follow from it (the book on GitHub Pages, the Colab and Binder links, pip's git+https) are rewritten
with it in every text file that git tracks.
"""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

_NAMES = r"(?P<account>[A-Za-z0-9][A-Za-z0-9-]{0,38})/(?P<name>[\w.-]+?)(\.git)?/?"
URL = re.compile(r"https://github\.com/" + _NAMES)
REMOTE = re.compile(r"(https://([^@/]+@)?github\.com/|(ssh://)?git@github\.com[:/])" + _NAMES)

# What stands before ACCOUNT/NAME: GitHub itself, Colab (.../github/...), Binder (.../gh/...), Codespaces.
BEFORE = r"(?P<before>github\.com/|githubusercontent\.com/|/github/|/gh/|codespaces\.new/)"


def parse(url: str) -> tuple[str, str]:
    """The account and the name in ``url``; ends the program with what would be right if there are none."""
    match = URL.fullmatch(url)
    if not match:
        sys.exit(
            f"URL={url!r} is not a GitHub repository's address. "
            "Write: make set-repository URL=https://github.com/ACCOUNT/NAME"
        )
    return match["account"], match["name"]


def of_remote(remote: str) -> tuple[str, str] | None:
    """The account and the name in the address of a git remote on GitHub (https, ssh or git@); None for any other."""
    match = REMOTE.fullmatch(remote)
    return (match["account"], match["name"]) if match else None


def written(root: Path = Path()) -> tuple[str, str]:
    """The account and the name that the files name."""
    return parse(tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["project"]["urls"]["repository"])


def pages(account: str, name: str) -> str:
    """Where GitHub Pages serves the repository, without the scheme."""
    host = f"{account.lower()}.github.io"
    return host if name.lower() == host else f"{host}/{name}"


def rewrite(text: str, old: tuple[str, str], new: tuple[str, str]) -> str:
    """``text`` with every address of the repository ``old`` turned into that of ``new``."""
    end = r"(?![\w-])(?!\.(?!git\b)\w)"  # not the beginning of a longer name
    address = re.compile(BEFORE + re.escape("/".join(old)) + end)
    site = re.compile(r"(?<![\w.-])" + re.escape(pages(*old)) + end)
    text = address.sub(lambda match: match["before"] + "/".join(new), text)
    return site.sub(pages(*new), text)


def tracked_files() -> list[Path]:
    """The files that git tracks under the current folder."""
    listing = subprocess.run(["git", "ls-files", "-z"], check=True, capture_output=True, text=True).stdout
    return [path for name in listing.split("\0") if name and (path := Path(name)).is_file()]


def main() -> None:
    new = parse(sys.argv[1] if len(sys.argv) > 1 else "")
    old = written()
    for path in tracked_files():
        try:
            text = path.read_bytes().decode("utf-8")
        except UnicodeDecodeError:
            continue  # a picture or another binary file
        if (rewritten := rewrite(text, old, new)) != text:
            path.write_bytes(rewritten.encode("utf-8"))
            print(f"changed {path}")
    print(f"The repository's address is https://github.com/{'/'.join(new)}; the book's, https://{pages(*new)}")


if __name__ == "__main__":
    main()
