"""What a chapter has read of the records stays in the process: a test that moves them may leave none of it."""

import sys
from collections.abc import Iterator

import pytest

TRAINED = {"gains", "rnn_experiments.stages", "targets_first.reaching", "through_time", "training_an_rnn"}  # not read


@pytest.fixture(autouse=True)
def forget_records(request: pytest.FixtureRequest) -> Iterator[None]:
    yield  # after this monkeypatch has put the place of the records back
    if "monkeypatch" in request.fixturenames:
        for name, module in list(sys.modules.items()):
            if name.startswith(("tpcore.chapters.", "tpcore.experiments.costs")):
                for found in vars(module).values():
                    where = f"{getattr(found, '__module__', '')}.{getattr(found, '__name__', '')}"
                    if hasattr(found, "cache_clear") and not any(f".{trained}" in where for trained in TRAINED):
                        found.cache_clear()
