"""The figure on speed shows the record, and a new record is noticed."""

import json

import pytest

from tpcore import provenance
from tpcore.chapters import speed
from tpcore.complexity import Shape, count
from tpcore.explorers import grid


def test_it_shows_what_the_record_holds():
    record = speed.bench_record()
    assert {*speed.BENCH_RECORDS, *speed.GPU_RECORDS} == {*speed.RECORDS}
    for cell in ("RNN", "GRU"):
        for place in speed.places():
            result = speed.ratios(cell, place)
            steps = speed.gpu_record()["steps"] if place == "gpu" else record["steps"]
            rows = [row for row in steps if row["cell"] == cell and (place == "gpu" or str(row["threads"]) == place)]
            assert len(result["labels"]) == len(rows) > 0
            seconds = rows[-1]["seconds"]
            expected = seconds["TP"]["median"] / seconds["torch"]["median"]
            assert result["TP"][-1][1] == pytest.approx(expected)
            shown = speed.ratios_figure(result).data
            assert [trace.name for trace in shown] == [label for label, _, _ in speed.SHOWN.values()]
            assert shown[1].x[-1] == pytest.approx(expected)
            assert speed.ratios_figure(result).layout.xaxis.range[1] > max(high for _, _, high in result["TP"])


HERE = {"versions": provenance.versions(), "machine": provenance.machine()}
OTHER = {**HERE, "versions": {**HERE["versions"], "torch": "0.1"}}
RECORDED_ON = {"2026-01-01": HERE}


def test_a_new_record_is_computed_again_and_this_machine_s_counts_else_the_newest(tmp_path, monkeypatch):
    paths = []
    for date in ("2026-01-02", "2026-01-01"):
        path = tmp_path / f"{date}.json"
        path.write_text(json.dumps({"date": date, **RECORDED_ON.get(date, OTHER)}))
        paths.append(path)
    before = grid.code_key("tpcore.chapters.speed")
    monkeypatch.setattr(speed, "RECORDS", paths)
    assert grid.code_key("tpcore.chapters.speed") != before
    monkeypatch.setattr(speed, "BENCH_RECORDS", paths)
    found = speed.bench_record()
    assert (found["date"], found["of_this_machine"]) == ("2026-01-01", True)
    monkeypatch.setattr(provenance, "machine", lambda: {**HERE["machine"], "instructions": "others"})
    found = speed.bench_record()
    assert (found["date"], found["of_this_machine"]) == ("2026-01-02", False)
    monkeypatch.setattr(speed, "BENCH_RECORDS", [])
    with pytest.raises(FileNotFoundError, match="make bench"):
        speed.bench_record()


def test_the_choice_of_places_is_the_records(tmp_path, monkeypatch):
    path = tmp_path / "another.json"
    path.write_text(
        json.dumps({"date": "2026-01-01", "versions": {}, "machine": {}, "steps": [{"threads": n} for n in (8, 2, 8)]})
    )
    monkeypatch.setattr(speed, "BENCH_RECORDS", [path])
    monkeypatch.setattr(speed, "GPU_RECORDS", [])
    assert speed.places() == {"2": "two threads", "8": "8 threads"}
    monkeypatch.setattr(speed, "BENCH_RECORDS", [])
    assert speed.places() == {"1": "one thread"} and speed.gpu_record() == {}
    monkeypatch.setattr(speed, "GPU_RECORDS", [path])
    assert speed.places() == {"1": "one thread", "gpu": "a GPU"}


def test_what_the_chapter_says_of_the_gpu():
    """One by one slower than torch; wide states farthest behind; less memory; captured, on a par when long."""
    record = speed.gpu_record()
    ratio = {(row["cell"], *(row[size] for size in ("batch", "length", "hidden"))): row for row in record["steps"]}
    over = {
        shape: row["seconds"]["TP calibrated"]["median"] / row["seconds"]["torch"]["median"]
        for shape, row in ratio.items()
    }
    assert min(over.values()) > 1
    assert max(over, key=over.get) == ("RNN", 64, 100, 256)
    for row in record["steps"]:
        assert row["memory"]["TP calibrated"] < row["memory"]["torch"]
        if row["cell"] == "RNN" and row["length"] == 784:
            assert row["memory"]["TP calibrated"] < 0.5 * row["memory"]["torch"]
    short, long = (row["seconds"] for row in record["captured"])
    inverting = [row["TP calibrated"]["median"] - row["BP"]["median"] for row in (short, long)]
    assert inverting[0] == pytest.approx(inverting[1], rel=0.2)
    assert inverting[0] == pytest.approx(short["BP"]["median"], rel=0.2)
    assert long["BP"]["median"] < long["torch"]["median"]
    assert long["TP calibrated"]["median"] < 1.02 * long["torch"]["median"]
    assert short["TP calibrated"]["median"] > 1.5 * short["torch"]["median"]
    rnn = {row["length"]: row["seconds"] for row in record["steps"] if row["cell"] == "RNN" and row["hidden"] <= 100}
    for name in ("torch", "TP calibrated"):
        assert rnn[784][name]["median"] < 1.3 * rnn[30][name]["median"]
    # By the count, little more than back-propagation
    shape = Shape(20, 60, 100, 6, outputs=10)
    assert short["TP calibrated"]["median"] > 1.7 * short["BP"]["median"]
    assert 1 < count("TP", shape).operations / count("BP", shape).operations < 1.1
    alone = next(row for row in record["steps"] if (row["cell"], row["length"], row["hidden"]) == ("RNN", 60, 100))
    assert alone["seconds"]["torch"]["median"] > 5 * short["torch"]["median"]
    assert alone["seconds"]["TP calibrated"]["median"] > 5 * short["TP calibrated"]["median"]
