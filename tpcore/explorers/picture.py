"""A still picture of a plotly figure: small, deterministic SVG drawn with matplotlib.

It stands in for the live figure without JavaScript, in print and until plotly has drawn. It follows what the book's
figures use: scatter (lines, markers, texts, error bars, filled bands), bar and heatmap traces, linear, logarithmic and
category axes, subplots, line and rectangle shapes, annotations and the legend. Another kind of trace is refused.
"""

import base64
import io
import re
from typing import Any

from tpcore.explorers.encoding import plain
from tpcore.explorers.figures import NEUTRAL, SEQUENCE
from tpcore.explorers.picture_traces import GAP, draw_trace
from tpcore.explorers.picture_values import DASHES, color_of, numbers, text_of

WIDTH = 720  # pixels, as are the following
LEFT, RIGHT, BOTTOM, TOP = 79, 14, 57, 46  # around the plots, unless their labels or the legend need more
ATTEMPTS = 5  # to find the margins: narrower plots move their labels


def picture_svg_uri(figure: Any) -> str:
    """Draw the picture as a data: address for an <img>."""
    return "data:image/svg+xml;base64," + base64.b64encode(picture_svg(figure).encode()).decode()


def picture_svg(figure: Any) -> str:
    """Draw the picture as SVG text, the same for the same figure.

    Parameters
    ----------
    figure : plotly.graph_objects.Figure

    Returns
    -------
    str

    Raises
    ------
    ValueError
        If a trace is of a kind that it cannot draw.
    """
    import matplotlib

    matplotlib.use("agg", force=False)
    content = plain(figure)
    height = content["layout"].get("height", 380)
    settings: Any = {
        "svg.fonttype": "none", "svg.hashsalt": "tpcore", "path.simplify": True, "path.simplify_threshold": 0.5,
        "font.family": "sans-serif", "font.size": 12, "axes.edgecolor": NEUTRAL, "mathtext.fontset": "dejavusans",
    }  # fmt: skip
    with matplotlib.rc_context(settings):
        drawing = _fitting_drawing(content, height)
        stream = io.BytesIO()
        drawing.savefig(stream, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    return _compact(stream.getvalue().decode())


def _fitting_drawing(content: dict[str, Any], height: float) -> Any:
    """Draw the figure so that its labels and its legend fit; what they need shows only once they are drawn."""
    margins: tuple[float, ...] = (LEFT, BOTTOM, RIGHT, TOP)
    for _ in range(ATTEMPTS):
        drawing = _drawing(content, height, margins)
        wider = _widened(drawing, margins)
        if wider == margins:
            break
        margins = wider
    return drawing


def _drawing(content: dict[str, Any], height: float, margins: tuple[float, ...]) -> Any:
    """Draw the figure with these margins: left, bottom, right and top."""
    from matplotlib.figure import Figure
    from matplotlib.transforms import Bbox

    layout, traces = content["layout"], content["data"]
    left, bottom, right, top = margins
    drawing = Figure(figsize=(WIDTH / 72, height / 72), dpi=72)
    frame = Bbox([[left / WIDTH, bottom / height], [1 - right / WIDTH, 1 - top / height]])
    axes = _axes(drawing, frame, layout, traces)
    for number, trace in enumerate(traces):
        color = SEQUENCE[number % len(SEQUENCE)]
        draw_trace(axes[_pair(trace)], trace, color, traces[number - 1] if number else None)
    for shape in layout.get("shapes", []):
        _shape(axes, shape)
    for annotation in layout.get("annotations", []):
        _annotation(drawing, frame, axes, annotation)
    if layout.get("showlegend", True):
        _legend(drawing, axes)
    return drawing


def _widened(drawing: Any, margins: tuple[float, ...]) -> tuple[float, ...]:
    """Return the margins, wider where the labels of the axes or the legend come too close to the edge."""
    from matplotlib.transforms import Bbox

    drawing.draw_without_rendering()
    axes = [axis for place in drawing.axes for axis in (place.xaxis, place.yaxis)]
    around = Bbox.union([box for axis in axes if (box := axis.get_tightbbox()) is not None])
    legend = max((legend.get_window_extent().height for legend in drawing.legends), default=0)
    missing = (GAP - around.x0, GAP - around.y0, GAP + around.x1 - WIDTH, legend + GAP - margins[3])
    return tuple(margin + (short + GAP if short > 0 else 0) for margin, short in zip(margins, missing, strict=True))


def _pair(trace: dict[str, Any]) -> tuple[str, str]:
    """Return the names of a trace's axes."""
    return trace.get("xaxis", "x"), trace.get("yaxis", "y")


def _axes(drawing: Any, frame: Any, layout: dict[str, Any], traces: list[dict[str, Any]]) -> dict[tuple[str, str], Any]:
    """Make one matplotlib axes for each pair of plotly axes in use, at its domain of the frame."""
    made = {}
    for pair in list(dict.fromkeys(map(_pair, traces))) or [("x", "y")]:
        x_axis, y_axis = (layout.get(name.replace(name[0], f"{name[0]}axis"), {}) for name in pair)
        (x0, x1), (y0, y1) = x_axis.get("domain", [0, 1]), y_axis.get("domain", [0, 1])
        width, height = (x1 - x0) * frame.width, (y1 - y0) * frame.height
        place = drawing.add_axes((frame.x0 + x0 * frame.width, frame.y0 + y0 * frame.height, width, height))
        place.spines[["top", "right"]].set_visible(False)
        place.tick_params(color=NEUTRAL, labelsize=11)
        place.grid(True, color=NEUTRAL, alpha=0.2, linewidth=0.8)
        place.set_axisbelow(True)
        here = [trace for trace in traces if _pair(trace) == pair]
        _axis(place, "x", x_axis, here)
        _axis(place, "y", y_axis, here)
        if y_axis.get("scaleanchor"):
            place.set_aspect(y_axis.get("scaleratio", 1), adjustable="box")
        made[pair] = place
    return made


def _axis(place: Any, letter: str, axis: dict[str, Any], traces: list[dict[str, Any]]) -> None:
    """Give an axis, "x" or "y", its categories, scale, range, ticks and title."""
    drawn, log = getattr(place, f"{letter}axis"), axis.get("type") == "log"
    values = [value for trace in traces for value in trace.get(letter) or [] if isinstance(value, str)]
    if values:  # before anything is drawn, since matplotlib numbers categories as it meets them
        drawn.update_units(list(dict.fromkeys(map(text_of, [*axis.get("categoryarray", []), *values]))))
    if log:
        place.set(**{f"{letter}scale": "log"})
    if axis.get("range"):
        place.set(**{f"{letter}lim": [10**end if log else end for end in axis["range"]]})
    if axis.get("autorange") == "reversed":
        drawn.set_inverted(True)
    if axis.get("tickvals") is not None:
        drawn.set_ticks(axis["tickvals"], labels=[text_of(str(text)) for text in axis["ticktext"]])
    if not axis.get("showgrid", True):
        drawn.grid(False)
    drawn.set_label_text(text_of(axis.get("title", {}).get("text", "")))


def _shape(axes: dict[tuple[str, str], Any], shape: dict[str, Any]) -> None:
    place = _place(axes, shape)
    line = shape.get("line", {})
    style = {
        "color": color_of(line.get("color"), NEUTRAL),
        "linewidth": line.get("width", 1.5),
        "linestyle": DASHES.get(line.get("dash", "dot"), "-"),
    }
    across = shape.get("xref", "x").endswith("domain") or shape.get("xref") == "paper"
    along = shape.get("yref", "y").endswith("domain") or shape.get("yref") == "paper"
    if shape.get("type") == "rect":
        fill = {"color": color_of(shape.get("fillcolor"), NEUTRAL), "alpha": shape.get("opacity", 0.2), "linewidth": 0}
        place.axhspan(shape["y0"], shape["y1"], **fill) if across else place.axvspan(shape["x0"], shape["x1"], **fill)
    elif across:
        place.axhline(shape["y0"], **style)
    elif along:
        place.axvline(shape["x0"], **style)
    else:
        place.plot([shape["x0"], shape["x1"]], [shape["y0"], shape["y1"]], label="_hidden", **style)


def _annotation(drawing: Any, frame: Any, axes: dict[tuple[str, str], Any], annotation: dict[str, Any]) -> None:
    from matplotlib.transforms import BboxTransformTo, offset_copy

    place = _place(axes, annotation)
    x, y = numbers([annotation.get("x", 0.5), annotation.get("y", 0.5)])
    x_ref, y_ref = annotation.get("xref", "x"), annotation.get("yref", "y")
    transform = {
        (False, False): place.transData,
        (True, False): place.get_yaxis_transform(),
        (False, True): place.get_xaxis_transform(),
        (True, True): place.transAxes,
    }
    relative = tuple(ref == "paper" or ref.endswith("domain") for ref in (x_ref, y_ref))
    pair = [
        10**value if log and not rel else value
        for value, log, rel in zip(
            (x, y), (place.get_xscale() == "log", place.get_yscale() == "log"), relative, strict=True
        )
    ]
    at = transform[relative[0], relative[1]]
    if x_ref == y_ref == "paper":  # the frame around all plots, not the plot that stands in for it
        at = BboxTransformTo(frame) + drawing.transFigure
    place.text(
        *pair,
        text_of(annotation["text"]),
        transform=offset_copy(at, drawing, annotation.get("xshift", 0), annotation.get("yshift", 0), units="dots"),
        ha=_align(annotation.get("xanchor", "center"), {"auto": "center"}),
        va=_align(annotation.get("yanchor", "middle"), {"middle": "center", "auto": "center"}),
        fontsize=11,
        color=color_of(annotation.get("font", {}).get("color"), "black"),
        clip_on=False,
    )


def _legend(drawing: Any, axes: dict[tuple[str, str], Any]) -> None:
    """Put the legend above the plots, in as many columns as fit, at most three."""
    handles: dict[str, Any] = {}
    for place in axes.values():
        for handle, label in zip(*place.get_legend_handles_labels(), strict=True):
            handles.setdefault(label, handle)
    style = {"loc": "upper left", "bbox_to_anchor": (LEFT / WIDTH, 1), "frameon": False, "fontsize": 11}
    for columns in (3, 2, 1) if len(handles) > 1 else ():
        legend = drawing.legend(handles.values(), handles.keys(), ncols=columns, **style)
        if columns == 1 or legend.get_window_extent().x1 <= WIDTH:
            break
        legend.remove()


def _place(axes: dict[tuple[str, str], Any], thing: dict[str, Any]) -> Any:
    """Return the axes that a shape or an annotation refers to; paper references take the first."""
    x_name, y_name = (thing.get(ref, ref[0]).removesuffix(" domain") for ref in ("xref", "yref"))
    matching = [place for (x, y), place in axes.items() if x_name in (x, "paper") and y_name in (y, "paper")]
    return matching[0] if matching else next(iter(axes.values()))


def _align(anchor: str, names: dict[str, str]) -> str:
    return names.get(anchor, anchor)


def _compact(svg: str) -> str:
    """Drop the prologue, the metadata and digits beyond a hundredth of a pixel."""
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.S)
    svg = re.sub(r'="[^"]*"', lambda attribute: re.sub(r"(\d+\.\d\d)\d+", r"\1", attribute[0]), svg)
    return re.sub(r">\s+<", "><", svg)
