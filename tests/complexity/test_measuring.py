"""What is measured by name does what it says; noise is told, on whatever machine, however busy; slopes are slopes."""

import statistics
import threading

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.utils.flop_counter import FlopCounterMode

from tpcore.complexity import (
    MEASURED,
    Machine,
    Shape,
    Timing,
    compare_times,
    contender_step,
    count,
    counted,
    fitted_slope,
    measure_step,
    roofline_seconds,
)

SMALL = {"batch": 3, "length": 4, "hidden": 5, "inputs": 2}


@given(st.integers(1, 9), st.integers(1, 9), st.integers(1, 9), st.integers(1, 9))
def test_the_step_of_torch_does_the_products_that_are_counted(batch, length, hidden, inputs):
    shape = {"batch": batch, "length": length, "hidden": hidden, "inputs": inputs}
    step = contender_step("torch", **shape)
    with FlopCounterMode(display=False) as torchs:
        step()
    parts = counted("torch", **shape).parts
    # neither the inputs nor h_0 ask for anything: torch does not carry anything back from h_1
    products = sum(work.operations for part, work in parts.items() if part != "elementwise")
    assert torchs.get_total_flops() == products - 2 * batch * hidden**2


def test_the_learned_inverse_is_trained_within_the_step(monkeypatch):
    made = []
    original = torch.Tensor.backward
    monkeypatch.setattr(torch.Tensor, "backward", lambda self, *a, **k: (made.append(self.item()), original(self))[1])
    contender_step("learned inverse", **SMALL)()
    assert len(made) == 2, "the network's loss, and the reconstruction's"


def test_a_contender_that_there_is_not_is_named():
    with pytest.raises(ValueError, match=r"contender must be one of 'torch', 'BP', .*, got 'DTP'"):
        contender_step("DTP", **SMALL)
    with pytest.raises(ValueError, match="cell must be one of 'RNN', 'GRU', got 'LSTM'"):
        contender_step("TP", **SMALL, cell="LSTM")


def test_a_script_that_times_a_step_keeps_its_draws():
    drawn = []
    for times in (0, 1):
        torch.manual_seed(77)
        for _ in range(times):
            contender_step("BP", **SMALL)
        drawn.append(torch.rand(3))
    assert torch.equal(*drawn)


def test_contenders_are_counted_by_what_they_are():
    assert {counted(name, **SMALL).contender for name in MEASURED} == {"BP", "TP", "learned inverse"}
    assert counted("TP", **SMALL) == count("TP", Shape(3, 4, 5, 2, 10))


def test_it_measures_on_a_busy_machine_on_one_thread_and_leaves_the_threads_as_they_were():
    """Another thread computes all the time; no number is asserted but what holds whatever it takes."""
    done = threading.Event()

    def disturb():
        while not done.is_set():
            torch.mm(torch.ones(64, 64), torch.ones(64, 64))

    before, inside = torch.get_num_threads(), []
    other = threading.Thread(target=disturb)
    other.start()
    try:
        times = measure_step(**SMALL, seconds=0.05)
        measure_step(("TP",), **SMALL, seconds=0.0)
        inside.append(torch.get_num_threads())
    finally:
        done.set()
        other.join()
    assert inside == [before] == [torch.get_num_threads()]
    assert list(times) == list(MEASURED)
    for time in times.values():
        assert 0 < time.low <= time.median <= time.high and time.runs >= 5
    comparison = compare_times(times, "TP", "BP")
    assert comparison.low <= comparison.ratio <= comparison.high


def test_one_thread(monkeypatch):
    seen = []
    monkeypatch.setattr(
        "tpcore.complexity.measuring.time_in_turn", lambda steps, **_: seen.append(torch.get_num_threads())
    )
    measure_step(**SMALL)
    assert seen == [1]


@pytest.mark.parametrize(
    ("ours", "theirs", "conclusive"),
    [
        (Timing(2.0, 1.9, 2.1, 9), Timing(1.0, 0.9, 1.1, 9), True),
        (Timing(1.0, 0.9, 1.1, 9), Timing(2.0, 1.9, 2.1, 9), True),
        (Timing(1.1, 1.0, 1.2, 9), Timing(1.0, 0.9, 1.1, 9), False),  # they overlap
        (Timing(9.0, 6.0, 12.0, 9), Timing(1.0, 0.9, 1.1, 9), False),  # far apart, but one spreads too much
        (Timing(9.0, 8.9, 9.1, 9), Timing(1.0, 0.5, 1.1, 9), False),
    ],
)
def test_too_much_noise_is_no_conclusion(ours, theirs, conclusive):
    found = compare_times({"TP": ours, "BP": theirs}, "TP", "BP")
    assert found.conclusive == conclusive
    assert found.ratio == ours.median / theirs.median
    assert (found.low, found.high) == (ours.low / theirs.high, ours.high / theirs.low)


@given(st.floats(-3, 3), st.floats(1e-3, 1e3), st.lists(st.integers(1, 10**6), min_size=2, max_size=8, unique=True))
def test_the_slope_of_a_power_is_its_exponent(exponent, factor, sizes):
    costs = [factor * size**exponent for size in sizes]
    assert fitted_slope(sizes, costs, decades=7) == pytest.approx(exponent, abs=1e-6)


def test_the_slope_is_that_of_least_squares_over_the_largest_sizes():
    sizes, costs = [1, 10, 20, 100], [50.0, 3.0, 8.0, 40.0]
    kept = [(torch.tensor(float(x)).log().item(), torch.tensor(y).log().item()) for x, y in zip(sizes, costs)][1:]  # noqa: B905
    expected, _ = statistics.linear_regression(*zip(*kept, strict=True))
    assert fitted_slope(sizes, costs) == pytest.approx(expected, rel=1e-6)
    with pytest.raises(ValueError, match=r"decades = 0\.5 leaves fewer than two of the sizes"):
        fitted_slope(sizes, costs, decades=0.5)
    with pytest.raises(ValueError, match="costs must be as many as sizes, 3; there are 2"):
        fitted_slope([1, 2, 3], [1, 2])


@pytest.mark.parametrize("name", ["batch", "length", "hidden"])
@pytest.mark.parametrize("contender", MEASURED)
def test_the_slopes_that_the_counts_tend_to(name, contender):
    """Linear in B and τ; in d, quadratic while B·τ is far larger, and cubic under an inversion once d is."""
    base = {"batch": 20, "length": 60, "hidden": 100, "inputs": 6}
    sizes = [10**6, 10**7]
    costs = [counted(contender, **{**base, name: size}).operations for size in sizes]
    cubic = name == "hidden" and contender.startswith("TP")
    expected = (3 if cubic else 2) if name == "hidden" else 1
    assert fitted_slope(sizes, costs) == pytest.approx(expected, abs=0.01)


@given(st.sampled_from(["batch", "length", "hidden", "inputs"]), st.integers(1, 60), st.sampled_from(list(MEASURED)))
def test_the_estimated_time_grows_with_every_size(name, size, contender):
    base, machine = {"batch": 7, "length": 9, "hidden": 8, "inputs": 3}, Machine(50e9, 10e9)
    less, more = (roofline_seconds(counted(contender, **{**base, name: value}), machine) for value in (size, size + 1))
    assert more > less


@pytest.mark.parametrize("name", ["batch", "length"])
@pytest.mark.parametrize("contender", MEASURED)
def test_the_ratio_of_estimated_times_has_a_limit(contender, name):
    """The inversion is paid once, so that the ratio stands still as B or τ grows."""
    machine, ratios = Machine(50e9, 10e9), []
    for size in (10**9, 10**10):
        shape = {"batch": 7, "length": 9, "hidden": 8, "inputs": 3, name: size}
        ours, theirs = (roofline_seconds(counted(whose, **shape), machine) for whose in (contender, "BP"))
        ratios.append(ours / theirs)
    assert ratios[0] == pytest.approx(ratios[1], rel=1e-4)
    assert ratios[0] >= 1
