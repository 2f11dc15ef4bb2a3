"""An explorer whose every position takes a moment, and which leaves a trace of what it computed."""

import time
from pathlib import Path
from typing import Any

from tpcore.explorers import Explorer, Slider
from tpcore.explorers.figures import figure


def slow(k: int) -> dict[str, Any]:
    time.sleep(0.4 if k < 90 else 60)
    with Path("computed.txt").open("a") as log:
        log.write(f"{k}\n")
    return {"k": k}


def slow_figure(result: dict[str, Any]) -> Any:
    return figure().add_scatter(x=[0, 1], y=[0, result["k"]])


def slow_explorer() -> Explorer:
    slider = Slider("k", "Position", 0, 100, points=101, value=10)
    return Explorer(title="Slow", description="A slow line.", controls=[slider], compute=slow, draw=slow_figure)
