"""Where and with what a result was made: the versions on which it depends, and the machine."""

from __future__ import annotations

import os
import platform
import re
from functools import cache
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

import numpy as np
import torch
from threadpoolctl import threadpool_info

import tpcore


def versions() -> dict[str, str]:
    """The versions on which a result depends."""
    return {
        "tpcore": tpcore.__version__,
        "python": platform.python_version(),
        "torch": str(torch.__version__),
        "numpy": np.__version__,
        **{name: _installed(name) for name in ("numba", "scipy", "scikit-learn")},
    }


@cache
def _installed(name: str) -> str:
    return next((found.version for found in distributions(name=name)), "not installed")


def alike(found: dict[str, Any], now: dict[str, Any]) -> bool:
    """Whether versions, or a machine, are those of now in all that they say: what was written earlier says less."""
    return bool(found) and all(now.get(name) == value for name, value in found.items())


def made_here(found_versions: dict[str, Any], found_machine: dict[str, Any]) -> bool:
    """Whether something was made with such versions and on such a machine as these.

    What says nothing of its instructions may be another machine's.
    """
    same_machine = "instructions" in found_machine and alike(found_machine, machine())
    return same_machine and alike(found_versions, versions())


def machine() -> dict[str, Any]:
    """The machine, without its name."""
    processor = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")  # on Linux platform.processor() says little
    if cpuinfo.exists():
        names = [line.split(":", 1)[1].strip() for line in cpuinfo.read_text().splitlines() if "model name" in line]
        processor = names[0] if names else processor
    return {
        "system": platform.system(),
        "processor": processor,
        "cores": os.cpu_count(),
        "instructions": torch.backends.cpu.get_cpu_capability(),  # which sums torch takes depends on them
        "blas": _blas(),
    }


@cache
def _blas() -> list[str]:
    """The BLAS libraries of NumPy and SciPy, each with the kernels that it chose for this processor."""
    import scipy.linalg.lapack  # noqa: F401 (it brings its own, which would be missed before it is loaded)

    found = [pool for pool in threadpool_info() if pool["user_api"] == "blas"]
    return sorted({f"{p['internal_api']} {p['version']} {p.get('architecture', '')}".strip() for p in found})


def machine_name() -> str:
    """What the machine is, as the name of a file: its processor and its number of cores."""
    kind = machine()
    return "-".join(re.findall(r"[a-z0-9]+", f"{kind['processor']} {kind['cores']} cores".lower()))
