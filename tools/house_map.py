"""Draw the rooms of tpcore and what each imports, as the Mermaid diagram in CONTRIBUTING.md that GitHub shows.

Run by `make map`; a test says when the diagram is no longer what the code is. Layers are those of pyproject.toml, in
which an arrow points down; one that a chain of others implies is left out.
"""

import re
import tomllib
from itertools import permutations
from pathlib import Path

import grimp

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "CONTRIBUTING.md"
PLACE = re.compile(r"(?<=<!-- made by `make map` -->\n).*?(?=<!-- until here -->)", re.S)


def layers() -> list[list[str]]:
    """The names in each layer, from the highest; those that are optional and not there are left out."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    (contract,) = [c for c in project["tool"]["importlinter"]["contracts"] if c["type"] == "layers"]
    rows = [[name.strip("() ") for name in row.split("|")] for row in contract["layers"]]
    return [[name for name in row if any((ROOT / "tpcore").glob(f"{name}*"))] for row in rows]


def arrows(rooms: list[str]) -> list[tuple[str, str]]:
    """Which room imports which, without what follows from the others."""
    graph = grimp.build_graph("tpcore", exclude_type_checking_imports=True, cache_dir=None)
    for module in graph.find_modules_directly_imported_by("tpcore"):  # it hands names on, and is no room
        graph.remove_import(importer="tpcore", imported=module)
    below: dict[str, set[str]] = {room: set() for room in rooms}
    for one, other in permutations(rooms, 2):
        if graph.chain_exists(f"tpcore.{one}", f"tpcore.{other}", as_packages=True):
            below[one].add(other)
    return [
        (one, other) for one in rooms for other in rooms
        if other in below[one] and not any(other in below[between] for between in below[one] - {other})
    ]  # fmt: skip


def diagram() -> str:
    """The diagram, with its fence."""
    rooms = [room for row in layers() for room in row]
    return "\n".join(["```mermaid", "flowchart TD", *(f"  {a} --> {b}" for a, b in arrows(rooms)), "```", ""])


if __name__ == "__main__":
    PAGE.write_text(PLACE.sub(lambda _: diagram(), PAGE.read_text("utf-8")), "utf-8")
