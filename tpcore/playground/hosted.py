"""The playground in the hosted page: its settings as data, a still picture, and a sentence; page.js does the rest."""

from __future__ import annotations

import html
import json
from typing import Any

import numpy as np
import plotly.graph_objects as go
import torch

from tpcore.diagnostics import norms_through_time
from tpcore.explorers.figures import PALETTE, figure
from tpcore.explorers.picture import picture_svg_uri
from tpcore.nn import SequenceClassifier
from tpcore.playground.settings import RULES
from tpcore.rules import BackProp, GeometricTargetProp, Rule, TargetProp
from tpcore.tasks import Adding, TemporalOrder

DESCRIPTION = (
    "How much of the credit at the last step is left at each earlier step of a recurrent network before it is "
    "trained, for two rules. With JavaScript two networks train here, in your browser, while you move their settings."
)


def page_html(playground: Any) -> str:
    """Write the playground as HTML: the picture and the sentence stand until, or unless, the script runs."""
    names = ("settings", "simple", "autostart")
    data = {name: getattr(playground, name) for name in names} | {"page": playground.page if playground.simple else ""}
    text = json.dumps(data, ensure_ascii=False, allow_nan=False).replace("</", "<\\/")
    alt = html.escape(DESCRIPTION, quote=True)
    full = "" if playground.simple else " playground-full"
    return f"""<figure class="playground{full} mathjax_ignore tex2jax_ignore">
<div class="pg-still"><img alt="{alt}" src="{picture_svg_uri(credit_figure(playground.settings))}"><p>{alt}</p></div>
<script type="application/json" class="playground-data">{text}</script>
</figure>"""


def rule_of(settings: dict[str, Any], lane: str) -> Rule:
    """The rule of a lane, as `tpcore` has it."""
    name, r, step = settings[lane], settings[f"{lane}_r"], settings[f"{lane}_gamma_h"]
    if name == "bp":
        return BackProp()
    options: dict[str, Any] = {"accumulate": settings[f"{lane}_accumulate"], "step": step}
    if name in ("geo", "first"):
        return GeometricTargetProp(settings[f"{lane}_p"] if name == "geo" else 0.0, **options)
    return TargetProp(r, **options) if name == "paper" else TargetProp(r, r, True, **options)


def credit_figure(settings: dict[str, Any]) -> go.Figure:
    """Both lanes' credit at the initial weights, relative to the last step."""
    tau, seed = settings["tau"], torch.Generator().manual_seed(settings["seed"])
    task = TemporalOrder(tau) if settings["task"] == "order" else Adding(tau)
    model = SequenceClassifier(task.input_size, settings["d"], task.output_size, rule=BackProp(), generator=seed)
    inputs, targets = task.batch(20, seed)
    last = model.recurrent(inputs)[1][0].detach().requires_grad_()
    (gradient,) = torch.autograd.grad(task.loss(model.output(last), targets), last)
    fig = figure("time step t", "credit, relative to the last step", log_y=True, height=330)
    for lane in ("a", "b"):
        norms = norms_through_time(model, rule_of(settings, lane), inputs, gradient)
        label, color = RULES[settings[lane]]
        line = {"color": PALETTE[color]}
        share = norms[1:] / norms[-1]
        fig.add_scatter(x=np.arange(1, tau + 1), y=share, name=f"{lane.upper()}: {label}", mode="lines", line=line)
    return fig
