"""Pages for everyone: axe finds nothing on any page, the keyboard meets no formula, changes are said."""

from pathlib import Path
from typing import Any

import axe_playwright_python
import pytest

from tests.book.conftest import EXPLORING, PAGES
from tests.book.test_pages import embedded, settle

pytestmark = pytest.mark.browser

AXE = (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text("utf-8")
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
# What a colour scheme can change beside contrast: whether a link stands out, and which of two pictures is shown
OF_A_SCHEME = ["link-in-text-block", "image-alt"]
# Whether code can be reached by the keyboard where it scrolls, and only there
TAB_STOPS = """() => [...document.querySelectorAll("pre")].every(
  (e) => (e.tabIndex === 0) === (e.scrollWidth > e.clientWidth || e.scrollHeight > e.clientHeight)
)"""
# The violations of some rules, or of those with some tags; contrast, which takes axe ten times as long as all the rest,
# on one of the texts that look alike: in colour, size and weight, and in all that lies behind or over them.
RUN = """async (only) => {
  const run = async (where, options) => {
    const { violations } = await axe.run(where, { ...options, resultTypes: ["violations"], preload: false });
    return violations.flatMap(({ id, nodes }) => nodes.map((node) => `${id}: ${node.html.slice(0, 120)}`));
  };
  const layers = new Map([[null, ""]]);
  const layersOf = (e) => {
    if (!layers.has(e)) {
      const style = getComputedStyle(e);
      const own = ["backgroundColor", "backgroundImage", "opacity", "filter", "mixBlendMode", "clipPath", "textShadow"];
      const here = own.map((property) => style[property]).join(" ");
      const above = layersOf(e.parentElement);
      layers.set(e, above.endsWith(here) ? above : `${above}; ${here}`);
    }
    return layers.get(e);
  };
  const alike = new Map(), size = (e) => e.getElementsByTagName("*").length;
  for (const e of document.body.querySelectorAll("*")) {
    if (![...e.childNodes].some((n) => n.nodeType === Node.TEXT_NODE && n.data.trim()) && !("value" in e)) continue;
    const { color, fontSize, fontWeight, position, zIndex } = getComputedStyle(e);
    const shown = e.checkVisibility({ visibilityProperty: true }) && !e.closest("[disabled], [inert]");
    const key = [color, fontSize, fontWeight, position, zIndex, shown, layersOf(e)].join(" ");
    if (!alike.has(key) || size(e) < size(alike.get(key))) alike.set(key, e);
  }
  const rules = { "color-contrast": { enabled: false }, "label-content-name-mismatch": { enabled: true } };
  return [
    ...(await run(document, only.tags ? { runOnly: only.tags, rules } : { runOnly: { type: "rule", values: only } })),
    ...(await run({ include: [...alike.values()] }, { runOnly: { type: "rule", values: ["color-contrast"] } })),
  ];
}"""


@pytest.mark.parametrize("name", [*PAGES, "genindex.html", "search.html"])
def test_axe_finds_nothing(served: Any) -> None:
    check_by_axe(served)


def test_axe_finds_nothing_on_the_page_of_a_wrong_address(open_page: Any) -> None:
    check_by_axe(open_page("404.html"))


def check_by_axe(page: Any) -> None:
    page.evaluate(AXE)
    page.mouse.move(0, 0)  # an earlier test may have left it, or the focus, on a button that then has a tooltip
    page.evaluate("document.activeElement.blur()")
    page.wait_for_function("document.querySelector('.tooltip') === null")
    for scheme, only in (("light", {"tags": TAGS}), ("dark", OF_A_SCHEME)):
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        settle(page)
        # A font that came late is used from here on, and the theme looks for wider code only when the window changes
        page.evaluate("dispatchEvent(new Event('resize'))")
        page.wait_for_function(TAB_STOPS)
        assert page.evaluate(RUN, only) == [], scheme
    page.emulate_media(color_scheme="light", reduced_motion="no-preference")


@pytest.mark.parametrize("name", PAGES)
def test_no_formula_is_a_tab_stop(served: Any) -> None:
    assert served.locator("math [tabindex], math[tabindex], mjx-container").count() == 0


def test_a_change_is_said_and_described_in_words_from_the_data(open_page: Any) -> None:
    page = open_page(EXPLORING[0])
    figure = page.locator("figure.explorer:has(input[type=range])").first
    data, said = embedded(figure), figure.locator("[role=status]")
    assert said.text_content() == ""
    figure.locator("input[type=range]").first.press("ArrowLeft")
    page.wait_for_function("s => s.textContent !== ''", arg=said.element_handle())
    words = data["said"][figure.get_attribute("data-position")]
    assert words and words in said.text_content()
    assert words in figure.locator(".explorer-plot").get_attribute("aria-label")
