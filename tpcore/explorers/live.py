"""An explorer with a kernel: ipywidgets controls and a live plotly figure.

`compute` runs in the kernel's main thread while the handler of the moved control waits for it. Jupyter's own
interrupt therefore stops it, results arrive in the order of the requests, and while the handler is busy the page
keeps only the control's last position and sends it afterwards: dragging ends at the last position.
"""

import concurrent.futures
import math
import signal
import sys
import threading
from collections.abc import Callable
from typing import Any

import ipywidgets as widgets
import plotly.graph_objects as go
from plotly.utils import PlotlyJSONEncoder

from tpcore.explorers.conditions import active, offers_choice
from tpcore.explorers.controls import Choice, Control, LogSlider, Stops
from tpcore.explorers.explorer import Explorer
from tpcore.explorers.figure_widget import FigureWidget
from tpcore.explorers.labels import label_html, plain_text
from tpcore.explorers.round_trip import RoundTrip
from tpcore.explorers.still import hidden_style

_FINENESS = 10  # steps of a live slider between two positions of the grid

# The figure takes its host's colours: JupyterLab's, VS Code's or Colab's, light or dark, also when they change.
_STYLE = """<style>
.tpcore-explorer .js-plotly-plot :is(.xaxislayer-above, .yaxislayer-above, .infolayer, .legend) text {
  fill: var(--jp-content-font-color1, var(--vscode-foreground, var(--colab-primary-text-color, #333))) !important; }
.tpcore-explorer .js-plotly-plot .legend .bg { fill: none !important; }
</style>"""
_CLEAR = {"paper_bgcolor": "rgba(0,0,0,0)", "plot_bgcolor": "rgba(0,0,0,0)", "autosize": True}


class LiveExplorer:
    """The widgets of one explorer: `controls` by name, `figure`, `status`, and `widget`, which holds them all."""

    def __init__(self, explorer: Explorer) -> None:
        _enable_colab_widgets()
        self.explorer = explorer
        self.status = widgets.HTML()
        self.controls = {control.name: _control_widget(control) for control in explorer.controls}
        self.shown: dict[str, Any] = explorer.values({})  # in force
        self.stood = self._chosen()  # where the controls were then, those without effect too
        self.paused = False
        self.queued: set[Any] = set()  # controls of which the page may still send a position from before an interrupt
        self.round_trip = RoundTrip()
        first = explorer.evaluate()
        self.figure = FigureWidget(first)
        self.figure.update_layout(_CLEAR)
        self._listen()
        for handle in self.controls.values():
            handle.observe(self._moved, names="value")
        self._enable()
        title = widgets.HTML(f"{_STYLE}{hidden_style(explorer)}<strong>{label_html(explorer.title)}</strong>")
        rows = [_row(control, self.controls[control.name]) for control in explorer.controls if offers_choice(control)]
        self.widget = widgets.VBox([title, *rows, self.status, self.figure, self.round_trip])
        self.widget.layout.max_width = "800px"
        self.widget.add_class("tpcore-explorer")

    def _moved(self, change: Any = None) -> None:
        if self.paused:
            return
        if change and change["owner"] in self.queued:
            self.queued.remove(change["owner"])  # the page keeps one position of each control
            return self._go_back()
        self._enable()
        chosen = self._chosen()
        values = self.explorer.values(chosen)
        if values == self.shown:
            self.stood = chosen
            return self._say("")
        self._say("computing…")
        try:
            show(self.figure, in_main_thread(lambda: self.explorer.evaluate(**values)))
        except KeyboardInterrupt:
            self.queued = set(self.controls.values())
            self._go_back()
            self._say("interrupted; the figure shows the previous position")
            self.round_trip.start(self.queued.clear)
        except Exception as error:  # whatever compute raises belongs in front of the reader, not in a log
            self._say(f"{type(error).__name__}: {error}; the figure shows the previous position")
        else:
            self._listen()
            self.shown, self.stood = values, chosen
            self._say("")

    def _chosen(self) -> dict[str, Any]:
        return {name: handle.value for name, handle in self.controls.items()}

    def _go_back(self) -> None:
        """Put the controls where the figure is."""
        self.paused = True
        for name, value in self.stood.items():
            self.controls[name].value = value
        self.paused = False
        self._enable()

    def _listen(self) -> None:
        """A tap on a cell of a heat map with `meta` moves the two controls that it names."""
        for trace in self.figure.data:
            if trace.type == "heatmap" and trace.meta:
                trace.on_click(self._tapped)

    def _tapped(self, trace: Any, points: Any, _: Any) -> None:
        for cell in points.point_inds:
            self.paused = True  # until both controls stand there
            for name, index in zip(trace.meta, cell, strict=True):
                positions = next(control.positions for control in self.explorer.controls if control.name == name)
                self.controls[name].value = positions[index]
            self.paused = False
            self._moved()

    def _enable(self) -> None:
        """Disable the controls that have no effect at the values in force."""
        values = self.explorer.values(self._chosen())
        for control in self.explorer.controls:
            self.controls[control.name].disabled = not active(control, values)

    def _say(self, text: str) -> None:
        self.status.value = label_html(text)


def in_main_thread(work: Callable[[], Any]) -> Any:
    """Run `work` in the main thread and return its result or raise its error.

    JupyterLab (from 4.4) handles a control's messages in a second thread of the kernel, a subshell, which an
    interrupt does not reach; Python delivers it to the main thread, where the kernel ignores it between cells.
    """
    loop = _kernel_loop()
    if threading.current_thread() is threading.main_thread() or loop is None:
        return work()
    future: concurrent.futures.Future[Any] = concurrent.futures.Future()

    def run() -> None:
        before = signal.signal(signal.SIGINT, signal.default_int_handler)
        try:
            future.set_result(work())
        except BaseException as error:  # KeyboardInterrupt too: the waiting handler says what happened
            future.set_exception(error)
        finally:
            signal.signal(signal.SIGINT, before)

    loop.add_callback(run)
    return future.result()


def _kernel_loop() -> Any:
    """Return the event loop of the kernel's main thread; None outside a kernel."""
    if "IPython" not in sys.modules:
        return None
    shell = sys.modules["IPython"].get_ipython()
    return getattr(getattr(shell, "kernel", None), "io_loop", None)


def show(target: go.FigureWidget, figure: go.Figure) -> None:
    """Make a displayed figure equal to another one, in place where the traces' kinds agree."""
    same_kinds = [trace.type for trace in target.data] == [trace.type for trace in figure.data]
    with target.batch_update():
        if same_kinds:
            for shown, trace in zip(target.data, figure.data, strict=True):
                _replace(shown, trace.to_plotly_json())
        _replace(target.layout, {**figure.layout.to_plotly_json(), **_CLEAR})
    if not same_kinds:
        target.data = []
        target.add_traces(list(figure.data))


def _replace(shown: Any, wanted: dict[str, Any]) -> None:
    """Make a displayed trace or layout hold what is wanted and nothing else: plotly's `update` drops no key.

    What is there already is not sent again.
    """
    kept = shown.to_plotly_json()
    gone = {key: () if key in ("annotations", "shapes") else None for key in kept if key not in {*wanted, "uid"}}
    new = {key: value for key, value in wanted.items() if key not in kept or not _alike(kept[key], value)}
    shown.update({**gone, **new}, overwrite=True)


def _alike(one: Any, other: Any) -> bool:
    return PlotlyJSONEncoder().encode(one) == PlotlyJSONEncoder().encode(other)


def _control_widget(control: Control) -> Any:
    common: dict[str, Any] = {"value": control.value, "layout": widgets.Layout(width="auto", flex="1 1 240px")}
    if isinstance(control, Choice):
        options = [(plain_text(text), value) for value, text in control.options.items()]
        kind = widgets.ToggleButtons if len(options) <= 5 else widgets.Dropdown
        return kind(options=options, style={"button_width": "auto"} if kind is widgets.ToggleButtons else {}, **common)
    if isinstance(control, Stops):
        return widgets.SelectionSlider(options=[(control.text(value), value) for value in control.values], **common)
    if isinstance(control, LogSlider):
        low, high = math.log10(control.low), math.log10(control.high)
        step = (high - low) / ((control.points - 1) * _FINENESS)
        return widgets.FloatLogSlider(base=10, min=low, max=high, step=step, readout_format=".3g", **common)
    if control.whole:
        step = int(control.positions[1] - control.positions[0])
        return widgets.IntSlider(min=int(control.low), max=int(control.high), step=step, **common)
    step = (control.high - control.low) / ((control.points - 1) * _FINENESS)
    return widgets.FloatSlider(min=control.low, max=control.high, step=step, readout_format=".3g", **common)


def _row(control: Control, handle: Any) -> widgets.HBox:
    unit = f" ({control.unit})" if not isinstance(control, Choice) and control.unit else ""
    label = widgets.HTML(label_html(control.label) + unit, layout=widgets.Layout(flex="0 0 220px"))
    return widgets.HBox([label, handle], layout=widgets.Layout(flex_flow="row wrap", align_items="center"))


def _enable_colab_widgets() -> None:
    """Allow custom widgets such as plotly's, which Google Colab shows only after this call."""
    try:
        from google.colab import output
    except ImportError:
        return
    output.enable_custom_widget_manager()
