"""A loss at each step: an embedding, a recurrent layer, a decoder."""

import pytest
import torch

from tests.definition import Network, displacements, minus_directions
from tpcore import TargetProp
from tpcore.nn import RNN

VOCABULARY = 7


@pytest.mark.parametrize("accumulate", ["local", "through_time"])
@pytest.mark.parametrize("form", ["linearized", "difference"])
def test_each_step_s_own_displacement_is_added_once(accumulate, form):
    torch.manual_seed(0)
    net = Network.random(0, tau=6, batch=3, d=5, p=4, scale=0.6)
    embedding = torch.nn.Embedding(VOCABULARY, 4, dtype=torch.float64)
    decoder = torch.nn.Linear(5, VOCABULARY, dtype=torch.float64)
    tokens = torch.randint(VOCABULARY, (7, 3))
    read, following = tokens[:-1], tokens[1:]
    net.x, net.h_0 = embedding(read).detach(), torch.zeros(3, 5, dtype=torch.float64)
    rnn = RNN(4, 5, dtype=torch.float64, rule=TargetProp(0.5, form=form, accumulate=accumulate, step=0.2))
    with torch.no_grad():
        for parameter, value in zip(rnn.parameters(), (net.U, net.W, net.b, 0 * net.b), strict=True):
            parameter.copy_(value)

    def loss(states):
        return torch.nn.functional.cross_entropy(decoder(states).flatten(0, 1), following.flatten(), reduction="sum")

    loss(rnn(embedding(read))[0]).backward()

    states = torch.stack(net.states()[1:]).requires_grad_()
    losses, decoded = torch.autograd.grad(loss(states), (states, decoder.weight))
    delta = displacements(net, list(losses), r=0.5, form=form, step=0.2)
    expected = minus_directions(net, delta, accumulate)
    torch.testing.assert_close(rnn.weight_hh_l0.grad, expected["W"], rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(rnn.weight_ih_l0.grad, expected["U"], rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(rnn.bias_hh_l0.grad, expected["b"], rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(decoder.weight.grad, decoded)
    if accumulate == "local":  # what an input receives, summed over the places where a word stands
        h = net.states()
        own = torch.stack([-(net.slope(t, h[t - 1]) * delta[t]) @ net.U for t in range(1, 7)])
        words = torch.zeros(VOCABULARY, 4, dtype=torch.float64).index_add(0, read.flatten(), own.flatten(0, 1))
        torch.testing.assert_close(embedding.weight.grad, words, rtol=1e-9, atol=1e-9)
