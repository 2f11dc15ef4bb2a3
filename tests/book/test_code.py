"""The Python that the prose pages show runs as it stands."""

import re
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BLOCKS = {
    path.stem: code
    for path in sorted((ROOT / "book").glob("*.md"))
    if (code := "\n".join(re.findall(r"^```python\n(.*?)^```$", path.read_text("utf-8"), re.DOTALL | re.MULTILINE)))
}


def run(code: str) -> str:
    command = [sys.executable, "-W", "error", "-c", code]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    return result.stdout


@pytest.mark.parametrize("page", BLOCKS)
def test_it_runs(page: str) -> None:
    run(BLOCKS[page])


def test_the_gru_s_rule_tends_to_back_propagation_at_the_rate_that_the_page_states() -> None:
    lines = run(BLOCKS["gru"]).splitlines()
    distances = [float(line.split()[-1]) for line in lines if "back-propagation" in line]
    assert len(distances) == 4
    for before, after in pairwise(distances):
        assert 8 < before / after < 12
    (difference,) = [float(line.split()[-1]) for line in lines if "tpcore.nn.GRU" in line]
    assert difference < 1e-12
    cosines = [float(line.split()[-1]) for line in lines if "cosine" in line]
    assert len(cosines) == 3 and cosines[-1] == 1 and min(cosines) > 0.9
