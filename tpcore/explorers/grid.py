"""All positions of an explorer's grid, computed in parallel and kept on disk.

The disk keeps one result a position, so that a build cut short loses only the positions in flight. The folder's
name is a hash of the code that `compute` depends on: its module and, transitively, every module of the same
package that this one imports, plus the files that the module names in RECORDS, plus the versions of Python and of the
libraries that the numbers come from: numpy, torch, SciPy (inversion), Numba (compiled loops), scikit-learn (digits).
Code elsewhere does not touch it.
"""

import ast
import contextlib
import hashlib
import importlib
import importlib.util
import itertools
import os
import platform
import sys
import warnings
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from tpcore.explorers.conditions import in_force
from tpcore.explorers.explorer import Explorer

DISPLAY_ONLY = "tpcore.explorers"  # what shows an explorer has no part in what its compute returns
COMPUTED_WITH = ("numpy", "torch", "scipy", "numba", "scikit-learn")
# What shows an explorer has no part in what its compute returns.

Position = tuple[int, ...]


def positions(explorer: Explorer) -> list[tuple[Position, dict[str, Any]]]:
    """List every position that differs in effect: the index in each control's positions, and the values in force.

    A control without effect stands at its starting value.
    """
    found: dict[Position, dict[str, Any]] = {}
    for chosen in itertools.product(*(control.positions for control in explorer.controls)):
        names = (control.name for control in explorer.controls)
        values = in_force(explorer.controls, dict(zip(names, chosen, strict=True)))
        index = tuple(control.positions.index(values[control.name]) for control in explorer.controls)
        found[index] = values
    return list(found.items())


def compute_grid(explorer: Explorer, cache: Path | None = None, jobs: int | None = None) -> list[tuple[Position, Any]]:
    """Compute every position in parallel; positions kept on disk are not computed again.

    An explorer without controls may also show what is only in its notebook, by a function that no other process can
    import; it is then computed here, and not kept.

    Parameters
    ----------
    explorer : Explorer
        Its `compute` must be a function at the top of an importable module.
    cache : Path, optional
        The folder for results; by default that of TPCORE_EXPLORER_CACHE, or _build/explorers.
    jobs : int, optional
        The number of processes, each with one thread; by default one per core.

    Returns
    -------
    list of (position, result)
        The index in each control's positions, and what `compute` returned there; in the order of `positions`.

    Raises
    ------
    ValueError
        If there are controls and `compute` is not a function at the top of a module.
    RuntimeError
        If `compute` failed; the message names the position.
    """
    import joblib

    compute = explorer.compute
    if not explorer.controls and not _importable(explorer):
        return [((), compute())]
    _check_importable(explorer)
    folder = cache or Path(os.environ.get("TPCORE_EXPLORER_CACHE", "_build/explorers"))
    memory = joblib.Memory(folder / code_key(compute.__module__), verbose=0)
    kept = memory.cache(_evaluate)
    all_positions = positions(explorer)
    tasks = (
        joblib.delayed(_position)(kept, compute.__module__, compute.__name__, values) for _, values in all_positions
    )
    if jobs is None:
        jobs = joblib.cpu_count()
    if len(all_positions) == 1 or all(
        kept.check_call_in_cache(compute.__module__, compute.__name__, v) for _, v in all_positions
    ):
        jobs = 1
    with (
        warnings.catch_warnings(),
        joblib.parallel_config("loky", inner_max_num_threads=1) if jobs > 1 else contextlib.nullcontext(),
    ):
        warnings.simplefilter("ignore", joblib.memory.JobLibCollisionWarning)
        warnings.filterwarnings("ignore", "A worker stopped while some jobs")  # loky starts another
        results = joblib.Parallel(n_jobs=jobs)(tasks)
    return [(index, result) for (index, _), result in zip(all_positions, results, strict=True)]


def code_key(module: str) -> str:
    """Hash the code that a module depends on within its own package, and the versions it runs on."""
    digest = hashlib.sha256()
    for name, tree in sorted(code_of(module).items()):
        digest.update(f"{name}\n{ast.dump(tree)}\n".encode())
    digest.update(f"python {platform.python_version()}\n".encode())
    for package in COMPUTED_WITH:
        try:
            digest.update(f"{package} {version(package)}\n".encode())
        except PackageNotFoundError:
            digest.update(f"{package} absent\n".encode())
    for path in getattr(importlib.import_module(module), "RECORDS", ()):  # files that the module names
        digest.update(path.read_bytes())
    return f"{module}-{digest.hexdigest()[:16]}"


def code_of(module: str) -> dict[str, ast.Module]:
    """Return the syntax trees of a module and of all that it imports, transitively, from its own package or tpcore."""
    packages = {module.split(".")[0], "tpcore"}
    trees: dict[str, ast.Module] = {}
    waiting = [module]
    while waiting:
        name = waiting.pop()
        if name in trees or name.startswith(DISPLAY_ONLY) or name.split(".")[0] not in packages:
            continue
        spec = importlib.util.find_spec(name)
        if spec is None or not spec.origin or not spec.origin.endswith(".py"):
            continue
        trees[name] = ast.parse(Path(spec.origin).read_text(encoding="utf-8"))
        package = name if spec.submodule_search_locations is not None else name.rpartition(".")[0]
        waiting += _imports(trees[name], package)
    return trees


def _imports(tree: ast.Module, package: str) -> list[str]:
    """List the modules that a syntax tree imports; `from package import name` is the submodule where there is one."""
    found: list[str] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                found.append(alias.name)
                if alias.asname is None:  # `import a.b` also binds a
                    found.append(alias.name.split(".")[0])
        elif isinstance(node, ast.ImportFrom):
            source = (
                importlib.util.resolve_name("." * node.level + (node.module or ""), package)
                if node.level
                else str(node.module)
            )
            submodules = [f"{source}.{alias.name}" for alias in node.names if _is_module(f"{source}.{alias.name}")]
            found += submodules
            if len(submodules) < len(node.names):
                found.append(source)
    return found


def _is_module(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except (ImportError, ValueError):  # of what lies in a module that is compiled, without a spec, the latter
        return False


def _importable(explorer: Explorer) -> bool:
    compute = explorer.compute
    module = sys.modules.get(compute.__module__)
    return compute.__module__ != "__main__" and getattr(module, compute.__name__, None) is compute


def _check_importable(explorer: Explorer) -> None:
    compute = explorer.compute
    if not _importable(explorer):
        raise ValueError(
            f"Explorer {explorer.title!r}: compute = {compute.__qualname__} of {compute.__module__} cannot be "
            "imported by another process; define it with `def` at the top of a module"
        )


def _position(kept: Any, module: str, name: str, values: dict[str, Any]) -> Any:
    """Compute one position, in a process that computes with one thread."""
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(1)
    return kept(module, name, values)


def _evaluate(module: str, name: str, values: dict[str, Any]) -> Any:
    """Call the function `name` of a module; the arguments are all that the disk's key needs."""
    try:
        return getattr(importlib.import_module(module), name)(**values)
    except Exception as error:
        raise RuntimeError(f"{module}.{name} failed at {values}: {type(error).__name__}: {error}") from error
