"""Pages for everyone: axe finds nothing on any page, the keyboard meets no formula, changes are said."""

from pathlib import Path
from typing import Any

import axe_playwright_python
import pytest

from tests.book.conftest import EXPLORING, PAGES
from tests.book.test_pages import embedded, settle

pytestmark = pytest.mark.browser

AXE = (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text("utf-8")
RUN = """async () => {
  const tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
  const rules = { "label-content-name-mismatch": { enabled: true } };
  const { violations } = await axe.run(document, { runOnly: tags, rules, resultTypes: ["violations"] });
  return violations.flatMap(({ id, nodes }) => nodes.map((node) => `${id}: ${node.html.slice(0, 120)}`));
}"""


@pytest.mark.parametrize("name", [*PAGES, "genindex.html", "search.html", "404.html"])
def test_axe_finds_nothing(open_page: Any, name: str) -> None:
    page = open_page(name, color_scheme="light", reduced_motion="reduce")
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        settle(page)
        page.evaluate(AXE)
        assert page.evaluate(RUN) == [], scheme


@pytest.mark.parametrize("name", PAGES)
def test_no_formula_is_a_tab_stop(open_page: Any, name: str) -> None:
    assert open_page(name).locator("math [tabindex], math[tabindex], mjx-container").count() == 0


def test_a_change_is_said_and_described_in_words_from_the_data(open_page: Any) -> None:
    page = open_page(EXPLORING[0])
    figure = page.locator("figure.explorer:has(input[type=range])").first
    data, said = embedded(figure), figure.locator("[role=status]")
    assert said.text_content() == ""
    figure.locator("input[type=range]").first.press("ArrowRight")
    page.wait_for_function("s => s.textContent !== ''", arg=said.element_handle())
    words = data["said"][figure.get_attribute("data-position")]
    assert words and words in said.text_content()
    assert words in figure.locator(".explorer-plot").get_attribute("aria-label")


@pytest.mark.parametrize("name", PAGES)
def test_nothing_is_cut_without_a_scroll_bar(open_page: Any, name: str) -> None:
    """At 320 px: what a box hides can be scrolled to."""
    page = open_page(name, viewport={"width": 320, "height": 800})
    cut = page.evaluate(
        """() => [...document.querySelectorAll("article :is(div.math, table, pre, .formula, math)")].filter((e) => {
          const box = e.getBoundingClientRect();
          if (!box.width || (box.left >= -1 && box.right <= innerWidth + 1)) return false;
          for (let p = e; p && p.tagName !== "ARTICLE"; p = p.parentElement)
            if (/auto|scroll/.test(getComputedStyle(p).overflowX) && p.getBoundingClientRect().right <= innerWidth + 1)
              return p.getBoundingClientRect().left < -1;
          return true;
        }).map((e) => e.outerHTML.slice(0, 120))"""
    )
    assert cut == []
