"""Two figure widgets in a page that gives them what anywidget does: both are drawn, by one program."""

from pathlib import Path
from typing import Any

import pytest

from tpcore.explorers.figure_widget import FigureWidget, _library

pytestmark = pytest.mark.browser

# The part of anywidget's model that plotly's program asks for.
RUN = """async (program) => {
  const asked = [];
  const library = { get: (name) => (asked.push(name), program) };
  const widget_manager = { get_model: async (id) => (asked.push(id), library) };
  const text = document.querySelector("#widget").textContent;
  const { default: make } = await import(URL.createObjectURL(new Blob([text], { type: "text/javascript" })));
  for (const y of [[1, 2], [3, 4]]) {
    const state = { library: "IPY_MODEL_program", _widget_layout: {}, _config: {} };
    state._widget_data = [{ type: "scatter", y, uid: `${y}` }];
    const model = { get: (name) => state[name], set: (name, value) => (state[name] = value), widget_manager };
    Object.assign(model, { on() {}, off() {}, save_changes() {}, send() {} });
    const widget = make(), el = document.body.appendChild(document.createElement("div"));
    await widget.initialize({ model });
    widget.render({ model, el });
  }
  return asked;
}"""
DRAWN = "() => [...document.querySelectorAll('.js-plotly-plot .scatterlayer .trace')].length === 2"


def test_two_figures_are_drawn_by_one_program(browser: Any, tmp_path: Path) -> None:
    page_file = tmp_path / "page.html"
    page_file.write_text(
        f'<!doctype html><title>a</title><script type="text/plain" id="widget">{FigureWidget()._esm}</script>'
    )
    context = browser.new_context()
    page = context.new_page()
    page.goto(page_file.as_uri())
    assert page.evaluate(RUN, _library().code) == ["program", "code"], "asked for once"
    page.wait_for_function(DRAWN)
    context.close()
