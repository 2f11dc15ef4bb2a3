"""What chapters 6 to 8, 12 and 13 say of their figures, as a function of what the figures compute; words in the
docstrings are the chapters'."""

import numpy as np
import pytest

from tpcore.chapters import gain_curves, reproduced, rnn_experiments, targets_first
from tpcore.chapters.draw_by_draw import adam_angle, paired_draws, side_by_side
from tpcore.chapters.equal_effort import answer as equal_effort
from tpcore.chapters.equal_effort import explorers as contest
from tpcore.chapters.equal_effort.tables import contests
from tpcore.chapters.equal_effort_records import ORDER, rule_and_kind
from tpcore.chapters.exercises import equal_effort as contest_exercises
from tpcore.chapters.exercises import one_slider as slider_exercises
from tpcore.chapters.one_slider import gains, slider_runs
from tpcore.chapters.regularization import answer as regularization
from tpcore.chapters.regularization import maps
from tpcore.experiments import column, outcome, recorded, solved_at
from tpcore.experiments.verdicts import AHEAD, BEHIND


def answered(text):
    """Whether an answer was made from records (it raises where they do not say what is written) and holds no formula:
    Markdown that a cell prints has none set."""
    return "not run here" not in text and "not here" not in text and "$" not in text


def start(explorer):
    """What the explorer computes before anything is moved."""
    return explorer.compute(**explorer.defaults)


def positions(explorer, name):
    return next(control.positions for control in explorer.controls if control.name == name)


# 6 RNN experiments


def test_through_time_lies_on_back_propagation_with_the_same_steps():
    """ "So it is at the start; the paper's baseline comes up later"; and the prediction: a few degrees."""
    defaults = rnn_experiments.curves_explorer.defaults
    name, rule = defaults["experiment"], defaults["rule"]
    found = {method: recorded(name)[method] for method in ("bp-paper", "bp", rule)}
    assert rnn_experiments.leads(rule, "bp")[name][1] not in (AHEAD, BEHIND)
    assert {outcome(records).solved for records in (found["bp"], found[rule])} == {5}
    assert outcome(found["bp-paper"]).steps > 10 * outcome(found["bp"]).steps
    angles = column(found[rule], "angle")[1]
    assert np.nanmax(angles) < 10 and np.nanmin(column(recorded(name)["tp-local"], "angle")[1]) > 40


def test_at_the_start_the_network_is_sure_and_wrong_before_the_end():
    """ "After 300 steps the network is often sure and wrong before the end of the sequence, and right at its end." """
    found = start(rnn_experiments.task_explorer)
    assert rnn_experiments.task_explorer.defaults["step"] == 300
    right = int(found["target"])
    assert found["said"][-1].argmax() == right
    assert np.delete(found["said"][:-1], right, axis=1).max() > 0.8


def test_the_learned_inverse_loses_what_it_finds():
    name = rnn_experiments.learned_explorer.defaults["experiment"]
    came = outcome(recorded(name)["tp-learned"])
    assert 0 < came.solved < came.seeds and came.collapsed == came.solved


def test_the_grid_starts_where_the_local_rule_alone_fails():
    """ "At the start the local rule stays below; through time and the calibrated rule come up with it." """
    defaults = rnn_experiments.grid_explorer.defaults
    ends = {
        rule: rnn_experiments.grid_runs(**(defaults | {"rule": rule}))["curves"] for rule in rnn_experiments.GRID_RULES
    }
    assert defaults["rule"] == "tp-local"
    assert ends["tp-local"]["tp-local"]["high"].max() < 0.9 < 0.99 <= ends["tp-local"]["bp"]["median"].max()
    assert all(ends[rule][rule]["low"].max() >= 0.99 for rule in ("tp-time", "calibrated-local"))


def test_what_chapter_6_learned():
    """ "Ahead of the local rule on most tasks"; "at τ = 120 most runs that solve the task lose it again"."""
    words = [word for _, word in rnn_experiments.leads("tp-local", "bp").values()]
    assert words.count(BEHIND) > len(words) / 2
    came = [outcome(records) for records in recorded("temporal-order-120").values()]
    assert sum(each.collapsed for each in came) > sum(each.solved for each in came) / 2
    assert answered(rnn_experiments.verdict())


# 7 Regularization is crucial


def test_no_cell_below_one_learns_and_the_best_are_at_10_and_100():
    """ "Below r = 1 none is brighter than 0.28; through time the best stand at 10 and 100; local darker from 10." """
    best = {}
    for rule in maps.RULES:
        found = maps.order_cell(rule, 1.0, 0.1, "angle")
        assert np.max(found["mean"][np.array(found["r"]) < 1]) < 0.28
        best[rule] = dict(zip(found["r"], found["mean"].max(1), strict=True))
    assert set(sorted(best["tp-time"], key=best["tp-time"].get)[-2:]) == {10.0, 100.0}
    assert all(best["tp-local"][r] < best["tp-time"][r] for r in (10.0, 100.0, 1000.0))
    assert answered(regularization.answer()) and answered(regularization.mnist_answer())


def test_both_seeds_solve_it_at_1_and_explode_at_a_tenth():
    """The prediction: at r = 1 both seeds solve it before they fail; at 0.1 they explode and stay at chance."""
    defaults = maps.order_explorer.defaults
    at, rule = (defaults["r"], defaults["gamma_theta"]), defaults["rule"]
    assert (rule, *at) == ("tp-time", 1.0, 0.1)
    runs = maps.cell_runs(maps.ORDER, rule, *at)
    assert all(solved_at(record) is not None and record.status == "diverged" for record in runs)
    small = maps.cell_runs(maps.ORDER, rule, 0.1, at[1])
    assert all(maps.broken(record) for record in small) and column(small)[1].max() < 0.35


def test_one_value_at_a_time():
    """ "From r = 1 to 1,000 nothing changes, r = 0.1 is worse"; γ_θ rises; γ_h is idle under the local rule."""
    for rule in maps.RULES:
        found = {name: maps.sensitivity(name)[rule] for name in maps.VARIED}
        medians = {name: np.median(own["accuracy"], 1) for name, own in found.items()}
        flat = medians["r"][1:]
        assert (
            found["r"]["values"][0] == 0.1 and np.ptp(flat) < 0.02 * flat.mean() and medians["r"][0] < 0.9 * flat.min()
        )
        assert (np.diff(medians["gamma_theta"]) > 0).all()
    local = maps.sensitivity("gamma_h")["tp-local"]
    below = np.array(local["values"]) <= 1e-4
    assert np.ptp(np.median(local["accuracy"], 1)[below]) < 0.01


# 8 One slider


@pytest.mark.parametrize("r", positions(gains.gains_explorer, "r"))
def test_the_calibrated_gain_is_parallel_to_both_ends(r):
    """ "Far to the right parallel to the inverse, above it by 1 + r; far to the left to the transpose, by 1 + 1/r." """
    sigma, found = gain_curves.GAIN_AXIS, gains.both_gains(r)["sigma"]
    right, left = sigma > 5 * r**0.5, sigma < r**0.5 / 5
    np.testing.assert_allclose(found[right], (1 + r) / sigma[right], rtol=0.05)
    np.testing.assert_allclose(found[left], (1 + 1 / r) * sigma[left], rtol=0.05)
    assert np.exp(np.interp(0, np.log(sigma), np.log(found))) == pytest.approx(1, rel=1e-3)
    assert (found.max() <= 1 + 1e-12) == (r == 1)


def test_in_the_middle_nothing_rises_and_a_small_r_carries_many_times_as_much():
    """ "At the start the adjoint has grown, and the green curve has not. At r = 1 it never rises; at r = 100 it follows
    the dashed adjoint"; the prediction."""
    defaults, found = gains.profiles_explorer.defaults, start(gains.profiles_explorer)
    assert (defaults["step"], defaults["r"]) == (600, 1.0)
    assert found["calibrated"][-1] < 1 < found["lambda"][-1]
    for step in positions(gains.profiles_explorer, "step"):
        for by in gains.TRAINED_BY:
            assert (np.diff(gains.profiles(by, step, 1.0)["calibrated"]) <= 1e-12).all()
            far = gains.profiles(by, step, 100.0)
            np.testing.assert_allclose(far["calibrated"], far["lambda"], rtol=0.25)
    revealed = gains.profiles_explorer.defaults | slider_exercises.prediction.reveal
    middle = gains.profiles(**(revealed | {"r": 1.0}))["calibrated"][-1]
    assert gains.profiles(**revealed)["calibrated"][-1] > 50 * middle


def test_the_openings_are_made_from_records():
    texts = (slider_runs.answer(), equal_effort.answer(), reproduced.answer(), targets_first.verdict())
    assert all(answered(text) for text in texts)


def test_from_r_3_on_the_runs_are_back_propagation_s():
    """ "At the start late, not on every seed. From r = 3 every seed, about as soon as BP. Below r = 1 none." """
    defaults = slider_runs.grid_explorer.defaults
    assert defaults["r"] == 1.0
    for name in slider_runs.NAMES:
        for gamma_h in slider_runs.ALL_GAMMA_H:
            if (None, gamma_h) not in slider_runs.places(name):
                continue
            found = slider_runs.along_slider(name, gamma_h)
            steps = dict(zip(slider_runs.ALL_R, found["r"], strict=True))
            gradients = np.median(found["backprop"])
            for r in slider_runs.ALL_R:
                if r < 1:
                    assert not np.isfinite(steps[r]).any()
                if r > 1:
                    assert 0.6 < np.median(steps[r]) / gradients < 1.4
            if (name, gamma_h) == (defaults["task"], defaults["gamma_h"]):
                assert np.isnan(steps[1.0]).any() and np.nanmin(steps[1.0]) > gradients


# 13 Equal effort


def test_what_equal_effort_solves():
    """ "Up to τ = 120 both have methods that solve it on every seed; at τ = 300 and beyond nothing does." """
    cells = contest.success("order")["cells"]
    for place, name in enumerate(ORDER):
        full = {rule_and_kind(method)[0] for method, row in cells.items() if row[place] and len(set(row[place])) == 1}
        length = int(name.rpartition("-")[2])
        assert length > 120 or {"bp", "calibrated-local"} <= full
        assert length < 300 or all(row[place][0] == 0 for row in cells.values() if row[place])
    assert contest.success_explorer.defaults["group"] == "order"


def test_plain_sgd_and_clipped_adam_at_120():
    """ "With plain SGD the calibrated rule solves the task on every seed, BP does not"; then the prediction."""
    name, kind = contest.task_and_kind(contest.tuned_explorer.defaults["contest"])
    solved = {method: row[list(ORDER).index(name)] for method, row in contest.success("order")["cells"].items()}
    assert (name, kind) == ("equal-effort-order-120", "")
    assert solved["calibrated-local"][0] == solved["calibrated-local"][1] and solved["bp"][0] < solved["bp"][1]
    words = {each.methods: each.word for each in contests(name)}
    assert words["bp", "calibrated-local"] == AHEAD
    assert contest_exercises.prediction.reveal == {"contest": f"{name} adam-clip"}
    assert words["bp-adam-clip", "calibrated-local-adam-clip"] == BEHIND


def test_how_fast_and_how_high_the_seeds_get():
    """ "At τ = 60 with Adam every seed within 600 steps, under each rule; with clipping targets take, seed by seed,
    more than twice as many as BP. At τ = 120 with plain SGD all of the calibrated rule end above 0.98, one of BP's
    does." """
    found = start(contest.reaching_explorer)
    assert (found["task"], found["unit"]) == ("equal-effort-order-60", "steps")
    steps = found["methods"]
    assert all(steps[f"{rule}-adam"].max() <= 600 for rule in ("bp", "tp-time", "calibrated-local"))
    assert all((steps[f"{rule}-clip"] > 2 * steps["bp-clip"]).all() for rule in ("tp-time", "calibrated-local"))
    shares = start(contest.endings_explorer)["shares"]
    assert contest.endings_explorer.defaults["contest"] == contest.tuned_explorer.defaults["contest"]
    high = np.flatnonzero(contest.ACCURACIES >= 0.98)[0]
    assert (shares["calibrated-local"][high], shares["bp"][high]) == (1.0, 0.2)


def test_every_position_of_the_contest_was_run():
    for explorer in (contest.tuned_explorer, contest.endings_explorer):
        for value in positions(explorer, "contest"):
            assert len(explorer.compute(contest=value).get("curves", explorer.compute(contest=value).get("shares"))) > 1
    for task in positions(contest.reaching_explorer, "task"):
        values = contest.reaching(task, "seconds")["methods"].values()
        assert any(np.isfinite(own).any() for own in values)


# 12 Targets first


def test_halfway_the_exponent_decides_the_side_of_one():
    """ "Halfway, negative exponents at or below one, positive at or above it, the geometric mean one for every σ." """
    assert targets_first.means_explorer.defaults["weight"] == 0.5
    for q in positions(targets_first.means_explorer, "exponent"):
        gain = targets_first.power_mean(q, 0.5)
        assert (gain <= 1 + 1e-12).all() if q <= 0 else (gain >= 1 - 1e-12).all()
        assert q != 0 or (abs(gain - 1) < 1e-12).all()
    np.testing.assert_allclose(targets_first.means(-2.0, 1.0)["chosen"], gain_curves.GAIN_AXIS)


def test_what_reaches_the_markers():
    """The answers: back-propagation's part at the first marker is a 100,000th; at p = 0 the spread is as at the end."""
    rows = {
        row[0]: [[float(part) for part in entry.split(", ")] for entry in row[1:]] for row in targets_first.reaching()
    }
    first, second, last = rows["back-propagation"]
    assert first[0] < 1e-5 * last[0] and 1e-4 < second[0] / last[0] < 1e-2
    spread = [entry[1] for entry in rows["isometric, p = 0"]]
    assert max(spread) < 1.2 * min(spread)


def test_what_might_refute_the_lead_is_not_run():
    """ "The tasks that might refute it have not been run yet." """
    assert not any(targets_first.tuned(f"targets-first-{task}") for task in ("late-300", "order-500", "adding-100"))


def test_the_place_moves_when_the_loss_falls():
    """ "λ, dotted, moves when the loss falls": under every method that moves by it, on every seed."""
    assert positions(targets_first.moved_explorer, "seed") == tuple(targets_first.fresh()["bp"])
    shown = targets_first.moved(**targets_first.moved_explorer.defaults)
    assert shown["place"][1][0] == 0 and max(shown["place"][1]) == 1, "it hands over where the figure starts"
    for method in positions(targets_first.moved_explorer, "method"):
        for record in targets_first.fresh()[method].values():
            place, loss = np.array(record.column("position")), np.array(record.column("train_loss"), float)
            chance = record.configuration["rule"]["loss_0"]
            assert place[0] == 0
            for step in np.flatnonzero(place > 0.5):
                assert np.nanmin(loss[1 : step + 1]) < 0.97 * chance


# 11 Draw by draw


def test_more_dots_lie_above_the_diagonal_and_to_the_right():
    """ "At τ = 120 more dots lie above than below"; "the calibrated dot of most draws lies to the right"."""
    found = start(paired_draws.draws_explorer)
    assert (found["calibrated"] > found["bp"]).sum() > (found["calibrated"] < found["bp"]).sum()
    found = start(paired_draws.lengths_explorer)
    assert (found["calibrated_length"] > found["bp_length"]).mean() > 0.5


def test_the_curves_of_the_tests():
    """ "With plain SGD the calibrated curve lies above at every step; with one length BP reaches higher." """
    plain, length = (
        {rule: [own.mean() for own in side_by_side.side_by_side(test)[rule]] for rule in side_by_side.RULES}
        for test in ("step-order-120", "length-order-120")
    )
    assert (np.array(plain["calibrated-local"]) > plain["bp"]).all()
    assert max(length["bp"]) > max(length["calibrated-local"])
    assert side_by_side.tests_explorer.defaults["test"] == "step-order-120" and answered(side_by_side.answer())


def test_signs_are_farther_apart_than_directions():
    """ "From r = 1 on the angle between the signs is the larger one, and shrinks more slowly." """
    found = [adam_angle.entries(r) for r in positions(adam_angle.adam_explorer, "r") if r >= 1]
    angle, signs = (np.array([each[name] for each in found]) for name in ("angle", "angle_of_signs"))
    assert (signs > angle).all() and (np.diff(signs / angle) > 0).all()
