"""Many similar figures as one compact document.

    {"base": figure, "paths": [path, ...], "values": [leaf, ...], "positions": {"3-0": [index, ...], ...}}

A leaf is a number, a string or a whole list of numbers; its path is the list of keys to it. `base` holds the leaves
that are alike in every figure. The other ones have a path each, and a figure is the row of indices, path by path,
into `values`, in which each different leaf stands once; -1 says that the figure lacks the path.
"""

import base64
import copy
import json
import math
from collections.abc import Mapping
from typing import Any

import numpy as np

DIGITS = 4  # significant digits of every number shown
ABSENT = -1

Path = tuple[str | int, ...]


def encode(figures: Mapping[str, Any]) -> dict[str, Any]:
    """Encode plotly figures, given by the name of their position, as the document that this module describes.

    Numbers are rounded to DIGITS significant digits.
    """
    leaves = {position: dict(_leaves(plain(figure))) for position, figure in figures.items()}
    rows = list(leaves.values())
    paths: list[Path] = list(dict.fromkeys(path for row in rows for path in row))
    texts = {id(row): {path: json.dumps(leaf) for path, leaf in row.items()} for row in rows}
    common = [path for path in paths if len({texts[id(row)].get(path) for row in rows}) == 1]
    varying = [path for path in paths if path not in set(common)]
    base: dict[str, Any] = {}
    for path in common:
        _set(base, path, rows[0][path])
    table: dict[str, int] = {}
    encoded = {
        position: [table.setdefault(texts[id(row)][path], len(table)) if path in row else ABSENT for path in varying]
        for position, row in leaves.items()
    }
    return {
        "base": base,
        "paths": [list(path) for path in varying],
        "values": [json.loads(text) for text in table],
        "positions": encoded,
    }


def decode(document: Mapping[str, Any], position: str) -> dict[str, Any]:
    """Rebuild the figure at a position, as the page's script does."""
    figure = copy.deepcopy(document["base"])
    for path, index in zip(document["paths"], document["positions"][position], strict=True):
        if index != ABSENT:
            _set(figure, path, copy.deepcopy(document["values"][index]))
    return figure


def plain(figure: Any) -> dict[str, Any]:
    """Turn a plotly figure into lists, numbers and strings: arrays unpacked, numbers rounded, NaN and infinity null."""
    return _plain(figure.to_dict())


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        if "bdata" in value:
            return _plain(_unpack(value))
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, np.ndarray | np.generic):
        return _plain(value.tolist())
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float):
        return _rounded(value)
    return value


def _rounded(value: float) -> float | int | None:
    if not math.isfinite(value):
        return None
    if value.is_integer() and abs(value) < 1e9:
        return int(value)
    rounded = float(f"{value:.{DIGITS}g}")
    return int(rounded) if rounded.is_integer() and abs(rounded) < 1e9 else rounded


def _unpack(packed: Mapping[str, Any]) -> np.ndarray:
    """Unpack plotly's array: base64 with its dtype and, for matrices, its shape as "rows, columns"."""
    array = np.frombuffer(base64.b64decode(packed["bdata"]), dtype=np.dtype(packed["dtype"]))
    return array.reshape([int(n) for n in packed["shape"].split(",")]) if "shape" in packed else array


def _leaves(value: Any, path: Path = ()) -> list[tuple[Path, Any]]:
    if isinstance(value, dict) and value:
        return [leaf for key, item in value.items() for leaf in _leaves(item, (*path, key))]
    if isinstance(value, list) and any(isinstance(item, dict) for item in value):
        return [leaf for i, item in enumerate(value) for leaf in _leaves(item, (*path, i))]
    return [(path, value)]


def _set(figure: Any, path: Any, leaf: Any) -> None:
    """Set a leaf, making the lists and dicts on its way; a list grows as far as the path needs."""
    node = figure
    for key, following in zip(path, [*path[1:], None], strict=True):
        if isinstance(key, int):
            node.extend(None for _ in range(key + 1 - len(node)))
        made: Any = leaf if following is None else [] if isinstance(following, int) else {}
        if (
            following is None
            or (isinstance(key, int) and node[key] is None)
            or (isinstance(key, str) and key not in node)
        ):
            node[key] = made
        node = node[key]
