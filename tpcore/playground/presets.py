"""Places to start from: settings, what to watch there, and a question that the run answers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Preset:
    """Settings with a sentence that says what to watch, and a question to be answered before the run.

    Parameters
    ----------
    title, sentence, question : str
    outcome : str
        How the page finds which answer is true (outcomes.js).
    steps : int
        After how many steps it looks.
    options : dict of str to str
        The answers: what the page finds, and how it is said.
    settings : dict
        What differs from the starting values.
    chosen : str
        How the settings were chosen, where one lane gets ahead.
    seeds : int
        How many seeds both lanes run; 1 is the race on the screen.

    Examples
    --------
    >>> from tpcore.playground import PRESETS
    >>> PRESETS["middle"].settings
    {'tau': 30}
    """

    title: str
    sentence: str
    question: str
    outcome: str
    steps: int
    options: dict[str, str] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)
    chosen: str = ""
    seeds: int = 1


PRESETS: dict[str, Preset] = {
    "explode": Preset(
        title="Explode",
        sentence="Lane B inverts almost exactly, by the paper’s rule with a small r. Watch its credit grow at every "
        "step back, until its weights jump: then none is left, or it diverges.",
        question="What happens to lane B’s credit on its way back to the first step?",
        options={"fades": "It fades", "level": "It stays level", "explodes": "It explodes"},
        outcome="shape",
        steps=100,
        settings={"b": "paper", "b_r": 0.05, "b_gamma_h": 0.001},
    ),
    "forget": Preset(
        title="Forget",
        sentence="Lane B follows the paper’s rule with a large r: safe, but each step back divides the credit by about "
        "1 + r. Watch where its curve leaves the picture.",
        question="Which lane’s credit reaches the first marker?",
        options={"a": "Lane A’s", "b": "Lane B’s", "both": "Both lanes’", "neither": "Neither’s"},
        outcome="reach",
        steps=150,
        settings={"b": "paper", "b_r": 10.0},
    ),
    "middle": Preset(
        title="Middle",
        sentence="Lane B’s rule is calibrated with r = 1, where credit can’t explode. Watch its curve stay smooth "
        "while both networks train with the same two step sizes.",
        question="Which lane gets 90 % right first?",
        options={"a": "Lane A", "b": "Lane B", "neither": "Neither"},
        outcome="first",
        steps=150,
        settings={"tau": 30},
        chosen="Fifteen pairs of step sizes were tried on three seeds, γ_θ from 0.1 to 1 and γ_h from 0.03 to 3. Both "
        "lanes learn at this pair. With none of the fifteen does back-propagation get as far in 150 steps as lane B "
        "does here. That is one short task; what a search of equal effort finds on others is another matter.",
    ),
    "back-propagation": Preset(
        title="Back-propagation",
        sentence="Lane B’s rule is calibrated with r = 1000, the far end of the slider. Watch its angle to the "
        "gradient stay near zero.",
        question="How far apart are the two lanes’ directions?",
        options={"same": "Less than a degree", "near": "Between 1° and 30°", "far": "More than 30°"},
        outcome="angle",
        steps=150,
        settings={"b_r": 1000.0},
    ),
    "find": Preset(
        title="Find, then use",
        sentence="Both lanes start with the geometric mean, p = 0, whose credit keeps its length. Lane B’s p follows "
        "its loss to 1, back-propagation. Watch both leave chance, and the one whose p moves get on.",
        question="Which lane gets 90 % right first?",
        options={"a": "Lane A", "b": "Lane B", "neither": "Neither"},
        outcome="first",
        steps=400,
        settings={
            "tau": 60,
            "a": "geo",
            "a_gamma_theta": 0.02,
            "a_optimizer": "adam",
            "b": "first",
            "b_gamma_theta": 0.02,
            "b_optimizer": "adam",
        },
        chosen="Twenty-six pairs of step sizes were tried, with SGD and with Adam; with some of them neither lane "
        "learns. At this pair back-propagation learns the task as well. Whether starting with p = 0 helps where it "
        "does not is asked by the chapter on targets first.",
    ),
    "yours": Preset(
        title="Yours to find",
        sentence="Move anything of lane B, then run both lanes from five seeds: B is ahead if each of its seeds is "
        "above all of A’s.",
        question="Can you beat back-propagation on five seeds?",
        outcome="contest",
        steps=150,
        settings={"b_r": 3.0},
        seeds=5,
    ),
}
