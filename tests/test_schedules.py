"""Schedules of rules: against their formulas, resumed, inside `train` and inside Lightning."""

import copy
import math
import warnings
from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import tpcore
from tpcore import BackProp, GeometricTargetProp, RescaledBackProp, TargetProp
from tpcore.nn import RNN, SequenceClassifier
from tpcore.schedules import ByLoss, Constant, Ramp, between
from tpcore.step_sizes import two_step_sizes
from tpcore.tasks import TemporalOrder
from tpcore.training import train

ENDS = GeometricTargetProp(0.0), GeometricTargetProp(1.0)
CALIBRATED = [TargetProp(r, s=r, calibrated=True) for r in (1.0, 100.0)]


@given(st.floats(0, 1))
def test_between_two_rules(position):
    assert between(*ENDS, position).p == pytest.approx(position)
    assert between(RescaledBackProp(0.5), RescaledBackProp(1.0), position).p == pytest.approx(0.5 + position / 2)
    rule = between(*CALIBRATED, position)
    assert rule.r == rule.s == pytest.approx(100**position) and rule.calibrated
    assert [between(*CALIBRATED, place) for place in (0, 1)] == CALIBRATED


@pytest.mark.parametrize(
    ("start", "end", "message"),
    [
        (GeometricTargetProp(0), TargetProp(1.0), "start and end must be rules of one kind"),
        (TargetProp(1.0), TargetProp(2.0, s=1.0), "s = 0.0 at the start and 1.0 at the end has no place in between"),
        (GeometricTargetProp(0), GeometricTargetProp(1, step=0.5), "step = 1.0 at the start and 0.5 at the end"),
        (ENDS[0], replace(ENDS[1], accumulate="through_time"), "accumulate = 'local' at the start"),
    ],
)
def test_rules_with_nothing_in_between_are_refused_at_once(start, end, message):
    rnn = RNN(2, 3)
    with pytest.raises(ValueError, match=message):
        Ramp(rnn, start, end, steps=3)
    assert rnn.rule == BackProp()


def test_a_ramp_and_a_constant():
    rnn = RNN(2, 3)
    ramp = Ramp(rnn, *ENDS, steps=4)
    found = [rnn.rule.p]
    for _ in range(6):
        ramp.step(loss=1.0)
        found.append(rnn.rule.p)
    assert found == [0, 0.25, 0.5, 0.75, 1, 1, 1]
    constant = Constant(rnn, *ENDS, position=0.3)
    constant.step()
    assert rnn.rule.p == pytest.approx(0.3)


@given(st.lists(st.floats(0.0, 3.0), min_size=1, max_size=60), st.floats(1, 50), st.floats(0.01, 1))
def test_by_loss_is_its_formula(losses, hold, rate):
    rnn, c_1, c_2, loss_0 = RNN(2, 3), 0.9, 0.5, 1.5
    schedule = ByLoss(rnn, *ENDS, loss_0=loss_0, c_1=c_1, c_2=c_2, hold=hold, rate=rate)
    expected = 0.0
    for k, loss in enumerate(losses):
        schedule.step(torch.tensor(loss, dtype=torch.float64))
        past = losses[k::-1]
        mean = sum(rate * (1 - rate) ** age * value for age, value in enumerate(past)) + (1 - rate) ** (k + 1) * loss_0
        found = min(1, max(0, (c_1 - mean / loss_0) / (c_1 - c_2)))
        expected = max(found, expected * (1 - 1 / hold))
        assert rnn.rule.p == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"loss_0": 0}, "loss_0 must be a finite number above 0, got 0"),
        ({"loss_0": 1, "c_2": 1}, "c_1 must be above c_2, got c_1 = 0.996 and c_2 = 1"),
        ({"loss_0": 1, "hold": 0.5}, "hold must be a finite number of at least 1, got 0.5"),
        ({"loss_0": 1, "rate": 2}, "rate must be a number from 0 to 1, got 2"),
    ],
)
def test_bad_values_are_named(options, message):
    with pytest.raises(ValueError, match=message):
        ByLoss(RNN(2, 3), *ENDS, **options)


@pytest.mark.parametrize("loss", [None, math.nan, torch.tensor(math.inf)])
def test_a_loss_that_is_none_is_named(loss):
    with pytest.raises(ValueError, match="loss must be the batch's training loss, a finite number, got"):
        ByLoss(RNN(2, 3), *ENDS, loss_0=1.0).step(loss)


@pytest.mark.parametrize("kind", ["Ramp", "ByLoss", "Constant"])
def test_its_state_is_all_that_going_on_takes(kind):
    options = {"Ramp": {"steps": 20}, "ByLoss": {"loss_0": 1.0}, "Constant": {"position": 0.5}}[kind]
    whole, part = (getattr(tpcore.schedules, kind)(RNN(2, 3), *ENDS, **options) for _ in range(2))
    losses = torch.linspace(1, 0.5, 12).tolist()
    for loss in losses[:7]:
        whole.step(loss)
    part.load_state_dict(copy.deepcopy(whole.state_dict()))
    for schedule in (whole, part):
        for loss in losses[7:]:
            schedule.step(loss)
    assert part.state_dict() == whole.state_dict() and part.module.rule == whole.module.rule


# In a training


def trained(steps, save=None, resume=None):
    model = SequenceClassifier(6, 8, 4, rule=BackProp(), generator=torch.Generator().manual_seed(0))
    optimizer = two_step_sizes(model, 0.3, 0.1)
    schedule = ByLoss(model.recurrent, *(replace(rule, step=0.1) for rule in ENDS), loss_0=math.log(4), rate=0.3)
    run = train(
        model, TemporalOrder(10), optimizer,
        steps=steps, seed=3, log_every=10, test_size=50, progress=False,
        rule_schedule=schedule, save=save, resume=resume,
    )  # fmt: skip
    return [{name: value for name, value in row.items() if name != "seconds"} for row in run.rows], model


def test_a_run_that_was_stopped_goes_on_bit_for_bit_and_logs_its_position():
    states = []
    whole, model = trained(200, save=lambda state: states.append(copy.deepcopy(state)))
    positions = [row["position"] for row in whole]
    on_the_way = next(row for row, position in enumerate(positions) if 0 < position < 1)
    assert positions[0] == 0 and model.recurrent.rule.p == positions[-1]
    again, resumed = trained(200, resume=states[on_the_way])
    assert again == whole
    torch.testing.assert_close(resumed.state_dict(), model.state_dict(), rtol=0, atol=0)


def test_it_is_a_callback_of_lightning():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Lightning's own
        pl = pytest.importorskip("pytorch_lightning")

        class Classifier(pl.LightningModule):
            def __init__(self):
                super().__init__()
                self.network, self.losses = SequenceClassifier(6, 8, 4, rule=BackProp()), []

            def training_step(self, batch, index):
                loss = torch.nn.functional.cross_entropy(self.network(batch[0]), batch[1])
                self.losses.append(float(loss))
                return loss

            def configure_optimizers(self):
                return torch.optim.Adam(self.parameters(), lr=1e-2)

        class MovesRule(pl.Callback):
            def __init__(self, schedule):
                self.schedule = schedule

            def on_train_batch_end(self, trainer, module, outputs, batch, index):
                self.schedule.step(outputs["loss"])

            def state_dict(self):
                return self.schedule.state_dict()

            def load_state_dict(self, state):
                self.schedule.load_state_dict(state)

        torch.manual_seed(0)
        module = Classifier()
        schedule = ByLoss(module.network.recurrent, *ENDS, loss_0=math.log(4), rate=0.5)
        data = torch.utils.data.TensorDataset(*TemporalOrder(10).batch(60, torch.Generator().manual_seed(0)))
        trainer = pl.Trainer(
            max_epochs=1, accelerator="cpu", logger=False, enable_checkpointing=False, enable_progress_bar=False,
            enable_model_summary=False, callbacks=[MovesRule(schedule)],
        )  # fmt: skip
        trainer.fit(module, torch.utils.data.DataLoader(data, batch_size=20))
    alone = ByLoss(RNN(2, 3), *ENDS, loss_0=math.log(4), rate=0.5)
    for loss in module.losses:
        alone.step(loss)
    assert len(module.losses) == 3 and schedule.state_dict() == pytest.approx(alone.state_dict())
    assert module.network.recurrent.rule.p == schedule.position
