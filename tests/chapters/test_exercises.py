"""The exercises of the notebooks: solutions pass their checks, gaps and known mistakes get their own messages."""

import json
import re
from pathlib import Path
from statistics import mean, median

import pytest
import torch

import tpcore
from tpcore.chapters.exercises.complexity_regimes import check_operations
from tpcore.chapters.exercises.regularized_inversion import check_ridge_inverse
from tpcore.chapters.exercises.speed import check_timing
from tpcore.chapters.exercises.target_propagation import check_step_back
from tpcore.chapters.exercises.training_an_rnn import check_explode_and_mend

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
GAPS = {  # what the check says of the gap
    "01-regularized-inversion": "Not yet: ridge_inverse returned None instead of a matrix.",
    "02-target-propagation": "Not yet: step_back returned None instead of a vector.",
    "03-training-an-rnn": "Not yet: exploding is Ellipsis. Make it a rule",
    "09-complexity-regimes": "Not yet: operations returned None instead of a dictionary.",
    "05-how-fast-is-it": "Not yet: typical_seconds returned None instead of a number.",
}


def cells(notebook: str, tag: str) -> list[str]:
    found = json.loads((NOTEBOOKS / f"{notebook}.ipynb").read_text("utf-8"))["cells"]
    return ["".join(cell["source"]) for cell in found if tag in cell["metadata"].get("tags", [])]


def test_every_exercise_is_tested() -> None:
    with_exercise = {path.stem for path in NOTEBOOKS.glob("*.ipynb") if cells(path.stem, "exercise")}
    assert with_exercise == set(GAPS)


@pytest.mark.parametrize("notebook", GAPS)
def test_the_gap_fails_and_the_solution_passes(notebook: str, capsys: pytest.CaptureFixture[str]) -> None:
    (gap,), (solution,) = cells(notebook, "exercise"), cells(notebook, "solution")
    names: dict[str, object] = {}
    exec(gap, names)
    assert capsys.readouterr().out.startswith(GAPS[notebook])
    exec(solution, names)
    assert capsys.readouterr().out.startswith("Right: ")


def said_of(check, *work, capsys):
    check(*work)
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 72
    return " ".join(lines)


def ridge(W, r):
    return torch.linalg.solve(W.T @ W + r * torch.eye(W.shape[1], dtype=W.dtype), W.T)


@pytest.mark.parametrize(
    ("mistaken", "says"),
    [
        (lambda W, r: torch.linalg.pinv(W), "this is the pseudo-inverse"),
        (lambda W, r: W.T, "this is the transpose"),
        (lambda W, r: ridge(W, r).T, "M_r has the shape (8, 5)"),
        (lambda W, r: ridge(W, r**2), "must be level; yours has a slope of 0.042 times"),
        (lambda W, r: W.T @ W + r * torch.eye(5, dtype=W.dtype), "it raised RuntimeError: The size of tensor"),
    ],
)
def test_a_wrong_ridge_inverse_is_told_what_it_is(mistaken, says, capsys) -> None:
    line = said_of(check_ridge_inverse, mistaken, capsys=capsys)
    assert line.startswith("Not yet: ") and says in line


@pytest.mark.parametrize(
    ("mistaken", "says"),
    [
        (lambda delta, slope, W, r: W.T @ (slope * delta), "this is back-propagation's step"),
        (lambda delta, slope, W, r: ridge(W, r) @ (slope * delta), "An inverse divides by it"),
        (lambda delta, slope, W, r: ridge(W, r) @ delta, "the activation is not undone"),
        (lambda delta, slope, W, r: ridge(W, r) @ delta / slope, "the order is wrong"),
        (lambda delta, slope, W, r: W.T @ (delta / slope), "W is transposed, not inverted"),
        (lambda delta, slope, W, r: torch.linalg.solve(W, delta / slope), "your r has no effect"),
        (lambda delta, slope, W, r: delta, "away from M_r"),
        (lambda delta, slope, W, r: delta[:, None], "has the shape of a state, (6,)"),
    ],
)
def test_a_wrong_step_back_is_told_what_it_is(mistaken, says, capsys) -> None:
    line = said_of(check_step_back, mistaken, capsys=capsys)
    assert line.startswith("Not yet: ") and says in line


SMALL = tpcore.TargetProp(0.3)


@pytest.mark.parametrize(
    ("exploding", "mended", "says"),
    [
        (tpcore.TargetProp(1.0), ..., "mended is Ellipsis"),
        (tpcore.TargetProp(0.3, accumulate="through_time"), SMALL, "Keep to the local rule"),
        (tpcore.TargetProp(0.3, 0.3, True), SMALL, "exploding is calibrated"),
        (tpcore.TargetProp(1.0), SMALL, "at r = 1 no seed diverges"),
        (SMALL, tpcore.TargetProp(1.0, 1.0, True), "Mend it at the same r"),
        (SMALL, SMALL, "Regularize both inversions"),
        (tpcore.TargetProp(0.1), tpcore.TargetProp(0.1, 0.1, True), "largest gain is (1 + r)/(2√r) = 1.74"),
    ],
)
def test_rules_that_do_not_explode_or_mend_are_told_why(exploding, mended, says, capsys) -> None:
    line = said_of(check_explode_and_mend, exploding, mended, capsys=capsys)
    assert line.startswith("Not yet: ") and says in line


def test_an_exception_is_a_message(capsys) -> None:
    check_step_back(lambda *work: 1 / 0)
    assert re.match(r"Not yet: it raised ZeroDivisionError: ", capsys.readouterr().out)


def timed_by(choose, calls, warmed):
    def typical_seconds(step, clock):
        if warmed:
            step()
        seconds = []
        for _ in range(calls):
            start = clock()
            step()
            seconds.append(clock() - start)
        return choose(seconds)

    return typical_seconds


@pytest.mark.parametrize(
    ("mistaken", "says"),
    [
        (timed_by(mean, 9, warmed=True), "Take the median of single calls, not a mean"),
        (timed_by(mean, 9, warmed=False), "the first call, which compiles, is in it"),
        (timed_by(min, 9, warmed=True), "not the least"),
        (timed_by(median, 1, warmed=True), "the step was called 2 times"),
        (timed_by(sum, 9, warmed=True), "Take the median of single calls"),
    ],
)
def test_an_unfair_time_is_told_why(mistaken, says, capsys) -> None:
    line = said_of(check_timing, mistaken, capsys=capsys)
    assert line.startswith("Not yet: ") and says in line


def of_a_step(B, tau, d, p, **changed):
    right = {"forward": 2 * B * tau * d * (d + p), "recurrence": 2 * B * tau * d**2}
    return {**right, "products": right["forward"], **changed}


@pytest.mark.parametrize(
    ("mistaken", "says"),
    [
        (lambda *n: {"forward": of_a_step(*n)["forward"]}, "'recurrence' is missing"),
        (lambda *n: {part: value // 2 for part, value in of_a_step(*n).items()}, "A multiply-add is two operations"),
        (lambda *n: of_a_step(*n, forward=of_a_step(*n)["recurrence"]), "U is missing"),
        (lambda B, tau, d, p: of_a_step(B, tau, d, p, recurrence=2 * B * d**2), "B τ times"),
        (lambda *n: of_a_step(*n, products=17), "products = 17, and torch counts"),
    ],
)
def test_a_wrong_count_is_told_what_it_is(mistaken, says, capsys) -> None:
    line = said_of(check_operations, mistaken, capsys=capsys)
    assert line.startswith("Not yet: ") and says in line
