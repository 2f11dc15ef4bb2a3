"""A reader finds what a notebook shows: in its own chapter's room, in what chapters share, or in the library."""

import ast
import json
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tools"))
import house_map  # noqa: E402

ROOMS = {
    "00-welcome": "welcome",
    "01-regularized-inversion": "regularized_inversion",
    "02-target-propagation": "target_propagation",
    "03-training-an-rnn": "training_an_rnn",
    "04-use-it-in-your-own-project": "use_it",
    "05-how-fast-is-it": "speed",
    "06-rnn-experiments": "rnn_experiments",
    "07-regularization-is-crucial": "regularization",
    "08-one-slider": "one_slider",
    "09-complexity-regimes": "complexity_regimes",
    "10-what-was-reproduced": "reproduced",
    "11-draw-by-draw": "draw_by_draw",
    "12-targets-first": "targets_first",
    "13-equal-effort": "equal_effort",
}
SHARED = {"exercises", "fetching", "recorded", "tables", "equal_effort_records", "sentences"}


def imported(notebook: Path) -> set[tuple[str, str]]:
    """(module, name) of all that a notebook imports from tpcore."""
    cells = [cell for cell in json.loads(notebook.read_text("utf-8"))["cells"] if cell["cell_type"] == "code"]
    found = set()
    for cell in cells:
        code = "".join(line if not line.lstrip().startswith(("!", "%")) else "    pass\n" for line in cell["source"])
        for node in ast.walk(ast.parse(code)):
            if isinstance(node, ast.ImportFrom) and str(node.module).split(".")[0] == "tpcore":
                found |= {(str(node.module), alias.name) for alias in node.names}
    return found


@pytest.mark.parametrize("notebook", sorted((ROOT / "notebooks").glob("*.ipynb")), ids=lambda path: path.stem)
def test_a_notebook_imports_from_its_own_room_and_from_the_library(notebook: Path) -> None:
    for module, name in imported(notebook):
        room = f"{module}.{name}".removeprefix("tpcore.").split(".")
        assert not any(part.startswith("_") for part in room), f"{name} of {module} is private"
        if room[0] == "chapters":
            assert room[1] in SHARED | {ROOMS.get(notebook.stem)}, f"{module} is another chapter's"


def test_the_map_is_what_the_code_is() -> None:
    page = house_map.PAGE.read_text("utf-8")
    (found,) = house_map.PLACE.findall(page)
    assert found == house_map.diagram(), "run `make map`"
