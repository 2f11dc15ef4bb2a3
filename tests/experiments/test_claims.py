import pytest

from tpcore.experiments import EXPERIMENTS
from tpcore.experiments.claims import CLAIMS, OWN_STEPS, told, verdicts, versus
from tpcore.experiments.fair import FAIR
from tpcore.experiments.paper import PAPER
from tpcore.results import Record

LABELS = {"bp": "BP", "bp-paper": "BP, the paper's", "bp-adam": "BP, Adam", "tp-time": "TP"}
GOOD, MIDDLE, BAD = [0.2, 1.0, 1.0, 1.0], [0.2, 0.2, 1.0, 1.0], [0.2, 0.2, 0.2, 0.2]


def record_of(accuracies, seed=0):
    task = {"class": "TemporalOrder", "length": 60, "bits": 1}
    record = Record("small", "run", "tp", seed, {"task": task, "steps": 60, "log_every": 20}, status="finished")
    record.set_rows([{"step": 20 * i, "seconds": i, "accuracy": a} for i, a in enumerate(accuracies)])
    return record


def records_of(*runs):
    return [record_of(run, seed) for seed, run in enumerate(runs)]


def test_every_claim_names_experiments_that_there_are():
    assert len({claim.title for claim in CLAIMS}) == len(CLAIMS)
    for claim in CLAIMS:
        assert claim.experiment in PAPER
        assert claim.paper_steps is None or claim.paper_steps > PAPER[claim.experiment].steps
        assert not claim.equal_effort or EXPERIMENTS[claim.equal_effort] is FAIR[claim.equal_effort]


# mean accuracies along training: GOOD (0.1 + 2·1 + … )/3 = 13/15, MIDDLE (0.2 + 0.6 + 1)/3 = 3/5, BAD 1/5
@pytest.mark.parametrize(
    ("first", "second", "says"),
    [
        ((GOOD, GOOD), (MIDDLE, MIDDLE), "ahead by 0.27 [0.27, 0.27], 2 of 2 pairs"),
        ((BAD, BAD), (MIDDLE, MIDDLE), "behind by 0.40 [0.40, 0.40], 2 of 2 pairs"),
        ((GOOD, BAD), (MIDDLE, MIDDLE), "no clear difference: −0.07 [−0.40, +0.27], 1 of 2 pairs"),
        ((GOOD, GOOD), (GOOD, GOOD), "level: 0.00 [0.00, 0.00], 0 of 2 pairs"),
        ((BAD, BAD), (BAD, BAD), "neither learns"),
    ],
)
def test_a_comparison_in_words(first, second, says):
    assert versus(records_of(*first), records_of(*second)) == says


def test_verdicts_compare_each_form_with_each_baseline_that_was_run():
    found = {"bp-paper": records_of(BAD, BAD), "bp": records_of(GOOD, GOOD), "tp-time": records_of(GOOD, GOOD)}
    against = {"bp-paper": "the baseline", "bp": "the same steps"}
    level = "TP, against the same steps: level: 0.00 [0.00, 0.00], 0 of 2 pairs"
    ahead = "TP, against the baseline: ahead by 0.67 [0.67, 0.67], 2 of 2 pairs"
    assert verdicts(found, LABELS, against) == [ahead, level]
    del found["bp-paper"]
    assert verdicts(found, LABELS, against) == [level]
    assert verdicts({"tp-time": found["tp-time"]}, LABELS, against) == []


def test_a_learned_inverse_has_steps_of_its_own_so_bp_with_target_propagation_s_is_no_control():
    found = {"bp-paper": records_of(BAD, BAD), "bp": records_of(GOOD, GOOD), "tp-learned": records_of(GOOD, MIDDLE)}
    against = {"bp-paper": "the baseline", "bp": "the same steps"}
    (sentence,) = verdicts(found, {"tp-learned": "learned"}, against)
    assert sentence.startswith("learned, against the baseline: ahead by ")
    for experiment in PAPER.values():
        steps = {name: method.optimizer for name, method in experiment.methods.items() if name != "bp-paper"}
        assert {name for name in steps if steps[name] != steps["bp"]} <= {OWN_STEPS}


def test_a_method_in_a_line():
    text = told("tp-time", {"tp-time": records_of(GOOD, MIDDLE, BAD)}, LABELS, 0.99)
    assert text == (
        "TP: 2 of 3 seeds reach 0.99 (median: after 30 steps), 0 of these fall back, 0.00 [0.00,\xa00.66]; "
        "1.00 at the end (0.20 to 1.00)"
    )
    text = told("tp-time", {"tp-time": records_of(BAD)}, LABELS, None)
    assert text == "TP: 0.20 at the end (0.20 to 0.20)"
