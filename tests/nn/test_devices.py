"""The central promises on every device there is, and by the loops that devices use, which need none."""

import copy
from contextlib import nullcontext

import pytest
import torch

from tests.definition import Network, displacements, minus_directions
from tests.gru_definition import GatedNetwork, gru_displacements
from tpcore import BackProp, LearnedTargetProp, TargetProp
from tpcore.nn import GRU, RNN, LearnedInverse, layer
from tpcore.recurrences import elman
from tpcore.recurrences.arrays import as_array

CELLS = {
    "RNN": (RNN, torch.nn.RNN, Network, displacements, "WUb"),
    "GRU": (GRU, torch.nn.GRU, GatedNetwork, gru_displacements, "WUbc"),
}
TORCH_NAMES = {"W": "weight_hh_l0", "U": "weight_ih_l0", "b": "bias_ih_l0", "c": "bias_hh_l0"}
RULES = [
    BackProp(),
    TargetProp(0.5, step=0.3),
    TargetProp(0.5, calibrated=True, accumulate="through_time"),
    TargetProp(1.0, 1.0, calibrated=True),
    TargetProp(0.5, 2.0, accumulate="through_time"),
    TargetProp(1.0, form="difference"),
    TargetProp(1.0, form="difference", accumulate="through_time"),
    TargetProp(1.0, form="plain"),
    TargetProp(1.0, form="plain", accumulate="through_time"),
]
PAIRS = [(cell, rule) for cell in CELLS for rule in RULES if cell == "RNN" or getattr(rule, "form", "") != "plain"]
EACH = pytest.mark.parametrize(("cell", "rule"), PAIRS, ids=lambda value: str(value))


def walk(patch, way):
    """Have the loops run on what `way` makes of a tensor."""
    for module in (layer, elman):
        patch.setattr(module, "as_array", way)


@pytest.fixture(params=["cpu", "torch's loops", *(["cuda"] if torch.cuda.is_available() else [])])
def place(request, monkeypatch):
    """A device; or the CPU, with the loops that other devices use."""
    if request.param == "torch's loops":
        walk(monkeypatch, torch.Tensor.detach)
        return torch.device("cpu")
    return torch.device(request.param)


def everything(module, x, h_0):
    """The outputs, and what the inputs, h_0 and the parameters receive from a loss on both."""
    x, h_0 = x.detach().requires_grad_(), h_0.detach().requires_grad_()
    output, h_n = module(x, h_0)
    loss = output.sin().sum() + h_n.pow(2).sum()
    return [output.detach(), h_n.detach(), *torch.autograd.grad(loss, [x, h_0, *module.parameters()])]


@EACH
def test_under_autocast_it_computes_in_its_weights_dtype(place, cell, rule):
    torch.manual_seed(0)
    module, found = CELLS[cell][0](3, 4, rule=rule).to(place), []
    x, h_0 = torch.randn(7, 5, 3, device=place), torch.randn(1, 5, 4, device=place)
    for enabled in (False, True):
        with torch.autocast(place.type, dtype=torch.bfloat16, enabled=enabled):
            found.append(everything(module, x, h_0))
    for alone, under_autocast in zip(*found, strict=True):
        assert torch.equal(alone, under_autocast)


@EACH
@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_it_is_the_same_everywhere(place, cell, rule, layers, dtype):
    torch.manual_seed(0)
    module = CELLS[cell][0](3, 4, layers, dtype=dtype, rule=rule)
    x, h_0 = torch.randn(7, 5, 3, dtype=dtype), torch.randn(layers, 5, 4, dtype=dtype)
    with pytest.MonkeyPatch.context() as patch:  # on the CPU, with NumPy
        walk(patch, as_array)
        expected = everything(copy.deepcopy(module), x, h_0)
    found = everything(module.to(place), x.to(place), h_0.to(place))
    for value, wanted in zip(found, expected, strict=True):
        assert value.device.type == place.type and value.dtype == dtype
        # bfloat16: the same float32 numbers but for their last bits may round to neighbours, in the loss's gradient too
        tolerance = 1e-9 if dtype == torch.float64 else 0.02
        scale = max(1.0, float(wanted.abs().max()))
        torch.testing.assert_close(value.cpu(), wanted, rtol=tolerance, atol=tolerance * scale)


@EACH
def test_the_directions_equal_the_definition(place, cell, rule):
    kind, _, definition, displaced, names = CELLS[cell]
    net = definition.random(0, tau=6, batch=3, d=5, p=2, scale=0.7)
    module = kind(2, 5, dtype=torch.float64, rule=rule)
    with torch.no_grad():
        module.bias_hh_l0.zero_()
        for name in names:
            module.get_parameter(TORCH_NAMES[name]).copy_(getattr(net, name))
    output, _ = module.to(place)(net.x.to(place), net.h_0.unsqueeze(0).to(place))
    states = output.detach().cpu().requires_grad_()
    (losses,) = torch.autograd.grad(states.sin().sum(), states)
    output.sin().sum().backward()
    if isinstance(rule, BackProp):
        parameters = {name: getattr(net, name).requires_grad_() for name in names}
        gradients = torch.autograd.grad(torch.stack(net.states()[1:]).sin().sum(), list(parameters.values()))
        expected = dict(zip(names, gradients, strict=True))
    else:
        options = {name: getattr(rule, name) for name in ("r", "s", "calibrated", "form", "step")}
        expected = minus_directions(net, displaced(net, list(losses), **options), rule.accumulate, names)
    for name, value in expected.items():
        found = module.get_parameter(TORCH_NAMES[name]).grad.cpu()
        torch.testing.assert_close(found, value, rtol=1e-9, atol=1e-9 * max(1, float(value.abs().max())))


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("batch_first", [True, False])
@pytest.mark.parametrize("bias", [True, False])
def test_backprop_equals_torch(place, cell, batch_first, bias):
    torch.manual_seed(0)
    options = {"batch_first": batch_first, "bias": bias, "dtype": torch.float64, "device": place}
    ours, theirs = (kind(3, 4, 2, **options) for kind in CELLS[cell][:2])
    ours.load_state_dict(theirs.state_dict())
    x = torch.randn(5, 6, 3, dtype=torch.float64, device=place)
    h_0 = torch.randn(2, 5 if batch_first else 6, 4, dtype=torch.float64, device=place)
    with torch.backends.cudnn.flags(enabled=False) if place.type == "cuda" else nullcontext():
        expected = everything(theirs, x, h_0)
    torch.testing.assert_close(everything(ours, x, h_0), expected, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("accumulate", ["local", "through_time"])
def test_a_learned_inverse_is_the_same_everywhere(place, accumulate):
    torch.manual_seed(0)
    inverse, module = LearnedInverse(3, 4, dtype=torch.float64), RNN(3, 4, dtype=torch.float64)
    module.rule = LearnedTargetProp(inverse, accumulate=accumulate)
    x, h_0 = torch.randn(7, 5, 3, dtype=torch.float64), torch.randn(1, 5, 4, dtype=torch.float64)
    with pytest.MonkeyPatch.context() as patch:
        walk(patch, as_array)
        expected = everything(module, x, h_0)
    inverse.to(place)
    found = everything(module.to(place), x.to(place), h_0.to(place))
    torch.testing.assert_close([value.cpu() for value in found], expected)


@EACH
def test_an_empty_batch(place, cell, rule):
    module = CELLS[cell][0](3, 4, 2, rule=rule).to(place)
    x, h_0 = torch.zeros(5, 0, 3, device=place), torch.zeros(2, 0, 4, device=place)
    output, h_n, *received = everything(module, x, h_0)
    assert output.shape == (5, 0, 4) and h_n.shape == (2, 0, 4)
    assert not any(value.any() for value in received)


@pytest.mark.parametrize("cell", CELLS)
def test_it_moves_with_its_model(place, cell):
    module = torch.nn.Sequential(CELLS[cell][0](3, 4, rule=TargetProp(1.0))).to(place)
    with pytest.raises(
        TypeError, match=r"input is torch.float32 on meta but the weights are .*: use input.to\(weight\)"
    ):
        module(torch.zeros(5, 2, 3, device="meta"))
    module.to("cpu")(torch.zeros(5, 2, 3))[1].sum().backward()
    assert module[0].weight_hh_l0.grad.device.type == "cpu"
