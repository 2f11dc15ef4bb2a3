"""Two processes with half of the batch each train as one with all of it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

ROOT = Path(__file__).parents[2]
TRAINED = """
import os, sys, torch, tpcore
kind, folder = sys.argv[1:]
rank, world = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
class Model(torch.nn.Module):
    def __init__(self):
        super().__init__()
        rule = tpcore.TargetProp(1.0, 1.0, calibrated=True)
        self.recurrent = getattr(tpcore.nn, kind)(3, 6, 2, bidirectional=True, rule=rule)
        self.head = torch.nn.Linear(12, 2)
    def forward(self, x):
        return self.head(self.recurrent(x)[0][-1])
torch.manual_seed(0)
model, inputs = Model().double(), torch.randn(5, 7, 8, 3, dtype=torch.float64)
trained = model
if world > 1:
    torch.distributed.init_process_group("gloo", init_method=f"file://{folder}/meeting", rank=rank, world_size=world)
    trained = torch.nn.parallel.DistributedDataParallel(model)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for x in inputs:
    optimizer.zero_grad()
    trained(x.chunk(world, dim=1)[rank]).square().mean().backward()
    optimizer.step()
torch.save(model.state_dict(), f"{folder}/{rank}-of-{world}.pt")
if world > 1:
    torch.distributed.destroy_process_group()
"""


@pytest.mark.skipif(not torch.distributed.is_available(), reason="this torch has no torch.distributed")
@pytest.mark.parametrize("kind", ["RNN", "GRU", "LSTM"])
def test_two_processes_train_as_one_with_the_joined_batch(kind, tmp_path):
    places = [(0, 1), (0, 2), (1, 2)]
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", TRAINED, kind, str(tmp_path)],
            cwd=ROOT,
            env={**os.environ, "RANK": str(rank), "WORLD_SIZE": str(world), "OMP_NUM_THREADS": "1"},
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank, world in places
    ]
    for process in processes:
        _, errors = process.communicate(timeout=300)
        assert process.returncode == 0, errors[-2000:]
    alone, *together = (torch.load(tmp_path / f"{rank}-of-{world}.pt") for rank, world in places)
    for state in together:
        torch.testing.assert_close(state, alone, rtol=1e-10, atol=1e-12)
