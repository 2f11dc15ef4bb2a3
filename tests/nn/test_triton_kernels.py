"""The walk back of a GPU against the definition: on a GPU if there is one, else interpreted by Triton on the CPU."""

import sys
from types import SimpleNamespace

import pytest
import torch

from tests.browser import missing
from tests.definition import Network, displacements, minus_directions
from tests.geometric_definition import gated_mean_displacements, mean_displacements
from tests.gru_definition import GatedNetwork, gru_displacements
from tpcore import GeometricTargetProp, TargetProp, inversion
from tpcore.nn import GRU, RNN, layer
from tpcore.recurrences import arrays, elman, linear

CELLS = {
    "RNN": (RNN, Network, displacements, {"W": "weight_hh_l0", "U": "weight_ih_l0", "b": "bias_ih_l0"}),
    "GRU": (
        GRU,
        GatedNetwork,
        gru_displacements,
        {"W": "weight_hh_l0", "U": "weight_ih_l0", "b": "bias_ih_l0", "c": "bias_hh_l0"},
    ),
}
MEANS = {"RNN": mean_displacements, "GRU": gated_mean_displacements}
RULES = [
    TargetProp(0.5, step=0.3),
    TargetProp(0.5, calibrated=True, accumulate="through_time"),
    TargetProp(1.0, 1.0, calibrated=True),
    TargetProp(0.5, 2.0, accumulate="through_time"),
    GeometricTargetProp(0.0, step=0.3),
    GeometricTargetProp(1.0, accumulate="through_time"),
]
WITH_POWERS = [GeometricTargetProp(-0.5), GeometricTargetProp(0.5)]  # no graph holds their eigendecomposition


@pytest.fixture
def kernels(monkeypatch):
    """The module of the kernels, with the loops on tensors that they take; `took` says what they answered."""
    if not sys.platform.startswith("linux"):
        pytest.skip("Triton is made for Linux")
    if torch.cuda.is_available():
        monkeypatch.setattr(torch.backends.cudnn, "enabled", False)  # of whose rounding 1/a′ makes much
    else:
        monkeypatch.setenv("TRITON_INTERPRET", "1")
        for module in (layer, elman):
            monkeypatch.setattr(module, "as_array", torch.Tensor.detach)
    module = arrays.triton_kernels()
    if module is None:
        missing("no Triton here, about 280 MB: .venv/bin/pip install -c constraints.txt triton")
    run, module.took = module.carry_steps, []

    def noted(*given):
        module.took.append(run(*given))
        return module.took[-1]

    monkeypatch.setattr(module, "carry_steps", noted)
    monkeypatch.setattr(linear, "gpu_kernels_for", lambda D: module if D.dtype == torch.float32 else None)
    return module


def found_and_expected(cell, rule, *, d, tau=6, batch=3, on_all=True):
    """What the parameters receive from a loss on all hidden states or on the last one, and what they should."""
    kind, definition, displaced, names = CELLS[cell]
    options: tuple[str, ...] = ("r", "s", "calibrated", "form", "step")
    if isinstance(rule, GeometricTargetProp):
        displaced, options = MEANS[cell], ("p", "step")
    net = definition.random(0, tau=tau, batch=batch, d=d, p=2, scale=0.7)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    module = kind(2, d, dtype=torch.float32, rule=rule)
    with torch.no_grad():
        module.bias_hh_l0.zero_()
        for name, known in names.items():
            module.get_parameter(known).copy_(getattr(net, name))
    output, h_n = module.to(device)(net.x.float().to(device), net.h_0.float().unsqueeze(0).to(device))
    (output if on_all else h_n).sin().sum().backward()
    states = torch.stack(net.states()[1:])
    losses = states.cos() if on_all else torch.cat((torch.zeros_like(states[:-1]), states[-1:].cos()))
    delta = displaced(net, list(losses), **{name: getattr(rule, name) for name in options})
    expected = minus_directions(net, delta, rule.accumulate, "".join(names))
    found = {name: module.get_parameter(known).grad.cpu().double() for name, known in names.items()}
    return found, expected


def check(found, expected):
    for name, value in expected.items():
        assert (found[name] - value).norm() < 1e-4 * value.norm(), name  # in float32, of which 1/a′ makes more


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("rule", RULES + WITH_POWERS, ids=str)
@pytest.mark.parametrize("on_all", [True, False])
@pytest.mark.parametrize("d", [5, 20])
def test_the_directions_equal_the_definition(kernels, cell, rule, on_all, d):
    check(*found_and_expected(cell, rule, d=d, on_all=on_all))
    assert kernels.took and all(kernels.took)


@pytest.mark.parametrize("cell", CELLS)
def test_a_single_step_and_a_single_sample(kernels, cell):
    check(*found_and_expected(cell, RULES[2], d=5, tau=1, batch=1))
    assert all(kernels.took)


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("why", ["too wide", "a smaller GPU"])
def test_where_it_does_not_fit_the_loops_do_it(kernels, monkeypatch, cell, why):
    class Full:
        def __getitem__(self, grid):
            def launch(*given, **options):
                raise kernels.triton.runtime.errors.OutOfResources(3, 2, "shared memory")

            return launch

    if why == "too wide":
        monkeypatch.setattr(kernels, "WIDEST", 8)
    else:
        monkeypatch.setattr(kernels, "_carry_steps", Full())
    check(*found_and_expected(cell, RULES[2], d=20))
    assert kernels.took and not any(kernels.took)


def test_what_is_not_finite_stays_so(kernels):
    module = RNN(2, 5, rule=RULES[0])
    if torch.cuda.is_available():
        module.cuda()
    x = torch.randn(4, 3, 2, device=module.weight_hh_l0.device)
    with pytest.raises(FloatingPointError, match="the direction of"):
        (module(x)[0].sum() * torch.inf).backward()
    assert kernels.took and all(kernels.took)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here, and so no graph")
@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("rule", RULES, ids=str)
def test_a_step_can_be_captured_as_a_graph(cell, rule):
    from benchmarks.gpu import captured_step  # here: a source distribution holds the tests without benchmarks/

    torch.manual_seed(0)
    module, x = CELLS[cell][0](3, 20, rule=rule).cuda(), torch.randn(7, 5, 3, device="cuda")

    def step():
        module.zero_grad()
        module(x)[0].square().sum().backward()
        return [parameter.grad for parameter in module.parameters()]

    replay = captured_step(step)
    x.copy_(torch.randn(7, 5, 3, device="cuda"))
    replay()
    found = [parameter.grad.clone() for parameter in module.parameters()]
    torch.testing.assert_close(found, step(), rtol=1e-3, atol=1e-3)


def test_what_a_graph_can_t_look_for_becomes_nan(monkeypatch):
    W, r = torch.diag(torch.tensor([1.0, 1e-9], dtype=torch.float64)), 1e-9
    assert inversion._by_torch(W, r) is None
    monkeypatch.setattr(inversion, "captured", lambda value: True)
    assert inversion.all_finite(torch.tensor([torch.nan]))
    assert inversion._by_torch(W, r).isnan().all() and inversion._by_torch(W, 1.0).isfinite().all()


@pytest.mark.parametrize("triton", [None, SimpleNamespace(__version__="3.4.0", language=None, jit=None)])
def test_without_triton_or_with_an_old_one_the_loops_do_it(monkeypatch, triton):
    for name in ("triton", "triton.language"):
        monkeypatch.setitem(sys.modules, name, triton)
    monkeypatch.delitem(sys.modules, "tpcore.recurrences.triton_kernels", raising=False)
    monkeypatch.delattr("tpcore.recurrences.triton_kernels", raising=False)
    assert arrays.triton_kernels.__wrapped__() is None  # past the cache
