"""The curves of an experiment's records, as a page that opens in any browser."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from tpcore.experiments.summary import column
from tpcore.results import Record


def write_plot(name: str, groups: Sequence[Sequence[Record]], path: Path) -> None:
    """Write a page with the median accuracy of each group of runs over its seeds, and a band to the lowest and highest.

    Raises
    ------
    ModuleNotFoundError
        If plotly is not installed.
    """
    import plotly.graph_objects as go
    from plotly.colors import qualitative

    fig = go.Figure()
    for group, color in zip(groups, np.resize(qualitative.Dark24, len(groups)).tolist(), strict=True):
        steps, values = column(group)
        label = f"{group[0].stage} {group[0].method}, {len(group)} seeds"
        band = {"x": [*steps, *steps[::-1]], "y": [*np.nanmax(values, 0), *np.nanmin(values, 0)[::-1]]}
        fig.add_scatter(**band, fill="toself", fillcolor=color, opacity=0.2, line={"width": 0}, legendgroup=label,
                        showlegend=False, hoverinfo="skip")  # fmt: skip
        fig.add_scatter(x=steps, y=np.nanmedian(values, 0), name=label, line={"color": color}, legendgroup=label)
    fig.update_layout(title=name, xaxis_title="training step", yaxis_title="held-out accuracy", yaxis_range=[0, 1.03])
    fig.write_html(path, include_plotlyjs=True)
