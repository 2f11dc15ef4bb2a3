"""The playground's step is measured beside tpcore's on any machine."""

from typing import Any

import pytest

from benchmarks import playground
from tpcore.playground import module

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("rule", ["bp", "cal"])
def test_both_are_measured(browser: Any, rule: str) -> None:
    page = browser.new_page()
    page.add_script_tag(content=module.joined(module.NUMERICS))
    mine, theirs = playground.measure(page, (20, 10, 8, 6), rule, turns=2)
    page.close()
    assert mine > 0 and theirs > 0
