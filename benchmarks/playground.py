"""Training steps a second of the playground, in one thread of a headless Chromium, beside tpcore's compiled step.

Both take the whole step: forward, loss, backward, and the optimizer; the page in double precision, tpcore in single.
"""

from __future__ import annotations

import time
from typing import Any

import torch

import tpcore
import tpcore.tasks
import tpcore.training
from benchmarks.steps import Sizes
from tests.browser import chromium
from tpcore.complexity import threads
from tpcore.playground import module

SHAPES: list[Sizes] = [(20, 20, 32, 6), (20, 60, 32, 6), (20, 60, 64, 6)]
AIM = 0.25  # of tpcore's steps a second
TURNS, STEPS = 20, 20

PAGE = """([batch, length, hidden, inputs, rule, steps]) => {
  const key = [length, hidden, rule].join();
  globalThis.kept ??= {};
  const { step } = (kept[key] ??= (() => {
    const space = new Space(), network = new Network(space, inputs, hidden, 4, length, batch), draw = uniform(0, 0);
    const given = space.array(length * batch * inputs), targets = new Float64Array(batch);
    const optimizer = new Optimizer(network.count());
    const lane = { rule, r: 1, gamma_h: 0.1, gamma_theta: 0.01, accumulate: "local", optimizer: "sgd" };
    network.initialize(draw);
    return { step() {
      fillOrder(draw, length, batch, given, targets);
      trainingStep(network, optimizer, lane, given, targets, true);
    } };
  })());
  const start = performance.now();
  for (let i = 0; i < steps; i++) step();
  return (performance.now() - start) / 1000 / steps;
}"""


def library_step(shape: Sizes, rule: str) -> float:
    """Seconds of a training step of tpcore's."""
    batch, length, hidden, _ = shape
    step_rule = tpcore.BackProp() if rule == "bp" else tpcore.TargetProp(1.0, 1.0, True, step=0.1)
    model = tpcore.nn.SequenceClassifier(6, hidden, 4, rule=step_rule)
    task, data = tpcore.tasks.TemporalOrder(length), torch.Generator().manual_seed(0)
    optimizer = tpcore.training.two_step_sizes(model, 0.01, 0.1)
    start = 0.0
    for step in range(STEPS + 2):
        if step == 2:  # the first ones warm up
            start = time.perf_counter()
        inputs, targets = task.batch(batch, data)
        optimizer.zero_grad()
        task.loss(model(inputs), targets).backward()
        optimizer.step()
    return (time.perf_counter() - start) / STEPS


def measure(page: Any, shape: Sizes, rule: str, turns: int) -> tuple[float, float]:
    """Seconds of a step of the page's and of tpcore's, in turn; the best counts: a busy machine only slows down."""
    taken = [(page.evaluate(PAGE, [*shape, rule, STEPS]), library_step(shape, rule)) for _ in range(turns)]
    mine, theirs = (min(times) for times in zip(*taken, strict=True))
    return mine, theirs


def main() -> None:
    """Measure and print."""
    print(f"{'(B, τ, d)':16}{'rule':6}{'page ms':>10}{'tpcore ms':>11}{'ratio':>8}{'aim':>7}")
    with chromium() as browser, threads(1):
        page = browser.new_page()
        page.add_script_tag(content=module.joined(module.NUMERICS))
        for shape in SHAPES:
            for rule in ("bp", "cal"):
                mine, theirs = measure(page, shape, rule, TURNS)
                ratio = theirs / mine
                times = f"{mine * 1e3:10.2f}{theirs * 1e3:11.2f}"
                mark = "" if ratio >= AIM else "*"
                print(f"{shape[:3]!s:16}{rule:6}{times}{ratio:8.2f}{AIM:7.2f}{mark}", flush=True)


if __name__ == "__main__":
    main()
