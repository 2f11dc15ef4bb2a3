"""The learned inverse beside its network: two losses, copies, dtypes, and what is refused."""

import copy

import pytest
import torch

from tpcore import BackProp, LearnedTargetProp
from tpcore.nn import GRU, RNN, Dense, LearnedInverse, SequenceClassifier
from tpcore.tasks import TemporalOrder
from tpcore.training import two_step_sizes


@pytest.mark.parametrize("batch_first", [True, False])
@pytest.mark.parametrize("noise", [0.0, 0.1])
def test_the_two_losses_do_not_meet(batch_first, noise, device):
    torch.manual_seed(0)
    embedding, inverse = torch.nn.Embedding(7, 3, device=device), LearnedInverse(3, 4, noise=noise, device=device)
    rnn = RNN(3, 4, batch_first=batch_first, device=device, rule=LearnedTargetProp(inverse))
    h_0 = torch.randn(1, 2, 4, device=device, requires_grad=True)
    inputs = embedding(torch.randint(7, (2, 5) if batch_first else (5, 2), device=device))
    network = [*rnn.parameters(), *embedding.parameters(), h_0]
    rnn(inputs, h_0)[1].sum().backward()
    assert all(parameter.grad is None for parameter in inverse.parameters())
    before = [parameter.grad.clone() for parameter in network]
    inverse.reconstruction_loss(rnn, inputs, h_0).backward()  # the embedding's graph has been freed
    assert all(torch.equal(parameter.grad, value) for parameter, value in zip(network, before, strict=True))
    assert all(parameter.grad.any() for parameter in inverse.parameters())


def test_bfloat16_computes_in_float32():
    """Only the result is rounded to bfloat16, which has 8 bits: by at most 2⁻⁸ of it."""
    torch.manual_seed(0)
    inverse = LearnedInverse(3, 8, dtype=torch.bfloat16)
    rnn = RNN(3, 8, dtype=torch.bfloat16, rule=LearnedTargetProp(inverse))
    x = torch.randn(5, 4, 3).bfloat16()
    rnn(x)[1].sum().backward()
    wide_inverse = copy.deepcopy(inverse).float()
    wide = RNN(3, 8, rule=LearnedTargetProp(wide_inverse))
    wide.load_state_dict(rnn.state_dict())
    wide(x.float())[1].sum().backward()
    for found, expected in zip(rnn.parameters(), wide.parameters(), strict=True):
        assert found.grad.dtype == torch.bfloat16
        torch.testing.assert_close(found.grad.float(), expected.grad, rtol=2**-8, atol=1e-6)


def test_a_parametrized_inverse():
    torch.manual_seed(0)
    inverse = LearnedInverse(3, 4)
    torch.nn.utils.parametrizations.orthogonal(inverse, "V")
    plain = LearnedInverse(3, 4)
    plain.load_state_dict({name: getattr(inverse, name) for name in ("V", "U", "c")})
    rnn, x, found = RNN(3, 4), torch.randn(5, 2, 3), []
    for each in (inverse, plain):
        rnn.rule = LearnedTargetProp(each)
        found.append(torch.autograd.grad(rnn(x)[1].sum(), list(rnn.parameters())))
    torch.testing.assert_close(*found)


def test_both_train():
    task, data = TemporalOrder(20), torch.Generator().manual_seed(0)
    torch.manual_seed(0)
    inverse = LearnedInverse(6, 16)
    model = SequenceClassifier(6, 16, 4, rule=LearnedTargetProp(inverse, step=0.1))
    optimizers = two_step_sizes(model, 0.1, 0.1), torch.optim.Adam(inverse.parameters(), lr=0.01)
    reconstruction = []
    for _ in range(60):
        inputs, labels = task.batch(20, data)
        losses = (
            torch.nn.functional.cross_entropy(model(inputs), labels),
            inverse.reconstruction_loss(model.recurrent, inputs),
        )
        for optimizer, loss in zip(optimizers, losses, strict=True):
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        reconstruction.append(float(losses[1].detach()))
    assert reconstruction[-1] < 0.5 * reconstruction[0]


def test_copies_and_state_dicts():
    rule = LearnedTargetProp(LearnedInverse(3, 4, noise=0.1))
    rnn = RNN(3, 4, rule=rule)
    assert not [name for name, _ in rnn.named_parameters() if "inverse" in name]
    twin = copy.deepcopy(rnn)
    assert twin.rule.inverse is not rule.inverse
    twin.rule.inverse.load_state_dict(rule.inverse.state_dict())
    assert list(rule.inverse.state_dict()) == ["V", "U", "c"]


def test_what_does_not_fit_is_refused():
    rule = LearnedTargetProp(LearnedInverse(3, 4))
    for sizes in ((2, 4), (3, 5), (3, 4, 2)):
        with pytest.raises(ValueError, match=r"LearnedInverse\(3, 4\) inverts one layer of these sizes"):
            RNN(*sizes, rule=rule)
    with pytest.raises(ValueError, match=r"not of tpcore\.nn\.GRU"):
        GRU(3, 4, rule=rule)
    with pytest.raises(ValueError, match=r"not of tpcore\.nn\.Dense"):
        Dense(3, 4, rule=rule)
    for inverse, name in ((torch.nn.Linear(3, 3), "Linear"), (LearnedInverse, "type")):
        with pytest.raises(TypeError, match=rf"inverse must be a tpcore\.nn\.LearnedInverse, got {name}"):
            LearnedTargetProp(inverse)
    with pytest.raises(ValueError, match="step must be a finite number above 0"):
        LearnedTargetProp(LearnedInverse(3, 4), step=0)
    for noise in (-1.0, float("nan")):
        with pytest.raises(ValueError, match="noise must be a finite number of at least 0"):
            LearnedInverse(3, 4, noise=noise)
    with pytest.raises(ValueError, match="hidden_size must be an integer of at least 1, got 0"):
        LearnedInverse(3, 0)


@pytest.mark.parametrize(
    ("network", "error", "message"),
    [
        (RNN(3, 4, 2), ValueError, "num_layers=2"),
        (RNN(3, 5), ValueError, "hidden_size=5"),
        (GRU(3, 4), TypeError, r"rnn must be a tpcore\.nn\.RNN, got tpcore\.nn\.gru\.GRU"),
        (SequenceClassifier(3, 4, 2, rule=BackProp()), TypeError, r"got tpcore\.nn\.classifier\.SequenceClassifier"),
        (
            RNN(3, 4, dtype=torch.float64),
            TypeError,
            "is torch.float32 on cpu but the network's weights are torch.float64",
        ),
    ],
)
def test_a_network_that_it_does_not_invert_is_refused(network, error, message):
    with pytest.raises(error, match=message):
        LearnedInverse(3, 4).reconstruction_loss(network, torch.zeros(5, 2, 3))


def test_network_and_inverse_may_be_moved_after_construction_but_must_agree():
    inverse = LearnedInverse(3, 4, dtype=torch.float64)
    rnn, x = RNN(3, 4, rule=LearnedTargetProp(inverse)), torch.zeros(5, 2, 3)
    with pytest.raises(TypeError, match=r"LearnedInverse is torch.float64 .* torch.float32 .*: use inverse.to\(rnn"):
        rnn(x)
    rnn.double()(x.double())[1].sum().backward()
    assert rnn.weight_hh_l0.grad.dtype == torch.float64


def test_a_diverged_inverse_is_an_error():
    inverse = LearnedInverse(3, 4)
    with torch.no_grad():
        inverse.V[0, 0] = float("nan")
    rnn = RNN(3, 4, rule=LearnedTargetProp(inverse))
    with pytest.raises(FloatingPointError, match=r"under LearnedTargetProp.* take smaller steps$"):
        rnn(torch.randn(5, 2, 3))[1].sum().backward()
    assert all(parameter.grad is None for parameter in rnn.parameters())
