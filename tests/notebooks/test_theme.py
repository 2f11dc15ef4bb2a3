"""A live figure takes the colours of JupyterLab's theme, also while it is shown."""

import json
from typing import Any

import pytest

from tests.notebooks.conftest import until

pytestmark = [pytest.mark.jupyter, pytest.mark.browser]

# The colours of its labels and of what lies behind it, and the theme's own
SHOWN = """() => {
  const plot = document.querySelector(".js-plotly-plot"), style = (e) => getComputedStyle(e);
  const probe = plot.appendChild(document.createElement("i"));
  probe.style.color = "var(--jp-content-font-color1)";
  const theme = style(probe).color;
  probe.remove();
  const behind = style(plot.querySelector(".main-svg")).backgroundColor;
  return [style(plot.querySelector(".xtick text")).fill, theme, behind];
}"""
SWITCH = "(theme) => jupyterapp.commands.execute('apputils:change-theme', { theme })"


def test_it_follows_the_dark_theme(run_notebook: Any) -> None:
    page, inks = run_notebook("slow.ipynb"), set()
    for theme in ("JupyterLab Dark", "JupyterLab Light"):
        page.evaluate(SWITCH, theme)
        until(page, f"() => document.body.dataset.jpThemeName === {json.dumps(theme)}")
        ink, wanted, behind = page.evaluate(SHOWN)
        assert ink == wanted and behind == "rgba(0, 0, 0, 0)"
        inks.add(ink)
    assert len(inks) == 2
