"""Images read pixel by pixel: tell what was seen, one chunk of pixels a step."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from tpcore.checks import check_integer, check_option
from tpcore.tasks.base import Classes
from tpcore.tasks.images import CLASSES, load_images

PIXELS = {"digits": 64, "mnist": 784, "fashion_mnist": 784, "cifar10": 3072}


@dataclass(frozen=True)
class Pixels(Classes):
    """Images as sequences of chunks of k pixels, τ = n P/k.

    Pixels go row by row and lie in [0, 1]. A colour image goes plane after plane, red, green, blue, as CIFAR-10's files
    hold it, so that P = 3·32·32. Training batches are drawn from the training split with replacement; the held-out
    batch comes from the test split.

    Parameters
    ----------
    images : {"digits", "mnist", "fashion_mnist", "cifar10"}
        "digits" are scikit-learn's, 8 × 8, and need no download; `tpcore.tasks.files` says where the others come from.
    chunk : int
        k, a divisor of P.
    repeats : int
        n, how many steps each chunk is shown.
    permutation : int, optional
        The seed of a permutation of the pixels, the same for every image; None leaves them in order.
    normalized : bool
        Subtract the mean and divide by the standard deviation of the training split's pixels, each colour its own.
    validation : bool
        Hold out a sixth of the training split, drawn once and for all, in place of the test split, and train on the
        rest: for choosing step sizes without a look at the test images.

    Notes
    -----
    A copy of a data set may be split in another way than the original (some copies of Fashion-MNIST are, class by
    class). `fingerprint` tells them apart, and records hold it: accuracies on different splits are not comparable.

    Raises
    ------
    ValueError
        If images is unknown, chunk does not divide the number of pixels, or permutation is no integer of at least 0.
    tpcore.tasks.files.DataError
        By its batches, if the data are not there and can't be fetched.

    Examples
    --------
    >>> from tpcore.tasks import Pixels
    >>> task = Pixels("digits", chunk=8)  # row by row
    >>> task.length, task.input_size, task.output_size
    (8, 8, 10)
    """

    images: str = "digits"
    chunk: int = 1
    permutation: int | None = None
    normalized: bool = False
    validation: bool = False
    repeats: int = 1

    output_size: ClassVar[int] = CLASSES
    every_step: ClassVar[bool] = False

    def __post_init__(self) -> None:
        check_option("images", self.images, tuple(PIXELS))
        if self.pixels % check_integer("chunk", self.chunk):
            raise ValueError(f"chunk must divide the {self.pixels} pixels of an image, got {self.chunk!r}")
        check_integer("repeats", self.repeats)
        if self.permutation is not None:
            check_integer("permutation", self.permutation, 0)

    @property
    def pixels(self) -> int:
        """P, the number of values in an image."""
        return PIXELS[self.images]

    @property
    def length(self) -> int:
        """τ."""
        return self.pixels // self.chunk * self.repeats

    @property
    def input_size(self) -> int:
        """k."""
        return self.chunk

    def batch(self, size: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Draw `size` training images: inputs (size, τ, k), float32, and classes (size,), int64."""
        pixels, labels = _split(self.images, self.validation)[:2]
        chosen = torch.randint(len(labels), (size,), generator=generator).numpy()
        return self._sequences(pixels[chosen], labels[chosen])

    def held_out(self, size: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Draw `size` different held-out images, or take all of them if there are no more."""
        pixels, labels = _split(self.images, self.validation)[2:]
        chosen = torch.randperm(len(labels), generator=generator)[:size].sort().values.numpy()
        return self._sequences(pixels[chosen], labels[chosen])

    def fingerprint(self) -> str:
        """A short hash of the images and their split."""
        return load_images(self.images).fingerprint

    def _sequences(self, pixels: np.ndarray, labels: np.ndarray) -> tuple[Tensor, Tensor]:
        values = torch.as_tensor(pixels.astype(np.float32) / load_images(self.images).top)
        if self.normalized:
            mean, deviation = _moments(self.images)
            values = (values - mean) / deviation
        if self.permutation is not None:
            values = values[:, torch.randperm(self.pixels, generator=torch.Generator().manual_seed(self.permutation))]
        sequences = values.reshape(len(values), -1, self.chunk).repeat_interleave(self.repeats, 1)
        return sequences, torch.as_tensor(labels.astype(np.int64))


@cache
def _split(name: str, validation: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Pixels and labels to train on, and those held out."""
    data = load_images(name)
    if not validation:
        return data.train_pixels, data.train_labels, data.test_pixels, data.test_labels
    order = np.random.default_rng(0).permutation(len(data.train_labels))
    held, kept = np.split(order, [len(order) // 6])
    return data.train_pixels[kept], data.train_labels[kept], data.train_pixels[held], data.train_labels[held]


@cache
def _moments(name: str) -> tuple[Tensor, Tensor]:
    """The mean and the standard deviation of the training split's pixels in [0, 1], (P,) each, equal in a colour."""
    data = load_images(name)
    counts = [np.bincount(plane.ravel(), minlength=256) for plane in np.split(data.train_pixels, data.channels, axis=1)]
    levels = np.arange(256) / data.top
    means = [(count * levels).sum() / count.sum() for count in counts]
    deviations = [
        ((count * (levels - mean) ** 2).sum() / count.sum()) ** 0.5 for count, mean in zip(counts, means, strict=True)
    ]
    size = data.train_pixels.shape[1] // data.channels
    return torch.tensor(np.repeat(means, size)).float(), torch.tensor(np.repeat(deviations, size)).float()
