"""The recurrent modules under PyTorch's tools: what works with them, and what is refused with a remedy."""

import copy
import io
import shutil
import subprocess
import sys
import warnings
from pathlib import Path

import pytest
import torch
from torch._subclasses import FakeTensorMode

import tpcore
from tpcore import BackProp, LearnedTargetProp, TargetProp
from tpcore.nn import GRU, LSTM, RNN, Dense, Inverted, LearnedInverse, SequenceClassifier
from tpcore.nn.layer import warn_of_scale

ROOT = Path(__file__).parents[2]
RULE = TargetProp(1.0, 1.0, calibrated=True)
MODULES = pytest.mark.parametrize("kind", [RNN, GRU, LSTM])


class Model(torch.nn.Module):
    """A recurrent module inside of another."""

    def __init__(self, recurrent):
        super().__init__()
        self.recurrent = recurrent

    def forward(self, x):
        return self.recurrent(x)


COMPILED = """
import sys, torch, tpcore, torch._dynamo
from torch._dynamo.utils import counters
KIND, BACKEND = sys.argv[1:3]
torch._dynamo.config.allow_rnn = sys.argv[3] == "True"
class Model(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.below = torch.nn.Linear(3, 3)
        self.recurrent = getattr(tpcore.nn, KIND)(3, 8, 2, rule=tpcore.TargetProp(1.0, 1.0, calibrated=True))
        self.head = torch.nn.Linear(8, 2)
    def forward(self, x):
        return self.head(torch.relu(self.recurrent(torch.tanh(self.below(x)))[0][-1]))
torch.manual_seed(0)
model, inputs = Model(), torch.randn(4, 6, 5, 3)
start = {name: value.clone() for name, value in model.state_dict().items()}
def train(run):
    model.load_state_dict(start)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for x in inputs:
        optimizer.zero_grad()
        run(x).square().sum().backward()
        optimizer.step()
    return [parameter.detach().clone() for parameter in model.parameters()]
compiled = train(torch.compile(model, backend=BACKEND))  # nothing has run before in this process
breaks, graphs = sum(counters["graph_break"].values()), counters["stats"].get("unique_graphs", 0)
torch.testing.assert_close(compiled, train(model))
train(torch.compile(model, backend=BACKEND))
print(breaks, graphs, graphs == counters["stats"].get("unique_graphs", 0))
"""


@pytest.mark.parametrize("allow_rnn", [True, False])
@pytest.mark.parametrize("backend", ["eager", "aot_eager", "inductor"])
@pytest.mark.parametrize("kind", ["RNN", "GRU", "LSTM"])
def test_a_fresh_process_compiles_around_the_layer(kind, backend, allow_rnn):
    """Without allow_rnn torch compiles no function that calls a recurrent module, its own neither."""
    if not allow_rnn and backend != "eager":
        pytest.skip("no backend is asked then")
    if backend == "inductor" and (kind != "RNN" or shutil.which("g++") is None):
        pytest.skip("one module suffices for inductor, which takes a C++ compiler")
    command = [sys.executable, "-W", "ignore", "-c", COMPILED, kind, backend, str(allow_rnn)]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr[-2000:]
    assert result.stdout.split() == (["1", "2", "True"] if allow_rnn else ["0", "0", "True"])


@MODULES
def test_one_graph_without_a_break_is_refused(kind):
    module, x = kind(3, 4, rule=RULE), torch.randn(5, 2, 3)
    with torch._dynamo.config.patch(allow_rnn=True), pytest.raises(Exception, match=r"outside of torch\.compile"):
        torch.compile(Model(module), fullgraph=True, backend="eager")(x)
    torch._dynamo.reset()


@MODULES
@pytest.mark.parametrize("strict", [True, False])
def test_export_is_refused_and_to_torch_is_exported(kind, strict):
    module, x = kind(3, 4, 2, rule=RULE), torch.randn(5, 2, 3)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with torch._dynamo.config.patch(allow_rnn=True), pytest.raises(Exception, match="to_torch"):
            torch.export.export(module, (x,), strict=strict)
        exported = torch.export.export(module.to_torch(), (x,), strict=False)
    torch.testing.assert_close(exported.module()(x)[0], module(x)[0])
    torch._dynamo.reset()


@MODULES
def test_torchscript_and_onnx_are_refused_and_to_torch_is_scripted(kind):
    module, x = kind(3, 4, rule=RULE), torch.randn(5, 2, 3)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(RuntimeError, match=r"cannot be scripted by torch\.jit\.script.*to_torch"):
            torch.jit.script(torch.nn.Sequential(module))
        with pytest.raises(RuntimeError, match=r"cannot be traced or exported.*to_torch"):
            torch.jit.trace(module, x)
        with pytest.raises(RuntimeError, match=r"cannot be traced or exported.*to_torch"):
            torch.onnx.export(module, (x,), io.BytesIO(), dynamo=False)
        scripted = torch.jit.script(Model(module.to_torch()))  # torch scripts its recurrent modules inside of others
    torch.testing.assert_close(scripted(x)[0], module(x)[0])


@MODULES
def test_to_torch_is_the_equal_module_with_weights_of_its_own(kind):
    module = kind(3, 4, 2, batch_first=True, dropout=0.3, bidirectional=True, dtype=torch.float64, rule=RULE).eval()
    module.weight_hh_l0.requires_grad_(False)
    theirs, x = module.to_torch(), torch.randn(2, 5, 3, dtype=torch.float64)
    assert type(theirs) is getattr(torch.nn, kind.__name__) and not theirs.training and theirs.dropout == 0.3
    assert not theirs.weight_hh_l0.requires_grad and theirs.weight_hh_l1.requires_grad
    torch.testing.assert_close(theirs(x), module(x))
    with torch.no_grad():
        theirs.weight_ih_l0.zero_()
    assert module.weight_ih_l0.any()


def test_torch_has_no_identity():
    with pytest.raises(ValueError, match=r"torch\.nn\.RNN has no nonlinearity='identity'"):
        RNN(3, 4, nonlinearity="identity").to_torch()
    assert RNN(3, 4, nonlinearity="relu").to_torch().nonlinearity == "relu"


@MODULES
def test_several_gradients_at_once_are_refused(kind):
    module, x = kind(3, 4, rule=RULE), torch.randn(5, 2, 3)
    output = module(x)[0]
    with pytest.raises(RuntimeError, match=r"is_grads_batched=True.*call torch\.autograd\.grad once for each"):
        torch.autograd.grad(output, module.weight_hh_l0, torch.randn(3, *output.shape), is_grads_batched=True)


@pytest.mark.filterwarnings("ignore:.*torch.jit.script.*deprecated:DeprecationWarning")  # torch's own, for a derivative
@MODULES
def test_transformations_of_functions_are_refused(kind):
    module, x = kind(3, 4, rule=RULE), torch.randn(5, 2, 3)
    weights = dict(module.named_parameters())
    for transformed in (
        lambda: torch.func.grad(lambda x: module(x)[0].sum())(x),
        lambda: torch.func.grad(lambda w: torch.func.functional_call(module, w, (x,))[0].sum())(weights),
        lambda: torch.func.vmap(lambda x: module(x)[0])(x[None]),
        lambda: torch.func.jvp(lambda x: module(x)[0], (x,), (x,)),
    ):
        with pytest.raises(RuntimeError, match=r"cannot be transformed by torch\.func.*torch\.autograd\.grad"):
            transformed()
    with warnings.catch_warnings(), torch.autograd.forward_ad.dual_level():
        warnings.simplefilter("ignore")
        dual = torch.autograd.forward_ad.make_dual(x, x)
        with pytest.raises(RuntimeError, match="no forward-mode derivative"):
            module(dual)
    with pytest.raises(RuntimeError, match=r"traced or exported.*torch\.fx.*to_torch"):
        torch.fx.symbolic_trace(torch.nn.Sequential(module))


@MODULES
def test_without_values_there_are_shapes_and_no_backward_pass(kind):
    module, x = kind(3, 4, device="meta", rule=RULE), torch.empty(5, 2, 3, device="meta")
    output = module(x)[0]
    assert output.is_meta and output.shape == (5, 2, 4)
    with pytest.raises(RuntimeError, match='on the device "meta" there are no values'):
        output.sum().backward()
    module, x = kind(3, 4, rule=RULE), torch.randn(5, 2, 3)
    with FakeTensorMode() as mode:
        without_memory = kind(3, 4, rule=RULE)
        with pytest.raises(RuntimeError, match="cannot compute with a FakeTensor"):
            module(mode.from_tensor(x))
    with pytest.raises(RuntimeError, match="cannot compute with a FakeTensor"):
        without_memory(x)


def saved_and_loaded(value):
    file = io.BytesIO()
    torch.save(value, file)
    file.seek(0)
    return torch.load(file)  # weights_only=True


def test_rules_and_modules_in_a_checkpoint_are_read_back_by_default():
    rules = [BackProp(), RULE, tpcore.GeometricTargetProp(0.5), tpcore.RescaledBackProp(0.5)]
    assert saved_and_loaded({"rules": rules, "epoch": 3}) == {"rules": rules, "epoch": 3}
    inverse = LearnedInverse(3, 4)
    modules = [RNN(3, 4, rule=LearnedTargetProp(inverse)), GRU(3, 4, rule=RULE), LSTM(3, 4, bidirectional=True)]
    for module in modules:
        loaded, x = saved_and_loaded(module), torch.randn(5, 2, 3)
        torch.testing.assert_close(loaded(x)[0], module(x)[0])
        loaded(x)[0].sum().backward()
    x = torch.randn(2, 3)
    for layer in (Dense(3, 4, rule=RULE), Inverted(Dense(3, 4), 1.0)):
        torch.testing.assert_close(saved_and_loaded(layer)(x), layer(x))
    with torch.serialization.safe_globals([torch.nn.Linear]):  # torch's own are named by whoever loads them
        assert saved_and_loaded(SequenceClassifier(3, 4, 2, rule=RULE)).recurrent.rule == RULE


@MODULES
def test_memory_of_the_caller_s_tensors_can_be_resized_afterwards(kind):
    module, x = kind(3, 4, rule=RULE), torch.randn(5, 2, 3)
    module(x)[0].sum().backward()
    for tensor in (x, *module.parameters()):
        size = tensor.untyped_storage().nbytes()
        tensor.untyped_storage().resize_(0)
        tensor.untyped_storage().resize_(size)


@MODULES
def test_a_scaled_loss_is_warned_of_once_where_it_changes_the_direction(kind):
    torch.manual_seed(0)
    module, x = kind(3, 4, rule=TargetProp(1.0, form="difference")), torch.randn(5, 2, 3)
    warn_of_scale.cache_clear()
    module(x)[0].mean().backward()  # nothing to be said
    with pytest.warns(RuntimeWarning, match="GradScaler.*not linear in the loss"):
        (65536 * module(x)[0].mean()).backward()
    (65536 * module(x)[0].mean()).backward()
    warn_of_scale.cache_clear()
    module.rule = TargetProp(1.0)
    (65536 * module(x)[0].mean()).backward()  # the linearized form is linear in the loss


@MODULES
def test_layers_that_are_copied_or_moved_stay_what_they_are(kind):
    module = copy.deepcopy(kind(3, 4, 2, bidirectional=True, rule=RULE)).double()
    assert module.rule == RULE and len(list(module.parameters())) == 16
    assert module(torch.randn(5, 2, 3, dtype=torch.float64))[0].dtype == torch.float64
