"""What the chapter *Use it in your own project* shows: layers in depth, measured, and which r the searches chose."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import numpy as np
import plotly.graph_objects as go

from tpcore.chapters.equal_effort_records import TASKS, rule_and_kind, tuned
from tpcore.chapters.recorded import say_not_run
from tpcore.chapters.tables import folded, from_a_record, table
from tpcore.experiments import Lead, compare_pairs
from tpcore.experiments.verdicts import AHEAD, BEHIND, LEVEL, NEITHER, UNCLEAR, sentence, word_for
from tpcore.explorers import Choice, Explorer
from tpcore.explorers.figures import PALETTE, band, figure
from tpcore.results import default_folder

RECORDS = sorted((default_folder() / "depth").glob("*.json"))  # a new one makes the book compute its figure again
CHANCE, LEARNED = 0.1, 0.2  # accuracies: of guessing one digit of ten, and what counts as having learned
RULES = {
    "bp": ("back-propagation", PALETTE["orange"], "dash"),
    "paper": ("targets, the paper's rule", PALETTE["blue"], "solid"),
    "calibrated": ("targets, calibrated", PALETTE["green"], "solid"),
}
TITLES = {"2": "2 layers", "4": "4 layers", "8": "8 layers", "16": "16 layers", "conv": "convolutions"}


@cache
def depth_record() -> dict[str, Any]:
    """The newest record of `python -m benchmarks.depth`, its networks by name.

    Raises
    ------
    FileNotFoundError
        If there is none.
    """
    if not RECORDS:
        raise FileNotFoundError(f"no record in {default_folder() / 'depth'}: `python -m benchmarks.depth` writes one")
    record: dict[str, Any] = max((json.loads(path.read_text("utf-8")) for path in RECORDS), key=lambda r: r["date"])
    named = {"conv" if row["depth"] is None else str(row["depth"]): row["rules"] for row in record["networks"]}
    return record | {"networks": named}


NETWORKS = {name: title for name, title in TITLES.items() if not RECORDS or name in depth_record()["networks"]}


def learning(network: str) -> dict[str, Any]:
    """Accuracy on the test images against steps, for each rule: its median, lowest and highest seed."""
    if not RECORDS:
        return {"steps": [], "rules": {}}
    record = depth_record()
    accuracy = {rule: np.array(found["accuracy"]) for rule, found in record["networks"][network].items()}
    return {
        "steps": np.arange(1, record["steps"] // record["every"] + 1) * record["every"],
        "rules": {
            rule: {"low": found.min(0), "median": np.median(found, 0), "high": found.max(0)}
            for rule, found in accuracy.items()
        },
    }


def learning_figure(result: dict[str, Any]) -> go.Figure:
    """A curve for each rule, in a band from the lowest to the highest seed."""
    fig = figure("training step", "accuracy on test images", y_range=(0, 1.03), height=380)
    if not result["rules"]:
        say_not_run(fig, "python -m benchmarks.depth")
        return fig
    fig.add_hline(y=CHANCE)
    for rule, found in result["rules"].items():
        name, color, dash = RULES[rule]
        for trace in band(result["steps"], found["low"], found["high"], color, name):
            fig.add_trace(trace)
        line = {"color": color, "dash": dash}
        fig.add_scatter(x=result["steps"], y=found["median"], name=name, mode="lines", line=line)
    return fig


depth_explorer = Explorer(
    title="Layers in depth",
    description="Accuracy on the test images of handwritten digits against training steps, for back-propagation and "
    "two rules of target propagation, in a dense network of 2, 4, 8 or 16 hidden layers or a small convolutional "
    "network. The median of ten seeds in a band from the lowest to the highest. The dotted line is chance.",
    controls=[Choice("network", "Network", NETWORKS, value="2")],
    compute=learning,
    draw=learning_figure,
)


# What it came to


def contest(network: str, rule: str) -> tuple[Lead, str]:
    """A rule against back-propagation, by the mean accuracy along training over pairs of seeds, and the word for it."""
    found = depth_record()["networks"][network]
    first, second = (np.array(found[name]["accuracy"]) for name in (rule, "bp"))
    lead = compare_pairs(first.mean(1), second.mean(1))
    return lead, word_for(lead, learned=max(np.median(first[:, -1]), np.median(second[:, -1])) > LEARNED)


@from_a_record
def answer() -> Any:
    """The chapter's answer on layers in depth, from the record."""
    from IPython.display import Markdown

    names = {"calibrated": "the calibrated rule", "paper": "the paper's rule"}
    said = "; ".join(f"{name} is {_verdicts(rule)}" for rule, name in names.items())
    lost = [network for network in NETWORKS if all(contest(network, rule)[1] == NEITHER for rule in names)]
    convolutional = f" and {_times(dense=False)} times in the convolutional one" if "conv" in NETWORKS else ""
    nobody = f"; {_where(lost)} no rule learns" if lost else ""
    return Markdown(
        "In depth the layers change too. Where it helps was measured on small digits, with the same search for every "
        f"rule. Beside back-propagation, {said}{nobody}. A step costs {_times(dense=True)} times back-propagation's in "
        f"the dense networks{convolutional}."
    )


def _verdicts(rule: str) -> str:
    """Such as "ahead by up to 0.13 with 8 layers, level with 2 and 4 layers"."""
    found = {network: contest(network, rule) for network in NETWORKS}
    parts = []
    for word, text in ((AHEAD, "ahead"), (LEVEL, "level"), (UNCLEAR, "not clearly different"), (BEHIND, "behind")):
        leads = {network: lead for network, (lead, its) in found.items() if its == word}
        if leads:
            size = max(abs(lead.difference.value) for lead in leads.values())
            by = f" by up to {size:.2f}" if word in (AHEAD, BEHIND) else ""
            parts.append(f"{text}{by} {_where(list(leads))}")
    return ", ".join(parts)


def _where(networks: list[str]) -> str:
    """Such as "with 2 and 4 layers and in the convolutional network"."""
    dense = [network for network in networks if network != "conv"]
    where = [f"with {_listed(dense)} layers"] if dense else []
    where += ["in the convolutional network"] if "conv" in networks else []
    return " and ".join(where)


def _listed(names: list[str]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def _times(*, dense: bool) -> str:
    """How many times back-propagation's step a calibrated one takes, over the networks."""
    found = [rules for name, rules in depth_record()["networks"].items() if (name != "conv") == dense]
    ratios = [rules["calibrated"]["seconds_per_step"] / rules["bp"]["seconds_per_step"] for rules in found]
    low, high = f"{min(ratios):.1f}", f"{max(ratios):.1f}"
    return low if low == high else f"{low} to {high}"


@from_a_record
def depth_table() -> Any:
    """The evidence: what the search chose, where the runs ended, and every verdict."""
    rows = []
    for network, title in NETWORKS.items():
        for rule, found in depth_record()["networks"][network].items():
            ends = np.array(found["accuracy"])[:, -1]
            said = "" if rule == "bp" else sentence(*contest(network, rule))
            r = "" if found["r"] is None else f"{found['r']:.2g}"
            span = f"{np.median(ends):.3f} ({ends.min():.3f} to {ends.max():.3f})"
            rows.append([title, RULES[rule][0], f"{found['step_size']:.1e}", r, span, found["diverged"], said])
    head = ["network", "rule", "step size", "r", "accuracy at the end", "diverged", "beside back-propagation"]
    return folded("What each search chose, where the runs ended, and who is ahead", table(head, rows))


# Which r to begin with


@cache
def chosen_r() -> list[float]:
    """The r of every winner of the equal searches under the calibrated local rule, in order of size."""
    found = [
        records[0].configuration["rule"]["r"]
        for name in TASKS
        for method, records in tuned(name).items()
        if rule_and_kind(method)[0] == "calibrated-local"
    ]
    return sorted(float(r) for r in found)


def which_r() -> Any:
    """Where to begin on the slider, from the record of the searches."""
    from IPython.display import Markdown

    r = np.array(chosen_r())
    if not len(r):
        return Markdown("Not shown: no record of an equal search, such as `tpcore sweep equal-effort-order-60` makes.")
    low, high = np.quantile(r, [0.25, 0.75])
    return Markdown(
        f"Which r? The {len(r)} equal searches of this rule chose r from {r.min():.1g} to {r.max():.2g}, half of them "
        f"between {low:.2g} and {high:.2g}; {np.mean(r > 1):.0%} lie above r = s = 1, where nothing can explode."
    )
