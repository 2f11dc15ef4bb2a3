"""What a figure shows at a position, as a sentence for those who do not see it change."""

import html
import re
from collections.abc import Mapping
from typing import Any

from tpcore.explorers.encoding import plain

MOST_CURVES = 6  # a longer list is no longer heard


def sentence(result: Mapping[str, Any], figure: Any) -> str:
    """Say what the figure shows, in words made from its numbers.

    Parameters
    ----------
    result : mapping
        What `compute` returned. Its ``"sentence"``, where it has one, is the answer.
    figure : plotly.graph_objects.Figure
        What `draw` made of it. Without a sentence its named curves are said with their last value, bars with their
        largest, and maps with the range of theirs.

    Returns
    -------
    str
        Empty where the figure has nothing to name.

    Examples
    --------
    >>> from tpcore.explorers.figures import figure
    >>> from tpcore.explorers.words import sentence
    >>> sentence({}, figure("step", "accuracy").add_scatter(x=[0, 1], y=[0.25, 0.983], name="calibrated"))
    'accuracy at the end: calibrated 0.983'
    >>> sentence({"sentence": "It learned."}, figure())
    'It learned.'
    """
    if "sentence" in result:
        return str(result["sentence"])
    content = plain(figure)
    said: dict[str, list[str]] = {}
    for trace in content["data"]:
        if (words := _words(trace)) is not None:
            said.setdefault(_heading(trace, content["layout"]), []).append(words)
    return "; ".join(f"{heading}: {', '.join(words[:MOST_CURVES])}" for heading, words in said.items())


def _words(trace: Mapping[str, Any]) -> str | None:
    """Name the trace with its value; None where it has no name or no number."""
    if trace.get("visible", True) is not True or trace.get("showlegend") is False:
        return None
    if trace.get("type") == "heatmap":
        numbers = [value for row in trace["z"] for value in row if isinstance(value, int | float)]
        return f"{_number(min(numbers))} to {_number(max(numbers))}" if numbers else None
    numbers = [value for value in trace.get("y") or [] if isinstance(value, int | float)]
    if not numbers or not trace.get("name"):
        return None
    return f"{_text(trace['name'])} {_number(max(numbers) if trace.get('type') == 'bar' else numbers[-1])}"


def _heading(trace: Mapping[str, Any], layout: Mapping[str, Any]) -> str:
    """Say what the values are: the title of the trace's axis, and which of them is said."""
    if trace.get("type") == "heatmap":
        return _text(trace.get("colorbar", {}).get("title", {}).get("text", "")) or "values"
    axis = layout.get(trace.get("yaxis", "y").replace("y", "yaxis"), {})
    which = "largest" if trace.get("type") == "bar" else "at the end"
    return f"{_text(axis.get('title', {}).get('text', ''))} {which}".strip()


def _number(value: float) -> str:
    return f"{value:.3g}".replace("-", "−")


def _text(text: str) -> str:
    """Drop the markup; a line break is a space."""
    return html.unescape(re.sub(r"<[^>]+>", "", re.sub(r"<br\s*/?>", " ", text)))
