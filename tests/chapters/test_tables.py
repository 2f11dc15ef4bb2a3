from tests.experiments.test_claims import GOOD, MIDDLE, records_of
from tpcore.chapters import tables
from tpcore.chapters.tables import OUTCOME, folded, outcome_rows, table
from tpcore.complexity import Timing


def test_a_bar_within_an_entry_does_not_end_it():
    assert table(["|δ|"], [["a|b"]]).data.splitlines() == ["| \\|δ\\| |", "| :-- |", "| a\\|b |"]


def test_an_index_is_set_low():
    """In tables and folds; a name in code keeps its underscore."""
    assert table(["γ_θ γ_h"], [["‖δ_0‖"]]).data.splitlines()[::2] == [
        "| γ<sub>θ</sub> γ<sub>h</sub> |",
        "| ‖δ<sub>0</sub>‖ |",
    ]
    assert folded("x", "λ_τ by `weight_hh`").data.splitlines()[2] == "λ<sub>τ</sub> by `weight_hh`"


def test_a_folded_table_is_markdown_within_html():
    """A blank line ends a block of HTML, so what stands between is Markdown again, and the line above it is text."""
    lines = folded("ρ < 1 & more", table(["a"], [["b"]]), "Not run: none.").data.splitlines()
    assert lines[:2] == ["<details><summary>ρ &lt; 1 &amp; more</summary>", ""]
    assert lines[2:6] == ["| a |", "| :-- |", "| b |", ""] and lines[-3:] == ["Not run: none.", "", "</details>"]


def test_the_time_to_a_level_is_steps_times_the_recorded_cost(monkeypatch):
    monkeypatch.setattr(tables, "step_cost", lambda record: Timing(0.02, 0.01, 0.05, 9))
    assert tables.time_to_it(300, records_of(GOOD)) == "6.0\xa0s"
    assert tables.time_to_it(None, records_of(GOOD)) == "–"


def test_a_row_a_method_under_the_titles():
    (row,) = outcome_rows({"tp": records_of(GOOD, MIDDLE)}, {"tp": "TP"}, 0.99)
    assert dict(zip(("method", *OUTCOME), row, strict=True)) == {
        "method": "TP",
        "seeds that solve it": "2 of 2",
        "of these collapse": "0 of 2 [0%,\xa066%]",
        "steps to it": "30",
        "time to it": "–",
        "accuracy at the end": "1.00 (1.00\xa0to\xa01.00)",
        "diverged": "–",
    }
