"""The chapter's answer and its table of verdicts against what the records say, and against the longer table."""

from tpcore.chapters import reproduced as chapter
from tpcore.experiments.claims import CLAIMS
from tpcore.experiments.verdicts import AHEAD, BEHIND, NEITHER


def test_the_words_are_those_of_the_longer_table():
    short = {row[0]: row[1:] for row in chapter.glance_rows()}
    title = ""
    for first, form, end, *entries in chapter.verdict_rows():
        title = first or title
        if form == chapter.LABELS["tp-time"]:
            assert short[title][0] == end
            said = [entries[0], entries[1], entries[3]]
            assert all(whole.startswith(word) for word, whole in zip(short[title][3:], said, strict=True))
    assert [*short] == [claim.title for claim in CLAIMS]


def test_a_network_that_learned_nothing_is_not_better_than_its_baseline():
    """At an accuracy of 0.12 against 0.13, chance being 0.10, "better" would be noise."""
    row = dict(zip(chapter.GLANCE_HEAD, next(row for row in chapter.glance_rows() if "GRU" in row[0]), strict=True))
    assert float(row["TP, through time"]) < 0.2 and row["against the baseline"] == NEITHER


def test_the_answer_counts_the_words():
    words = chapter.words_of("tp-time", "bp-paper")
    said = f"ahead in {words.count(AHEAD)} of {len(words)} contests and behind in {words.count(BEHIND)}"
    lines = chapter.answer().splitlines()
    assert said in lines[0] and len(lines) == 3
    ratios = [float(entry) for row in chapter.times() for entry in row[2:4]]
    assert f"{min(ratios):.2f} to {max(ratios):.2f} times" in lines[1]


def test_without_records_nothing_is_claimed(monkeypatch):
    monkeypatch.setattr(chapter, "recorded", lambda *name: {})
    assert "not run here" in chapter.answer() and {row[1] for row in chapter.glance_rows()} == {"not run"}
    assert chapter.map_rows() == []
