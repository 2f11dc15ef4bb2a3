"""Records written by hand under the names of real runs, for the explorers that show records."""

import numpy as np

from tpcore import results
from tpcore.results import Record


def solved_in(step, *, end=1.0, total, every):
    """Accuracies at the logged steps: chance before `step`, 1 from there, `end` at the last; None never solves it."""
    steps = np.unique([*range(0, total + 1, every), total])
    accuracy = np.where(steps >= (np.inf if step is None else step), 1.0, 0.25)
    accuracy[-1] = 0.25 if step is None else end
    return dict(zip(steps.tolist(), accuracy.tolist(), strict=True))


def write(run, step, folder, *, end=1.0, diverged_at=None, measured=None):
    """The record of a run that reaches accuracy 1 at a logged step, each taking a millisecond."""
    configuration = run.setup.configuration()
    accuracy = solved_in(step, end=end, total=configuration["steps"], every=configuration["log_every"])
    rows = [{"step": at, "seconds": at / 1000, "accuracy": value, **(measured or {})} for at, value in accuracy.items()]
    status = "finished" if diverged_at is None else "diverged"
    record = Record(run.experiment, run.stage, run.method, run.seed, configuration, status=status)
    record.diverged_at = diverged_at
    record.set_rows([row for row in rows if diverged_at is None or row["step"] < diverged_at])
    results.write(record, run.path(folder))
