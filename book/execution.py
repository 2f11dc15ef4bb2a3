"""Chapters are executed before they are read, several at a time.

MyST-NB executes one after another, but takes what lies in its cache. So that is filled here, and emptied before: of
a chapter's code alone it could not see that tpcore has changed. What fails is left to MyST-NB, which says why.
"""

import asyncio
import os
import time
from pathlib import Path
from typing import Any

import nbformat
from jupyter_cache import get_cache
from jupyter_cache.base import CacheBundleIn
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
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
    asyncio.run(_execute_all(chapters, cache, env.mystnb_config.execution_timeout))


async def _execute_all(chapters: dict[str, Path], cache: Any, timeout: int) -> None:
    free = asyncio.Semaphore(AT_ONCE)

    async def execute(name: str, path: Path) -> None:
        async with free:
            start, failed = time.monotonic(), ""
            notebook = nbformat.read(path, as_version=4)
            where = {"metadata": {"path": str(path.parent)}}
            # recorded times would be part of the cells, which the cache compares
            client = NotebookClient(notebook, timeout=timeout, resources=where, record_timing=False)
            try:
                await client.async_execute()
            except (CellExecutionError, CellTimeoutError, DeadKernelError) as error:
                failed = f": {type(error).__name__}"
            seconds = time.monotonic() - start
            if not failed:
                bundle = CacheBundleIn(notebook, str(path), data={"execution_seconds": seconds})
                cache.cache_notebook_bundle(bundle, check_validity=False, overwrite=True)
            logger.info("executed %s in %.1f s%s", name, seconds, failed)

    await asyncio.gather(*(execute(name, path) for name, path in chapters.items()))
