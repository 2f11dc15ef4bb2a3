"""What pages ask of a reader is measured on any machine: of one with sliders, and of one without figures."""

from pathlib import Path
from typing import Any

import pytest

from benchmarks import pages
from tests.explorers.examples import example
from tpcore.explorers.hosted import page_html

pytestmark = pytest.mark.browser

ASSETS = Path(__file__).parents[2] / "book" / "assets"


def test_every_row_has_its_numbers(browser: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TPCORE_EXPLORER_CACHE", str(tmp_path / "cache"))
    (tmp_path / "assets").symlink_to(ASSETS)
    head = '<link rel="icon" href="data:,"><script defer src="assets/explorer.js"></script>'
    (tmp_path / "live.html").write_text(f"<!doctype html><meta charset='utf-8'>{head}{page_html(example())}", "utf-8")
    (tmp_path / "plain.html").write_text("<!doctype html><link rel='icon' href='data:,'><p>Text.</p>", "utf-8")
    _, budgets, live, plain = pages.measured(browser, tmp_path, ["live.html", "plain.html"])
    assert "*" not in budgets and len(budgets.split()) == 2 + len(pages.COLUMNS)
    name, kilobytes, requests, _, usable, *_, median, longest = live.replace("*", "").split()
    assert name == "live" and float(kilobytes) > 400 and requests == "3"
    assert float(usable) > 0 and 0 < float(median) <= float(longest)
    assert plain.split()[0] == "plain" and plain.split()[2] == "1" and len(plain.split()) == 6
