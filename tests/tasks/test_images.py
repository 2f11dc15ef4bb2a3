"""Files that are not what they should be are refused, with the reason and the path."""

import gzip
import io
import os
import pickle
import tarfile

import numpy as np
import pytest

from tests.tasks.data import cifar_batch, idx, write_cifar, write_mnist
from tpcore.tasks import images
from tpcore.tasks.files import DataError
from tpcore.tasks.images import load_images, read_cifar_batch, read_idx


@pytest.mark.parametrize("name", ["mnist", "fashion_mnist"])
@pytest.mark.parametrize("compressed", [True, False])
def test_idx_files_plain_or_compressed(data_folder, name, compressed):
    arrays = write_mnist(data_folder / name, compressed=compressed)
    data = load_images(name)
    for loaded, written in zip(
        (data.train_pixels, data.train_labels, data.test_pixels, data.test_labels), arrays, strict=True
    ):
        assert np.array_equal(loaded, written.reshape(loaded.shape))


IMAGES = idx(np.zeros((3, 28, 28)))


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("cut.gz", gzip.compress(IMAGES, mtime=0)[:-20], "not a complete gzip file"),
        ("html.gz", b"<html>not found</html>", "not a complete gzip file"),
        ("cut", IMAGES[:-1], "2352 bytes are promised by its header, 2351 are there"),
        ("long", IMAGES + b"0", "2352 bytes are promised by its header, 2353 are there"),
        ("header", IMAGES[:9], "not an IDX file of bytes with 3 dimensions"),
        ("labels", idx(np.zeros(3)), "not an IDX file of bytes with 3 dimensions"),
        ("floats", b"\0\0\x0d\3" + IMAGES[4:], "not an IDX file of bytes"),
        ("empty", b"", "not an IDX file of bytes"),
        ("huge", b"\0\0\x08\3" + b"\xff" * 12, "79228162458924105385300197375 bytes are promised by its header, 0 are"),
        ("wraps", b"\0\0\x08\3" + (2**30).to_bytes(4, "big") * 2 + (16).to_bytes(4, "big"), f"{2**64} bytes are"),
    ],
)
def test_a_broken_idx_file_is_named(tmp_path, name, data, message):
    (tmp_path / name).write_bytes(data)
    with pytest.raises(DataError, match=message) as error:
        read_idx(tmp_path / name, 3)
    assert str(tmp_path / name) in str(error.value)


@pytest.mark.parametrize(
    ("file", "array", "message"),
    [
        ("train-labels-idx1-ubyte", np.zeros(7), r"train-labels-idx1-ubyte\S*: 20 images, but 7 labels"),
        (
            "t10k-labels-idx1-ubyte",
            np.full(10, 11),
            r"t10k-labels-idx1-ubyte\S*: labels from 0 to 9 are expected, there is a 11",
        ),
        ("train-images-idx3-ubyte", np.zeros((20, 8, 8)), r"images of 28 × 28 pixels are expected, it holds \(8, 8\)"),
    ],
)
def test_files_that_do_not_fit_each_other(data_folder, file, array, message):
    write_mnist(data_folder / "mnist", compressed=False)
    (data_folder / "mnist" / file).write_bytes(idx(array))
    with pytest.raises(DataError, match=message):
        load_images("mnist")


def test_a_cut_archive_of_cifar(data_folder):
    write_cifar(data_folder / "cifar10")
    path = data_folder / "cifar10/cifar-10-python.tar.gz"
    path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(DataError, match="not the complete archive of CIFAR-10"):
        load_images("cifar10")


def test_an_archive_without_a_batch(data_folder):
    (data_folder / "cifar10").mkdir()
    with tarfile.open(data_folder / "cifar10/cifar-10-python.tar.gz", "w:gz") as tar:
        tar.addfile(tarfile.TarInfo("cifar-10-batches-py/readme.html"), io.BytesIO())
    with pytest.raises(DataError, match="not the complete archive of CIFAR-10"):
        load_images("cifar10")


def test_a_folder_without_a_batch(data_folder):
    write_cifar(data_folder / "cifar10", archive=False)
    (data_folder / "cifar10/cifar-10-batches-py/data_batch_3").unlink()
    with pytest.raises(DataError, match="data_batch_3 missing"):
        load_images("cifar10")


class Harmful:
    def __reduce__(self):
        return os.mkdir, ("harm",)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (pickle.dumps(cifar_batch(4, 0), 2)[:-100], "not a pickled batch of CIFAR-10"),
        (pickle.dumps({b"data": np.zeros((4, 3072), np.uint8)}, 2), "KeyError"),
        (pickle.dumps([1, 2], 2), "not a pickled batch"),
        (b"", "not a pickled batch"),
        (pickle.dumps({**cifar_batch(4, 0), b"data": np.zeros((4, 99), np.uint8)}, 2), r"\(N, 3072\)"),
        (pickle.dumps({**cifar_batch(4, 0), b"labels": [1, 2, 3]}, 2), "4 images, but 3 labels"),
        (pickle.dumps({**cifar_batch(4, 0), b"labels": 1}, 2), r"labels, it holds uint8 \(4, 3072\) and int64 \(\)"),
        (pickle.dumps({**cifar_batch(4, 0), b"labels": [[1]] * 4}, 2), r"whole numbers \(N,\) are expected as labels"),
        (pickle.dumps({**cifar_batch(4, 0), b"labels": [0.5] * 4}, 2), r"whole numbers \(N,\) are expected as labels"),
        (b"\x80\x02cnumpy._corn\nndarray\n.", "ModuleNotFoundError: No module named 'numpy._corn'"),
        (b"\x80\x02c_codecs\nencode\nX\x01\0\0\0aX\x03\0\0\0wat\x86R.", "LookupError"),
        (b"\x80\x04\x8e" + b"\xff" * 7 + b"\x3f", "not a pickled batch"),
        (pickle.dumps(Harmful(), 2), "it asks for .*mkdir"),
    ],
)
def test_a_broken_batch_of_cifar_is_named(tmp_path, monkeypatch, data, message):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match=message):
        read_cifar_batch(tmp_path / "data_batch_1", data)
    assert not (tmp_path / "harm").exists()


def test_links_that_lead_to_each_other_are_named(data_folder):
    (data_folder / "cifar10").mkdir()
    path = data_folder / "cifar10/cifar-10-python.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        for name, target in (("data_batch_1", "data_batch_2"), ("data_batch_2", "data_batch_1")):
            link = tarfile.TarInfo(f"cifar-10-batches-py/{name}")
            link.type, link.linkname = tarfile.SYMTYPE, target
            archive.addfile(link)
    with pytest.raises(DataError, match="not the complete archive of CIFAR-10"):
        load_images("cifar10")


def test_every_file_comes_over_https_and_has_a_sha256():
    files = [file for found in images.IDX_FILES.values() for file in found] + [images.CIFAR_FILE]
    assert len(files) == 9 and len({file.sha256 for file in files}) == 9
    assert all(file.url.startswith("https://") and len(file.sha256) == 64 for file in files)
