"""One trace of a plotly figure, drawn into matplotlib's axes."""

from typing import Any

from tpcore.explorers.picture_values import DASHES, MARKERS, color_of, numbers, single, text_of

GAP = 4  # pixels: between a marker and its text, and around the legend and the labels


def draw_trace(place: Any, trace: dict[str, Any], color: str, previous: dict[str, Any] | None) -> None:
    kind = trace.get("type", "scatter")
    if trace.get("visible", True) is not True:
        return
    named = trace.get("name") and trace.get("showlegend", True)
    label = text_of(trace["name"]) if named else "_hidden"
    if kind in ("scatter", "scattergl"):
        _scatter(place, trace, color, label, previous)
    elif kind == "bar":
        place.bar(
            numbers(trace["x"]),
            numbers(trace["y"]),
            color=single(trace.get("marker", {}).get("color"), color),
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
    y = numbers(trace.get("y", []))
    x = numbers(trace["x"]) if trace.get("x") is not None else list(range(len(y)))
    line, marker, mode = trace.get("line", {}), trace.get("marker", {}), trace.get("mode", "lines")
    drawn = single(line.get("color") or marker.get("color"), color)
    style: dict[str, Any] = {"color": drawn, "alpha": trace.get("opacity", 1), "label": label}
    if "lines" in mode and line.get("width", 2) > 0:
        style |= {"linewidth": line.get("width", 2), "linestyle": DASHES.get(line.get("dash", ""), "-")}
    else:
        style["linestyle"] = "none"
    marked, size = "markers" in mode, marker.get("size", 6)
    sizes = size if isinstance(size, list) else [size] * len(x)
    face = single(marker.get("color"), drawn)
    shape = MARKERS.get(single(marker.get("symbol"), "circle"), "o")
    if marked and size is not sizes:
        most = marker.get("maxdisplayed") or max(1, len(x))
        every = max(1, -(-len(x) // most))  # rounded up
        style |= {"marker": shape, "markersize": size, "markerfacecolor": face, "markevery": every}
    if trace.get("fill") in ("tonexty", "tozeroy", "toself"):
        shade = color_of(trace.get("fillcolor"), drawn)
        if trace["fill"] == "toself":
            place.fill(x, y, color=shade, linewidth=0)
        else:
            other = numbers(previous["y"]) if trace["fill"] == "tonexty" and previous else [0.0] * len(x)
            place.fill_between(x, y, other, color=shade, linewidth=0)
    _error_bars(place, trace, x, y, drawn)
    if style["linestyle"] != "none" or "marker" in style:
        place.plot(x, y, **style)
        label = "_hidden"
    if marked and size is sizes:
        areas = [diameter**2 for diameter in sizes]
        place.scatter(x, y, areas, color=face, marker=shape, linewidths=0, alpha=style["alpha"], label=label)
    if "text" in mode:
        _texts(place, trace, x, y, sizes if marked else [0] * len(x))


def _error_bars(place: Any, trace: dict[str, Any], x: list[Any], y: list[Any], color: str) -> None:
    for letter in "xy":
        errors = trace.get(f"error_{letter}", {})
        if errors.get("array"):
            up = numbers(errors["array"])
            spans = {f"{letter}err": [numbers(errors.get("arrayminus", up)), up]}
            place.errorbar(x, y, **spans, fmt="none", ecolor=color, elinewidth=2, capsize=4, label="_hidden")


def _texts(place: Any, trace: dict[str, Any], x: list[Any], y: list[Any], sizes: list[float]) -> None:
    """Write the texts of a trace on its points, or beside them and clear of their markers."""
    texts, font = trace.get("text", []), trace.get("textfont", {})
    above, beside = single(trace.get("textposition"), "middle center").split()
    up, right = {"top": 1, "middle": 0, "bottom": -1}[above], {"left": -1, "center": 0, "right": 1}[beside]
    style = {
        "color": color_of(font.get("color"), "black"), "fontsize": 11, "textcoords": "offset points",
        "va": ("top", "center", "bottom")[up + 1], "ha": ("right", "center", "left")[right + 1],
    }  # fmt: skip
    place.plot(x, y, linestyle="none", label="_hidden")  # so that the axes reach to the words
    for x_i, y_i, text, size in zip(x, y, [texts] * len(x) if isinstance(texts, str) else texts, sizes, strict=False):
        away = size / 2 + GAP / 2
        place.annotate(text_of(text), (x_i, y_i), xytext=(right * away, up * away), **style)


def _heatmap(place: Any, trace: dict[str, Any]) -> None:
    from matplotlib.colors import LinearSegmentedColormap

    z = [numbers(row) for row in trace["z"]]
    scale = trace.get("colorscale")
    colors = (
        "viridis"
        if not isinstance(scale, list)
        else LinearSegmentedColormap.from_list("scale", [(at, color_of(c, c)) for at, c in scale])
    )
    x = numbers(trace.get("x") or range(len(z[0])))
    y = numbers(trace.get("y") or range(len(z)))
    mesh = place.pcolormesh(
        x, y, z, cmap=colors, vmin=trace.get("zmin"), vmax=trace.get("zmax"), shading="nearest", rasterized=True
    )
    if trace.get("texttemplate"):
        color = trace["textfont"]["color"]
        for y_i, row in zip(y, trace["text"], strict=True):
            for x_i, text in zip(x, row, strict=True):
                place.text(x_i, y_i, text_of(text), ha="center", va="center", color=color, fontsize=11)
    if trace.get("showscale", True):
        place.figure.colorbar(mesh, ax=place, label=text_of(trace.get("colorbar", {}).get("title", {}).get("text", "")))
