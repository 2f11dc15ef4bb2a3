"""How far runs are, seen in their records, wherever they are done."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tqdm.auto import tqdm

from tpcore import results
from tpcore.experiments.spec import Run
from tpcore.results import RecordError

LOOK_EVERY = 2.0  # seconds between two looks, of the bar at the records and of a worker at its parent


@contextmanager
def progress_bar(runs: Sequence[Run], folder: Path, *, shown: bool) -> Iterator[None]:
    """A bar over the steps of all runs, with the time left."""
    paths = {run.path(folder): run.setup.steps for run in runs}
    total, done = sum(paths.values()), threading.Event()
    finished: set[Path] = set()

    def steps_done() -> int:
        return sum(_steps_done(path, steps, finished) for path, steps in paths.items())

    start = steps_done()
    if not shown or start == total:
        yield
        return
    with tqdm(total=total, initial=start, unit="step", unit_scale=True, smoothing=0) as bar:

        def show() -> None:
            bar.n = steps_done()
            bar.set_postfix_str(f"{len(finished)} of {len(paths)} runs", refresh=False)
            bar.refresh()

        def look() -> None:
            while not done.wait(LOOK_EVERY):
                show()

        looking = threading.Thread(target=look, daemon=True)
        looking.start()
        try:
            yield
        finally:
            done.set()
            looking.join()
            show()


def _steps_done(path: Path, steps: int, finished: set[Path]) -> int:
    """How many steps a run has behind it; one that has ended has all."""
    if path in finished:
        return steps
    try:
        record = results.read(path)
    except (RecordError, OSError):
        return 0  # it has not begun, or whoever runs it says what is wrong
    if record.status != "running":
        finished.add(path)
        return steps
    return int(record.rows[-1][record.columns.index("step")])
