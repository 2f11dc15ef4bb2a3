"""The live host, without a browser: a moved control gives what evaluate draws."""

import concurrent.futures
import queue
import signal
import sys
import threading
import types

import plotly.graph_objects as go
import pytest
from plotly.callbacks import InputDeviceState, Points

from tests.explorers.examples import ROWS, example, example_cells, failing, interrupted, one_slider
from tpcore.explorers import hosts, live
from tpcore.explorers.encoding import plain
from tpcore.explorers.round_trip import TIMES, RoundTrip


def same_picture(live, **values) -> bool:
    shown, wanted = plain(go.Figure(live.figure)), plain(live.explorer.evaluate(**values))
    for trace in shown["data"]:
        trace.pop("uid", None)
    for key in ("autosize", "paper_bgcolor", "plot_bgcolor"):  # the host's own
        shown["layout"].pop(key, None)
    return shown == wanted


def test_every_control_changes_the_figure_to_its_position():
    live = hosts.live(example())
    assert same_picture(live)
    live.controls["r"].value = 3.7  # with a kernel any value will do
    assert same_picture(live, r=3.7)
    live.controls["k"].value = 2
    assert same_picture(live, r=3.7, k=2)
    live.controls["rule"].value = "bp"  # fewer traces
    assert same_picture(live, r=3.7, rule="bp")
    assert live.controls["k"].disabled
    live.controls["rule"].value = "local"
    assert same_picture(live, r=3.7, k=2)
    assert not live.controls["k"].disabled
    assert live.status.value == ""


def test_stops_hold_with_a_kernel_too():
    live = hosts.live(example_cells())
    assert [value for _, value in live.controls["row"].options] == [0.1, 1.0, 30.0]
    live.controls["row"].value = 30.0
    assert same_picture(live, row=30.0)


def test_what_a_position_does_not_have_is_gone():
    """An annotation, a shape, a trace's text and an axis' kind, in place as the kinds of traces agree."""
    plain_figure = go.Figure(go.Scatter(x=[1, 2], y=[3, 4]))
    full = go.Figure(go.Scatter(x=[1, 2], y=[3, 4], text=["a", "b"], marker={"size": [4, 8]}))
    full.add_annotation(x=1, y=3, text="here").add_vline(x=1)
    full.update_layout(xaxis={"type": "log", "title": {"text": "x"}}, yaxis={"tickvals": [3], "ticktext": ["three"]})
    shown = go.FigureWidget(full)
    live.show(shown, plain_figure)
    found = plain(go.Figure(shown))
    found["data"][0].pop("uid", None)
    assert not found["layout"].pop("annotations", None) and not found["layout"].pop("shapes", None)
    for key in ("autosize", "paper_bgcolor", "plot_bgcolor"):
        assert found["layout"].pop(key)
    assert found == plain(plain_figure)


def test_the_program_of_all_figures_is_sent_once():
    one, other = (hosts.live(explorer()) for explorer in (example, example_cells))
    assert one.figure.library is other.figure.library and len(one.figure.library.code) > 1_000_000
    assert len(str(one.figure.get_state())) < 10_000


def test_a_move_sends_only_what_changed():
    live, sent = hosts.live(example()), []
    live.figure.observe(lambda change: sent.append(change["new"]), names="_py2js_update")
    live.controls["r"].value = 3.7
    (update,) = (update for update in sent if update)
    assert set(update["style_data"]) <= {"name", "y"} and not update["layout_data"]


def test_a_tapped_cell_moves_both_controls():
    live = hosts.live(example_cells())
    drawn = []
    live.explorer.draw = lambda result, draw=live.explorer.draw: drawn.append(result) or draw(result)
    for row, column in ((2, 0), (0, 2)):
        points = Points([[row, column]], [column], [row], "", 0)
        live.figure.data[0]._dispatch_on_click(points, InputDeviceState())
        assert len(drawn) == 1, "once, and not at the old column first"
        assert same_picture(live, row=ROWS[row], column=column)
        drawn.clear()


def test_the_status_says_that_it_computes():
    live = hosts.live(example())
    said = []
    live.status.observe(lambda change: said.append(change["new"]), names="value")
    live.controls["r"].value = 10.0
    assert said == ["computing…", ""]


def test_an_error_is_said_and_leaves_it_usable():
    live = hosts.live(one_slider(failing))
    live.controls["r"].value = 10.0
    assert live.status.value.startswith("FloatingPointError: W diverged; the figure shows")
    assert same_picture(live)
    live.controls["r"].value = 0.1
    assert live.status.value == ""
    assert same_picture(live, r=0.1)


def interrupted_at_ten():
    live = hosts.live(one_slider(interrupted))
    live.controls["r"].value = 10.0
    assert live.status.value.startswith("interrupted; the figure shows")
    assert live.controls["r"].value == 1.0 and same_picture(live), "slider and figure agree"
    return live


def test_what_waited_behind_an_interrupted_position_is_not_computed():
    live = interrupted_at_ten()
    live.controls["r"].value = 0.1  # what the page kept back
    assert live.status.value.startswith("interrupted") and live.controls["r"].value == 1.0 and same_picture(live)
    live.controls["r"].value = 0.1  # it keeps back one position alone, so this is a reader's own
    assert live.status.value == "" and same_picture(live, r=0.1)


def test_once_the_page_has_answered_every_position_is_a_reader_s_own():
    live = interrupted_at_ten()
    sent = []
    live.round_trip.send = sent.append
    live.round_trip.start(live.queued.clear)
    for there in range(TIMES):
        live.round_trip._back(live.round_trip, sent[there], [])
    assert len(sent) == TIMES
    live.controls["r"].value = 0.1
    assert live.status.value == "" and same_picture(live, r=0.1)


def test_an_answer_to_an_earlier_interrupt_changes_nothing():
    trip, sent, back = RoundTrip(), [], []
    trip.send = sent.append
    trip.start(lambda: back.append(1))
    trip.start(lambda: back.append(2))
    trip._back(trip, {**sent[0], "left": 0}, [])
    assert back == []
    trip._back(trip, {**sent[1], "left": 0}, [])
    assert back == [2]


def test_it_displays_widgets_with_a_kernel_and_html_alone_in_the_page(monkeypatch, tmp_path):
    shown = []
    monkeypatch.setattr("IPython.display.display", lambda thing, **how: shown.append((thing, how)))
    explorer = example()
    monkeypatch.delenv("TPCORE_EXPLORER_HOST", raising=False)
    explorer._ipython_display_()
    (widget, _), (picture, _) = shown
    shown.clear()
    assert widget[hosts.WIDGET]["model_id"] == hosts.live(explorer).widget.model_id and "text/html" not in widget
    assert f'alt="{explorer.description}"' in picture["text/html"] and "data:image/svg+xml" in picture["text/html"]
    monkeypatch.setenv("TPCORE_EXPLORER_HOST", "page")
    monkeypatch.setenv("TPCORE_EXPLORER_CACHE", str(tmp_path))
    explorer._ipython_display_()
    bundle, how = shown.pop()
    assert list(bundle) == ["text/html"] and how == {"raw": True}


def test_colab_is_asked_to_allow_widgets(monkeypatch):
    asked = []
    output = types.SimpleNamespace(enable_custom_widget_manager=lambda: asked.append(True))
    for name, module in {
        "google": types.ModuleType("google"),
        "google.colab": types.SimpleNamespace(output=output),
    }.items():
        monkeypatch.setitem(sys.modules, name, module)
    hosts.live(example())
    assert asked == [True]


def test_work_asked_for_in_another_thread_runs_in_the_main_one(monkeypatch):
    waiting = queue.SimpleQueue()
    monkeypatch.setattr(live, "_kernel_loop", lambda: types.SimpleNamespace(add_callback=waiting.put))
    with concurrent.futures.ThreadPoolExecutor(1) as other:
        asked = other.submit(live.in_main_thread, threading.current_thread)
        waiting.get()()  # as the kernel's loop does
        assert asked.result() is threading.main_thread()
        asked = other.submit(live.in_main_thread, lambda: signal.raise_signal(signal.SIGINT))
        waiting.get()()
        with pytest.raises(KeyboardInterrupt):
            asked.result()
