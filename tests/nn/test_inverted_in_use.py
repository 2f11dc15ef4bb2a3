"""tpcore.nn.Inverted in someone else's loop, what it leaves alone, and what can go wrong with it."""

import copy
import io
import math
import pickle

import pytest
import torch
from torch.autograd.function import once_differentiable

from tpcore import BackProp, TargetProp
from tpcore.nn import RNN, Dense, Inverted

# What the module itself does, it does once


def test_running_statistics_are_updated_once(device):
    torch.manual_seed(0)
    plain = torch.nn.BatchNorm1d(3).to(device)
    inverted = Inverted(copy.deepcopy(plain), 1.0)
    x = torch.randn(6, 3, device=device, requires_grad=True)
    inverted(x).square().sum().backward()
    plain(x)
    assert int(inverted.module.num_batches_tracked) == 1
    torch.testing.assert_close(inverted.state_dict(), {f"module.{k}": v for k, v in plain.state_dict().items()})
    inverted.eval()
    torch.testing.assert_close(inverted(x), plain.eval()(x))
    inverted(x).sum().backward()
    assert int(inverted.module.num_batches_tracked) == 1


def test_dropout_is_linearized_with_the_mask_that_was_drawn():
    dropout = Inverted(torch.nn.Dropout(0.5), 1.0, tolerance=1e-12)
    x = torch.ones(200, dtype=torch.float64, requires_grad=True)
    state = torch.get_rng_state()
    output = dropout(x)
    after = torch.get_rng_state()
    output.sum().backward()
    gain = output.detach()  # J = diag(0 or 2)
    torch.testing.assert_close(x.grad, gain / (gain**2 + 1))
    assert torch.equal(torch.get_rng_state(), after)
    torch.set_rng_state(state)
    assert torch.equal(torch.nn.functional.dropout(torch.ones_like(gain), 0.5), gain)
    dropout.eval()
    torch.testing.assert_close(dropout(x), x)


def test_the_module_runs_once_and_its_input_is_left_alone():
    calls = []
    module = torch.nn.Sequential(torch.nn.ReLU(inplace=True), torch.nn.Linear(3, 3))
    module.register_forward_hook(lambda *_: calls.append(1))
    x = torch.randn(4, 3, requires_grad=True)
    before = x.detach().clone()
    Inverted(module, 1.0)(x).sum().backward()
    assert len(calls) == 1 and torch.equal(x.detach(), before)


def test_nothing_is_solved_where_the_input_needs_no_gradient(monkeypatch):
    def refuse(*_):
        raise AssertionError("solved")

    monkeypatch.setattr("tpcore.nn.inverted._solve", refuse)
    inverted = Inverted(torch.nn.Embedding(5, 3), 1.0)  # integers, even
    inverted(torch.tensor([0, 1])).sum().backward()
    assert inverted.module.weight.grad is not None
    with pytest.raises(AssertionError, match="solved"):
        Inverted(torch.nn.Linear(3, 4), 1.0)(torch.randn(2, 3, requires_grad=True)).sum().backward()


@pytest.mark.parametrize(
    "module",
    [torch.nn.Hardtanh(5.0, 6.0), type("Constant", (torch.nn.Module,), {"forward": lambda self, x: x.new_ones(2)})()],
)
def test_where_the_output_does_not_move_the_input_receives_zero(module):
    x = torch.zeros(2, 3, requires_grad=True)
    Inverted(module, 1.0)(x).sum().backward()
    assert torch.equal(x.grad, torch.zeros(2, 3))


def test_shared_and_frozen_parameters():
    shared = torch.nn.Linear(3, 3)
    x = torch.randn(2, 3, requires_grad=True)
    Inverted(torch.nn.Sequential(shared, torch.nn.Tanh(), shared), 1.0)(x).sum().backward()
    found = shared.weight.grad.clone()
    shared.zero_grad()
    shared(torch.tanh(shared(x.detach()))).sum().backward()
    torch.testing.assert_close(found, shared.weight.grad)
    for frozen in (shared.weight, shared.bias):
        shared.zero_grad()
        x.grad = None
        frozen.requires_grad_(False)
        Inverted(shared, 1.0)(x).sum().backward()
        assert frozen.grad is None and x.grad is not None
    with pytest.raises(RuntimeError, match="does not require grad"):
        Inverted(shared, 1.0)(x.detach()).sum().backward()


def test_an_operation_in_place_may_follow():
    torch.manual_seed(0)
    module, x = torch.nn.Conv1d(2, 3, 3), torch.randn(2, 2, 6)
    found = []
    for inplace in (True, False):
        at = x.clone().requires_grad_()
        torch.nn.functional.relu(Inverted(module, 0.5)(at), inplace=inplace).sum().backward()
        found.append(at.grad)
    torch.testing.assert_close(*found)


def test_strides_and_empty_batches(device):
    torch.manual_seed(0)
    inverted = Inverted(torch.nn.Linear(3, 4).to(device), 0.5)
    for x in (torch.randn(3, 5, device=device).T, torch.randn(3, device=device).expand(5, 3)):
        found = []
        for at in (x, x.contiguous()):
            at = at.detach().requires_grad_()
            output = inverted(at)
            output.backward(torch.ones(1, device=device).expand_as(output))
            found.append(at.grad)
        torch.testing.assert_close(*found)
    empty = torch.zeros(0, 3, device=device, requires_grad=True)
    inverted(empty).sum().backward()
    assert empty.grad.shape == (0, 3)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision(dtype, device):
    torch.manual_seed(0)
    module, x = torch.nn.Linear(4, 4).to(device), torch.randn(3, 4, device=device)
    found = []
    for kind in (torch.float32, dtype):
        at = x.to(kind).detach().requires_grad_()
        Inverted(module.to(kind), 1.0, tolerance=1e-2)(at).sum().backward()
        assert at.grad.dtype == kind
        found.append(at.grad.float())
    torch.testing.assert_close(*found, rtol=0.05, atol=0.05)


# In someone else's loop


@pytest.mark.parametrize("optimizer", [lambda p: torch.optim.SGD(p, 0.1, momentum=0.9), torch.optim.Adam])
def test_a_convolutional_network_trains(optimizer, device):
    torch.manual_seed(0)
    labels = torch.arange(64) % 2
    images = 0.3 * torch.randn(64, 1, 8, 8)  # a horizontal or a vertical bar somewhere
    for image, label, place in zip(images, labels.tolist(), torch.randint(8, (64,)).tolist(), strict=True):
        image[0].select(label, place).add_(1.5)
    images, labels = images.to(device), labels.to(device)
    rule = {"r": 1.0, "calibrated": True, "step": 0.1}
    network = torch.nn.Sequential(
        Inverted(
            torch.nn.Sequential(torch.nn.Conv2d(1, 6, 3, padding=1), torch.nn.BatchNorm2d(6), torch.nn.Tanh()), **rule
        ),
        Inverted(torch.nn.Sequential(torch.nn.Conv2d(6, 6, 3, stride=2), torch.nn.Tanh()), tolerance=1e-3, **rule),
        torch.nn.Flatten(),
        Dense(54, 16, rule=TargetProp(**rule)),
        torch.nn.Linear(16, 2),
    ).to(device)
    opt = optimizer(network.parameters())
    for _ in range(60):
        opt.zero_grad()
        torch.nn.functional.cross_entropy(network(images), labels).backward()
        opt.step()
    assert float((network(images).argmax(1) == labels).float().mean()) > 0.95


def test_copies_and_files_keep_everything():
    inverted = Inverted(torch.nn.Conv1d(2, 3, 3), 0.7, calibrated=True, step=0.2, tolerance=1e-4, max_iterations=50)
    file = io.BytesIO()
    torch.save(inverted, file)
    file.seek(0)
    x = torch.randn(2, 2, 6, requires_grad=True)
    for other in (
        copy.deepcopy(inverted),
        pickle.loads(pickle.dumps(inverted)),
        torch.load(file, weights_only=False),
    ):
        assert other.extra_repr() == inverted.extra_repr()
        torch.testing.assert_close(other(x), inverted(x), rtol=0, atol=0)
        other(x).sum().backward()
        assert other.module.weight.grad is not None and inverted.module.weight.grad is None
    plain = torch.nn.Conv1d(2, 3, 3)
    assert list(inverted.state_dict()) == [f"module.{name}" for name in plain.state_dict()]
    inverted.module.load_state_dict(plain.state_dict())
    torch.testing.assert_close(inverted(x), plain(x))


def test_without_gradients_nothing_is_recorded():
    inverted, x = Inverted(torch.nn.Linear(3, 4), 1.0), torch.randn(2, 3, requires_grad=True)
    with torch.no_grad():
        assert inverted(x).grad_fn is None
    with torch.inference_mode():
        assert inverted(x).grad_fn is None


def test_gradients_accumulate_over_two_passes():
    inverted, x = Inverted(torch.nn.Linear(3, 4), 1.0), torch.randn(2, 3, requires_grad=True)
    output = inverted(x)
    output.sum().backward(retain_graph=True)
    once = x.grad.clone(), inverted.module.weight.grad.clone()
    output.sum().backward()
    torch.testing.assert_close((x.grad, inverted.module.weight.grad), (2 * once[0], 2 * once[1]))


# What goes wrong


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"module": torch.tanh}, TypeError, "module must be a torch.nn.Module, got builtin_function_or_method"),
        ({"r": 0}, ValueError, "r must be a finite number above 0, got 0"),
        ({"step": -1.0}, ValueError, "step must be a finite number above 0, got -1.0"),
        ({"calibrated": 1}, ValueError, "calibrated must be True or False, got 1"),
        ({"tolerance": 0.0}, ValueError, "tolerance must be a finite number above 0, got 0.0"),
        ({"tolerance": 1}, ValueError, "tolerance must be a number between 0 and 1, got 1"),
        ({"tolerance": "small"}, ValueError, "tolerance must be a finite number above 0, got 'small'"),
        ({"max_iterations": 0}, ValueError, "max_iterations must be an integer of at least 1, got 0"),
        ({"max_iterations": 2.5}, ValueError, "max_iterations must be an integer of at least 1, got 2.5"),
    ],
)
def test_bad_values_are_named(options, error, message):
    arguments = {"module": torch.nn.Linear(3, 4), "r": 1.0} | options
    with pytest.raises(error, match=message):
        Inverted(**arguments)


@pytest.mark.parametrize(
    "inside",
    [Dense(3, 3, rule=TargetProp(1.0)), RNN(3, 3, rule=TargetProp(1.0)), Inverted(torch.nn.Linear(3, 3), 1.0)],
)
def test_target_propagation_inside_is_refused(inside):
    module = torch.nn.Sequential(torch.nn.Tanh(), inside)
    with pytest.raises(ValueError, match=rf"module.1 \({type(inside).__name__}\) follows .* rule=tpcore.BackProp\(\)"):
        Inverted(module, 1.0)


def test_a_recurrent_module_of_this_library_inside_is_refused():
    with pytest.raises(ValueError, match=r"module.0 is a tpcore.nn.RNN, which has no second derivatives"):
        Inverted(torch.nn.Sequential(RNN(3, 3)), 1.0)


def test_target_propagation_set_inside_later_is_refused_too():
    inverted = Inverted(Dense(3, 3, rule=BackProp()), 1.0)
    inverted.module.rule = TargetProp(1.0)
    with pytest.raises(ValueError, match=r"module \(Dense\) follows target propagation itself"):
        inverted(torch.zeros(2, 3))


def test_more_than_one_tensor_is_refused():
    for grad in (True, False):
        with (
            torch.set_grad_enabled(grad),
            pytest.raises(TypeError, match="returns one tensor; this one returned tuple"),
        ):
            Inverted(torch.nn.GRU(3, 4), 1.0)(torch.zeros(2, 3))
    with pytest.raises(TypeError, match=r"input must be a torch.Tensor, got list"):
        Inverted(torch.nn.Linear(3, 4), 1.0)([1.0])


class TanhOnce(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x.tanh()

    @staticmethod
    @once_differentiable
    def backward(ctx, grad):
        return grad * (1 - ctx.saved_tensors[0].tanh() ** 2)


class Once(torch.nn.Module):
    """What can't be differentiated twice; beside what can, if asked."""

    def __init__(self, beside: bool) -> None:
        super().__init__()
        self.beside = beside

    def forward(self, x):
        return TanhOnce.apply(x) + x if self.beside else TanhOnce.apply(x)


@pytest.mark.parametrize("module", [Once(True), Once(False)], ids=["beside", "alone"])
def test_an_operation_without_a_second_derivative_is_never_left_out(module):
    x = torch.randn(5, 2, 4, requires_grad=True)
    with pytest.raises(RuntimeError, match=r"products with the module's Jacobian.*once_differentiable"):
        Inverted(module, 1.0)(x).sum().backward()


@pytest.mark.parametrize("factor", [math.nan, math.inf])
def test_a_direction_that_is_not_finite_never_reaches_grad(factor):
    inverted, x = Inverted(torch.nn.Linear(3, 4), 1.0), torch.randn(2, 3, requires_grad=True)
    with pytest.raises(
        FloatingPointError, match=r"direction of the output under tpcore.nn.Inverted\(r=1, .* not finite"
    ):
        (inverted(x).sum() * factor).backward()
    assert x.grad is None and inverted.module.weight.grad is None


def test_weights_that_diverged_are_an_error():
    inverted, x = Inverted(torch.nn.Linear(3, 4), 1.0), torch.randn(2, 3, requires_grad=True)
    inverted.module.weight.data[0, 0] = math.nan
    with pytest.raises(FloatingPointError, match="direction of the input"):
        inverted(x).backward(torch.ones(2, 4))
    assert x.grad is None and inverted.module.weight.grad is None


def test_second_derivatives_are_refused():
    inverted, x = Inverted(torch.nn.Linear(3, 4), 1.0), torch.randn(2, 3, requires_grad=True)
    for at in (x, inverted.module.weight):
        output = inverted(x)
        with pytest.raises(RuntimeError, match=r"create_graph=True asks for second derivatives; tpcore.nn.Inverted"):
            torch.autograd.grad(output, at, torch.ones_like(output), create_graph=True)


def test_what_is_torch_s_own_error_keeps_torch_s_own_words():
    inverted, x = Inverted(torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Tanh()), 1.0), torch.randn(2, 3)
    loss = inverted(x.requires_grad_()).sum()
    loss.backward()
    with pytest.raises(RuntimeError, match=r"\ATrying to backward through the graph a second time"):
        loss.backward()
    with pytest.raises(RuntimeError, match=r"\Aone of the variables needed .* by an inplace operation"):
        torch.nn.functional.relu(inverted(x), inplace=True).sum().backward()


def test_nothing_global_changes():
    inverted, x = (
        Inverted(torch.nn.TransformerEncoderLayer(4, 2, 8, 0.0, batch_first=True), 1.0),
        torch.randn(2, 5, 4, requires_grad=True),
    )
    state, threads, flash = torch.get_rng_state(), torch.get_num_threads(), torch.backends.cuda.flash_sdp_enabled()
    inverted(x).sum().backward()
    assert torch.equal(torch.get_rng_state(), state) and torch.get_num_threads() == threads
    assert torch.backends.cuda.flash_sdp_enabled() == flash
