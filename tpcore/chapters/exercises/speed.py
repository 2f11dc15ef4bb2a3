"""Things to do in the chapter *How fast is it?*."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tpcore.chapters.exercises.verdict import say
from tpcore.chapters.speed import GPU_RECORDS, speed_explorer
from tpcore.explorers import Predict, Question

prediction = Predict(
    "On a CPU every step of tpcore takes less time than torch's. And on a GPU, where torch calls cuDNN?",
    {
        "the lead grows": "A GPU computes faster and starts an operation no faster. torch's module starts fewer of "
        "them there.",
        "torch is ahead": "Most of the time goes into starting operations, and cuDNN starts few. Started as one "
        "graph, a step loses this handicap.",
        "they are level": "That takes a step that is captured as a graph. Started one by one, operations cost more "
        "than what they compute.",
    },
    "torch is ahead",
    explorer=speed_explorer,
    reveal={"place": "gpu"} if GPU_RECORDS else {},
)

larger_r = Question(
    "Two runs differ only in r: 1 and 10. What can make the second faster per step?",
    {
        "a cheaper inversion": "r is added to a diagonal; the factorization does not know how large it is.",
        "displacements that vanish sooner": "The walk back ends once all that it carries has become zero. That is work "
        "left out, not work done faster.",
        "fewer products a step": "By the count of operations both do the same.",
    },
    "displacements that vanish sooner",
)

three_times = Question(
    "Someone reports that target propagation is three times as fast as back-propagation at τ = 784. What decides "
    "whether it means anything?",
    {
        "whether displacements reached the early steps": "With the paper's rule most of the walk back may have been "
        "left out. And both must have run in the same loops.",
        "the accuracy at the end": "It says whether training worked, and nothing about what a step costs.",
        "the number of seeds": "A time is not a matter of seeds here. What was left out is.",
    },
    "whether displacements reached the early steps",
)

where_time_goes = Question(
    "On a GPU a step of 784 time steps takes hardly longer than one of 30, in torch too. Where does the time go?",
    {
        "into starting operations": "Their number does not depend on the length where one kernel walks through all of "
        "it. Captured as graphs the two differ.",
        "into the recurrence": "Then it would grow with the length.",
        "into the inversion": "torch's own step has none.",
    },
    "into starting operations",
)


class _Machine:
    """A clock, and a step that moves it: slow at first, like a compiler, and once interrupted."""

    seconds = (3.0, 0.0021, 0.0019, 0.0020, 0.0400, 0.0022, 0.0020, 0.0018, 0.0021, 0.0020)

    def __init__(self) -> None:
        self.now, self.steps = 0.0, 0

    def clock(self) -> float:
        return self.now

    def step(self) -> None:
        self.now += self.seconds[0] if self.steps == 0 else self.seconds[1 + (self.steps - 1) % 9]
        self.steps += 1


def check_timing(typical_seconds: Callable[[Callable[[], None], Callable[[], float]], Any]) -> None:
    """Say whether `typical_seconds(step, clock)` is a fair time of a step, on a machine whose times are known."""
    say("neither the first call nor an interruption moves your number.", _problem, typical_seconds)


def _problem(typical_seconds: Callable[[Callable[[], None], Callable[[], float]], Any]) -> str:
    machine = _Machine()
    found = typical_seconds(machine.step, machine.clock)
    if not isinstance(found, int | float):
        return f"typical_seconds returned {found!r} instead of a number. Fill the gap and return seconds."
    if machine.steps < 6:
        return f"the step was called {machine.steps} times. A median needs more: five calls or more after the first."
    known = machine.seconds[1:]
    if found > 0.2:
        return f"{found:.2g} s: the first call, which compiles, is in it. Call the step once before you measure."
    if found > max(sorted(known)[:-1]):
        return f"{found:.2g} s: one interrupted call moves your number. Take the median of single calls, not a mean."
    if found <= min(known):
        return f"{found:.2g} s: no more than the fastest call took. Take the median of single calls, not the least."
    return ""
