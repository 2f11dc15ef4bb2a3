import json
import signal
import subprocess
import sys
import time
import tomllib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from importlib import import_module
from pathlib import Path

import psutil
import pytest

import tpcore
from tests.experiments.small import DIVERGING, SMALL
from tpcore import results
from tpcore.experiments import EXPERIMENTS, Network
from tpcore.experiments.cli import main
from tpcore.tasks import Pixels

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def registered(monkeypatch, tmp_path):
    monkeypatch.setitem(EXPERIMENTS, "small", SMALL)
    monkeypatch.setenv("TPCORE_RESULTS", str(tmp_path / "results"))


@pytest.fixture
def said(capsys):
    """The exit status, what is printed, and the errors, of a command."""

    def call(*arguments):
        try:
            status = main(arguments)
        except SystemExit as stop:  # argparse's way
            status = stop.code
        return status, *capsys.readouterr()

    return call


def test_list_names_every_experiment(said):
    status, out, _ = said("list")
    assert status == 0 and [line.split()[0] for line in out.splitlines()] == list(EXPERIMENTS)
    assert "for the tests; 60 steps, 0 of 4 runs recorded" in out


def test_run_show_and_again(said, tmp_path):
    status, out, err = said("run", "small", "--jobs", "1", "--methods", "tp")
    assert status == 0 and out.startswith("2 runs recorded, 0 were there already\nrun    tp")
    assert "120/120" in err and "step/s" in err, "progress with the time left"
    status, out, err = said("run", "small", "--jobs", "1", "--quiet")
    assert status == 0 and out.startswith("2 runs recorded, 2 were there already") and err == ""
    status, out, _ = said("show", "small")
    assert status == 0 and [line.split()[1] for line in out.splitlines()] == ["bp", "tp"]
    accuracies = [record.column("accuracy")[-1] for record in results.read_all(tmp_path / "results")][2:]
    low, high = sorted(accuracies)
    assert f"accuracy {(low + high) / 2:.3f} ({low:.3f} to {high:.3f}), 2 seeds, 0 s" in out.splitlines()[1]
    assert f"γ_θ 0.1, γ_h 0.1, r 1, 60 steps [{SMALL.runs('small')[2].setup.key()}]" in out.splitlines()[1]
    assert "4 of 4 runs recorded" in said("list")[1]


def unfinished(path):
    """The record as it was while its run was under way, at an accuracy that no other has."""
    record = results.read(path)
    record.rows = record.rows[:2]
    record.rows[-1][record.columns.index("accuracy")] = 0.999
    record.status = "running"
    results.write(record, path)


def test_what_is_under_way_is_not_counted_as_done(said, tmp_path):
    said("run", "small", "--jobs", "1")
    paths = [run.path(tmp_path / "results") for run in SMALL.runs("small")]
    unfinished(paths[0])
    unfinished(paths[2])
    unfinished(paths[3])
    assert "1 of 4 runs recorded, 3 under way" in said("list")[1]
    bp, tp = said("show", "small")[1].splitlines()
    (accuracy,) = results.read(paths[1]).column("accuracy")[-1:]
    assert f": accuracy {accuracy:.3f} ({accuracy:.3f} to {accuracy:.3f}), 1 seeds, 0 s, 1 under way" in bp
    assert tp.endswith(": none has ended, 2 under way")
    for path in paths[:2]:
        path.write_text("")
    status, out, err = said("list")
    assert status == 1 and len(out.splitlines()) == len(EXPERIMENTS), "the others are listed all the same"
    for command in ("list", "show small", "verify"):
        status, _, err = said(*command.split())
        assert status == 1 and all(f"{path} is not a record" in err for path in paths[:2]), command


def test_a_diverged_run_is_shown_as_untrained(said, monkeypatch):
    """Its last row, from before the divergence, is better than its first."""
    monkeypatch.setitem(EXPERIMENTS, "small", replace(SMALL, methods={"tp": DIVERGING}, seeds=(0,), log_every=1))
    said("run", "small", "--jobs", "1")
    (record,) = results.read_all(results.default_folder())
    first, *_, last = record.column("accuracy")
    assert record.status == "diverged" and f"{first:.3f}" != f"{last:.3f}"
    (line,) = said("show", "small")[1].splitlines()
    assert f"accuracy {first:.3f} ({first:.3f} to {first:.3f}), 1 seeds, 0 s, 1 diverged" in line


def test_settings_that_differ_in_anything_are_lines_of_their_own(said, monkeypatch):
    tp = SMALL.methods["tp"]
    others = [
        replace(SMALL, methods={"tp": replace(tp, rule=replace(tp.rule, margin=0.01))}),
        replace(SMALL, methods={"tp": replace(tp, optimizer=replace(tp.optimizer, clip=1.0))}),
        replace(SMALL, methods={"tp": tp}, network=Network(9)),
    ]
    for other in (*others, replace(SMALL, methods={"tp": tp})):
        monkeypatch.setitem(EXPERIMENTS, "small", other)
        said("run", "small", "--jobs", "1", "--steps", "2")
    lines = said("show", "small")[1].splitlines()
    assert len(set(lines)) == 4 and all("2 seeds" in line for line in lines)


def test_other_seeds_and_steps(said, tmp_path):
    assert said("run", "small", "--jobs", "1", "--methods", "bp", "--seeds", "7,9", "--steps", "25")[0] == 0
    records = results.read_all(tmp_path / "results")
    assert [(record.seed, record.column("step")) for record in records] == [(7, [0, 20, 25]), (9, [0, 20, 25])]


def test_results_in_another_folder(said, tmp_path):
    assert said("run", "small", "--jobs", "1", "--methods", "bp", "--results", str(tmp_path / "other"))[0] == 0
    assert len(results.read_all(tmp_path / "other")) == 2 and not (tmp_path / "results").exists()


def test_sweep(said, tmp_path):
    status, out, _ = said("sweep", "small", "--jobs", "1", "--trials", "2", "--methods", "tp")
    assert status == 0 and out.startswith("tuned  tp") and "2 seeds" in out
    assert [record.stage for record in results.read_all(tmp_path / "results")] == ["search"] * 2 + ["tuned"] * 2
    assert [line.split()[0] for line in said("show", "small")[1].splitlines()] == ["search", "search", "tuned"]
    assert "; 60 steps, 2 of 4 runs of search winners recorded" in said("list")[1]
    said("sweep", "small", "--jobs", "1", "--trials", "2", "--methods", "tp", "--steps", "5", "--seeds", "7")
    assert "; 60 steps, 2 of 4 runs of search winners recorded" in said("list")[1], "these are none of the experiment's"


def test_verify(said, tmp_path):
    said("run", "small", "--jobs", "1")
    status, out, _ = said("verify", "--sample", "3")
    assert status == 0 and out.startswith("4 records are whole; 3 are run again") and out.count(": identical") == 3
    (path, *_) = sorted((tmp_path / "results").rglob("*.jsonl"))
    record = results.read(path)
    record.rows[1][record.columns.index("accuracy")] += 0.5
    results.write(record, path)  # not tampered with, but not what this code computes
    status, out, _ = said("verify", "small", "--sample", "9")
    assert status == 1 and out.count("DIFFERS") == 1 and out.count(": identical") == 3
    path.write_text(path.read_text().replace('"seed": 0', '"seed": 5'))
    status, _, err = said("verify")
    assert status == 1 and "was changed after it was written" in err and str(path) in err


def test_verify_goes_on_after_what_cannot_be_checked(said, monkeypatch, tmp_path):
    """Data that are missing, and settings of another version, beside two records that are right."""
    said("run", "small", "--jobs", "1")
    bp, _, tp, _ = (run.path(tmp_path / "results") for run in SMALL.runs("small"))
    unknown = results.read(tp)
    unknown.configuration["rule"]["elasticity"] = 3
    results.write(unknown, tp)
    images = replace(SMALL, task=Pixels("cifar10")).runs("small", ["bp"])[0]
    record = results.read(bp)
    record.configuration = images.setup.configuration()
    results.write(record, images.path(tmp_path / "results"))
    bp.unlink()
    (tmp_path / "data/cifar10/cifar-10-batches-py").mkdir(parents=True)
    monkeypatch.setenv("TPCORE_DATA", str(tmp_path / "data"))
    status, out, _ = said("verify")
    assert status == 0 and out.startswith("4 records are whole; 4 are run again") and out.count("identical") == 2
    assert out.count("not checked: ") == 2 and "data_batch_1" in out and "elasticity" in out
    assert {"2 agree", "2 not checked"} == set(out.splitlines()[-1].split(", "))
    for run in SMALL.runs("small", seeds=[1]):
        run.path(tmp_path / "results").unlink()
    assert said("verify")[0] == 1, "nothing was checked"
    assert "[of another version]" in said("show", "small")[1]


def test_verify_without_records_is_explained(said, tmp_path):
    status, out, err = said("verify", "--results", str(tmp_path / "typo"))
    assert status == 1 and out == "" and f"no record in {tmp_path / 'typo'} has come to its end" in err
    said("run", "small", "--jobs", "1")
    for run in SMALL.runs("small"):
        unfinished(run.path(tmp_path / "results"))
    status, _, err = said("verify", "small")
    assert status == 1 and "no record of small in " in err


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["run", "nothing"], 2, "experiment must be one of adding-30, "),
        (["show", "nothing"], 2, "experiment must be one of"),
        (["verify", "nothing"], 2, "experiment must be one of"),
        (["run", "ading-30"], 2, "got 'ading-30': did you mean adding-30?"),
        (["run", "small", "--set", "rr=3"], 2, "a value must be one of gamma_theta, gamma_h, r, batch_size"),
        (["run", "small", "--set", "r=x"], 2, "r must be a number, as in r=3, got 'x'"),
        (["run", "small", "--set", "r=-1"], 2, "r must be above 0 and finite, got -1"),
        (["run", "small", "--set", "length=2.5"], 2, "length must be a whole number, as in length=3, got '2.5'"),
        (["plot", "small"], 1, "no run of small has come to its end"),
        (["run", "small", "--methods", "gp"], 2, "method must be one of bp, tp, got 'gp'"),
        (["run", "small", "--steps", "0"], 2, "argument --steps: must be a whole number of at least 1, got '0'"),
        (["run", "small", "--steps", "abc"], 2, "argument --steps: must be a whole number of at least 1, got 'abc'"),
        (["sweep", "small", "--trials", "-1"], 2, "argument --trials: must be a whole number of at least 1, got '-1'"),
        (["list", "--results", ""], 2, "argument --results: must be the name of a folder"),
        (["run"], 2, "the following arguments are required: NAME"),
        ([], 2, "the following arguments are required: COMMAND"),
        (["fly"], 2, "invalid choice: 'fly'"),
        (["sweep", "small", "--seeds", "1000"], 2, "the search's seed, 1000"),
    ],
)
def test_a_wrong_command_is_explained(said, arguments, status, message):
    found, _, err = said(*arguments)
    assert found == status and message in err and "Traceback" not in err


@pytest.mark.parametrize("seeds", ["one", "", ",", "0,0", "0,", "-1", "1.5", "0,01,1", "99999999999999999999", "²"])
def test_seeds_that_cannot_be_are_explained(said, tmp_path, seeds):
    status, _, err = said("run", "small", f"--seeds={seeds}")
    expected = f"argument --seeds: must be different whole numbers from 0 to 2**62, separated by commas, got {seeds!r}"
    assert status == 2 and expected in err and not (tmp_path / "results").exists()


@pytest.mark.parametrize("methods", ["", ",", "bp,bp", "bp,"])
def test_methods_that_cannot_be_are_explained(said, tmp_path, methods):
    status, _, err = said("run", "small", "--methods", methods)
    expected = f"argument --methods: must be different names, separated by commas, got {methods!r}"
    assert status == 2 and expected in err and not (tmp_path / "results").exists()


def test_the_last_seed_is_one(said):
    assert said("run", "small", "--methods", "bp", "--seeds", f"0,{2**62}", "--steps", "1", "--jobs", "1")[0] == 0


def test_missing_data_are_explained(said, monkeypatch, tmp_path):
    monkeypatch.setitem(EXPERIMENTS, "small", replace(SMALL, task=Pixels("cifar10")))
    (tmp_path / "data/cifar10/cifar-10-batches-py").mkdir(parents=True)
    monkeypatch.setenv("TPCORE_DATA", str(tmp_path / "data"))
    status, _, err = said("run", "small")
    assert status == 1 and "data_batch_1" in err and "missing" in err


def test_an_unwritable_folder_is_explained(said, tmp_path):
    (tmp_path / "results").write_text("a file")
    status, _, err = said("run", "small", "--jobs", "1", "--quiet")
    assert status == 1 and err.startswith("tpcore: ") and "could not be written" in err


def test_stopped_by_hand(said, monkeypatch):
    from tpcore.experiments import commands

    def stop(*arguments, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr(commands, "run_all", stop)
    status, _, err = said("run", "small")
    assert status == 130 and "give the same command again" in err


@pytest.mark.skipif(sys.platform == "win32", reason="Windows ends a process without asking it")
@pytest.mark.parametrize("kill", ["SIGTERM", "SIGKILL"], ids=["kill", "kill -9"])
def test_a_kill_ends_the_processes_that_train(tmp_path, kill):
    """kill PID of a command that runs on two cores: nobody goes on writing records."""
    code = f"""
import sys
from dataclasses import replace
from tests.experiments.small import SMALL
from tpcore.experiments import EXPERIMENTS, cli
EXPERIMENTS["small"] = replace(SMALL, steps=10**6)
sys.exit(cli.main(["run", "small", "--jobs", "2", "--quiet", "--results", {str(tmp_path)!r}]))
"""
    with (tmp_path / "said").open("w") as said:
        process = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stderr=said)
    while len(list(tmp_path.glob("small/run/*.jsonl"))) < 2:
        assert process.poll() is None
        time.sleep(0.05)
    children = psutil.Process(process.pid).children(recursive=True)
    assert len(children) >= 2
    process.send_signal(signal.Signals[kill])
    asked = kill == "SIGTERM"
    try:
        assert process.wait(60) == (130 if asked else -signal.Signals[kill])
        assert psutil.wait_procs(children, timeout=30)[1] == [], "none is left"
    finally:
        for child in (child for child in children if child.is_running()):
            child.kill()
    assert ("stopped; give the same command again" in (tmp_path / "said").read_text()) == asked


def test_the_handler_of_kill_is_put_back(said):
    def own(*_):
        pass

    before = signal.signal(signal.SIGTERM, own)
    try:
        assert said("list")[0] == 0 and signal.getsignal(signal.SIGTERM) is own
        with ThreadPoolExecutor() as pool:
            assert pool.submit(main, ["list"]).result() == 0, "another thread may not set it"
    finally:
        signal.signal(signal.SIGTERM, before)


def test_without_the_extra_it_is_named(said, monkeypatch):
    monkeypatch.setitem(sys.modules, "filelock", None)
    status, _, err = said("run", "small", "--jobs", "1")
    assert status == 1 and 'filelock is missing: pip install "tpcore[experiments]"' in err


def test_help_of_every_command(said):
    status, out, _ = said("--help")
    assert status == 0 and "TPCORE_DATA" in out
    for command in ("list", "run", "sweep", "show", "verify"):
        assert command in out and said(command, "--help")[0] == 0


def test_the_entry_point_is_this_command():
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["scripts"]
    module, function = scripts["tpcore"].split(":")
    assert getattr(import_module(module), function) is main
    done = subprocess.run([sys.executable, "-m", module, "list"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert "temporal-order-60" in done.stdout


def test_the_version(said):
    assert said("--version")[:2] == (0, f"tpcore {tpcore.__version__}\n")


def test_json_for_other_programs(said):
    said("run", "small", "--jobs", "1", "--quiet")
    (row,) = [row for row in json.loads(said("list", "--json")[1]) if row["name"] == "small"]
    assert (row["recorded"], row["runs"], row["methods"], row["under_way"]) == (4, 4, ["bp", "tp"], 0)
    bp, tp = json.loads(said("show", "small", "--json")[1])
    assert bp["seeds"] == [0, 1] and tp["configuration"]["rule"]["r"] == 1
    assert tp["accuracy"]["lowest"] <= tp["accuracy"]["median"] <= tp["accuracy"]["highest"]
    rows = json.loads(said("verify", "small", "--json", "--full")[1])
    assert {row["word"] for row in rows} == {"agree"} and all(row["rows"] == row["of"] == 4 for row in rows)


def test_a_value_that_is_set_has_a_name_of_its_own(said, tmp_path):
    said("run", "small", "--jobs", "1", "--quiet", "--methods", "tp")
    before = {path: path.read_bytes() for path in (tmp_path / "results").rglob("*.jsonl")}
    status, out, _ = said(
        "run", "small", "--jobs", "1", "--quiet", "--methods", "tp", "--set", "r=3", "--set", "length=12"
    )
    assert status == 0 and "filed as small+r=3+length=12: tpcore show small+r=3+length=12" in out
    assert all(path.read_bytes() == content for path, content in before.items())
    records = results.read_all(tmp_path / "results", "small+r=3+length=12")
    assert len(records) == 2 and {record.configuration["rule"]["r"] for record in records} == {3.0}
    assert {record.configuration["task"]["length"] for record in records} == {12}
    assert ", r 3, " in said("show", "small+r=3+length=12")[1]
    assert said("verify", "small+r=3+length=12")[0] == 0


def test_a_plot_is_a_page(said, tmp_path):
    said("run", "small", "--jobs", "1", "--quiet")
    assert said("plot", "small", "--out", str(tmp_path / "curves.html"))[0] == 0
    page = (tmp_path / "curves.html").read_text("utf-8")
    assert "run bp, 2 seeds" in page and "run tp, 2 seeds" in page and "held-out accuracy" in page


def test_verify_says_which_rows_it_has_seen(said, monkeypatch, tmp_path):
    monkeypatch.setitem(EXPERIMENTS, "small", replace(SMALL, log_every=10))
    said("run", "small", "--jobs", "1", "--quiet")
    out = said("verify", "small")[1]
    assert out.count("(the first 3 of 7 rows, to step 20)") == 3 and out.count("(all 7 of 7 rows, to step 60)") == 1
    (path, *_) = sorted((tmp_path / "results").rglob("*.jsonl"))
    record = results.read(path)
    record.rows[-1][record.columns.index("accuracy")] = 0.98
    results.write(record, path)  # sealed again
    status, out, _ = said("verify", "small", "--full")
    assert status == 1 and out.count("DIFFERS") == 1
