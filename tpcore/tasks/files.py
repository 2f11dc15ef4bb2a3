"""Where data files come from: the reader's own folder first, else a download, checked by its hash and kept.

The folder is the one that the environment variable TPCORE_DATA names. What lies there is the reader's choice: its
format is checked, its hash is not.
"""

from __future__ import annotations

import os
import textwrap
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["DataError"]

VARIABLE = "TPCORE_DATA"


class DataError(Exception):
    """Data that is missing, or is not what it should be.

    Examples
    --------
    >>> import os
    >>> from unittest import mock
    >>> from tpcore.tasks.files import own_folder
    >>> with mock.patch.dict(os.environ, TPCORE_DATA="/nowhere"):
    ...     own_folder()
    Traceback (most recent call last):
    tpcore.tasks.files.DataError: TPCORE_DATA is '/nowhere', which is not a folder
    """


@dataclass(frozen=True)
class DataFile:
    """A file as its makers publish it.

    Parameters
    ----------
    folder : str
        The folder for it inside the one that TPCORE_DATA names.
    name, url, md5 : str
        The publishers' own.
    sha256 : str
        Beside the published MD5, which no longer keeps anyone from putting another file in its place; "" where none is
        known: then the MD5 is checked.
    """

    folder: str
    name: str
    url: str
    md5: str
    sha256: str = ""

    @property
    def hash(self) -> str:
        """What is checked, as pooch names it."""
        return f"sha256:{self.sha256}" if self.sha256 else f"md5:{self.md5}"


def own_folder() -> Path | None:
    """The folder that TPCORE_DATA names, None if it is not set."""
    name = os.environ.get(VARIABLE)
    if not name:
        return None
    if not Path(name).is_dir():
        raise DataError(f"{VARIABLE} is {name!r}, which is not a folder")
    return Path(name)


def find(file: DataFile) -> Path:
    """The path of a file, downloaded if it is nowhere yet.

    In the reader's own folder a file that is published compressed (.gz) may also lie uncompressed.

    Raises
    ------
    DataError
        If it is nowhere and can't be downloaded; the message names the file, its address and the folder to put it in.
    """
    own = own_folder()
    if own is not None:
        for name in (file.name, file.name.removesuffix(".gz")):
            if (own / file.folder / name).is_file():
                return own / file.folder / name
    return _downloaded(file)


def _downloaded(file: DataFile) -> Path:
    try:
        import pooch
        from filelock import FileLock
    except ImportError as error:
        raise DataError(
            f"{file.name} is not in a folder named by {VARIABLE}; downloading it needs {error.name}: "
            'pip install "tpcore[experiments]"'
        ) from None
    folder = Path(pooch.os_cache("tpcore")) / file.folder
    own = own_folder()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / f"{file.name}.lock"):
            return Path(
                pooch.retrieve(
                    file.url, known_hash=file.hash, fname=file.name, path=folder, downloader=_resume_download
                )
            )
    except (OSError, ValueError) as error:  # requests' errors are OSErrors; a wrong hash is a ValueError
        raise DataError(
            f"{file.name} could not be downloaded from {file.url} ({_in_short(error)}). {_part_kept(folder, file)}"
            f"Download it by other means and put it into {folder if own is None else own / file.folder}, "
            f"or set {VARIABLE} to a folder that has it in {file.folder}/"
        ) from error


def _resume_download(url: str, output_file: Any, pooch: Any) -> None:
    """Pooch's own downloaders start from nothing each time; this one goes on from where the last attempt stopped.

    Pooch removes `output_file` when a download fails, so what has come is kept beside it.
    """
    import requests
    from tqdm.auto import tqdm

    part = _part(Path(output_file).parent, url)
    have = part.stat().st_size if part.exists() else 0
    headers = {"Accept-Encoding": "identity", **({"Range": f"bytes={have}-"} if have else {})}
    with requests.get(url, headers=headers, stream=True, timeout=30) as response:
        if response.status_code == 416:  # nothing lies beyond what we have: the part is not of this file
            part.unlink()
            return _resume_download(url, output_file, pooch)
        response.raise_for_status()
        resumed = response.status_code == 206
        total = int(response.headers.get("Content-Length", 0)) + (have if resumed else 0)
        bar = tqdm(total=total or None, initial=have if resumed else 0, unit="B", unit_scale=True, desc=part.stem)
        with part.open("ab" if resumed else "wb") as target, bar:
            for chunk in response.iter_content(1 << 16):
                target.write(chunk)
                bar.update(len(chunk))
    if part.stat().st_size < total:  # urllib3 before 2 takes a body that broke off for a whole one
        raise OSError(f"the connection broke off after {part.stat().st_size} of {total} bytes")
    os.replace(part, output_file)


def _part(folder: Path, url: str) -> Path:
    """Where what has come of a file so far is kept."""
    return folder / (url.rsplit("/", 1)[-1] + ".part")


def _part_kept(folder: Path, file: DataFile) -> str:
    part = _part(folder, file.url)
    size = part.stat().st_size if part.exists() else 0
    return f"The {size:,} bytes that came are kept in {part}: the next attempt goes on from there. " if size else ""


def _in_short(error: Exception) -> str:
    """The first line of an error, cut short but for a wrong hash: that line holds both hashes."""
    first = str(error).splitlines()[0] if str(error) else "no details"
    return f"{type(error).__name__}: {textwrap.shorten(first, 600 if isinstance(error, ValueError) else 120)}"
