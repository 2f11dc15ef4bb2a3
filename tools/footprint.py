"""What Binder has to carry: the installed size of the chapters' environment, and the memory of a chapter's kernel.

The size is that of tpcore[notebooks,experiments] and all it needs, as they are installed here; the memory is the peak
of a kernel that runs a chapter from top to bottom. Ends with an error above the budgets.
"""

import re
import sys
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

SIZE, MEMORY = 1_500, 700  # MB
EXTRAS = {"notebooks", "experiments", "fast"}
PEAK = "import resource; print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1000)"


def installed(name: str, extras: set[str], found: dict[str, float]) -> dict[str, float]:
    """Megabytes of a package and of all that it needs, by name; what is not installed is not needed here."""
    try:
        package = distribution(name)
    except PackageNotFoundError:
        return found
    files = (Path(str(package.locate_file(file))) for file in package.files or [])
    found[canonicalize_name(name)] = sum(path.stat().st_size for path in files if path.is_file()) / 1e6
    for line in package.requires or []:
        needed = Requirement(line)
        wanted = not needed.marker or any(needed.marker.evaluate({"extra": extra}) for extra in extras | {""})
        if wanted and canonicalize_name(needed.name) not in found:
            installed(needed.name, set(needed.extras), found)
    return found


def kernel_memory(path: Path) -> int:
    """The peak of a chapter's kernel, in megabytes."""
    notebook = nbformat.read(path, as_version=4)
    notebook.cells.append(nbformat.v4.new_code_cell(PEAK))
    NotebookClient(notebook, timeout=600, resources={"metadata": {"path": str(path.parent)}}).execute()
    (output,) = notebook.cells[-1].outputs
    return int(re.sub(r"\D", "", output["text"]))


def main() -> None:
    sizes = installed("tpcore", EXTRAS, {})
    for name, size in sorted(sizes.items(), key=lambda item: -item[1])[:8]:
        print(f"{size:7.0f} MB  {name}")
    total = sum(sizes.values())
    print(f"{total:7.0f} MB  in all, of {SIZE} MB")
    chapter = Path(sys.argv[1] if len(sys.argv) > 1 else "notebooks/02-target-propagation.ipynb")
    memory = kernel_memory(chapter)
    print(f"{memory:7d} MB  at most in the kernel of {chapter.stem}, of {MEMORY} MB")
    if total > SIZE or memory > MEMORY:
        sys.exit("Over the budget.")


if __name__ == "__main__":
    main()
