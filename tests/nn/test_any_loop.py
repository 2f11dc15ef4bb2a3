"""The recurrent modules inside loops and tools that know nothing of rules."""

import copy
import io
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

import tpcore
from tpcore import BackProp, TargetProp
from tpcore.nn import GRU, LSTM, RNN

ROOT = Path(__file__).parents[2]
RULE = TargetProp(1.0, 1.0, calibrated=True)
MODULES = pytest.mark.parametrize("kind", [RNN, GRU, LSTM])


def parts_of(hx):
    """The states of an RNN or a GRU, or both of an LSTM."""
    return hx if isinstance(hx, tuple) else (hx,)


def grads(module, x, **options):
    module.zero_grad()
    module(x, **options)[0].sin().sum().backward()
    return [p.grad.clone() for p in module.parameters()]


@MODULES
@pytest.mark.parametrize("name", ["momentum", "adam", "clipped"])
def test_any_optimizer_trains(kind, name):
    torch.manual_seed(0)
    module, head = kind(2, 8, rule=RULE), torch.nn.Linear(8, 1)
    parameters = [*module.parameters(), *head.parameters()]
    optimizer = {
        "momentum": lambda: torch.optim.SGD(parameters, lr=0.02, momentum=0.9),
        "adam": lambda: torch.optim.Adam(parameters, lr=0.02),
        "clipped": lambda: torch.optim.SGD(
            [{"params": module.parameters(), "lr": 0.3}, {"params": head.parameters()}], lr=0.1
        ),
    }[name]()
    losses = []
    for _ in range(150):
        x = torch.randn(6, 32, 2)
        loss = torch.nn.functional.mse_loss(head(parts_of(module(x)[1])[0][0])[:, 0], x[:3, :, 0].sum(0).tanh())
        optimizer.zero_grad()
        loss.backward()
        if name == "clipped":
            torch.nn.utils.clip_grad_norm_(module.parameters(), 0.5)
        optimizer.step()
        losses.append(float(loss.detach()))
    assert np.mean(losses[-10:]) < 0.5 * np.mean(losses[:10])


@MODULES
@pytest.mark.parametrize("set_to_none", [True, False])
def test_gradients_accumulate_and_graphs_are_kept_if_asked(kind, set_to_none):
    module, x = kind(2, 4, dtype=torch.float64, rule=RULE), torch.randn(5, 4, 2, dtype=torch.float64)
    once = grads(module, x)
    module(x)[0].sin().sum().backward()
    torch.testing.assert_close([p.grad for p in module.parameters()], [2 * grad for grad in once])
    module.zero_grad(set_to_none=set_to_none)
    loss = module(x)[0].sin().sum()
    loss.backward(retain_graph=True)
    loss.backward()
    torch.testing.assert_close([p.grad for p in module.parameters()], [2 * grad for grad in once])
    with pytest.raises(RuntimeError, match="second time"):
        loss.backward()


@MODULES
def test_differentiating_twice_is_refused(kind):
    module, x = kind(2, 4, 2, rule=RULE), torch.randn(5, 4, 2)
    output, h_n = module(x)
    loss = sum(states.square().sum() for states in (output, *parts_of(h_n)))
    with pytest.raises(RuntimeError, match="create_graph=True asks for second derivatives"):
        torch.autograd.grad(loss, list(module.parameters()), create_graph=True)
    with pytest.raises(RuntimeError, match="create_graph=True asks for second derivatives"):
        module(x)[0].square().sum().backward(create_graph=True)
    assert all(p.grad is None for p in module.parameters())


@MODULES
def test_copies_files_and_eval(kind):
    module, x = kind(2, 4, num_layers=2, rule=RULE), torch.randn(5, 4, 2)
    expected = grads(module, x)
    twin = copy.deepcopy(module)
    assert twin.rule == module.rule and twin.weight_hh_l0 is not module.weight_hh_l0
    file = io.BytesIO()
    torch.save(module, file)
    file.seek(0)
    loaded = torch.load(file, weights_only=False)
    for other in (twin, loaded, module.eval(), module.train()):
        torch.testing.assert_close(grads(other, x), expected, rtol=0, atol=0)
    with torch.no_grad():
        twin.weight_hh_l0.zero_()
        assert module(x)[0].grad_fn is None
    assert module.weight_hh_l0.any()
    with torch.inference_mode():
        torch.testing.assert_close(module(x)[0], loaded(x)[0])


@MODULES
def test_a_state_dict_in_a_file_goes_to_torch_s_module_and_back(kind):
    module = kind(2, 4, num_layers=2, rule=RULE)
    theirs = getattr(torch.nn, kind.__name__)(2, 4, num_layers=2)
    for source, target in ((module, theirs), (theirs, kind(2, 4, num_layers=2, rule=RULE))):
        file = io.BytesIO()
        torch.save(source.state_dict(), file)
        file.seek(0)
        target.load_state_dict(torch.load(file, weights_only=True))
        torch.testing.assert_close(target.state_dict(), module.state_dict(), rtol=0, atol=0)


@MODULES
@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_it_moves_to_another_dtype_and_keeps_its_optimizer(kind, dtype):
    module, x = kind(2, 4, rule=RULE), torch.randn(5, 4, 2)
    optimizer = torch.optim.SGD(module.parameters(), lr=0.1)
    expected = grads(module, x)
    module.to(dtype)
    before = [p.detach().clone() for p in module.parameters()]
    found = grads(module, x.to(dtype))
    for value, wanted in zip(found, expected, strict=True):
        assert value.dtype == dtype
        scale = float(wanted.abs().max())  # bfloat16 rounds the weights, the inputs and the states to 8 bits
        torch.testing.assert_close(
            value.float(), wanted, rtol=0, atol=(0.1 if dtype == torch.bfloat16 else 1e-4) * scale
        )
    optimizer.step()
    for p, old, value in zip(module.parameters(), before, found, strict=True):
        torch.testing.assert_close(p.detach(), old - 0.1 * value, rtol=1e-2, atol=1e-2)
        assert not torch.equal(p, old)


@MODULES
def test_what_is_frozen_gets_no_grad_and_changes_nothing_for_the_others(kind):
    module, x = kind(2, 4, 2, rule=RULE), torch.randn(5, 4, 2)
    names, expected = [name for name, _ in module.named_parameters()], grads(module, x)
    for frozen in names:
        module.zero_grad()
        module.requires_grad_(True).get_parameter(frozen).requires_grad_(False)
        module(x)[0].sin().sum().backward()
        for name, wanted in zip(names, expected, strict=True):
            grad = module.get_parameter(name).grad
            assert grad is None if name == frozen else torch.equal(grad, wanted)
    module.requires_grad_(False).zero_grad()
    assert not module(x)[0].requires_grad
    given_x = x.clone().requires_grad_()
    module(given_x)[0].sin().sum().backward()  # the inputs' own still comes through
    assert given_x.grad.any() and all(p.grad is None for p in module.parameters())


class Doubled(torch.nn.Module):
    def forward(self, value):
        return 2 * value

    def right_inverse(self, value):
        return value / 2


@MODULES
def test_a_parametrized_weight_trains_by_the_chain_rule(kind):
    module, x = kind(2, 4, rule=RULE), torch.randn(5, 4, 2)
    plain = copy.deepcopy(module)
    torch.nn.utils.parametrize.register_parametrization(module, "weight_hh_l0", Doubled())
    for each in (module, plain):
        each(x)[0].sin().sum().backward()
    torch.testing.assert_close(module.parametrizations.weight_hh_l0.original.grad, 2 * plain.weight_hh_l0.grad)
    torch.testing.assert_close(module.weight_ih_l0.grad, plain.weight_ih_l0.grad)
    torch.testing.assert_close(copy.deepcopy(module)(x)[0], module(x)[0])
    torch.nn.utils.parametrize.remove_parametrizations(module, "weight_hh_l0")
    torch.nn.utils.parametrizations.weight_norm(module, "weight_hh_l0")(x)[0].sum().backward()
    assert all(p.grad.any() for p in module.parameters())


@MODULES
def test_with_other_weights_for_one_call(kind):
    module, x = kind(2, 4, rule=RULE), torch.randn(5, 4, 2)
    weights = {name: (2 * p).detach().requires_grad_() for name, p in module.named_parameters()}
    torch.func.functional_call(module, weights, (x,))[0].sin().sum().backward()
    assert all(p.grad is None for p in module.parameters())
    module.load_state_dict(weights)
    torch.testing.assert_close([p.grad for p in weights.values()], grads(module, x))


@MODULES
def test_hooks_see_and_change_what_flows(kind):
    module, x = kind(2, 4, rule=RULE), torch.randn(5, 4, 2, requires_grad=True)
    expected, seen = grads(module, x), []
    module.zero_grad()
    x.grad = None
    module.register_full_backward_hook(lambda module, into, out: seen.extend((into, out)))
    module.weight_ih_l0.register_hook(lambda grad: 3 * grad)
    output, h_n = module(x)
    first, *_ = parts_of(h_n)
    first.register_hook(seen.append)
    (output.sin().sum() + 0 * first.sum()).backward()
    assert torch.equal(seen[0], torch.zeros(1, 4, 4)) and torch.equal(seen[1][0], x.grad)
    torch.testing.assert_close(module.weight_ih_l0.grad, 3 * expected[0])
    torch.testing.assert_close(module.weight_hh_l0.grad, expected[1])


@MODULES
@pytest.mark.parametrize("changed", ["weight_hh_l0", "weight_ih_l0", "bias_hh_l0", "input"])
def test_what_is_changed_between_forward_and_backward_is_noticed(kind, changed):
    module, x = kind(2, 4, rule=RULE), torch.randn(5, 4, 2)
    output, h_n = module(x)
    loss = output.sum() + sum(part.sum() for part in parts_of(h_n))
    with torch.no_grad():
        (x if changed == "input" else module.get_parameter(changed)).mul_(2)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()


def dropped(output):
    return torch.nn.functional.dropout(output, 0.5, inplace=True)


def last_cleared(output):
    output[-1] = 0
    return output


@MODULES
@pytest.mark.parametrize("change", [torch.relu_, dropped, last_cleared, lambda output: output.mul_(3)])
@pytest.mark.parametrize("layers", [1, 2])
def test_the_output_may_be_changed_in_place_before_the_backward_pass(kind, change, layers):
    """As torch's own: the states that the backward pass reads are those of the forward pass."""
    module, x, found = kind(2, 4, layers, rule=RULE), torch.randn(5, 4, 2), []
    for copied in (True, False):
        torch.manual_seed(0)
        output, h_n = module(x)
        changed = change(output.clone() if copied else output)
        loss = changed.sin().sum() + sum(part.mul_(2).sum() for part in parts_of(h_n))
        found.append(torch.autograd.grad(loss, list(module.parameters())))
    torch.testing.assert_close(*found, rtol=0, atol=0)


@MODULES
@pytest.mark.parametrize("use_reentrant", [True, False])
def test_inside_checkpointing(kind, use_reentrant):
    module = kind(2, 4, dtype=torch.float64, rule=RULE)
    x = torch.randn(5, 4, 2, dtype=torch.float64, requires_grad=True)
    expected, of_x = grads(module, x), x.grad.clone()
    module.zero_grad()
    x.grad = None
    output = torch.utils.checkpoint.checkpoint(lambda x: module(x)[0], x, use_reentrant=use_reentrant)
    output.sin().sum().backward()
    torch.testing.assert_close([x.grad, *(p.grad for p in module.parameters())], [of_x, *expected])


SCRIPT = """
import torch
torch.manual_seed(0)
model = torch.nn.ModuleDict({"rnn": torch.nn.RNN(2, 16, batch_first=True), "head": torch.nn.Linear(16, 1)})
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
for step in range(200):
    x = torch.randn(32, 8, 2)
    output, h_n = model["rnn"](x)
    loss = torch.nn.functional.mse_loss(model["head"](output[:, -1])[:, 0], x[:, :3, 0].sum(1).tanh())
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
"""


@MODULES
def test_a_foreign_script_with_one_line_changed(kind):
    theirs = SCRIPT.replace("torch.nn.RNN", f"torch.nn.{kind.__name__}")
    module = (
        f"tpcore.nn.{kind.__name__}(2, 16, batch_first=True, rule=tpcore.TargetProp(r=1.0, s=1.0, calibrated=True))"
    )
    ours = theirs.replace(f"torch.nn.{kind.__name__}(2, 16, batch_first=True)", module)
    assert sum(a != b for a, b in zip(theirs.splitlines(), ours.splitlines(), strict=True)) == 1
    for script in (theirs, ours):
        found = {"tpcore": tpcore}
        exec(compile(script, "script", "exec"), found)
        assert found["loss"].item() < 0.15


def test_nothing_heavy_is_imported_with_it():
    code = "import sys, tpcore; print([m for m in ('scipy', 'numba', 'plotly', 'sklearn') if m in sys.modules])"
    result = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


def test_back_propagation_is_the_default():
    assert RNN(2, 3).rule == GRU(2, 3).rule == BackProp()


@MODULES
def test_it_stands_behind_a_layer_under_autocast(kind, device):
    below, module = torch.nn.Linear(3, 3).to(device), kind(3, 4, rule=TargetProp(1.0)).to(device)
    x = torch.randn(5, 2, 3, device=device)
    with torch.autocast(device, dtype=torch.bfloat16):
        middle = below(x)
        first = middle.new_zeros(1, 2, 4)
        output, h_n = module(middle, (first, first) if kind is LSTM else first)
        loss = output.square().sum()
    assert middle.dtype == torch.bfloat16
    assert {part.dtype for part in (output, *parts_of(h_n))} == {torch.float32}
    torch.testing.assert_close(output, module(middle.float())[0])
    loss.backward()
    assert all(p.grad.dtype == torch.float32 and p.grad.isfinite().all() for p in below.parameters())


@MODULES
def test_shapes_can_be_had_without_values(kind):
    output, h_n = kind(3, 4, num_layers=2, device="meta")(torch.empty(5, 2, 3, device="meta"))
    assert output.is_meta and output.shape == (5, 2, 4) and {part.shape for part in parts_of(h_n)} == {(2, 2, 4)}
