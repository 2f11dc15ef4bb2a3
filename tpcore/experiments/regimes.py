"""The regime map: MNIST read in chunks, length × width, every method tuned alike; one experiment a cell.

The paper's map has τ from 4 to 784, d from 16 to 512, B = 512, 400 steps, and seven step sizes for each method. This
one is smaller in all of them, has several seeds, and takes step sizes and r from the same draws for every method. They
are for `tpcore sweep`.
"""

from __future__ import annotations

from tpcore.experiments.experiment import Experiment, Search
from tpcore.experiments.fair import methods
from tpcore.experiments.spec import Network
from tpcore.tasks import Pixels

CHUNKS = (196, 56, 16, 4)
WIDTHS = (16, 64, 192)
LENGTHS = tuple(Pixels("mnist", chunk=chunk).length for chunk in CHUNKS)
METHODS = ("bp", "tp-local", "tp-time", "calibrated-local")
# γ_h up to 1: the same step size for both parts, as in ordinary training
SEARCH = Search(trials=6, ranges={"gamma_theta": (1e-2, 1.0), "gamma_h": (1e-3, 1.0), "r": (0.3, 30.0)})


def cell_name(length: int, width: int) -> str:
    """The experiment of a cell."""
    return f"regime-{length}-{width}"


REGIMES: dict[str, Experiment] = {
    cell_name(length, width): Experiment(
        f"regime map: MNIST, τ = {length}, d = {width}",
        Pixels("mnist", chunk=chunk),
        methods(*METHODS),
        steps=300,
        network=Network(width),
        batch_size=32,
        log_every=20,
        test_size=400,
        seeds=(0, 1, 2, 3, 4),
        measures=(),
        search=SEARCH,
    )
    for chunk, length in zip(CHUNKS, LENGTHS, strict=True)
    for width in WIDTHS
}
