"""Images and their labels, from the files in which they are published."""

from __future__ import annotations

import gzip
import hashlib
import io
import math
import pickle
import tarfile
import zlib
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import numpy as np

from tpcore.tasks.files import DataError, DataFile, find, own_folder

CLASSES = 10
_MNIST = "https://ossci-datasets.s3.amazonaws.com/mnist/"
_FASHION = "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/"
_IDX_NAMES = tuple(f"{split}-{kind}-ubyte.gz" for split in ("train", "t10k") for kind in ("images-idx3", "labels-idx1"))
_MD5 = {
    "mnist": (
        "f68b3c2dcbeaaa9fbdd348bbdeb94873",
        "d53e105ee54ea40749a09fcbcd1e9432",
        "9fb629c4189551a2d022fa330f9573f3",
        "ec29112dd5afa0611ce80d1b7f02629c",
    ),
    "fashion_mnist": (
        "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
        "25c81989df183df01b3e8a0aad5dffbe",
        "bef4ecab320f06d8554ea6380940ec79",
        "bb300cfdad3c16e7a12a480ee83cd310",
    ),
}
_SHA256 = {
    "mnist": (
        "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
        "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
        "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
        "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
    ),
    "fashion_mnist": (
        "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
        "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
        "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
        "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
    ),
}
IDX_FILES = {
    name: tuple(
        DataFile(name, file, url + file, md5, sha256)
        for file, md5, sha256 in zip(_IDX_NAMES, _MD5[name], _SHA256[name], strict=True)
    )
    for name, url in (("mnist", _MNIST), ("fashion_mnist", _FASHION))
}
CIFAR_FILE = DataFile(
    "cifar10",
    "cifar-10-python.tar.gz",
    "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz",
    "c58f30108f718f92721af3b95e74349a",
    "6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce",
)
CIFAR_FOLDER = "cifar-10-batches-py"
CIFAR_BATCHES = (*(f"data_batch_{i}" for i in range(1, 6)), "test_batch")
DIGITS_TEST = 360


@dataclass(frozen=True)
class Images:
    """A data set with its fixed split: pixels (N, P) as whole numbers from 0 to `top`, labels (N,) in 0 … 9.

    A colour image lies plane after plane, as its file holds it.
    """

    train_pixels: np.ndarray
    train_labels: np.ndarray
    test_pixels: np.ndarray
    test_labels: np.ndarray
    channels: int = 1
    top: int = 255

    @cached_property
    def fingerprint(self) -> str:
        """A short hash of all pixels and labels, which tells one split from another."""
        digest = hashlib.sha256()
        for array in (self.train_pixels, self.train_labels, self.test_pixels, self.test_labels):
            digest.update(array.astype(np.uint8).tobytes())
        return digest.hexdigest()[:16]


@cache
def load_images(name: str) -> Images:
    """The data set of that name: "digits", "mnist", "fashion_mnist" or "cifar10"."""
    if name == "digits":
        return _digits()
    if name == "cifar10":
        return _cifar()
    paths = [find(file) for file in IDX_FILES[name]]
    arrays = [read_idx(path, ndim) for path, ndim in zip(paths, (3, 1, 3, 1), strict=True)]
    for split in (0, 2):
        images, labels = arrays[split : split + 2]
        if images.shape[1:] != (28, 28):
            raise DataError(f"{paths[split]}: images of 28 × 28 pixels are expected, it holds {images.shape[1:]}")
        check_labels(paths[split + 1], len(images), labels)
    return Images(arrays[0].reshape(-1, 784), arrays[1], arrays[2].reshape(-1, 784), arrays[3])


def read_idx(path: Path, ndim: int) -> np.ndarray:
    """Read an IDX file of bytes with `ndim` dimensions, plain or compressed by gzip."""
    data = path.read_bytes()
    if path.suffix == ".gz":
        try:
            data = gzip.decompress(data)
        except (OSError, EOFError, zlib.error) as error:
            raise DataError(f"{path}: not a complete gzip file ({error})") from error
    head = 4 + 4 * ndim
    if data[:4] != bytes((0, 0, 8, ndim)) or len(data) < head:
        raise DataError(f"{path}: not an IDX file of bytes with {ndim} dimensions (it begins with {data[:4].hex()})")
    shape = np.frombuffer(data[4:head], ">u4").tolist()
    promised = math.prod(shape)
    if len(data) - head != promised:
        raise DataError(f"{path}: {promised} bytes are promised by its header, {len(data) - head} are there")
    return np.frombuffer(data, np.uint8, offset=head).reshape(shape)


def check_labels(path: Path, images: int, labels: np.ndarray) -> None:
    """Raise DataError unless there is a label in 0 … 9 for each image."""
    if len(labels) != images or images == 0:
        raise DataError(f"{path}: {images} images, but {len(labels)} labels")
    if labels.max() >= CLASSES or labels.min() < 0:
        raise DataError(f"{path}: labels from 0 to 9 are expected, there is a {labels.max()}")


def _digits() -> Images:
    """scikit-learn's 1,797 handwritten digits of 8 × 8 pixels; 360 of them, drawn once and for all, are the test."""
    try:
        from sklearn.datasets import load_digits
    except ImportError:
        raise DataError('the digits come with scikit-learn: pip install "tpcore[experiments]"') from None
    pixels, labels = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(labels))
    train, test = order[DIGITS_TEST:], order[:DIGITS_TEST]
    pixels = pixels.astype(np.uint8)
    return Images(pixels[train], labels[train], pixels[test], labels[test], top=16)


def _cifar() -> Images:
    batches = _cifar_batches()
    pixels, labels = zip(*(batches[name] for name in CIFAR_BATCHES), strict=True)
    return Images(np.concatenate(pixels[:5]), np.concatenate(labels[:5]), pixels[5], labels[5], channels=3)


def _cifar_batches() -> dict[str, tuple[np.ndarray, np.ndarray]]:
    own = own_folder()
    if own is not None and (own / CIFAR_FILE.folder / CIFAR_FOLDER).is_dir():
        folder = own / CIFAR_FILE.folder / CIFAR_FOLDER
        missing = [name for name in CIFAR_BATCHES if not (folder / name).is_file()]
        if missing:
            raise DataError(f"{folder}: {', '.join(missing)} missing")
        return {name: read_cifar_batch(folder / name, (folder / name).read_bytes()) for name in CIFAR_BATCHES}
    path = find(CIFAR_FILE)
    try:
        with tarfile.open(path) as archive:
            files = {name: archive.extractfile(f"{CIFAR_FOLDER}/{name}") for name in CIFAR_BATCHES}
            contents = {name: b"" if file is None else file.read() for name, file in files.items()}
    except (OSError, EOFError, zlib.error, tarfile.TarError, KeyError, RecursionError) as error:  # a loop of links
        raise DataError(f"{path}: not the complete archive of CIFAR-10 ({error})") from error
    return {name: read_cifar_batch(path / name, data) for name, data in contents.items()}


class _ArraysOnly(pickle.Unpickler):
    """A pickle can run any code; these files need no more than NumPy's arrays."""

    allowed = frozenset({"_reconstruct", "ndarray", "dtype", "_frombuffer", "scalar", "encode"})

    def find_class(self, module: str, name: str) -> Any:
        if module.split(".")[0] not in ("numpy", "_codecs") or name not in self.allowed:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}")
        return super().find_class(module, name)


def read_cifar_batch(path: Path, data: bytes) -> tuple[np.ndarray, np.ndarray]:
    """Pixels (N, 3072) and labels (N,) of one pickled batch; `path` is for the errors."""
    try:
        batch = _ArraysOnly(io.BytesIO(data), encoding="bytes").load()
        pixels, labels = np.asarray(batch[b"data"]), np.asarray(batch[b"labels"])
    except Exception as error:  # a broken pickle can raise anything
        raise DataError(f"{path}: not a pickled batch of CIFAR-10 ({type(error).__name__}: {error})") from error
    held = f"it holds {pixels.dtype} {pixels.shape} and {labels.dtype} {labels.shape}"
    if pixels.ndim != 2 or pixels.shape[1] != 3072 or pixels.dtype != np.uint8:
        raise DataError(f"{path}: bytes (N, 3072) are expected as pixels, {held}")
    if labels.ndim != 1 or labels.dtype.kind not in "iu":
        raise DataError(f"{path}: whole numbers (N,) are expected as labels, {held}")
    check_labels(path, len(pixels), labels)
    return pixels, labels
