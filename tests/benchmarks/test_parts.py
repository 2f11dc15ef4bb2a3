"""The parts of a step are counted once each, and all of them happen."""

from benchmarks import parts


def test_each_part_of_a_step_takes_time(monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["parts", "3", "5", "4", "2", "--steps", "3"])
    parts.main()
    lines = {line[:52].strip(): line[52:].split() for line in capsys.readouterr().out.splitlines() if line}
    assert {*parts.PARTS, parts.REST, parts.OPTIMIZER, "all"} <= set(lines)
    found = parts.microseconds("TP", (3, 5, 4, 2), 3)
    assert all(value > 0 for value in found.values())


def test_what_is_inside_another_part_counts_for_that_alone(monkeypatch):
    ticks = iter([0, 1, 3, 7, 8, 10])
    monkeypatch.setattr(parts.time, "thread_time", lambda: next(ticks))
    clock = parts.Clock()
    inner = clock.timed("inner", lambda: None)
    clock.timed("outer", inner)()
    clock.turn(lambda: None)
    assert clock.seconds == {parts.REST: 1 + 2, "outer": 2 + 1, "inner": 4}
