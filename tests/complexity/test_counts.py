import re
from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.utils.flop_counter import FlopCounterMode

from tests.complexity.reference import Counting, Step, cholesky_operations
from tpcore.complexity import CONTENDERS, PARTS, Shape, Work, count

SIZES = ("batch", "length", "hidden", "inputs", "outputs", "layers")


def shapes(largest=5):
    return st.builds(Shape, *[st.integers(1, largest)] * 5, st.integers(1, min(largest, 3)))


def recount(contender, shape):
    """The parts as `Counting` finds them, and torch's own count of the products."""
    step = Step(0, *[getattr(shape, name) for name in SIZES])
    with FlopCounterMode(display=False) as torchs, Counting() as counting:
        step.run(contender, counting)
    parts = {part: Work(counting.operations[part], counting.moved[part]) for part in counting.operations}
    return parts, torchs.get_total_flops()


@pytest.mark.parametrize("contender", CONTENDERS)
@given(shape=shapes())
def test_every_part_is_what_an_instrumented_step_does(contender, shape):
    found, products = recount(contender, shape)
    counted = count(contender, shape).parts
    assert tuple(counted) == PARTS
    assert {part: work for part, work in counted.items() if work.operations} == found
    d, matrices = shape.hidden, shape.layers
    if contender in ("exact inverse", "Gauss–Newton"):
        matrices *= shape.batch * shape.length
    factored = 0 if contender in ("BP", "learned inverse") else cholesky_operations(d)
    solved = 0 if not factored else 2 * d**2 * (1 if contender == "Gauss–Newton" else d)
    all_but_elementwise = sum(work.operations for part, work in counted.items() if part != "elementwise")
    assert all_but_elementwise - matrices * (factored + solved) == products


@pytest.mark.parametrize(
    "shape", [Shape(1, 1, 1, 1, 1), Shape(1, 1, 1, 9, 1, 3), Shape(1, 7, 4, 1, 2), Shape(6, 1, 3, 8, 1, 2)]
)
@pytest.mark.parametrize("contender", CONTENDERS)
def test_corners(contender, shape):
    found, _ = recount(contender, shape)
    assert {part: work for part, work in count(contender, shape).parts.items() if work.operations} == found


def run_torch(shape, seed=0):
    """A step of torch.nn.RNN with autograd, whose h_0 is trained too, and what it saves: {address: bytes}."""
    torch.manual_seed(seed)
    rnn = torch.nn.RNN(shape.inputs, shape.hidden, shape.layers)
    head = torch.nn.Linear(shape.hidden, shape.outputs)
    inputs = torch.randn(shape.length, shape.batch, shape.inputs)
    h_0 = torch.zeros(shape.layers, shape.batch, shape.hidden, requires_grad=True)
    parameters = {parameter.data_ptr() for parameter in [*rnn.parameters(), *head.parameters()]}
    saved = {}

    def note(tensor):
        storage = tensor.untyped_storage()
        if tensor.is_floating_point() and tensor.ndim > 0 and storage.data_ptr() not in parameters:
            saved[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        last = rnn(inputs, h_0)[1][-1]
        loss = torch.nn.functional.cross_entropy(head(last), torch.zeros(shape.batch, dtype=torch.int64))
    loss.backward()
    return saved


@given(shapes())
def test_products_of_back_propagation_are_those_of_torch_rnn(shape):
    with FlopCounterMode(display=False) as torchs:
        run_torch(shape)
    parts = count("BP", shape).parts
    assert torchs.get_total_flops() == sum(parts[part].operations for part in PARTS if part != "elementwise")


@given(shapes())
def test_memory_of_back_propagation_is_what_torch_rnn_saves(shape):
    memory = count("BP", shape).memory
    # torch joins a layer's states in an array of their own for the next layer, beside those it saved step by step; and
    # keeps the last state a second time for the output layer, where h_n is joined from the layers'.
    joined = (shape.layers - 1) * shape.length * shape.batch * shape.hidden
    h_n = shape.layers * shape.batch * shape.hidden
    saved = sum(run_torch(shape).values())
    assert saved == memory["inputs"] + memory["states"] + memory["output layer"] + 4 * (joined + h_n)


@given(shapes())
def test_memory_of_the_parameters_and_of_the_inverses(shape):
    torch.manual_seed(0)
    rnn = torch.nn.RNN(shape.inputs, shape.hidden, shape.layers)
    recurrent = sum(p.numel() for name, p in rnn.named_parameters() if not name.startswith("bias_hh"))  # one b a layer
    head = sum(p.numel() for p in torch.nn.Linear(shape.hidden, shape.outputs).parameters())
    by_bp = count("BP", shape)
    assert by_bp.memory["parameters"] == 2 * 4 * (recurrent + head)
    hidden_values = shape.layers * shape.batch * shape.length * shape.hidden
    more = {
        "BP": 0,
        "TP": 4 * shape.layers * shape.hidden**2,
        "TP through time": 4 * shape.layers * shape.hidden**2,
        "exact inverse": 4 * shape.batch * shape.hidden**2,
        "Gauss–Newton": 4 * shape.batch * shape.hidden**2,
        "learned inverse": 4 * (2 * recurrent + 2 * hidden_values),
    }
    assert {contender: count(contender, shape).bytes - by_bp.bytes for contender in CONTENDERS} == more


@given(shapes(largest=40), st.sampled_from(SIZES), st.sampled_from(CONTENDERS))
def test_every_size_costs(shape, name, contender):
    less, more = (count(contender, replace(shape, **{name: getattr(shape, name) + extra})) for extra in (0, 1))
    assert more.operations > less.operations
    assert more.bytes > less.bytes
    for part in PARTS:
        assert more.parts[part].operations >= less.parts[part].operations
        assert more.parts[part].moved >= less.parts[part].moved


@pytest.mark.parametrize("name", SIZES)
@pytest.mark.parametrize("value", [0, -3, 2.0, True, "4", None])
def test_bad_sizes_are_named(name, value):
    with pytest.raises(ValueError, match=re.escape(f"{name} must be an integer of at least 1, got {value!r}")):
        Shape(**dict.fromkeys(SIZES, 2) | {name: value})


def test_bad_contender_is_named():
    with pytest.raises(ValueError, match=r"contender must be one of 'BP', 'TP', .*, got 'DTP'"):
        count("DTP", Shape(1, 1, 1, 1, 1))
