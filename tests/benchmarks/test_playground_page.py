"""What the playground asks of a reader is measured on any machine."""

import re
from typing import Any

import pytest

from benchmarks import playground_page

pytestmark = pytest.mark.browser


def test_every_line_has_its_number(browser: Any) -> None:
    lines = list(playground_page.measured(browser, turns=1, seconds=0.5))
    assert len(lines) == 4
    assert all(float(number) > 0 for line in lines for number in re.findall(r"([\d.]+) (?:KB|ms)", line))
