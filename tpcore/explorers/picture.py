"""A still picture of a plotly figure: small, deterministic SVG drawn with matplotlib.

It stands in for the live figure without JavaScript, in print and until plotly has drawn. It follows what the book's
figures use: scatter (lines, markers, filled bands), bar and heatmap traces, linear and logarithmic axes, subplots,
line and rectangle shapes, annotations and the legend. Another kind of trace is refused.
"""

import base64
import html
import io
import re
from typing import Any

from tpcore.explorers.encoding import plain
from tpcore.figures import NEUTRAL, SEQUENCE

WIDTH = 720  # pixels
_DASHES = {"dash": "--", "dot": ":", "dashdot": "-.", "longdash": (0, (8, 3)), "longdashdot": (0, (8, 3, 2, 3))}
_MARKERS = {
    "circle": "o",
    "square": "s",
    "diamond": "D",
    "cross": "P",
    "x": "X",
    "triangle-up": "^",
    "triangle-down": "v",
    "star": "*",
}


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
    from matplotlib.figure import Figure

    content = plain(figure)
    layout = content["layout"]
    height = layout.get("height", 380)
    settings: Any = {
        "svg.fonttype": "none", "svg.hashsalt": "tpcore", "path.simplify": True, "path.simplify_threshold": 0.5,
        "font.family": "sans-serif", "font.size": 12, "axes.edgecolor": NEUTRAL, "mathtext.fontset": "dejavusans",
    }  # fmt: skip
    with matplotlib.rc_context(settings):
        drawing = Figure(figsize=(WIDTH / 72, height / 72), dpi=72)
        axes = _axes(drawing, layout, content["data"])
        for number, trace in enumerate(content["data"]):
            color = SEQUENCE[number % len(SEQUENCE)]
            place = axes[trace.get("xaxis", "x"), trace.get("yaxis", "y")]
            _trace(place, trace, color, content["data"][number - 1] if number else None)
        for shape in layout.get("shapes", []):
            _shape(axes, shape)
        for annotation in layout.get("annotations", []):
            _annotation(drawing, axes, annotation)
        if layout.get("showlegend", True):
            _legend(drawing, axes)
        stream = io.BytesIO()
        drawing.savefig(stream, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    return _compact(stream.getvalue().decode())


def _axes(drawing: Any, layout: dict[str, Any], traces: list[dict[str, Any]]) -> dict[tuple[str, str], Any]:
    """Make one matplotlib axes for each pair of plotly axes in use, at its domain."""
    pairs = list(dict.fromkeys((t.get("xaxis", "x"), t.get("yaxis", "y")) for t in traces)) or [("x", "y")]
    left, right, bottom, top = 0.11, 0.98, 0.15, 0.88
    made = {}
    for x_name, y_name in pairs:
        x_axis = layout.get(x_name.replace("x", "xaxis"), {})
        y_axis = layout.get(y_name.replace("y", "yaxis"), {})
        (x0, x1), (y0, y1) = x_axis.get("domain", [0, 1]), y_axis.get("domain", [0, 1])
        width, height = right - left, top - bottom
        place = drawing.add_axes((left + x0 * width, bottom + y0 * height, (x1 - x0) * width, (y1 - y0) * height))
        place.spines[["top", "right"]].set_visible(False)
        place.tick_params(color=NEUTRAL, labelsize=11)
        place.grid(True, color=NEUTRAL, alpha=0.2, linewidth=0.8)
        place.set_axisbelow(True)
        for axis, set_scale, set_ticks, set_limits, set_label in (
            (x_axis, place.set_xscale, place.set_xticks, place.set_xlim, place.set_xlabel),
            (y_axis, place.set_yscale, place.set_yticks, place.set_ylim, place.set_ylabel),
        ):
            log = axis.get("type") == "log"
            if log:
                set_scale("log")
            if axis.get("range"):
                set_limits([10**end if log else end for end in axis["range"]])
            if axis.get("tickvals") is not None:
                set_ticks(axis["tickvals"], axis["ticktext"])
            set_label(_text(axis.get("title", {}).get("text", "")))
        if y_axis.get("scaleanchor"):
            place.set_aspect(y_axis.get("scaleratio", 1), adjustable="box")
        made[x_name, y_name] = place
    return made


def _trace(place: Any, trace: dict[str, Any], color: str, previous: dict[str, Any] | None) -> None:
    kind = trace.get("type", "scatter")
    if trace.get("visible", True) is not True:
        return
    named = trace.get("name") and trace.get("showlegend", True)
    label = _text(trace["name"]) if named else "_hidden"
    if kind in ("scatter", "scattergl"):
        _scatter(place, trace, color, label, previous)
    elif kind == "bar":
        place.bar(
            trace["x"],
            trace["y"],
            color=_single(trace.get("marker", {}).get("color"), color),
            label=label,
            alpha=trace.get("opacity", 1),
            bottom=trace.get("base", 0),
        )
    elif kind == "heatmap":
        _heatmap(place, trace)
    else:
        raise ValueError(
            f"picture: trace {trace.get('name')!r} is a {kind!r}; it draws scatter, bar and heatmap traces"
        )


def _scatter(place: Any, trace: dict[str, Any], color: str, label: str, previous: dict[str, Any] | None) -> None:
    y = _numbers(trace.get("y", []))
    x = _numbers(trace["x"]) if trace.get("x") is not None else list(range(len(y)))
    line, marker, mode = trace.get("line", {}), trace.get("marker", {}), trace.get("mode", "lines")
    drawn = _single(line.get("color") or marker.get("color"), color)
    style: dict[str, Any] = {"color": drawn, "alpha": trace.get("opacity", 1), "label": label}
    if "lines" in mode and line.get("width", 2) > 0:
        style |= {"linewidth": line.get("width", 2), "linestyle": _DASHES.get(line.get("dash", ""), "-")}
    else:
        style["linestyle"] = "none"
    if "markers" in mode:
        size = _single(marker.get("size"), 6)
        style |= {
            "marker": _MARKERS.get(_single(marker.get("symbol"), "circle"), "o"),
            "markersize": size,
            "markerfacecolor": _single(marker.get("color"), drawn),
        }
    if trace.get("fill") in ("tonexty", "tozeroy", "toself"):
        shade = _color(trace.get("fillcolor"), drawn)
        if trace["fill"] == "toself":
            place.fill(x, y, color=shade, linewidth=0)
        else:
            other = _numbers(previous["y"]) if trace["fill"] == "tonexty" and previous else [0.0] * len(x)
            place.fill_between(x, y, other, color=shade, linewidth=0)
    if style["linestyle"] != "none" or "marker" in style:
        place.plot(x, y, **style)
    if "text" in mode:
        texts = trace.get("text", [])
        for x_i, y_i, text in zip(x, y, [texts] * len(x) if isinstance(texts, str) else texts, strict=False):
            place.annotate(_text(text), (x_i, y_i), xytext=(4, 4), textcoords="offset points", fontsize=11)


def _heatmap(place: Any, trace: dict[str, Any]) -> None:
    from matplotlib.colors import LinearSegmentedColormap

    z = [_numbers(row) for row in trace["z"]]
    scale = trace.get("colorscale")
    colors = (
        "viridis"
        if not isinstance(scale, list)
        else LinearSegmentedColormap.from_list("scale", [(at, _color(c, c)) for at, c in scale])
    )
    x = trace.get("x") or list(range(len(z[0])))
    y = trace.get("y") or list(range(len(z)))
    mesh = place.pcolormesh(
        x, y, z, cmap=colors, vmin=trace.get("zmin"), vmax=trace.get("zmax"), shading="nearest", rasterized=True
    )
    if trace.get("texttemplate"):
        color = trace["textfont"]["color"]
        for y_i, row in zip(y, trace["text"], strict=True):
            for x_i, text in zip(x, row, strict=True):
                place.text(x_i, y_i, _text(text), ha="center", va="center", color=color, fontsize=11)
    if trace.get("showscale", True):
        place.figure.colorbar(mesh, ax=place, label=_text(trace.get("colorbar", {}).get("title", {}).get("text", "")))


def _shape(axes: dict[tuple[str, str], Any], shape: dict[str, Any]) -> None:
    place = _place(axes, shape)
    line = shape.get("line", {})
    style = {
        "color": _color(line.get("color"), NEUTRAL),
        "linewidth": line.get("width", 1.5),
        "linestyle": _DASHES.get(line.get("dash", "dot"), "-"),
    }
    across = shape.get("xref", "x").endswith("domain") or shape.get("xref") == "paper"
    along = shape.get("yref", "y").endswith("domain") or shape.get("yref") == "paper"
    if shape.get("type") == "rect":
        fill = {"color": _color(shape.get("fillcolor"), NEUTRAL), "alpha": shape.get("opacity", 0.2), "linewidth": 0}
        place.axhspan(shape["y0"], shape["y1"], **fill) if across else place.axvspan(shape["x0"], shape["x1"], **fill)
    elif across:
        place.axhline(shape["y0"], **style)
    elif along:
        place.axvline(shape["x0"], **style)
    else:
        place.plot([shape["x0"], shape["x1"]], [shape["y0"], shape["y1"]], label="_hidden", **style)


def _annotation(drawing: Any, axes: dict[tuple[str, str], Any], annotation: dict[str, Any]) -> None:
    place = _place(axes, annotation)
    x, y = annotation.get("x", 0.5), annotation.get("y", 0.5)
    x_ref, y_ref = annotation.get("xref", "x"), annotation.get("yref", "y")
    style: dict[str, Any] = {
        "ha": _align(annotation.get("xanchor", "center"), {"auto": "center"}),
        "va": _align(annotation.get("yanchor", "middle"), {"middle": "center", "auto": "center"}),
        "fontsize": 11,
    }
    if x_ref == "paper" and y_ref == "paper":
        drawing.text(0.11 + x * 0.87, 0.15 + y * 0.73, _text(annotation["text"]), **style)
        return
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
    place.text(*pair, _text(annotation["text"]), transform=transform[relative[0], relative[1]], clip_on=False, **style)


def _legend(drawing: Any, axes: dict[tuple[str, str], Any]) -> None:
    handles: dict[str, Any] = {}
    for place in axes.values():
        for handle, label in zip(*place.get_legend_handles_labels(), strict=True):
            handles.setdefault(label, handle)
    if len(handles) > 1:
        drawing.legend(
            handles.values(),
            handles.keys(),
            loc="upper left",
            bbox_to_anchor=(0.1, 1.0),
            ncols=3,
            frameon=False,
            fontsize=11,
        )


def _place(axes: dict[tuple[str, str], Any], thing: dict[str, Any]) -> Any:
    """Return the axes that a shape or an annotation refers to; paper references take the first."""
    x_name, y_name = (thing.get(ref, ref[0]).removesuffix(" domain") for ref in ("xref", "yref"))
    matching = [place for (x, y), place in axes.items() if x_name in (x, "paper") and y_name in (y, "paper")]
    return matching[0] if matching else next(iter(axes.values()))


def _text(text: str) -> str:
    """Turn plotly's markup into matplotlib's: subscripts and superscripts as mathematics, line breaks, nothing else."""
    text = re.sub(r"<br\s*/?>", "\n", text)
    text = text.replace("$", r"\$")
    text = re.sub(r"<sub>(.*?)</sub>", lambda m: f"$_{{\\mathrm{{{m[1]}}}}}$", text)
    text = re.sub(r"<sup>(.*?)</sup>", lambda m: f"$^{{\\mathrm{{{m[1]}}}}}$", text)
    return html.unescape(re.sub(r"<[^>]+>", "", text))


def _color(color: Any, otherwise: str) -> Any:
    """Turn a CSS colour into matplotlib's."""
    if not isinstance(color, str):
        return otherwise
    match = re.fullmatch(r"rgba?\(([^)]*)\)", color.replace(" ", ""))
    if match:
        red, green, blue, *alpha = (float(part) for part in match[1].split(","))
        return (red / 255, green / 255, blue / 255, *(alpha or [1.0]))
    return color


def _single(value: Any, otherwise: Any) -> Any:
    """Return the value where it is one for the whole trace."""
    if value is None or isinstance(value, list):
        return otherwise
    return _color(value, otherwise) if isinstance(value, str) and value.startswith("rgb") else value


def _numbers(values: Any) -> list[Any]:
    """Numbers, or the names of categories."""
    return [float("nan") if value is None else _text(value) if isinstance(value, str) else value for value in values]


def _align(anchor: str, names: dict[str, str]) -> str:
    return names.get(anchor, anchor)


def _compact(svg: str) -> str:
    """Drop the prologue, the metadata and digits beyond a hundredth of a pixel."""
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.S)
    svg = re.sub(r'="[^"]*"', lambda attribute: re.sub(r"(\d+\.\d\d)\d+", r"\1", attribute[0]), svg)
    return re.sub(r">\s+<", "><", svg)
