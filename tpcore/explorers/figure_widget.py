"""Plotly's figure widget. Its program of 5 MB is sent to the page, and saved in the notebook, once for all figures."""

from functools import cache
from pathlib import Path
from typing import Any

import anywidget
import ipywidgets as widgets
import plotly
import plotly.graph_objects as go
import traitlets

_PROGRAM = Path(plotly.__file__).parent / "package_data" / "widgetbundle.js"


class _Library(anywidget.AnyWidget):
    """Holds the program that the figures of a kernel share."""

    _esm = "export default {};"
    code = traitlets.Unicode().tag(sync=True)


@cache
def _library() -> _Library:
    return _Library(code=_PROGRAM.read_text("utf-8"))


class FigureWidget(go.FigureWidget):
    """`plotly.graph_objects.FigureWidget`, with its program in `library`."""

    _esm = """
    const program = (model) => (globalThis.tpcorePlotly ??= (async () => {
      const library = await model.widget_manager.get_model(model.get("library").slice("IPY_MODEL_".length));
      const address = URL.createObjectURL(new Blob([library.get("code")], { type: "text/javascript" }));
      return (await import(address)).default;
    })().catch((error) => {
      delete globalThis.tpcorePlotly;  // the next figure tries again
      throw error;
    }));
    export default () => {
      let widget;
      return {
        async initialize(context) {
          widget = (await program(context.model))();
          return widget.initialize(context);
        },
        render: (context) => widget.render(context),
      };
    };"""
    library = traitlets.Instance(anywidget.AnyWidget).tag(sync=True, **widgets.widget_serialization)

    @traitlets.default("library")
    def _shared(self) -> Any:
        return _library()
