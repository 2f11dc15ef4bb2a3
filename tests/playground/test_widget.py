"""The Python face, without a browser: what it takes, what it refuses, and its hosted form."""

import json
import re
from typing import Any

import pytest
import traitlets

from tpcore.playground import PRESETS, Playground
from tpcore.playground.settings import FIELDS, START


def test_it_starts_at_its_preset() -> None:
    playground = Playground("forget", tau=40)
    assert playground.settings == START | PRESETS["forget"].settings | {"tau": 40}
    assert set(playground.settings) == set(FIELDS) == set(START)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"b_r": 0}, "b_r must be a number from 0.001 to 1000, got 0"),
        ({"tau": 25}, "tau must be a multiple of 10 from 10 to 60, got 25"),
        ({"d": 7.5}, "d must be an integer from 8 to 64, got 7.5"),
        ({"b": "calibrated"}, "b must be one of 'bp', 'paper', 'cal', 'geo', 'first', got 'calibrated'"),
        ({"r": 1.0}, "there is no setting 'r'"),
    ],
)
def test_what_it_refuses(given: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        Playground(**given)
    playground = Playground()
    before = playground.settings
    with pytest.raises((ValueError, traitlets.TraitError), match=re.escape(message)):
        playground.settings = {**before, **given}
    assert playground.settings == before


def test_an_unknown_preset_is_named() -> None:
    with pytest.raises(ValueError, match="preset must be one of 'explode'"):
        Playground("best")


def test_in_the_book_it_is_html_and_no_widget(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TPCORE_EXPLORER_HOST", "page")
    shown: list[dict[str, str]] = []
    monkeypatch.setattr("IPython.display.display", lambda bundle, raw: shown.append(bundle))
    playground = Playground(simple=True, autostart=True)
    playground._ipython_display_()
    (bundle,) = shown
    assert list(bundle) == ["text/html"] and playground.comm is None
    (data,) = re.findall(r'class="playground-data">(.*?)</script>', bundle["text/html"])
    assert json.loads(data)["settings"] == playground.settings
    assert "data:image/svg+xml" in bundle["text/html"]
