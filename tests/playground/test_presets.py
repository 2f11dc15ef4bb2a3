"""What a preset's sentence says is what its runs do, on five seeds."""

import re
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import numpy as np
import pytest

from tpcore.playground import PRESETS
from tpcore.playground.settings import FIELDS, START, checked

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"

pytestmark = pytest.mark.browser

RUN = """({ settings, steps }) => {
  const race = new Race(settings, new Space()), norms = {};
  for (const name of ["a", "b"]) norms[name] = [...race.lanes[name].look(race).norms];
  while (race.step < steps && !race.over) race.take();
  const rows = (name) => ({ rows: race.lanes[name].rows, divergedAt: race.lanes[name].divergedAt });
  return { norms, a: rows("a"), b: rows("b"), power: race.lanes.b.settings.p };
}"""


ALONG = """({ settings, steps, seed }) => {
  const race = new Race({ ...settings, seed }, new Space());
  delete race.lanes.b;
  while (race.step < steps && !race.over) race.take();
  const { rows } = race.lanes.a, missing = steps / LOG_EVERY + 1 - rows.length;
  return (rows.reduce((sum, row) => sum + row.accuracy, 0) + missing * chanceOf(race.task)) / (rows.length + missing);
}"""


def runs(compute: Any, name: str) -> list[dict[str, Any]]:
    preset = PRESETS[name]
    return [
        compute(RUN, {"settings": START | preset.settings | {"seed": seed}, "steps": preset.steps}) for seed in range(5)
    ]


def test_explode(compute: Any) -> None:
    for run in runs(compute, "explode"):
        credit = [row["credit"] for row in run["b"]["rows"] if row["credit"] is not None]
        assert max(credit) > 10
        norms = run["norms"]["b"][1:]  # from the first step that is drawn
        assert all(before > after for before, after in pairwise(norms))
        assert run["b"]["divergedAt"] or credit[-1] < 1e-16, "below the picture"
        assert run["b"]["rows"][-1]["accuracy"] < 0.5, "near chance, which is a quarter"


def test_forget(compute: Any) -> None:
    for run in runs(compute, "forget"):
        share = {name: norms[4] / norms[-1] for name, norms in run["norms"].items()}  # at the end of the marker's zone
        assert share["a"] > 0.01
        ratios = [before / after for before, after in zip(run["norms"]["b"], run["norms"]["b"][1:], strict=False)]
        assert all(1 / 14 < ratio < 1 / 6 for ratio in ratios), "about 1 / (1 + r)"
        assert run["b"]["rows"][-1]["accuracy"] < run["a"]["rows"][-1]["accuracy"]


def test_middle(compute: Any) -> None:
    for run in runs(compute, "middle"):
        assert all(before <= after for before, after in zip(run["norms"]["b"], run["norms"]["b"][1:], strict=False))
        assert all(row["credit"] <= 1 for row in run["b"]["rows"])
        assert max(row["accuracy"] for row in run["b"]["rows"]) > 0.6, "it learns"


def test_back_propagation(compute: Any) -> None:
    for run in runs(compute, "back-propagation"):
        assert all(row["angle"] < 3 for row in run["b"]["rows"])
        shares = {name: [norm / norms[-1] for norm in norms] for name, norms in run["norms"].items()}
        assert shares["b"] == pytest.approx(shares["a"], rel=0.05)


def test_find(compute: Any) -> None:
    """Both leave chance, a quarter; the lane whose p moves to 1 gets on. So does back-propagation at these steps."""
    for run in runs(compute, "find"):
        for name in ("a", "b"):
            norms = run["norms"][name][1:]
            assert max(norms) / min(norms) < 1.5, "before training p = 0 keeps the length, but for clipped states"
        accuracy = {name: np.array([row["accuracy"] for row in run[name]["rows"]]) for name in ("a", "b")}
        assert accuracy["a"].max() > 0.4 and accuracy["b"].max() > 0.8
        assert accuracy["b"].mean() > accuracy["a"].mean() + 0.1
        assert run["power"] > 0.95
    preset = PRESETS["find"]
    settings = START | preset.settings | {"a": "bp"}
    reached = [compute(ALONG, {"settings": settings, "steps": preset.steps, "seed": seed}) for seed in range(2)]
    assert min(reached) > 0.4


def test_yours(compute: Any) -> None:
    """It starts where neither lane diverges."""
    preset = PRESETS["yours"]
    assert preset.seeds == 5 and preset.outcome == "contest"
    run = compute(RUN, {"settings": START | preset.settings, "steps": preset.steps})
    assert run["a"]["divergedAt"] is None and run["b"]["divergedAt"] is None


def test_their_settings_are_settings() -> None:
    for preset in PRESETS.values():
        assert START.items() & preset.settings.items() == set(), "what stands at the start anyway"
        checked(preset.settings)


def test_how_the_middle_s_step_sizes_were_chosen(compute: Any) -> None:
    """Fifteen pairs: with none does back-propagation get as far as the calibrated rule does at the preset's."""
    settings = START | PRESETS["middle"].settings
    pairs = [(gamma_theta, gamma_h) for gamma_theta in (0.1, 0.3, 1.0) for gamma_h in (0.03, 0.1, 0.3, 1.0, 3.0)]
    assert (settings["b_gamma_theta"], settings["b_gamma_h"]) in pairs

    def along(rule: str, gamma_theta: float, gamma_h: float) -> float:
        """The mean accuracy along the preset's steps, over three seeds."""
        lane = {"a": rule, "a_gamma_theta": gamma_theta, "a_gamma_h": gamma_h}
        argument = {"settings": settings | lane, "steps": PRESETS["middle"].steps}
        return float(np.mean([compute(ALONG, argument | {"seed": seed}) for seed in range(3)]))

    reached = along("cal", settings["b_gamma_theta"], settings["b_gamma_h"])
    found = {pair: along("bp", *pair) for pair in pairs}
    assert max(found.values()) < reached
    assert found[settings["a_gamma_theta"], settings["a_gamma_h"]] > 0.3, "both learn: chance is a quarter"


LINK = re.compile(r"playground\.ipynb#v1&([^)\s]+)\)")


def test_links_of_the_chapters_lead_to_presets() -> None:
    presets = [START | preset.settings for preset in PRESETS.values()]
    for chapter in ("02-target-propagation", "03-training-an-rnn", "12-targets-first"):
        addresses = LINK.findall((NOTEBOOKS / f"{chapter}.ipynb").read_text("utf-8"))
        assert addresses
        for address in addresses:
            given = {name: value if FIELDS[name].get("options") else float(value) for name, value in parse_qsl(address)}
            assert START | given in presets, address
