"""The exercises of the notebooks: solutions pass their checks, gaps and known mistakes get their own messages."""

import itertools
import json
import re
from pathlib import Path
from statistics import mean, median

import numpy as np
import pytest
import torch

import tpcore
from tpcore.chapters.exercises.complexity_regimes import check_operations
from tpcore.chapters.exercises.equal_effort import check_permutation_p
from tpcore.chapters.exercises.one_slider import check_calibrated_step
from tpcore.chapters.exercises.regularization import check_left_after
from tpcore.chapters.exercises.regularized_inversion import check_ridge_inverse
from tpcore.chapters.exercises.rnn_experiments import check_two_steps
from tpcore.chapters.exercises.speed import check_timing
from tpcore.chapters.exercises.target_propagation import check_step_back
from tpcore.chapters.exercises.targets_first import check_polar_factor
from tpcore.chapters.exercises.training_an_rnn import check_explode_and_mend
from tpcore.chapters.exercises.use_it import check_own_task

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
GAPS = {  # what the check says of the gap
    "01-regularized-inversion": "Not yet: ridge_inverse returned None instead of a matrix.",
    "02-target-propagation": "Not yet: step_back returned None instead of a vector.",
    "03-training-an-rnn": "Not yet: exploding is Ellipsis. Make it a rule",
    "09-complexity-regimes": "Not yet: operations returned None instead of a dictionary.",
    "04-use-it-in-your-own-project": "Not yet: batch returned None. Fill the gap and return two tensors",
    "05-how-fast-is-it": "Not yet: typical_seconds returned None instead of a number.",
    "06-rnn-experiments": "Not yet: two_steps returned None instead of an optimizer.",
    "07-regularization-is-crucial": "Not yet: left_after returned None instead of a number.",
    "08-one-slider": "Not yet: calibrated_step returned None instead of a vector.",
    "12-targets-first": "Not yet: polar_factor returned None instead of a matrix.",
    "13-equal-effort": "Not yet: permutation_p returned None instead of a number.",
}


def cells(notebook: str, tag: str) -> list[str]:
    found = json.loads((NOTEBOOKS / f"{notebook}.ipynb").read_text("utf-8"))["cells"]
    return ["".join(cell["source"]) for cell in found if tag in cell["metadata"].get("tags", [])]


def test_every_exercise_is_tested() -> None:
    with_exercise = {path.stem for path in NOTEBOOKS.glob("*.ipynb") if cells(path.stem, "exercise")}
    assert with_exercise == set(GAPS)


@pytest.mark.parametrize("notebook", GAPS)
def test_the_solution_is_folded_under_its_name_in_the_page_and_in_jupyter(notebook: str) -> None:
    found = json.loads((NOTEBOOKS / f"{notebook}.ipynb").read_text("utf-8"))["cells"]
    (given,) = [cell["metadata"] for cell in found if "solution" in cell["metadata"].get("tags", [])]
    assert "hide-cell" in given["tags"] and given["jupyter"] == {"source_hidden": True}
    assert given["mystnb"]["code_prompt_show"] == "Show the solution"


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


def calibrated(x, r):
    return (1 + r) * x / (x**2 + r)


@pytest.mark.parametrize(
    ("mistaken", "says"),
    [
        (lambda d, a, W, r: ridge(W, r) @ (a / (a**2 + r) * d), "both factors of the calibration"),
        (lambda d, a, W, r: ridge(W, r) @ (calibrated(a, r) * d), "one factor 1 + r is missing"),
        (lambda d, a, W, r: (1 + r) * ridge(W, r) @ (d / a), "inverted without regularization"),
        (lambda d, a, W, r: (1 + r) * ridge(W, r) @ d, "the activation is left out"),
        (lambda d, a, W, r: calibrated(a, r) * ((1 + r) * ridge(W, r) @ d), "the order is wrong"),
        (lambda d, a, W, r: (1 + r) * ridge(W, r).T @ (calibrated(a, r) * d), "W is applied where its inverse"),
        (lambda d, a, W, r: W.T @ (a * d), "this is back-propagation's step"),
        (lambda d, a, W, r: d, "it is not the harmonic mean"),
        (lambda d, a, W, r: d[:, None], "has the shape of a state, (6,)"),
    ],
)
def test_a_wrong_calibrated_step_is_told_what_it_is(mistaken, says, capsys) -> None:
    line = said_of(check_calibrated_step, mistaken, capsys=capsys)
    assert line.startswith("Not yet: ") and says in line


def swaps(differences):
    return np.array([np.mean(differences * signs) for signs in itertools.product((1, -1), repeat=len(differences))])


@pytest.mark.parametrize(
    ("mistaken", "says"),
    [
        (lambda d: (swaps(d) >= d.mean() - 1e-12).mean(), "this is one-sided"),
        (lambda d: (np.abs(swaps(d)) > abs(d.mean()) + 1e-12).mean(), "≥, not >"),
        (lambda d: (np.abs(swaps(d)) < abs(d.mean()) - 1e-12).mean(), "p is the rest"),
        (lambda d: 0.0, "p is a share of the 2ⁿ ways"),
        (lambda d: 0.9, "Give each difference both signs"),
    ],
)
def test_a_wrong_p_is_told_what_it_is(mistaken, says, capsys) -> None:
    line = said_of(check_permutation_p, mistaken, capsys=capsys)
    assert line.startswith("Not yet: ") and says in line


def sgd(recurrent, output):
    """Plain SGD whose two step sizes are functions of γ_θ and γ_h."""

    def two_steps(model, gamma_theta, gamma_h):
        steps = (recurrent(gamma_theta, gamma_h), output(gamma_theta, gamma_h))
        parts = (model.recurrent, model.output)
        return torch.optim.SGD(
            [{"params": part.parameters(), "lr": step} for part, step in zip(parts, steps, strict=True)]
        )

    return two_steps


@pytest.mark.parametrize(
    ("recurrent", "output", "says"),
    [
        (lambda t, h: h, lambda t, h: t, "the recurrent part moves by γ_h"),
        (lambda t, h: t, lambda t, h: t, "the recurrent part moves by γ_θ: "),
        (lambda t, h: 0.0, lambda t, h: t, "the recurrent part does not move"),
        (lambda t, h: t * h, lambda t, h: t * h, "the output layer moves by γ_θ γ_h"),
        (lambda t, h: t * h, lambda t, h: 0.0, "the output layer does not move"),
        (lambda t, h: t / h, lambda t, h: t, "recurrent moves by 5 for"),
    ],
)
def test_unfair_steps_are_told_what_they_are(recurrent, output, says, capsys) -> None:
    line = said_of(check_two_steps, sgd(recurrent, output), capsys=capsys)
    assert line.startswith("Not yet: ") and says in line


def walked(step, *, backward=True, last_only=False, over=False):
    """‖δ_0‖/‖δ_τ‖ by some step, with the faults asked for."""

    def left_after(W, slopes, r, delta):
        now, order = delta, slopes[-1:] if last_only else slopes
        for slope in reversed(order) if backward else order:
            now = step(now, slope, W, r)
        ratio = float(now.norm() / delta.norm())
        return 1 / ratio if over else ratio

    return left_after


def papers(d, a, W, r):
    return ridge(W, r) @ (d / a)


@pytest.mark.parametrize(
    ("mistaken", "says"),
    [
        (walked(papers, backward=False), "the slopes are taken in the wrong order"),
        (walked(papers, last_only=True), "only one step was taken back"),
        (walked(lambda d, a, W, r: ridge(W, r) @ (d * a)), "the slopes multiply"),
        (walked(lambda d, a, W, r: W.T @ (d / a)), "W is transposed where M_r belongs"),
        (walked(papers, over=True), "this is 1 over it"),
        (walked(lambda d, a, W, r: d), "for four steps it must be"),
    ],
)
def test_a_wrong_ratio_is_told_what_it_is(mistaken, says, capsys) -> None:
    line = said_of(check_left_after, mistaken, capsys=capsys)
    assert line.startswith("Not yet: ") and says in line


def newton_schulz(X, steps):
    for _ in range(steps):
        X = X @ (3 * torch.eye(len(X), dtype=X.dtype) - X.T @ X) / 2
    return X


@pytest.mark.parametrize(
    ("mistaken", "says"),
    [
        (lambda W: newton_schulz(W.T, 40), "it diverged: scale first"),
        (lambda W: newton_schulz(W / W.norm(), 40), "this is UVᵀ, the polar factor of W"),
        (lambda W: newton_schulz(W.T / W.norm(), 3), "iterate until all are 1"),
        (lambda W: torch.linalg.qr(W.T)[0], "not the one nearest to Wᵀ"),
        (lambda W: W[:2], "has the shape of W, (6, 6)"),
    ],
)
def test_a_wrong_polar_factor_is_told_what_it_is(mistaken, says, capsys) -> None:
    line = said_of(check_polar_factor, mistaken, capsys=capsys)
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


def digits(size, generator):
    return torch.randint(10, (size, 7), generator=generator)


def one_hot(symbols):
    return torch.nn.functional.one_hot(symbols, 10).float()


def fixed(size, generator):
    return torch.zeros(size, 5, 1), torch.arange(size) % 2


def unseeded(size, generator):
    return torch.randn(size, 5, 1), torch.arange(size) % 2


def one_class(size, generator):
    return one_hot(digits(size, generator)), torch.zeros(size, dtype=torch.int64)


def coin(size, generator):
    return one_hot(digits(size, generator)), torch.randint(2, (size,), generator=generator)


@pytest.mark.parametrize(
    ("mistaken", "says"),
    [
        (lambda size, generator: digits(size, generator), "return two tensors"),
        (lambda size, generator: (digits(size, generator), torch.zeros(size)), "inputs must be floating point"),
        (lambda size, generator: (one_hot(digits(size, generator)), torch.zeros(size)), "labels must be int64"),
        (unseeded, "the same generator gave two different batches"),
        (fixed, "two batches in a row are the same"),
        (one_class, "two classes or more"),
        (coin, "always naming the most frequent class"),
    ],
)
def test_a_task_that_cannot_be_learned_is_told_why(mistaken, says, capsys) -> None:
    line = said_of(check_own_task, mistaken, capsys=capsys)
    assert line.startswith("Not yet: ") and says in line
