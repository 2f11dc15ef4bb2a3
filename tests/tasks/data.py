"""Small files in the formats in which data sets are published, written by hand."""

import gzip
import io
import pickle
import struct
import tarfile

import numpy as np

IDX_NAMES = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")


def idx(array: np.ndarray) -> bytes:
    """The IDX format: two zeros, the type (8: bytes), the number of dimensions, each as four bytes, the values."""
    header = struct.pack(">BBBB", 0, 0, 8, array.ndim) + struct.pack(f">{array.ndim}I", *array.shape)
    return header + array.astype(np.uint8).tobytes()


def write_mnist(folder, *, train=20, test=10, compressed=True, seed=0):
    """Four files like MNIST's; returns the arrays in them."""
    rng = np.random.default_rng(seed)
    folder.mkdir(parents=True)
    arrays = []
    for count in (train, test):
        arrays += [rng.integers(0, 256, (count, 28, 28)), rng.integers(0, 10, count)]
    for name, array in zip(IDX_NAMES, arrays, strict=True):
        data = idx(array)
        (folder / (name + ".gz" if compressed else name)).write_bytes(gzip.compress(data) if compressed else data)
    return arrays


def cifar_batch(count, seed):
    """One batch as CIFAR-10's makers pickled it."""
    rng = np.random.default_rng(seed)
    return {
        b"data": rng.integers(0, 256, (count, 3072)).astype(np.uint8),
        b"labels": [int(label) for label in rng.integers(0, 10, count)],
        b"batch_label": b"a batch",
    }


def write_cifar(folder, *, archive=True):
    """The six batches, in a tar.gz or in a folder; returns them."""
    folder.mkdir(parents=True)
    names = [*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"]
    batches = {name: cifar_batch(4, seed) for seed, name in enumerate(names)}
    pickled = {name: pickle.dumps(batch, protocol=2) for name, batch in batches.items()}
    # the published files were written by an old NumPy, where the module had another name
    pickled = {name: data.replace(b"numpy._core.", b"numpy.core.") for name, data in pickled.items()}
    if archive:
        with tarfile.open(folder / "cifar-10-python.tar.gz", "w:gz") as tar:
            for name, data in pickled.items():
                member = tarfile.TarInfo(f"cifar-10-batches-py/{name}")
                member.size = len(data)
                tar.addfile(member, io.BytesIO(data))
    else:
        (folder / "cifar-10-batches-py").mkdir()
        for name, data in pickled.items():
            (folder / "cifar-10-batches-py" / name).write_bytes(data)
    return batches


def write_ptb(folder):
    """Two files like Mikolov's Penn Treebank."""
    folder.mkdir(parents=True)
    (folder / "ptb.train.txt").write_text(" the cat saw the <unk> \n the dog saw N cats \n" * 20)
    (folder / "ptb.test.txt").write_text(" the bird saw the dog \n" * 10)
