"""One training loop for every task, network and rule; it stops at a divergence and records it."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn
from tqdm.auto import tqdm

from tpcore.checks import check_integer
from tpcore.nn.classifier import SequenceClassifier
from tpcore.rules import Rule
from tpcore.schedules import RuleSchedule
from tpcore.step_sizes import parameter_groups as parameter_groups
from tpcore.step_sizes import two_step_sizes as two_step_sizes
from tpcore.tasks.task import Batch, Task

EVALUATED_AT_ONCE = 250  # held-out sequences: long ones would not fit into memory all together

Measure = Callable[[Any, Any, Batch], dict[str, float]]  # (model, task, held-out sequences) to columns of a row


@dataclass
class TrainingRun:
    """What a run leaves: a row per logged step, and where and why it diverged, if it did.

    A row has ``step``, ``seconds`` (spent in training steps, evaluation not counted), ``train_loss`` (mean since the
    row before; None in the first), ``test_loss``, ``accuracy`` in [0, 1], ``position`` where the rule moves, and what
    the measures add.

    Parameters
    ----------
    rows : list of dict
        In the order of the steps.
    diverged_at : int, optional
        The step at which training stopped since something was not finite.
    reason : str
        What was not finite then.

    Examples
    --------
    >>> from tpcore.training import TrainingRun
    >>> run = TrainingRun(rows=[{"step": 0, "accuracy": 0.25}, {"step": 100, "accuracy": 0.5}])
    >>> run.column("accuracy")
    [0.25, 0.5]
    """

    rows: list[dict[str, float | None]] = field(default_factory=list)
    diverged_at: int | None = None
    reason: str = ""

    def column(self, name: str) -> list[float | None]:
        """One column of the rows."""
        return [row[name] for row in self.rows]


def train(
    model: nn.Module,
    task: Task,
    optimizer: torch.optim.Optimizer,
    *,
    steps: int,
    seed: int,
    batch_size: int = 20,
    log_every: int = 100,
    test_size: int = 1000,
    progress: bool = True,
    measures: Sequence[Measure] = (),
    save: Callable[[dict[str, Any]], None] | None = None,
    resume: dict[str, Any] | None = None,
    schedule: Callable[[int], float] | None = None,
    rule_schedule: RuleSchedule | None = None,
    clock: Callable[[], float] = time.perf_counter,
) -> TrainingRun:
    """Train for `steps` steps on fresh batches; evaluate on held-out sequences every `log_every` steps.

    The same model, task, optimizer and seed give the same run bit for bit on one machine. Training and held-out batches
    come from two generators, both derived from the seed.

    Parameters
    ----------
    model : torch.nn.Module
        Maps a batch of inputs to outputs; held-out sequences in evaluation mode. To go on from a saved state as if it
        had never stopped it may not draw random numbers of its own, as dropout does.
    task : Task
    optimizer : torch.optim.Optimizer
    steps, batch_size, log_every, test_size : int, at least 1
    seed : int
    progress : bool
        Show a bar.
    measures : functions (model, task, held-out sequences) -> dict
        Further columns of each row.
    save : function
        Called after each row with all that going on from there takes: tensors, numbers and the rows so far. The tensors
        are those in use; it must write or copy them before it returns.
    resume : dict
        What `save` was given: the run goes on from there, and ends as if it had never stopped.
    schedule : function
        From the number of steps taken so far to a factor of all step sizes.
    rule_schedule : RuleSchedule
        Stepped with each batch's loss; its ``position`` is a column of each row.
    clock : function
        What the rows' ``seconds`` are read from; `time.process_time` counts the processor's time alone.

    Returns
    -------
    TrainingRun
        Its ``diverged_at`` is the step at which a loss or a direction was no longer finite; training stops there. If
        it was the held-out loss, the last row is that step's.

    Raises
    ------
    ValueError
        If steps, batch_size, log_every or test_size is below 1.

    Examples
    --------
    >>> import tpcore
    >>> from tpcore.tasks import TemporalOrder
    >>> from tpcore.training import train, two_step_sizes
    >>> model = tpcore.nn.SequenceClassifier(6, 16, 4, rule=tpcore.TargetProp(r=1.0, step=0.1))
    >>> optimizer = two_step_sizes(model, gamma_theta=0.1, gamma_h=0.1)
    >>> run = train(model, TemporalOrder(20), optimizer, steps=20, log_every=10, seed=0, progress=False)
    >>> run.column("step"), run.diverged_at
    ([0, 10, 20], None)
    """
    counts = {"steps": steps, "batch_size": batch_size, "log_every": log_every, "test_size": test_size}
    for name, count in counts.items():
        check_integer(name, count)
    # At seed 0 the weights, whose generator is that of the seed itself, share their stream with the training data. They
    # are other draws from it, normals and not integers. Records depend on these seeds, so they stay as they are.
    training_data, test_data = (torch.Generator().manual_seed(2 * seed + offset) for offset in (0, 1))
    held_out = task.held_out(test_size, test_data)
    run, seconds, step = TrainingRun(), 0.0, 0
    losses: list[float] = []
    step_sizes = [group["lr"] for group in optimizer.param_groups]
    if resume is not None:
        run.rows, seconds, step = list(resume["rows"]), resume["seconds"], resume["step"]
        model.load_state_dict(resume["model"])
        optimizer.load_state_dict(resume["optimizer"])
        training_data.set_state(resume["training_data"])
        if rule_schedule is not None:
            rule_schedule.load_state_dict(resume["rule_schedule"])

    def log() -> None:
        mean = sum(losses) / len(losses) if losses else None
        row: dict[str, float | None] = {"step": step, "seconds": seconds, "train_loss": mean}
        row.update(_evaluate(model, task, held_out))
        if rule_schedule is not None:
            row["position"] = rule_schedule.position
        for measure in measures:
            row.update(measure(model, task, held_out))
        run.rows.append(row)
        losses.clear()
        bar.set_postfix(accuracy=f"{row['accuracy']:.3f}")
        if save is not None:
            state = {"step": step, "seconds": seconds, "rows": run.rows, "training_data": training_data.get_state()}
            if rule_schedule is not None:
                state["rule_schedule"] = rule_schedule.state_dict()
            save({**state, "model": model.state_dict(), "optimizer": optimizer.state_dict()})
        _check_held_out(row)

    bar = tqdm(total=steps, initial=step, disable=not progress, unit="step")
    try:
        if run.rows:
            _check_held_out(run.rows[-1])  # a run that was killed just then has diverged all the same
        else:
            log()
        while step < steps:
            if schedule is not None:
                for group, size in zip(optimizer.param_groups, step_sizes, strict=True):
                    group["lr"] = size * schedule(step)
            step += 1
            start = clock()
            losses.append(_take_step(model, task, optimizer, task.batch(batch_size, training_data)))
            if rule_schedule is not None:
                rule_schedule.step(losses[-1])
            seconds += max(0.0, clock() - start)  # a clock that is set back takes no time away
            bar.update()
            if step % log_every == 0 or step == steps:
                log()
    except FloatingPointError as error:
        run.diverged_at, run.reason = step, str(error)
    finally:
        bar.close()
    return run


def train_classifier(
    task: Task,
    rule: Rule,
    *,
    hidden_size: int,
    gamma_theta: float,
    gamma_h: float,
    seed: int,
    **options: int | bool,
) -> TrainingRun:
    """Train the paper's network on a task from one seed, which draws its weights as well as its data.

    Parameters
    ----------
    task : Task
    rule : BackProp or TargetProp
    hidden_size : int
        The size d of the hidden state.
    gamma_theta, gamma_h : float
        As in `two_step_sizes`.
    seed : int
    **options
        Go to `train`.

    Returns
    -------
    TrainingRun

    Raises
    ------
    ValueError
        As `two_step_sizes` and `train` do.

    Examples
    --------
    >>> import tpcore
    >>> from tpcore.tasks import TemporalOrder
    >>> from tpcore.training import train_classifier
    >>> sizes = {"hidden_size": 16, "gamma_theta": 0.1, "gamma_h": 0.1}
    >>> run = train_classifier(TemporalOrder(20), tpcore.BackProp(), **sizes, seed=0, steps=10, progress=False)
    >>> len(run.rows)
    2
    """
    weights = torch.Generator().manual_seed(seed)
    with torch.random.fork_rng(devices=[]):  # modules draw, and throw away, weights from the global generator
        model = SequenceClassifier(
            task.input_size, hidden_size, task.output_size,
            rule=rule, generator=weights, every_step=task.every_step,
        )  # fmt: skip
    optimizer = two_step_sizes(model, gamma_theta, gamma_h)
    return train(model, task, optimizer, seed=seed, **options)  # type: ignore[arg-type]


def _check_held_out(row: dict[str, float | None]) -> None:
    loss = row["test_loss"]
    if loss is None or not math.isfinite(loss):
        raise FloatingPointError(f"the held-out loss is {loss}")


def _take_step(model: nn.Module, task: Task, optimizer: torch.optim.Optimizer, batch: Batch) -> float:
    inputs, targets = batch
    optimizer.zero_grad()
    loss = task.loss(model(inputs), targets)
    value = loss.item()
    if not math.isfinite(value):
        raise FloatingPointError(f"the training loss is {value}")
    loss.backward()
    optimizer.step()
    return value


def _evaluate(model: nn.Module, task: Task, held_out: Batch) -> dict[str, float]:
    totals = {"test_loss": 0.0, "accuracy": 0.0}
    with _evaluating(model), torch.no_grad():
        for inputs, targets in zip(*(tensor.split(EVALUATED_AT_ONCE) for tensor in held_out), strict=True):
            outputs = model(inputs)
            totals["test_loss"] += len(inputs) * float(task.loss(outputs, targets))
            totals["accuracy"] += len(inputs) * task.accuracy(outputs, targets)
    return {name: total / len(held_out[0]) for name, total in totals.items()}


@contextmanager
def _evaluating(model: nn.Module) -> Iterator[None]:
    """The model in evaluation mode; afterwards each of its modules in the mode that it had."""
    trained = [module for module in model.modules() if module.training]
    model.eval()
    try:
        yield
    finally:
        for module in trained:
            module.training = True
