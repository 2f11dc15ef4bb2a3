"""What is said of two methods, word by word."""

import pytest

from tests.experiments.test_contests import record_of
from tpcore.experiments import Estimate, Lead
from tpcore.experiments.verdicts import AHEAD, BEHIND, LEVEL, NEITHER, UNCLEAR, certainty, contest, sentence, word_for


def lead(value, low, high, won=5, pairs=5):
    return Lead(Estimate(value, low, high), Estimate(0.9, 0.6, 1.0), won, pairs - won, pairs, 0.0625)


@pytest.mark.parametrize(
    ("found", "word", "says"),
    [
        (lead(0.24, 0.12, 0.33), AHEAD, "ahead by 0.24 [0.12, 0.33], 5 of 5 pairs"),
        (lead(-0.24, -0.33, -0.12, won=1), BEHIND, "behind by 0.24 [0.12, 0.33], 4 of 5 pairs"),
        (lead(0.02, 0.004, 0.03), AHEAD, "ahead by 0.020 [0.004, 0.030], 5 of 5 pairs"),
        (lead(0.1, -0.05, 0.3, won=3), UNCLEAR, "no clear difference: +0.10 [−0.05, +0.30], 3 of 5 pairs"),
        (lead(0.004, 0.001, 0.009), LEVEL, "level: 0.00 [0.00, +0.01], 5 of 5 pairs"),
    ],
)
def test_direction_size_and_certainty(found, word, says):
    assert word_for(found, learned=True) == word and sentence(found, word) == says
    assert word_for(found, learned=False) == NEITHER and sentence(found, NEITHER) == "neither learns"


def test_the_p_stands_beside_the_corrected_one():
    assert certainty(lead(0.24, 0.12, 0.33), 0.56) == "0.062 (0.56)"


def test_at_chance_no_one_is_ahead():
    """One evaluation at twice chance is luck; two in a row are not."""
    low = [record_of([0.25, 0.26, 0.27, 0.26], seed=seed) for seed in range(5)]
    lucky = [record_of([0.25, 0.55, 0.27, 0.55], seed=seed) for seed in range(5)]
    learning = [record_of([0.25, 0.55, 0.55, 0.4], seed=seed) for seed in range(5)]
    assert contest(lucky, low)[1] == NEITHER and contest(lucky, low)[0].sign == 1
    assert contest(learning, low)[1] == AHEAD and contest(low, learning)[1] == BEHIND
    assert contest(learning, learning)[1] == LEVEL
