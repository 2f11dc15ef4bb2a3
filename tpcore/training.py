"""One training loop for every task, network and rule; it stops at a divergence and records it."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from tqdm.auto import tqdm

from tpcore.nn.classifier import SequenceClassifier
from tpcore.rules import Rule, TargetProp

EVALUATED_AT_ONCE = 250  # held-out sequences: long ones would not fit into memory all together

Batch = tuple[Tensor, Tensor]


class Task(Protocol):
    """What the loop needs of a task; see `tpcore.tasks`.

    ``every_step``: whether the answer is one at each step, (B, τ, q), or one a sequence, (B, q). ``batch`` draws from
    the training data; ``held_out`` returns what is tested on, at most `size` sequences where the data are finite.
    """

    @property
    def input_size(self) -> int: ...
    @property
    def output_size(self) -> int: ...
    @property
    def every_step(self) -> bool: ...
    def batch(self, size: int, generator: torch.Generator) -> Batch: ...
    def held_out(self, size: int, generator: torch.Generator) -> Batch: ...
    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor: ...
    def accuracy(self, outputs: Tensor, targets: Tensor) -> float: ...


Measure = Callable[[Any, Any, Batch], dict[str, float]]  # (model, task, held-out sequences) to columns of a row


@dataclass
class TrainingRun:
    """What a run leaves: a row per logged step, and where and why it diverged, if it did.

    A row has ``step``, ``seconds`` (spent in training steps, evaluation not counted), ``train_loss`` (mean since the
    row before; None in the first), ``test_loss``, ``accuracy`` in [0, 1], and what the measures add.
    """

    rows: list[dict[str, float | None]] = field(default_factory=list)
    diverged_at: int | None = None
    reason: str = ""

    def column(self, name: str) -> list[float | None]:
        """One column of the rows."""
        return [row[name] for row in self.rows]


def two_step_sizes(model: SequenceClassifier, gamma_theta: float, gamma_h: float) -> torch.optim.SGD:
    """Plain SGD in which every rule takes the same two step sizes: see `parameter_groups`."""
    return torch.optim.SGD(parameter_groups(model, gamma_theta, gamma_h))


def parameter_groups(model: SequenceClassifier, gamma_theta: float, gamma_h: float) -> list[dict[str, Any]]:
    """The recurrent part and the output layer, each with its step size, for an optimizer of torch's.

    The output layer takes γ_θ. The recurrent part takes γ_θ γ_h: under `TargetProp` γ_h is the rule's own ``step``
    and is already in ``.grad``; under `BackProp` it is put into the step size. So a comparison of rules is
    one of directions.
    """
    rule = model.recurrent.rule
    if isinstance(rule, TargetProp) and not math.isclose(rule.step, gamma_h):
        raise ValueError(
            f"gamma_h = {gamma_h:g} but the rule's step is {rule.step:g}: under TargetProp they are the same number"
        )
    recurrent = gamma_theta if isinstance(rule, TargetProp) else gamma_theta * gamma_h
    return [
        {"params": list(model.recurrent.parameters()), "lr": recurrent},
        {"params": list(model.output.parameters()), "lr": gamma_theta},
    ]


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
) -> TrainingRun:
    """Train for `steps` steps on fresh batches; evaluate on held-out sequences every `log_every` steps.

    The same model, task, optimizer and seed give the same run bit for bit on one machine. Training and held-out batches
    come from two generators, both derived from the seed.

    Parameters
    ----------
    measures : functions (model, task, held-out sequences) -> dict
        Further columns of each row.
    save : function
        Called after each row with all that going on from there takes: tensors, numbers and the rows so far. The tensors
        are those in use; it must write or copy them before it returns.
    resume : dict
        What `save` was given: the run goes on from there, and ends as if it had never stopped.

    Returns
    -------
    TrainingRun
        Its ``diverged_at`` is the step at which the loss or a direction was no longer finite; training stops there.

    Raises
    ------
    ValueError
        If steps, batch_size, log_every or test_size is below 1.
    """
    _check_counts(steps=steps, batch_size=batch_size, log_every=log_every, test_size=test_size)
    training_data, test_data = (torch.Generator().manual_seed(2 * seed + offset) for offset in (0, 1))
    held_out = task.held_out(test_size, test_data)
    run, seconds, step = TrainingRun(), 0.0, 0
    losses: list[float] = []
    if resume is not None:
        run.rows, seconds, step = list(resume["rows"]), resume["seconds"], resume["step"]
        model.load_state_dict(resume["model"])
        optimizer.load_state_dict(resume["optimizer"])
        training_data.set_state(resume["training_data"])

    def log() -> None:
        mean = sum(losses) / len(losses) if losses else None
        row: dict[str, float | None] = {"step": step, "seconds": seconds, "train_loss": mean}
        row.update(_evaluate(model, task, held_out))
        for measure in measures:
            row.update(measure(model, task, held_out))
        run.rows.append(row)
        losses.clear()
        bar.set_postfix(accuracy=f"{row['accuracy']:.3f}")
        if save is not None:
            state = {"step": step, "seconds": seconds, "rows": run.rows, "training_data": training_data.get_state()}
            save({**state, "model": model.state_dict(), "optimizer": optimizer.state_dict()})

    bar = tqdm(total=steps, initial=step, disable=not progress, unit="step")
    try:
        if not run.rows:
            log()
        while step < steps:
            step += 1
            start = time.perf_counter()
            losses.append(_take_step(model, task, optimizer, task.batch(batch_size, training_data)))
            seconds += time.perf_counter() - start
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

    `rule` and the step sizes are as in `two_step_sizes`; `options` go to `train`.
    """
    weights = torch.Generator().manual_seed(seed)
    with torch.random.fork_rng(devices=[]):  # modules draw, and throw away, weights from the global generator
        model = SequenceClassifier(
            task.input_size, hidden_size, task.output_size,
            rule=rule, generator=weights, every_step=task.every_step,
        )  # fmt: skip
    optimizer = two_step_sizes(model, gamma_theta, gamma_h)
    return train(model, task, optimizer, seed=seed, **options)  # type: ignore[arg-type]


def _check_counts(**counts: int) -> None:
    for name, value in counts.items():
        if value < 1:
            raise ValueError(f"{name} must be at least 1, got {value}")


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
    with torch.no_grad():
        for inputs, targets in zip(*(tensor.split(EVALUATED_AT_ONCE) for tensor in held_out), strict=True):
            outputs = model(inputs)
            totals["test_loss"] += len(inputs) * float(task.loss(outputs, targets))
            totals["accuracy"] += len(inputs) * task.accuracy(outputs, targets)
    return {name: total / len(held_out[0]) for name, total in totals.items()}
