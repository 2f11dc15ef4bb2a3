"""Chapters are executed before they are read, several at a time.

MyST-NB executes one after another, but takes what lies in its cache. So that is filled here, and emptied before: of
a chapter's code alone it could not see that tpcore has changed. What fails is left to MyST-NB, which says why.
"""

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import Any

import nbformat
from jupyter_cache import get_cache
from jupyter_cache.base import CacheBundleIn
from jupyter_cache.executors.utils import ExecutionResult, single_nb_execution
from sphinx.application import Sphinx
from sphinx.util import logging

# While one chapter computes a grid on all processors, others import and draw; more at once would need much memory.
AT_ONCE = min(3, os.cpu_count() or 1)

logger = logging.getLogger(__name__)


def setup(app: Sphinx) -> dict[str, Any]:
    app.connect("env-before-read-docs", _fill_cache)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def _fill_cache(app: Sphinx, env: Any, names: list[str]) -> None:
    chapters = {name: Path(env.doc2path(name)) for name in names if env.doc2path(name).endswith(".ipynb")}
    cache = get_cache(env.mystnb_config.execution_cache_path)
    cache.clear_cache()
    for name, done in _executed(chapters, env.mystnb_config.execution_timeout):
        if done.err is None:
            bundle = CacheBundleIn(done.nb, str(chapters[name]), data={"execution_seconds": done.time})
            cache.cache_notebook_bundle(bundle, check_validity=False, overwrite=True)
        logger.info("executed %s in %.1f s%s", name, done.time, "" if done.err is None else ": it failed")


def _executed(chapters: dict[str, Path], timeout: int) -> Iterator[tuple[str, ExecutionResult]]:
    """Each chapter as it is done, the first in the book begun first."""

    def execute(path: Path) -> ExecutionResult:
        notebook = nbformat.read(path, as_version=4)
        return single_nb_execution(notebook, cwd=str(path.parent), timeout=timeout, allow_errors=False)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        futures = {pool.submit(execute, path): name for name, path in chapters.items()}
        for future in as_completed(futures):
            yield futures[future], future.result()
