"""The grid: which positions are computed, that none is computed twice, and what makes them be computed again."""

import itertools
import os
import sys
from importlib.metadata import PackageNotFoundError, version

import pytest

from tests.explorers.examples import curve, example, failing, one_slider
from tpcore.explorers import Explorer
from tpcore.explorers.grid import code_key, code_of, compute_grid, positions


def test_a_control_without_effect_stands_at_its_start():
    found = dict(positions(example()))
    assert len(found) == 3 * (3 + 1)
    assert all(values["k"] == 1 for values in found.values() if values["rule"] == "bp")
    assert found[0, 0, 2] == {"r": 0.1, "rule": "local", "k": 2}


def test_every_position_is_computed_once_and_kept(tmp_path, monkeypatch):
    log = tmp_path / "log"
    log.mkdir()
    monkeypatch.setenv("TPCORE_TEST_LOG", str(log))
    explorer = example()
    first = compute_grid(explorer, tmp_path / "cache", jobs=1)
    assert len(os.listdir(log)) == len(first) == 12
    for (index, values), (computed_index, result) in zip(positions(explorer), first, strict=True):
        assert index == computed_index
        assert (result["y"] == curve(**values)["y"]).all()
    for file in log.iterdir():
        file.unlink()
    again = compute_grid(explorer, tmp_path / "cache", jobs=1)
    assert os.listdir(log) == []
    assert all((a[1]["y"] == b[1]["y"]).all() for a, b in zip(first, again, strict=True))
    kept = next((tmp_path / "cache").rglob("output.pkl"))
    kept.unlink()  # as after a kill: only what is lost is computed again
    compute_grid(explorer, tmp_path / "cache", jobs=1)
    assert len(os.listdir(log)) == 1


def test_processes_give_what_one_gives(tmp_path):
    one = compute_grid(example(), tmp_path / "one", jobs=1)
    two = compute_grid(example(), tmp_path / "two", jobs=2)
    assert all(a[0] == b[0] and (a[1]["y"] == b[1]["y"]).all() for a, b in zip(one, two, strict=True))


def test_a_failing_position_is_named(tmp_path):
    with pytest.raises(RuntimeError, match=r"failing failed at \{'r': 10.0\}: FloatingPointError: W diverged"):
        compute_grid(one_slider(failing), tmp_path, jobs=1)


def test_compute_must_be_importable(tmp_path):
    def nested(r):
        return {"r": r}

    with pytest.raises(ValueError, match="at the top of a module"):
        compute_grid(one_slider(nested), tmp_path)


def test_a_plain_figure_may_show_what_is_only_in_its_notebook_and_is_not_kept(tmp_path):
    own = {"seconds": 1.0}
    explorer = Explorer(title="T", description="D", compute=lambda: dict(own), draw=print)
    assert compute_grid(explorer, tmp_path) == [((), {"seconds": 1.0})]
    own["seconds"] = 2.0
    assert compute_grid(explorer, tmp_path) == [((), {"seconds": 2.0})]
    assert not list(tmp_path.iterdir())


numbers = itertools.count()


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package of its own: chapter imports training, training imports core; other and display stand aside."""
    name = f"house{next(numbers)}"
    root = tmp_path / name
    root.mkdir()
    texts = {
        "__init__": "from . import other",
        "core": "SIZE = 1",
        "training": "from .core import SIZE\ndef train():\n    from . import late\n",
        "late": "LATE = 1",
        "other": "X = 1",
        "chapter": f"import numpy\nfrom tpcore.explorers.figures import figure\nfrom {name} import training\n",
    }
    for file, text in texts.items():
        (root / f"{file}.py").write_text(text)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield root
    for loaded in [m for m in sys.modules if m.split(".")[0] == name]:
        del sys.modules[loaded]


@pytest.mark.parametrize(
    ("file", "matters"), [("chapter", True), ("training", True), ("core", True), ("late", True), ("other", False)]
)
def test_the_key_follows_the_code_that_compute_depends_on(package, file, matters):
    before = code_key(f"{package.name}.chapter")
    with (package / f"{file}.py").open("a") as source:
        source.write("\n# a remark changes nothing")
    assert code_key(f"{package.name}.chapter") == before
    with (package / f"{file}.py").open("a") as source:
        source.write("\nNEW = 2")
    assert (code_key(f"{package.name}.chapter") != before) is matters


@pytest.mark.parametrize("library", ["numpy", "torch", "scipy", "numba", "scikit-learn"])
def test_the_key_follows_the_libraries_that_compute_runs_on(library, monkeypatch):
    def without(package):
        if package == library:
            raise PackageNotFoundError(package)
        return version(package)

    keys = [code_key("tests.explorers.examples")]
    for replaced in (lambda package: "0.0" if package == library else version(package), without):
        monkeypatch.setattr("tpcore.explorers.grid.version", replaced)
        keys.append(code_key("tests.explorers.examples"))
    assert len(set(keys)) == 3


def test_what_only_shows_an_explorer_is_not_in_the_key():
    names = code_of("tests.explorers.examples").keys()
    assert names == {"tests.explorers.examples"}


def test_an_import_from_a_compiled_module_is_no_obstacle():
    """torch._C._dynamo.eval_frame has no spec, and importlib says so with a ValueError."""
    assert "tpcore.nn.recurrent" in code_of("tpcore.nn.recurrent")
