"""The figure on speed shows the record, and a new record is noticed."""

import json

import pytest

from tpcore.explorers import grid, speed


def test_it_shows_what_the_record_holds():
    record = speed.bench_record()
    for cell in ("RNN", "GRU"):
        for threads in speed.thread_numbers():
            result = speed.ratios(cell, threads)
            rows = [row for row in record["steps"] if row["cell"] == cell and str(row["threads"]) == threads]
            assert len(result["labels"]) == len(rows) > 0
            seconds = rows[-1]["seconds"]
            expected = seconds["TP"]["median"] / seconds["torch"]["median"]
            assert result["TP"][-1][1] == pytest.approx(expected)
            shown = speed.ratios_figure(result).data
            assert [trace.name for trace in shown] == [label for label, _, _ in speed.SHOWN.values()]
            assert shown[1].x[-1] == pytest.approx(expected)


def test_a_new_record_is_computed_again_and_this_machine_s_counts_else_the_newest(tmp_path, monkeypatch):
    paths = []
    for date in ("2026-01-02", "2026-01-01"):
        path = tmp_path / f"{date}.json"
        path.write_text(json.dumps({"date": date}))
        paths.append(path)
    before = grid.code_key("tpcore.explorers.speed")
    monkeypatch.setattr(speed, "RECORDS", paths)
    assert grid.code_key("tpcore.explorers.speed") != before
    assert speed.bench_record() == {"date": "2026-01-02", "of_this_machine": False}
    monkeypatch.setattr(speed, "machine_name", lambda: "2026-01-01")
    assert speed.bench_record() == {"date": "2026-01-01", "of_this_machine": True}
    monkeypatch.setattr(speed, "RECORDS", [])
    with pytest.raises(FileNotFoundError, match="make bench"):
        speed.bench_record()


def test_the_choice_of_threads_is_the_record_s(tmp_path, monkeypatch):
    path = tmp_path / "another.json"
    path.write_text(json.dumps({"date": "2026-01-01", "steps": [{"threads": 8}, {"threads": 2}, {"threads": 8}]}))
    monkeypatch.setattr(speed, "RECORDS", [path])
    assert speed.thread_numbers() == {"2": "two", "8": "8"}
    monkeypatch.setattr(speed, "RECORDS", [])
    assert speed.thread_numbers() == {"1": "one"}
