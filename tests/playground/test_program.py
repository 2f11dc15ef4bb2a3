"""Show this as code: the program of a lane trains what the lane trains."""

from typing import Any

import numpy as np
import pytest

from tpcore.playground import PRESETS
from tpcore.playground.settings import START

pytestmark = pytest.mark.browser

RUN = """({ settings, name, steps }) => {
  const race = new Race(settings, new Space());
  while (race.step < steps) race.take();
  const { rows, divergedAt } = race.lanes[name];
  return { accuracy: rows.map((row) => row.accuracy), divergedAt };
}"""


def shown(page: Any, lane: str) -> str:
    page.get_by_label("Which lane’s program").select_option(lane)
    return page.locator(".pg-code code").text_content()


def test_every_preset_s_program_runs_and_ends_where_its_lane_does(open_playground: Any, compute: Any) -> None:
    """Curve beside curve: the mean accuracy along training. Two seeds of either side lie about so far apart."""
    page = open_playground()
    page.get_by_text("Show this as code").click()
    ran = set()
    for preset in PRESETS.values():
        page.get_by_role("button", name=preset.title, exact=True).click()
        for lane in ("a", "b"):
            code = shown(page, lane)
            assert len(code.splitlines()) < 25
            if code in ran:
                continue
            ran.add(code)
            found: dict[str, Any] = {}
            exec(code.replace("test_size=200)", "test_size=200, progress=False)"), found)
            run = found["run"]
            argument = {"settings": START | preset.settings, "name": lane, "steps": preset.steps}
            mine = compute(RUN, argument)
            theirs = run.column("accuracy")
            assert run.rows[-1]["step"] == preset.steps or run.diverged_at
            size = min(len(theirs), len(mine["accuracy"]))
            assert np.mean(theirs[:size]) == pytest.approx(np.mean(mine["accuracy"][:size]), abs=0.2), preset.title


def test_adam_and_through_time_are_in_the_program(open_playground: Any) -> None:
    address = "#v1&task=adding&tau=20&d=16&seed=3&a=bp&b=paper&b_accumulate=through_time&b_optimizer=adam"
    page = open_playground(address=address + "&b_gamma_theta=0.01")
    page.get_by_text("Show this as code").click()
    code = shown(page, "b").replace("steps=150", "steps=3")
    found: dict[str, Any] = {}
    exec(code.replace("test_size=200)", "test_size=200, progress=False)"), found)
    assert found["rule"].accumulate == "through_time" and found["rule"].s == 0
    assert type(found["optimizer"]).__name__ == "Adam"
    assert found["model"].recurrent.hidden_size == 16


def test_targets_first_is_in_the_program(open_playground: Any) -> None:
    page = open_playground(address="#v1&task=order&tau=10&d=8&seed=1&a=bp&b=first")
    page.get_by_text("Show this as code").click()
    code = shown(page, "b")
    assert len(code.splitlines()) < 25
    found: dict[str, Any] = {}
    exec(code.replace("test_size=200,", "test_size=200, progress=False,"), found)
    assert found["schedule"].end.p == 1 and found["run"].rows[-1]["position"] == found["schedule"].position
