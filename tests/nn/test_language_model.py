"""A loss at each step: an embedding, a recurrent layer, a decoder."""

import pytest
import torch

from tests.definition import Network, displacements, minus_directions
from tests.gru_definition import GatedNetwork, gru_displacements
from tpcore import TargetProp
from tpcore.nn import GRU, RNN

VOCABULARY = 7
TORCH_NAMES = {"W": "weight_hh_l0", "U": "weight_ih_l0", "b": "bias_ih_l0", "c": "bias_hh_l0"}
CELLS = {"RNN": (RNN, Network, displacements, "WUb"), "GRU": (GRU, GatedNetwork, gru_displacements, "WUbc")}


@pytest.fixture
def model():
    """An embedding, a decoder and a text (7, 3), the same in each test."""
    torch.manual_seed(0)
    embedding = torch.nn.Embedding(VOCABULARY, 4, dtype=torch.float64)
    decoder = torch.nn.Linear(5, VOCABULARY, dtype=torch.float64)
    return embedding, decoder, torch.randint(VOCABULARY, (7, 3))


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("accumulate", ["local", "through_time"])
@pytest.mark.parametrize("form", ["linearized", "difference"])
@pytest.mark.parametrize("reduction", ["sum", "mean"])
def test_each_step_s_own_displacement_is_added_once(model, cell, accumulate, form, reduction):
    embedding, decoder, tokens = model
    kind, definition, displaced, names = CELLS[cell]
    net = definition.random(0, tau=6, batch=3, d=5, p=4, scale=0.6)
    read, following = tokens[:-1], tokens[1:]
    net.x, net.h_0 = embedding(read).detach(), torch.zeros(3, 5, dtype=torch.float64)
    rnn = kind(4, 5, dtype=torch.float64, rule=TargetProp(0.5, form=form, accumulate=accumulate, step=0.2))
    with torch.no_grad():
        rnn.bias_hh_l0.zero_()
        for name in names:
            rnn.get_parameter(TORCH_NAMES[name]).copy_(getattr(net, name))

    def loss(states):
        scores = decoder(states).flatten(0, 1)
        return torch.nn.functional.cross_entropy(scores, following.flatten(), reduction=reduction)

    loss(rnn(embedding(read))[0]).backward()

    states = torch.stack(net.states()[1:]).requires_grad_()
    losses, *decoded = torch.autograd.grad(loss(states), (states, decoder.weight, decoder.bias))
    delta = displaced(net, list(losses), r=0.5, form=form, step=0.2)
    expected = minus_directions(net, delta, accumulate, f"{names}x")
    for name in names:
        torch.testing.assert_close(rnn.get_parameter(TORCH_NAMES[name]).grad, expected[name], rtol=1e-9, atol=1e-9)
    torch.testing.assert_close([decoder.weight.grad, decoder.bias.grad], decoded)  # an ordinary gradient
    # what an input receives, summed over the places where a word stands
    words = torch.zeros(VOCABULARY, 4, dtype=torch.float64)
    words.index_add_(0, read.flatten(), expected["x"].flatten(0, 1))
    torch.testing.assert_close(embedding.weight.grad, words, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("accumulate", ["local", "through_time"])
def test_linearized_the_directions_are_the_sum_of_those_of_each_step_s_loss_alone(model, cell, layers, accumulate):
    embedding, decoder, tokens = model
    rule = TargetProp(0.5, 0.2, accumulate=accumulate, step=0.2)
    rnn = CELLS[cell][0](4, 5, layers, dtype=torch.float64, rule=rule)
    parameters = [*embedding.parameters(), *rnn.parameters(), *decoder.parameters()]

    def directions(steps):
        scores = decoder(rnn(embedding(tokens[:-1]))[0])
        losses = [torch.nn.functional.cross_entropy(scores[t], tokens[t + 1]) for t in steps]
        return torch.autograd.grad(sum(losses), parameters)

    alone = [directions([t]) for t in range(6)]
    torch.testing.assert_close(directions(range(6)), tuple(map(sum, zip(*alone, strict=True))))
