"""Pages zoomed in: nothing is cut without a scroll bar. By keyboard: everything that has the focus shows it."""

from pathlib import Path
from typing import Any

import pytest

from tests.book.conftest import PAGES

pytestmark = pytest.mark.browser

LIST = ["genindex.html", "search.html", "404.html"]
# What reaches beyond the window, or beyond a box that hides it, and can't be scrolled to. A window of 1280 px is 640
# CSS pixels wide at 200 %, and 320 at 400 %.
CUT = """() => {
  const style = (e) => getComputedStyle(e), scrolls = (e) => /auto|scroll/.test(style(e).overflowX);
  const seen = (e) => e.checkVisibility({ checkVisibilityCSS: true }) && e.getBoundingClientRect().width > 2;
  const reached = (e) => {  // a box that scrolls around it, itself in the window
    for (let p = e; p && p !== document.body; p = p.parentElement)
      if (scrolls(p) && p.getBoundingClientRect().right <= innerWidth + 1) return p.scrollWidth > p.clientWidth;
    return false;
  };
  const skipped = "svg, math *, [inert], .explorer-stage";
  const main = [...document.querySelectorAll("main *")].filter((e) => !e.closest(skipped));
  const beyond = main.filter((e) => seen(e) && e.getBoundingClientRect().right > innerWidth + 1 && !reached(e));
  const spoken = (e) => style(e).clipPath !== "none" || style(e).clip !== "auto";  // for screen readers alone
  const hides = (e) => /hidden|clip/.test(style(e).overflowX) && !spoken(e) && e.scrollWidth > e.clientWidth + 1;
  const hidden = main.filter((e) => seen(e) && hides(e));
  const left = (e) => e.getBoundingClientRect().left;  // of what scrolls the start is seen first
  const late = main.filter((e) => scrolls(e) && e.firstElementChild && left(e.firstElementChild) < left(e) - 1);
  const wide = document.documentElement.scrollWidth > innerWidth ? [document.documentElement] : [];
  return [...beyond, ...hidden, ...late, ...wide].map((e) => e.outerHTML.slice(0, 160));
}"""
# What scrolls sideways by itself, without a shadow where there is more
UNSHOWN = """() => [...document.querySelectorAll("article *")].filter((e) => {
    const { overflowX, backgroundAttachment } = getComputedStyle(e);
    const moves = /auto|scroll/.test(overflowX) && e.scrollWidth > e.clientWidth + 1;
    return moves && !backgroundAttachment.includes("local");
  }).map((e) => e.outerHTML.slice(0, 160))"""
FOCUSED = """() => {
  const e = document.activeElement, style = getComputedStyle(e);
  const outlined = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 1;
  const shown = outlined || style.boxShadow !== "none";
  return [e.tagName, e.className, shown, !!e.closest(".bd-header, .bd-header-article")];
}"""


@pytest.mark.parametrize("width", [640, 320], ids=["at 200 %", "at 400 %"])
def test_nothing_is_cut_without_a_scroll_bar_and_a_sign_of_it(browser: Any, site: Path, width: int) -> None:
    context = browser.new_context(viewport={"width": width, "height": 512}, java_script_enabled=False)
    page, cut = context.new_page(), {}
    for name in [*PAGES, *LIST]:
        page.goto((site / name).as_uri())
        if found := page.evaluate(CUT) + page.evaluate(UNSHOWN):
            cut[name] = found
    context.close()
    assert cut == {}


def test_what_has_the_focus_shows_it(browser: Any, address: str) -> None:
    page = browser.new_context(viewport={"width": 1280, "height": 900}).new_page()
    page.goto(f"{address}/{PAGES[-1]}")
    headers, hidden = 0, []
    for _ in range(40):
        page.keyboard.press("Tab")
        tag, name, shown, in_header = page.evaluate(FOCUSED)
        headers += in_header
        if tag != "BODY" and not shown:
            hidden.append(f"{tag} {name}")
    page.context.close()
    assert hidden == [] and headers >= 3, "the buttons of the header are among them"
