import copy
import math

import pytest
import torch

from tpcore import BackProp, TargetProp
from tpcore.nn import SequenceClassifier, orthonormal_
from tpcore.tasks import Characters, TemporalOrder
from tpcore.training import parameter_groups, train, train_classifier, two_step_sizes

TASK = TemporalOrder(10)
QUICK = {"hidden_size": 8, "steps": 30, "log_every": 10, "test_size": 50, "progress": False}


def without_time(run):
    return [{key: value for key, value in row.items() if key != "seconds"} for row in run.rows]


def test_a_seed_repeats_bit_for_bit():
    rule = TargetProp(1.0, step=0.1)
    runs = [train_classifier(TASK, rule, gamma_theta=0.1, gamma_h=0.1, seed=seed, **QUICK) for seed in (3, 3, 4)]
    assert without_time(runs[0]) == without_time(runs[1]) != without_time(runs[2])


def test_rows_and_the_last_step():
    run = train_classifier(TASK, BackProp(), gamma_theta=0.1, gamma_h=1.0, seed=0, **{**QUICK, "steps": 25})
    assert run.column("step") == [0, 10, 20, 25] and run.diverged_at is None
    assert run.rows[0]["train_loss"] is None and all(row["train_loss"] > 0 for row in run.rows[1:])
    assert all(0 <= accuracy <= 1 for accuracy in run.column("accuracy"))
    seconds = run.column("seconds")
    assert seconds[0] == 0 and seconds == sorted(seconds)


def test_it_learns_with_every_rule():
    rules = [
        BackProp(),
        TargetProp(1.0, 1.0, True, step=0.1),
        TargetProp(1.0, 1.0, True, accumulate="through_time", step=0.1),
    ]
    options = {**QUICK, "hidden_size": 16, "steps": 400, "log_every": 400, "test_size": 500}
    for rule in rules:
        run = train_classifier(TASK, rule, gamma_theta=0.3, gamma_h=0.1, seed=0, **options)
        assert run.rows[-1]["accuracy"] > 0.95, rule


def test_the_loop_is_plain_gradient_descent_under_backprop():
    """Twenty lines of torch alone give the same weights."""
    generator = torch.Generator().manual_seed(5)
    model = SequenceClassifier(6, 8, 4, rule=BackProp(), generator=generator)
    rnn, head = torch.nn.RNN(6, 8, batch_first=True), torch.nn.Linear(8, 4)
    rnn.load_state_dict(model.recurrent.state_dict())
    head.load_state_dict(model.output.state_dict())
    train(model, TASK, two_step_sizes(model, 0.2, 0.5), steps=20, seed=7, test_size=10, progress=False)
    data = torch.Generator().manual_seed(2 * 7)
    for _ in range(20):
        inputs, targets = TASK.batch(20, data)
        rnn.zero_grad()
        head.zero_grad()
        torch.nn.functional.cross_entropy(head(rnn(inputs)[1][0]), targets).backward()
        with torch.no_grad():
            for module, size in ((rnn, 0.2 * 0.5), (head, 0.2)):
                for parameter in module.parameters():
                    parameter -= size * parameter.grad
    for ours, theirs in zip(model.parameters(), [*rnn.parameters(), *head.parameters()], strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("stopped", [False, True])
def test_a_held_out_loss_that_is_not_finite_is_a_divergence(stopped):
    """The step is finite and so is the loss before it; after it the weights are of no use. Killed there or not."""
    weights = torch.Generator().manual_seed(0)
    model = SequenceClassifier(TASK.input_size, 8, TASK.output_size, rule=BackProp(), generator=weights)
    optimizer = two_step_sizes(model, gamma_theta=3e38, gamma_h=1.0)
    options, states = {"steps": 4, "seed": 0, "log_every": 1, "test_size": 50, "progress": False}, []
    run = train(model, TASK, optimizer, **options, save=lambda state: states.append(copy.deepcopy(state)))
    if stopped:
        run = train(model, TASK, optimizer, **options, resume=states[-1])
    assert run.column("step") == [0, 1] == [row["step"] for row in states[-1]["rows"]], "the row is kept"
    assert run.diverged_at == 1 and run.reason.startswith("the held-out loss is ")
    assert not math.isfinite(run.rows[-1]["test_loss"])


def test_a_divergence_is_recorded_and_stops_the_run():
    rule = TargetProp(1.0, accumulate="through_time", step=0.1)
    run = train_classifier(TemporalOrder(20), rule, gamma_theta=0.3, gamma_h=0.1, seed=0, **{**QUICK, "steps": 100})
    assert run.diverged_at is not None and 1 <= run.diverged_at <= 100 and "not finite" in run.reason
    assert run.column("step")[0] == 0 and run.column("step")[-1] < run.diverged_at


class Stopped(Exception):
    """Stands for whatever ends a process."""


@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_a_stopped_run_goes_on_as_if_it_never_had(momentum):
    def fresh():
        model = SequenceClassifier(6, 8, 4, rule=TargetProp(1.0, step=0.1), generator=torch.Generator().manual_seed(1))
        return model, torch.optim.SGD(parameter_groups(model, 0.1, 0.1), momentum=momentum, nesterov=momentum > 0)

    options = {**QUICK, "steps": 35, "seed": 5}
    del options["hidden_size"]
    model, optimizer = fresh()
    whole = train(model, TASK, optimizer, **options)

    kept = []

    def keep_and_stop(state):
        kept.append(copy.deepcopy(state))
        if state["step"] == 20:
            raise Stopped

    stopped, stopped_optimizer = fresh()
    with pytest.raises(Stopped):
        train(stopped, TASK, stopped_optimizer, save=keep_and_stop, **options)
    assert [state["step"] for state in kept] == [0, 10, 20]
    resumed, resumed_optimizer = fresh()
    run = train(resumed, TASK, resumed_optimizer, resume=kept[-1], **options)
    assert without_time(run) == without_time(whole)
    assert run.rows[:3] == kept[-1]["rows"], "the time of what was kept is kept too"
    for ours, theirs in zip(resumed.parameters(), model.parameters(), strict=True):
        assert torch.equal(ours, theirs)


def test_measures_add_columns():
    def measure(model, task, held_out):
        assert task is TASK and len(held_out[0]) == 50
        return {"norm": float(model.recurrent.weight_hh_l0.detach().norm())}

    model = SequenceClassifier(6, 8, 4, rule=BackProp(), generator=torch.Generator().manual_seed(1))
    run = train(
        model, TASK, two_step_sizes(model, 0.1, 1.0),
        steps=10, seed=0, log_every=5, test_size=50, progress=False, measures=[measure],
    )  # fmt: skip
    assert run.column("norm")[0] == pytest.approx(8**0.5, rel=1e-5), "W starts orthonormal"
    assert run.column("norm")[-1] == measure(model, TASK, TASK.held_out(50, torch.Generator()))["norm"]


def test_answers_at_each_step():
    """Every hidden state is read, and the loss on each of them is trained on, as by torch's own modules."""
    task = Characters(length=12)
    model = SequenceClassifier(97, 8, 97, rule=BackProp(), every_step=True)
    rnn, head = torch.nn.RNN(97, 8, batch_first=True), torch.nn.Linear(8, 97)
    rnn.load_state_dict(model.recurrent.state_dict())
    head.load_state_dict(model.output.state_dict())
    inputs, targets = task.batch(5, torch.Generator().manual_seed(0))
    outputs, expected = model(inputs), head(rnn(inputs)[0])
    torch.testing.assert_close(outputs, expected, rtol=1e-4, atol=1e-6)
    task.loss(outputs, targets).backward()
    torch.nn.functional.cross_entropy(expected.flatten(0, 1), targets.flatten()).backward()
    for ours, theirs in zip(model.parameters(), [*rnn.parameters(), *head.parameters()], strict=True):
        torch.testing.assert_close(ours.grad, theirs.grad, rtol=1e-4, atol=1e-6)
    run = train_classifier(task, BackProp(), gamma_theta=0.5, gamma_h=1.0, seed=0, **{**QUICK, "steps": 100})
    assert run.column("accuracy")[-1] > run.column("accuracy")[0]


def test_many_held_out_sequences_are_evaluated_as_one_batch_would_be():
    run = train_classifier(TASK, BackProp(), gamma_theta=0.1, gamma_h=1.0, seed=0, **{**QUICK, "test_size": 601})
    weights = torch.Generator().manual_seed(0)
    model = SequenceClassifier(6, 8, 4, rule=BackProp(), generator=weights)
    inputs, targets = TASK.held_out(601, torch.Generator().manual_seed(1))
    outputs = model(inputs)
    expected = torch.nn.functional.cross_entropy(outputs, targets)
    assert run.rows[0]["test_loss"] == pytest.approx(expected.item(), rel=1e-5)
    assert run.rows[0]["accuracy"] == pytest.approx(float((outputs.argmax(1) == targets).float().mean()), rel=1e-6)


def test_the_lstm_answers_from_its_last_hidden_state():
    model = SequenceClassifier(6, 8, 4, rule=BackProp(), cell="LSTM")
    theirs = torch.nn.LSTM(6, 8, batch_first=True)
    theirs.load_state_dict(model.recurrent.state_dict())
    inputs = torch.randn(3, 7, 6)
    torch.testing.assert_close(model(inputs), model.output(theirs(inputs)[0][:, -1]))


def test_a_cell_that_is_not_there_is_named():
    with pytest.raises(ValueError, match=r"cell must be one of 'RNN'.*got 'QRNN'"):
        SequenceClassifier(6, 8, 4, rule=BackProp(), cell="QRNN")
    with pytest.raises(ValueError, match=r"nonlinearity must be 'tanh' for the cell \"GRU\", got 'relu'"):
        SequenceClassifier(6, 8, 4, rule=BackProp(), cell="GRU", nonlinearity="relu")


def test_held_out_sequences_are_not_trained_on():
    drawn = []

    class Watched(TemporalOrder):
        def batch(self, size, generator):
            drawn.append((size, generator.initial_seed()))
            return super().batch(size, generator)

    train_classifier(Watched(10), BackProp(), gamma_theta=0.1, gamma_h=1.0, seed=2, **QUICK)
    held_out = {seed for size, seed in drawn if size == 50}
    trained = {seed for size, seed in drawn if size == 20}
    assert len(held_out) == len(trained) == 1 and held_out.isdisjoint(trained)


def test_the_global_generator_is_left_alone():
    state = torch.get_rng_state()
    train_classifier(TASK, BackProp(), gamma_theta=0.1, gamma_h=1.0, seed=2, **QUICK)
    assert torch.equal(torch.get_rng_state(), state)


def test_two_step_sizes_move_both_rules_alike():
    """In the far limit of the calibrated rule, where it is back-propagation, a step of either is the same."""
    after = []
    for rule in (BackProp(), TargetProp(1e8, 1e8, True, step=0.1)):
        model = SequenceClassifier(6, 8, 4, rule=rule, generator=torch.Generator().manual_seed(0))
        train(model, TASK, two_step_sizes(model, 0.3, 0.1), steps=5, seed=0, test_size=10, progress=False)
        after.append(list(model.parameters()))
    torch.testing.assert_close(after[0], after[1], rtol=1e-4, atol=1e-6)


def test_contradicting_step_sizes_are_refused():
    model = SequenceClassifier(6, 8, 4, rule=TargetProp(1.0, step=0.5))
    with pytest.raises(ValueError, match=r"gamma_h = 0\.1 but the rule's step is 0.5"):
        two_step_sizes(model, 0.1, 0.1)


@pytest.mark.parametrize("name", ["steps", "batch_size", "log_every", "test_size"])
def test_counts_below_one_are_named(name):
    with pytest.raises(ValueError, match=f"{name} must be an integer of at least 1, got 0"):
        train_classifier(TASK, BackProp(), gamma_theta=0.1, gamma_h=1.0, seed=0, **{**QUICK, name: 0})


@pytest.mark.parametrize("shape", [(5, 5), (7, 3), (3, 7)])
def test_orthonormal(shape):
    Q = orthonormal_(torch.empty(shape), torch.Generator().manual_seed(0)).double()
    gram = Q @ Q.T if shape[0] <= shape[1] else Q.T @ Q
    torch.testing.assert_close(gram, torch.eye(min(shape), dtype=torch.float64), rtol=1e-5, atol=1e-6)
    assert math.isclose(float(Q.norm()) ** 2, min(shape), rel_tol=1e-5)


def test_a_schedule_multiplies_every_step_size_and_a_resumed_run_goes_on_with_it():
    """Two steps of plain SGD by hand, the second at half the size; then the same with a stop in between."""
    task = TemporalOrder(10)

    def fresh():
        model = SequenceClassifier(6, 8, 4, rule=BackProp(), generator=torch.Generator().manual_seed(0))
        return model, two_step_sizes(model, 0.5, 0.1)

    def trained(**options):
        model, optimizer = fresh()
        options = {"steps": 2, "seed": 0, "log_every": 1, "test_size": 10, "progress": False, **options}
        train(model, task, optimizer, schedule=lambda taken: 1.0 - taken / 2, **options)
        return [parameter.detach() for parameter in model.parameters()]

    model, _ = fresh()
    data = torch.Generator().manual_seed(0)
    for factor in (1.0, 0.5):
        inputs, targets = task.batch(20, data)
        model.zero_grad()
        task.loss(model(inputs), targets).backward()
        with torch.no_grad():
            for part, size in ((model.recurrent, 0.05), (model.output, 0.5)):
                for parameter in part.parameters():
                    parameter -= factor * size * parameter.grad
    expected = [parameter.detach() for parameter in model.parameters()]
    for found, wanted in zip(trained(), expected, strict=True):
        torch.testing.assert_close(found, wanted, rtol=1e-5, atol=1e-7)

    states = []
    trained(save=lambda state: states.append(copy.deepcopy(state)))
    for found, wanted in zip(trained(resume=states[1]), trained(), strict=True):
        assert torch.equal(found, wanted)


@pytest.mark.parametrize(
    ("readings", "expected"),
    [
        pytest.param(range(8), [0, 2, 4], id="a tick a step"),
        pytest.param([0, 1, 1, -5, -5, -4, -4, -3], [0, 1, 3], id="set back within the second step"),
    ],
)
def test_seconds_are_read_from_the_clock_that_is_given(readings, expected):
    ticks = iter(readings)
    model = SequenceClassifier(6, 8, 4, rule=BackProp(), generator=torch.Generator().manual_seed(0))
    optimizer = two_step_sizes(model, 0.1, 0.1)
    run = train(model, TemporalOrder(10), optimizer, steps=4, seed=0, log_every=2, test_size=10, progress=False,
                clock=lambda: next(ticks))  # fmt: skip
    assert run.column("seconds") == expected


def test_held_out_sequences_change_nothing_and_see_no_dropout():
    class Averaged(torch.nn.Module):
        """The mean input, normalized over the batch, with dropout; and a part that its user has frozen."""

        def __init__(self):
            super().__init__()
            self.modes = []
            self.norm, self.drop, self.head = torch.nn.BatchNorm1d(6), torch.nn.Dropout(0.5), torch.nn.Linear(6, 4)
            self.frozen = torch.nn.BatchNorm1d(6).eval()

        def forward(self, x):
            self.modes.append([module.training for module in (self, self.drop, self.frozen)])
            return self.head(self.drop(self.frozen(self.norm(x.mean(1)))))

    model = Averaged()
    train(model, TemporalOrder(10), torch.optim.SGD(model.parameters(), 0.1), seed=0, steps=1, test_size=500,
          progress=False)  # fmt: skip
    evaluated, trained = [False] * 3, [True, True, False]
    assert model.modes == [evaluated, evaluated, trained, evaluated, evaluated]
    assert int(model.norm.num_batches_tracked) == 1 and model.training and not model.frozen.training
