"""What lets a run be stopped at any moment, and two processes work on the same records: checkpoints and locks.

Both lie beside the records (`tpcore.results`), in a hidden folder that git ignores.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from tpcore import provenance
from tpcore.results import RecordError, write_whole

HIDDEN = ".checkpoints"
DIGEST = hashlib.sha256().digest_size  # bytes at the beginning of a checkpoint: the checksum of the others


def _hidden(path: Path, suffix: str) -> Path:
    """The place of a record's checkpoint or lock: the same path under the results' hidden folder."""
    folder = path.parents[2]
    return (folder / HIDDEN / path.relative_to(folder)).with_suffix(suffix)


def save(path: Path, state: dict[str, Any], data: str | None = None) -> None:
    """Keep what `tpcore.training.train` takes to go on with the run whose record is at `path`.

    `data` is the fingerprint of the data it trains on, where they are not generated.
    """
    buffer = io.BytesIO()
    torch.save({**_here(data), "state": state}, buffer)
    content = buffer.getvalue()
    write_whole(_hidden(path, ".pt"), hashlib.sha256(content).digest() + content)


def load(path: Path, data: str | None = None) -> dict[str, Any] | None:
    """What was kept; None if nothing, or nothing of use.

    What is not as it was written would go on wrongly. And with other versions or data, or on another machine, where
    sums are rounded in another way, a run might not end as one that was never stopped: it begins again.
    """
    try:
        whole = _hidden(path, ".pt").read_bytes()
    except OSError:
        return None
    digest, content = whole[:DIGEST], whole[DIGEST:]
    if hashlib.sha256(content).digest() != digest:
        return None
    try:
        kept = torch.load(io.BytesIO(content), weights_only=True)
        state: dict[str, Any] = kept.pop("state")
    except Exception:  # written whole by something else: what a loader raises then, no list names
        return None
    return state if kept == _here(data) else None


def _here(data: str | None) -> dict[str, Any]:
    """On what a run depends beside its configuration."""
    return {"versions": provenance.versions(), "machine": provenance.machine(), "data": data}


def kept(path: Path) -> bool:
    """Whether anything is kept for the run whose record is at `path`."""
    return _hidden(path, ".pt").exists()


def drop(path: Path) -> None:
    """Remove what was kept."""
    kept = _hidden(path, ".pt")
    try:
        kept.unlink(missing_ok=True)
    except OSError as error:
        message = f"{kept} could not be removed ({error.strerror or error}): remove it, it is of no more use"
        raise RecordError(message) from error


@contextmanager
def locked(path: Path, *, wait: bool) -> Iterator[bool]:
    """Hold the lock of a record; yields whether it is held, which without `wait` it may not be.

    The system frees the lock of a process that dies.
    """
    from filelock import FileLock, Timeout

    lock_path = _hidden(path, ".lock")
    try:
        lock_path.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(lock_path, timeout=-1 if wait else 0)
        lock.acquire()
    except Timeout:
        yield False
        return
    except OSError as error:
        raise RecordError(
            f"{lock_path} could not be written ({error.strerror or error}). Nothing that is recorded is lost: make the "
            "folder writable, or name another one with --results"
        ) from error
    try:
        yield True
    finally:
        lock.release()
