import numpy as np
import pytest
import torch

from tests.definition import Network, displacements
from tpcore import BackProp, GeometricTargetProp, RescaledBackProp, TargetProp, diagnostics
from tpcore.diagnostics import (
    angle_to_gradient,
    carried,
    coherent_and_noisy,
    gradient_on_last_state,
    norms_through_time,
)
from tpcore.nn import GRU, LSTM, RNN, SequenceClassifier
from tpcore.tasks import TemporalOrder


def small_model():
    model = SequenceClassifier(6, 5, 4, rule=BackProp(), generator=torch.Generator().manual_seed(0)).double()
    inputs, targets = TemporalOrder(10).batch(3, torch.Generator().manual_seed(1))
    return model, inputs.double(), targets


def test_displacements_are_those_of_the_definition():
    net = Network.random(0, tau=30, batch=2, d=4, p=3, scale=0.8)
    rnn = RNN(3, 4, dtype=torch.float64)
    with torch.no_grad():
        rnn.weight_hh_l0.copy_(net.W)
        rnn.weight_ih_l0.copy_(net.U)
        rnn.bias_ih_l0.copy_(net.b / 2)
        rnn.bias_hh_l0.copy_(net.b / 2)
    gradient = torch.ones_like(net.h_0)
    losses = [torch.zeros_like(net.h_0)] * 29 + [gradient]
    for form in ("linearized", "difference"):
        rule = TargetProp(0.5, form=form, step=0.1, accumulate="through_time")
        expected = torch.stack(displacements(net, losses, r=0.5, form=form, step=0.1)).numpy()
        np.testing.assert_allclose(carried(rnn, rule, net.x, net.h_0, gradient), expected, rtol=1e-8, atol=1e-12)


def test_adjoints_and_their_norms_are_autograds():
    model, inputs, targets = small_model()
    states = [torch.zeros(3, 5, dtype=torch.float64, requires_grad=True)]
    cell = model.recurrent
    for t in range(10):
        states.append(torch.tanh(states[-1] @ cell.weight_hh_l0.T + inputs[:, t] @ cell.weight_ih_l0.T))
    loss = torch.nn.functional.cross_entropy(model.output(states[-1]), targets)
    adjoints = torch.autograd.grad(loss, states)
    gradient = gradient_on_last_state(model, inputs, targets)
    torch.testing.assert_close(gradient, adjoints[-1])
    norms = norms_through_time(model, BackProp(), inputs, gradient)
    np.testing.assert_allclose(norms, [float(adjoint.norm()) for adjoint in adjoints], rtol=1e-10)


def test_angles():
    model, inputs, targets = small_model()
    model.recurrent.rule = TargetProp(5.0)
    assert angle_to_gradient(model, TargetProp(1e9, 1e9, True), inputs, targets) < 1e-3
    assert model.recurrent.rule == TargetProp(5.0)
    turned = angle_to_gradient(model, TargetProp(0.1), inputs, targets)
    directions = []
    for rule in (TargetProp(0.1), BackProp()):
        model.recurrent.rule = rule
        model.zero_grad()
        torch.nn.functional.cross_entropy(model(inputs), targets).backward()
        directions.append(np.concatenate([p.grad.numpy().ravel() for p in model.recurrent.parameters()]))
    cosine = directions[0] @ directions[1] / np.linalg.norm(directions[0]) / np.linalg.norm(directions[1])
    np.testing.assert_allclose(turned, np.degrees(np.arccos(cosine)), rtol=1e-6)


def test_angles_over_what_is_trained_and_with_an_answer_at_every_step():
    torch.manual_seed(0)
    model, inputs = SequenceClassifier(6, 8, 4, rule=BackProp(), every_step=True), torch.randn(5, 20, 6)
    model.recurrent.weight_ih_l0.requires_grad_(False)
    rule = TargetProp(1e6, 1e6, calibrated=True)
    assert angle_to_gradient(model, rule, inputs, torch.randint(4, (5, 20))) < 0.01


def test_half_precision_is_carried_in_float32():
    torch.manual_seed(0)
    rnn = RNN(3, 4)
    given = [torch.randn(5, 2, 3), torch.zeros(2, 4), torch.randn(2, 4)]
    full = carried(rnn, TargetProp(1.0), *given)
    half = carried(rnn.bfloat16(), TargetProp(1.0), *(tensor.bfloat16() for tensor in given))
    assert 0 < np.abs(half - full).max() < 0.05 * np.abs(full).max()


@pytest.mark.parametrize(
    ("rnn", "rule", "gradient", "error", "message"),
    [
        (RNN(3, 4, num_layers=2), TargetProp(1.0), torch.zeros(2, 4), ValueError, "rnn must have one layer"),
        (GRU(3, 4), TargetProp(1.0, form="plain"), torch.zeros(2, 4), ValueError, "is not defined for tpcore.nn.GRU"),
        (RNN(3, 4), "tp", torch.zeros(2, 4), TypeError, "rule must be"),
        (LSTM(3, 4), BackProp(), torch.zeros(2, 4), TypeError, "rnn must be a tpcore.nn.RNN or GRU, got LSTM"),
        (RNN(3, 4), TargetProp(1.0), torch.zeros(4), ValueError, r"grad_last must have h_0's shape \(2, 4\)"),
        (RNN(3, 4), TargetProp(1.0), torch.zeros(2, 4).double(), TypeError, "grad_last is torch.float64"),
    ],
)
def test_what_cannot_be_carried_is_explained(rnn, rule, gradient, error, message):
    with pytest.raises(error, match=message):
        carried(rnn, rule, torch.zeros(5, 2, 3), torch.zeros(2, 4), gradient)


@pytest.mark.parametrize(
    ("inputs", "h_0", "error", "message"),
    [
        (
            torch.zeros(5, 2, 7),
            torch.zeros(2, 4),
            ValueError,
            r"inputs must be \(τ, B, p\) .* with p = 3 and d = 4; .*7",
        ),
        (torch.zeros(5, 2, 3), torch.zeros(1, 4), ValueError, r"h_0 \(B, d\) with p = 3 and d = 4; .* \(1, 4\)"),
        (torch.zeros(5, 2, 3).double(), torch.zeros(2, 4), TypeError, "inputs is torch.float64"),
        (torch.full((5, 2, 3), torch.nan), torch.zeros(2, 4), ValueError, "inputs holds 30 values that are not finite"),
    ],
)
def test_inputs_and_states_are_checked(inputs, h_0, error, message):
    with pytest.raises(error, match=message):
        carried(RNN(3, 4), TargetProp(1.0), inputs, h_0, torch.zeros(2, 4))


SHARING = [BackProp(), GeometricTargetProp(0.0), GeometricTargetProp(0.5, step=0.3), TargetProp(1.0, 1.0, True)]


def batches_of(count, size=5, length=12):
    generator = torch.Generator().manual_seed(0)
    return [TemporalOrder(length).batch(size, generator) for _ in range(count)]


@pytest.mark.parametrize("rule", [*SHARING, RescaledBackProp(0.0)], ids=str)
@pytest.mark.parametrize("weight", ["weight_ih_l0", "weight_hh_l0"])
def test_the_shares_of_all_steps_are_the_direction(rule, weight):
    model = SequenceClassifier(6, 8, 4, rule=rule)
    inputs, targets = batches_of(1)[0]
    torch.nn.functional.cross_entropy(model(inputs), targets).backward()
    shares = diagnostics._shares(model, rule, inputs, targets, of_states=weight == "weight_hh_l0").sum(0)
    torch.testing.assert_close(torch.from_numpy(shares).float(), model.recurrent.get_parameter(weight).grad)


def test_what_batches_agree_on_and_what_they_differ_by():
    """The same batch again: no noise. Independent ones: by the plain formulas, one batch and one step at a time."""
    model = SequenceClassifier(6, 8, 4, rule=BackProp())
    batches = batches_of(7)
    coherent, noisy = coherent_and_noisy(model, BackProp(), [batches[0]] * 3)
    shares = [diagnostics._shares(model, BackProp(), *batch, of_states=False) for batch in batches]
    np.testing.assert_allclose(coherent, [np.linalg.norm(share) for share in shares[0]], rtol=1e-6)
    np.testing.assert_allclose(noisy, 0, atol=1e-6 * coherent.max())
    coherent, noisy = coherent_and_noisy(model, BackProp(), batches)
    for t in range(12):
        mean = sum(share[t] for share in shares) / 7
        variance = sum(np.linalg.norm(share[t] - mean) ** 2 for share in shares) / 6
        assert noisy[t] == pytest.approx(variance**0.5)
        assert coherent[t] == pytest.approx(max(0, np.linalg.norm(mean) ** 2 - variance / 7) ** 0.5, abs=1e-9)


def test_what_has_no_shares_is_refused():
    model, batches = SequenceClassifier(6, 8, 4, rule=BackProp()), batches_of(2)
    for arguments, message in [
        ((model, BackProp(), batches[:1]), "batches must be at least 2"),
        ((model, BackProp(), batches, "bias"), "weight must be one of"),
        ((model, TargetProp(1.0, accumulate="through_time"), batches), 'accumulate must be "local"'),
        ((SequenceClassifier(6, 8, 4, rule=BackProp(), cell="GRU"), BackProp(), batches), "got GRU"),
    ]:
        with pytest.raises(ValueError, match=message):
            coherent_and_noisy(*arguments)
