"""Sequences of different lengths, dropout between layers and two directions, under every rule."""

from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pack_sequence, pad_packed_sequence

from tests.definition import Network, displacements, minus_directions
from tests.gru_definition import GatedNetwork, gru_displacements
from tests.lstm_definition import LongShortTermNetwork, lstm_displacements, lstm_minus_directions
from tpcore import BackProp, GeometricTargetProp, LearnedTargetProp, RescaledBackProp, TargetProp
from tpcore.nn import GRU, LSTM, RNN, LearnedInverse

KINDS = {"RNN": RNN, "GRU": GRU, "LSTM": LSTM}
RULES = [
    BackProp(),
    TargetProp(0.7, step=0.3),
    TargetProp(0.7, 0.4, calibrated=True, step=0.3),
    TargetProp(0.7, accumulate="through_time", step=0.3),
    TargetProp(0.7, form="difference", step=0.1),
    TargetProp(0.7, form="plain", step=0.1),
    GeometricTargetProp(0.5, accumulate="through_time"),
    RescaledBackProp(0.5),
]
CELLS = pytest.mark.parametrize("cell", KINDS)
EVERY_RULE = pytest.mark.parametrize("rule", RULES, ids=str)


def made(cell, rule, **options):
    if cell != "RNN" and getattr(rule, "form", None) == "plain":
        pytest.skip("the plain form is refused where there are gates")
    torch.manual_seed(0)
    return KINDS[cell](3, 4, dtype=torch.float64, rule=rule, **options)


def states_of(module, batch, seed=5):
    g = torch.Generator().manual_seed(seed)
    shape = module.num_layers * (2 if module.bidirectional else 1), batch, 4
    return tuple(torch.randn(shape, generator=g, dtype=torch.float64, requires_grad=True) for _ in range(module.parts))


def as_hx(states):
    return states if len(states) == 2 else states[0]


def as_states(hx):
    return hx if isinstance(hx, tuple) else (hx,)


def loss_of(outputs, last):
    weight = torch.linspace(-1, 1, outputs[0].shape[-1], dtype=torch.float64)
    return sum((output * weight).sin().sum() for output in outputs) + sum(state.pow(3).sum() for state in last)


@CELLS
@EVERY_RULE
@pytest.mark.parametrize("lengths", [[3, 7, 1, 5], [5, 5, 2, 2], [4]])
@pytest.mark.parametrize("layers, bidirectional", [(1, False), (1, True), (2, True)])
def test_packed_sequences_are_as_if_each_ran_by_itself(cell, rule, lengths, layers, bidirectional):
    module = made(cell, rule, num_layers=layers, bidirectional=bidirectional)
    sequences = [torch.randn(n, 3, dtype=torch.float64, requires_grad=True) for n in lengths]
    start = states_of(module, len(lengths))
    wanted = [*sequences, *start, *module.parameters()]
    output, hx = module(pack_sequence(sequences, enforce_sorted=False), as_hx(start))
    padded, found_lengths = pad_packed_sequence(output)
    together = [padded[:n, k] for k, n in enumerate(lengths)], as_states(hx)
    assert found_lengths.tolist() == lengths
    alone = [module(x, as_hx([state[:, k] for state in start])) for k, x in enumerate(sequences)]
    last = tuple(torch.stack(parts, 1) for parts in zip(*(as_states(hx) for _, hx in alone), strict=True))
    apart = [states for states, _ in alone], last
    torch.testing.assert_close(together, apart)
    for found, expected in zip(
        *(torch.autograd.grad(loss_of(*each), wanted) for each in (together, apart)), strict=True
    ):
        torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-11)


@CELLS
@pytest.mark.parametrize("enforce_sorted", [True, False])
def test_packed_or_padded_a_batch_of_one_length_is_the_same(cell, enforce_sorted):
    module, x = made(cell, RULES[2], batch_first=True), torch.randn(4, 6, 3, dtype=torch.float64)
    packed = pack_padded_sequence(x, [6] * 4, batch_first=True, enforce_sorted=enforce_sorted)
    output, hx = module(packed)
    assert isinstance(output, PackedSequence)
    torch.testing.assert_close(pad_packed_sequence(output, batch_first=True)[0], module(x)[0])
    torch.testing.assert_close(as_states(hx), as_states(module(x)[1]))


@CELLS
def test_padding_is_neither_read_nor_displaced(cell):
    module, x = made(cell, RULES[1], num_layers=2, bidirectional=True), torch.randn(6, 3, 3, dtype=torch.float64)
    lengths, found = [2, 6, 4], []
    for padding in (0.0, float("nan")):
        padded = torch.where(
            torch.arange(6)[:, None, None] < torch.tensor(lengths)[:, None], x, padding
        ).requires_grad_()
        output, hx = module(pack_padded_sequence(padded, lengths, enforce_sorted=False))
        module.zero_grad()
        loss_of([output.data], as_states(hx)).backward()
        assert not padded.grad[4:, 2].any() and not padded.grad[2:, 0].any()
        found.append([padded.grad, *(p.grad for p in module.parameters())])
    torch.testing.assert_close(*found, rtol=0, atol=0)


@CELLS
@EVERY_RULE
@pytest.mark.parametrize("packed", [False, True])
def test_two_directions_are_two_modules_side_by_side(cell, rule, packed):
    whole = made(cell, rule, bidirectional=True)
    parts = [made(cell, rule), made(cell, rule)]
    state = whole.state_dict()
    for part, ending in zip(parts, ("", "_reverse"), strict=True):
        part.load_state_dict({name: state[f"{name}{ending}"] for name in part.state_dict()})
    lengths = [5, 2, 4] if packed else [5, 5, 5]
    sequences = [torch.randn(n, 3, dtype=torch.float64, requires_grad=True) for n in lengths]
    x = pack_sequence(sequences, enforce_sorted=False) if packed else torch.stack(sequences, 1)
    output, hx = whole(x)
    outputs = pad_packed_sequence(output)[0] if packed else output
    loss = loss_of([outputs[:n, k] for k, n in enumerate(lengths)], as_states(hx))
    found = torch.autograd.grad(loss, [*sequences, *whole.parameters()])
    losses = []
    for sequence in sequences:
        (ahead, end), (behind, start) = parts[0](sequence), parts[1](sequence.flip(0))
        ends = [torch.cat(both) for both in zip(as_states(end), as_states(start), strict=True)]
        losses.append(loss_of([torch.cat((ahead, behind.flip(0)), -1)], ends))
    expected = torch.autograd.grad(sum(losses), [*sequences, *parts[0].parameters(), *parts[1].parameters()])
    for value, wanted in zip(found, expected, strict=True):
        torch.testing.assert_close(value, wanted, rtol=1e-9, atol=1e-11)


@CELLS
@EVERY_RULE
def test_dropout_between_layers_has_one_mask_for_both_ways(cell, rule):
    """The layers as modules of their own, with the drawn mask between them as a plain product."""
    whole = made(cell, rule, num_layers=2, dropout=0.4)
    below = rule if isinstance(rule, BackProp) else replace(rule, step=1.0)
    parts = [made(cell, below), KINDS[cell](4, 4, dtype=torch.float64, rule=rule)]
    state = whole.state_dict()
    for number, part in enumerate(parts):
        part.load_state_dict({name: state[name.replace("l0", f"l{number}")] for name in part.state_dict()})
    x = torch.randn(6, 3, 3, dtype=torch.float64, requires_grad=True)
    torch.manual_seed(7)
    found = torch.autograd.grad(loss_of([whole(x)[0]], []), [x, *whole.parameters()])
    torch.manual_seed(7)
    mask = torch.nn.functional.dropout(torch.ones(6, 3, 4, dtype=torch.float64), 0.4)
    assert 0 < (mask == 0).sum() < mask.numel()
    output = parts[1](parts[0](x)[0] * mask)[0]
    expected = torch.autograd.grad(loss_of([output], []), [x, *parts[0].parameters(), *parts[1].parameters()])
    for value, wanted in zip(found, expected, strict=True):
        torch.testing.assert_close(value, wanted, rtol=1e-10, atol=1e-12)
    torch.testing.assert_close(whole.eval()(x)[0], whole.to_torch()(x)[0])


@CELLS
@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("bidirectional", [False, True])
def test_back_propagation_is_torch_s_with_dropout_lengths_and_directions(cell, packed, bidirectional):
    options = {"num_layers": 3, "dropout": 0.3, "bidirectional": bidirectional}
    ours, found = made(cell, BackProp(), **options), []
    theirs = getattr(torch.nn, cell)(3, 4, dtype=torch.float64, **options)
    theirs.load_state_dict(ours.state_dict())
    ours.load_state_dict(theirs.state_dict())
    for module in (ours, theirs):
        torch.manual_seed(1)
        x = torch.randn(7, 3, 3, dtype=torch.float64, requires_grad=True)
        torch.manual_seed(2)  # the masks of the two are drawn alike
        output, hx = module(pack_padded_sequence(x, [3, 7, 5], enforce_sorted=False) if packed else x)
        outputs = output.data if packed else output
        received = torch.autograd.grad(loss_of([outputs], as_states(hx)), [x, *module.parameters()])
        found.append([outputs, *as_states(hx), *received])
    for value, expected in zip(*found, strict=True):
        torch.testing.assert_close(value, expected, rtol=1e-10, atol=1e-12)


DEFINED = {
    "RNN": (Network, displacements, minus_directions, {"W": "weight_hh", "U": "weight_ih", "b": "bias_ih"}),
    "GRU": (
        GatedNetwork, gru_displacements, minus_directions,
        {"W": "weight_hh", "U": "weight_ih", "b": "bias_ih", "c": "bias_hh"},
    ),
    "LSTM": (
        LongShortTermNetwork, lstm_displacements, lstm_minus_directions,
        {"W": "weight_hh", "U": "weight_ih", "b": "bias_ih"},
    ),
}  # fmt: skip


@settings(max_examples=25)
@given(
    st.sampled_from(sorted(KINDS)),
    st.integers(0, 2**20),
    st.lists(st.integers(1, 6), min_size=1, max_size=4),
    st.sampled_from(["local", "through_time"]),
    st.sampled_from(["linearized", "difference"]),
    st.floats(0.1, 10),
)
def test_packed_in_two_directions_it_equals_the_definition(cell, seed, lengths, accumulate, form, r):
    """Each sequence in each direction by the definition, their directions added up."""
    kind, displaced, minus, names = DEFINED[cell]
    options = {"r": r, "form": form, "step": 0.1}
    module = KINDS[cell](
        2, 3, bidirectional=True, dtype=torch.float64, rule=TargetProp(accumulate=accumulate, **options)
    )
    nets = [kind.random(seed + k, tau=1, batch=1, d=3, p=2, scale=0.5) for k in range(2)]
    with torch.no_grad():
        for net, ending in zip(nets, ("l0", "l0_reverse"), strict=True):
            module.get_parameter(f"bias_hh_{ending}").zero_()
            for name, known in names.items():
                module.get_parameter(f"{known}_{ending}").copy_(getattr(net, name))
    g = torch.Generator().manual_seed(seed)
    sequences = [torch.randn(n, 2, generator=g, dtype=torch.float64) for n in lengths]
    output, _ = module(pack_sequence(sequences, enforce_sorted=False))
    weight = torch.linspace(-1, 1, 6, dtype=torch.float64) + 0.1
    (output.data * weight).sin().sum().backward()
    zero = torch.zeros(1, 3, dtype=torch.float64)
    for direction, (net, ending) in enumerate(zip(nets, ("l0", "l0_reverse"), strict=True)):
        total = dict.fromkeys(names, 0)
        for x in sequences:
            own = replace(net, x=(x.flip(0) if direction else x)[:, None], h_0=zero)
            own = replace(own, c_0=zero) if cell == "LSTM" else own
            hidden = [state[0] if cell == "LSTM" else state for state in own.states()[1:]]
            part = weight[3:] if direction else weight[:3]
            delta = displaced(own, [(h * part).cos() * part for h in hidden], **options)
            for name, value in (
                minus(own, delta, accumulate).items()
                if cell != "GRU"
                else minus(own, delta, accumulate, "WUbc").items()
            ):
                if name in total:
                    total[name] = total[name] + value
        for name, value in total.items():
            found = module.get_parameter(f"{names[name]}_{ending}").grad
            torch.testing.assert_close(found, value, rtol=1e-8, atol=1e-9 * max(1, float(value.abs().max())))


def test_a_learned_inverse_takes_packed_sequences():
    inverse = LearnedInverse(3, 4, dtype=torch.float64)
    rnn = RNN(3, 4, dtype=torch.float64, rule=LearnedTargetProp(inverse, step=0.1))
    sequences = [torch.randn(n, 3, dtype=torch.float64) for n in (2, 5)]
    together = torch.autograd.grad(rnn(pack_sequence(sequences, enforce_sorted=False))[1].sum(), list(rnn.parameters()))
    apart = torch.autograd.grad(sum(rnn(x)[1].sum() for x in sequences), list(rnn.parameters()))
    torch.testing.assert_close(together, apart)


def test_options_are_those_of_now_or_refused():
    rnn, x = RNN(3, 4, 2, rule=TargetProp(1.0)), torch.randn(5, 2, 3)
    rnn.dropout = 0.5
    assert (rnn(x)[0] != rnn(x)[0]).any()
    rnn.batch_first = True
    assert rnn(x)[1].shape == (2, 5, 4)
    for name, value in {
        "bidirectional": True,
        "hidden_size": 5,
        "num_layers": 3,
        "bias": False,
        "proj_size": 2,
    }.items():
        with pytest.raises(AttributeError, match=f"{name} of a tpcore.nn.RNN is fixed when the module is made"):
            setattr(rnn, name, value)
    rnn.hidden_size = 4  # as it is
