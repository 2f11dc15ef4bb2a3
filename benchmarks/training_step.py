"""Time one training step of target propagation against torch.nn.RNN's own back-propagation: `make bench`.

A step is zero_grad, forward, cross-entropy on the last hidden state, backward. All contenders run in this process,
turn by turn, with the same threads, shapes and weights; the table gives medians, and ratios to torch's.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import torch
from threadpoolctl import threadpool_limits

import tpcore

SHAPES = [
    (20, 60, 100, 6),
    (16, 784, 100, 1),
    (20, 120, 100, 6),
    (20, 30, 32, 6),
    (64, 784, 128, 1),
    (512, 784, 128, 1),
]
CONTENDERS: dict[str, tpcore.BackProp | tpcore.TargetProp | None] = {
    "torch BP": None,
    "BP": tpcore.BackProp(),
    "TP r=1": tpcore.TargetProp(r=1.0),
    "TP r=10": tpcore.TargetProp(r=10.0),
    "TP calibrated": tpcore.TargetProp(r=1.0, s=1.0, calibrated=True),
    "TP through time": tpcore.TargetProp(r=1.0, accumulate="through_time"),
}


def training_step(
    rule: tpcore.BackProp | tpcore.TargetProp | None, shape: tuple[int, int, int, int]
) -> Callable[[], None]:
    """One training step of a contender, as a function to be timed."""
    batch, length, hidden, size = shape
    torch.manual_seed(0)
    options = {"batch_first": True} | ({} if rule is None else {"rule": rule})
    rnn = (torch.nn.RNN if rule is None else tpcore.nn.RNN)(size, hidden, **options)
    tpcore.nn.orthonormal_(rnn.weight_hh_l0)
    head = torch.nn.Linear(hidden, 10)
    inputs, labels = torch.randn(batch, length, size), torch.randint(0, 10, (batch,))
    parameters = [*rnn.parameters(), *head.parameters()]

    def step() -> None:
        for parameter in parameters:
            parameter.grad = None
        _, last = rnn(inputs)
        torch.nn.functional.cross_entropy(head(last[0]), labels).backward()

    return step


def medians(steps: dict[str, Callable[[], None]], seconds: float) -> dict[str, float]:
    """Median seconds of each step, taken in turns for about `seconds` in all, after one round to warm up."""
    for step in steps.values():
        step()
    times: dict[str, list[float]] = {name: [] for name in steps}
    begin = time.perf_counter()
    while time.perf_counter() - begin < seconds or len(times["torch BP"]) < 5:
        for name, step in steps.items():
            start = time.perf_counter()
            step()
            times[name].append(time.perf_counter() - start)
    return {name: statistics.median(taken) for name, taken in times.items()}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=5.0, help="time spent on each shape (default 5)")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2], help="numbers of threads (default 1 2)")
    arguments = parser.parse_args()
    names = list(CONTENDERS)
    print("(batch, length, hidden), threads: milliseconds of torch BP; then each contender's time over torch's")
    print(f"{'shape':>20} threads" + "".join(f"{name:>17}" for name in names))
    for shape in SHAPES:
        for threads in arguments.threads:
            torch.set_num_threads(threads)
            with threadpool_limits(threads):
                found = medians(
                    {name: training_step(rule, shape) for name, rule in CONTENDERS.items()}, arguments.seconds
                )
            ratios = "".join(f"{found[name] / found['torch BP']:>17.2f}" for name in names[1:])
            print(f"{shape[:3]!s:>20} {threads:>7}{found['torch BP'] * 1e3:>14.1f} ms{ratios}", flush=True)


if __name__ == "__main__":
    main()
