import hashlib
import io
import subprocess
import sys

import pytest
import torch

from tests.test_results import ROWS, path
from tpcore import checkpoints, provenance
from tpcore.results import RecordError

__all__ = ["path"]  # the fixture


def test_checkpoints(path, monkeypatch):
    assert checkpoints.load(path) is None
    state = {"step": 3, "rows": ROWS, "model": {"W": torch.randn(3, 3)}, "training_data": torch.get_rng_state()}
    checkpoints.save(path, state)
    kept = checkpoints.load(path)
    assert kept["step"] == 3 and kept["rows"] == ROWS and torch.equal(kept["model"]["W"], state["model"]["W"])
    (file,) = path.parents[2].rglob("*.pt")
    assert file.relative_to(path.parents[2]).parts[0].startswith(".")
    with monkeypatch.context() as patch:
        patch.setattr(provenance, "versions", lambda: {"torch": "another"})
        assert checkpoints.load(path) is None, "another version might go on in another way"
    checkpoints.save(path, state, "the data")
    assert checkpoints.load(path, "the data") is not None
    assert checkpoints.load(path, "others") is None, "it would go on with other data"
    with monkeypatch.context() as patch:
        patch.setattr(provenance, "machine", lambda: {"instructions": "others"})
        assert checkpoints.load(path, "the data") is None, "sums are rounded in another way there"
    checkpoints.drop(path)
    assert not file.exists()


@pytest.mark.parametrize("place", [0, 0.2, 0.4, 0.6, 0.8, 0.999])
def test_a_checkpoint_that_is_not_as_it_was_written_is_of_no_use(path, place):
    checkpoints.save(path, {"step": 3, "model": {"W": torch.randn(30, 30)}})
    (file,) = path.parents[2].rglob("*.pt")
    whole = file.read_bytes()
    k = int(place * len(whole))
    for content in (whole[:k], whole[:k] + bytes([whole[k] ^ 64]) + whole[k + 1 :]):
        file.write_bytes(content)
        assert checkpoints.load(path) is None
    file.write_bytes(whole)
    assert checkpoints.load(path)["step"] == 3


@pytest.mark.parametrize("content", [b"", b"not a tensor", torch.save])
def test_a_checkpoint_sealed_rightly_but_of_something_else_begins_again(path, content):
    checkpoints.save(path, {"step": 3})
    (file,) = path.parents[2].rglob("*.pt")
    if not isinstance(content, bytes):  # a file of torch's, but no checkpoint
        buffer = io.BytesIO()
        torch.save([1, 2], buffer)
        content = buffer.getvalue()
    file.write_bytes(hashlib.sha256(content).digest() + content)
    assert checkpoints.load(path) is None


def test_a_lock_that_cannot_be_written_says_what_to_do(path):
    path.parents[2].mkdir(parents=True, exist_ok=True)
    (path.parents[2] / checkpoints.HIDDEN).write_text("not a folder")
    with pytest.raises(RecordError, match=r"could not be written .*Nothing that is recorded is lost: .*--results"):
        checkpoints.locked(path, wait=False).__enter__()


def test_a_checkpoint_that_cannot_be_removed_is_named(path):
    checkpoints.save(path, {})
    (file,) = path.parents[2].rglob("*.pt")
    file.unlink()
    file.mkdir()
    with pytest.raises(RecordError, match=rf"{file.name} could not be removed"):
        checkpoints.drop(path)


def test_one_lock_a_record(path):
    other = path.with_name("other.jsonl")
    code = f"""
from pathlib import Path
from tpcore.checkpoints import locked
for name in ({str(path)!r}, {str(other)!r}):
    with locked(Path(name), wait=False) as held:
        print(held)
"""
    with checkpoints.locked(path, wait=True) as held:
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert held and done.stdout.split() == ["False", "True"]
