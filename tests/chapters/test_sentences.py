import pytest

from tpcore.chapters.sentences import held, share_of, tally
from tpcore.experiments.verdicts import AHEAD, BEHIND, LEVEL, NEITHER, UNCLEAR


def test_a_sentence_that_the_records_do_not_say_stops_the_build():
    assert held("No seed solves it.", True) == "No seed solves it."
    with pytest.raises(ValueError, match=r"the records do not say 'No seed solves it\.'; write what they say"):
        held("No seed solves it.", False)


@pytest.mark.parametrize(
    ("words", "names", "says"),
    [
        ((AHEAD,), ("τ = 60", ""), "ahead in 1 of 1 contests (τ\xa0=\xa060) and behind in none"),
        ((LEVEL, UNCLEAR, NEITHER), ("", ""), "ahead in none of 3 contests and behind in none"),
        ((BEHIND, AHEAD, BEHIND), ("a", "b; c"), "ahead in 1 of 3 contests (a) and behind in 2 (b; c)"),
    ],
)
def test_contests_counted(words, names, says):
    assert tally(words, *names) == says


def test_shares():
    assert [share_of(part, 3) for part in (0, 2, 3)] == ["none of 3", "2 of 3", "all 3"]
