import numpy as np
import pytest
import torch

from tests.tasks.data import write_cifar, write_mnist
from tpcore.tasks import Pixels


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def test_digits_need_no_folder_and_no_network(data_folder):
    task = Pixels("digits")
    inputs, targets = task.held_out(10_000, generator())
    assert inputs.shape == (360, 64, 1) and inputs.min() == 0 and inputs.max() == 1
    assert set(targets.tolist()) == set(range(10))
    more, _ = task.batch(1000, generator())
    assert more.shape == (1000, 64, 1)


def test_no_test_image_of_the_digits_is_trained_on(data_folder):
    from sklearn.datasets import load_digits

    from tpcore.tasks.images import load_images

    data = load_images("digits")
    assert len(data.train_labels) + len(data.test_labels) == 1797 and len(data.test_labels) == 360
    together = np.concatenate([data.train_pixels, data.test_pixels]).astype(int)
    assert sorted(map(tuple, together)) == sorted(map(tuple, load_digits().data.astype(int)))


def test_images_go_row_by_row_and_lie_between_0_and_1(data_folder):
    _, _, images, labels = write_mnist(data_folder / "mnist")
    inputs, targets = Pixels("mnist").held_out(10, generator())
    assert torch.equal(inputs, torch.tensor(images / 255).float().reshape(10, 784, 1))
    assert targets.tolist() == labels.tolist()


def test_training_batches_hold_training_images_with_their_labels(data_folder):
    images, labels, _, _ = write_mnist(data_folder / "mnist")
    known = {tuple(image.ravel()): label for image, label in zip(images, labels, strict=True)}
    inputs, targets = Pixels("mnist").batch(200, generator())
    drawn = [tuple(row) for row in (inputs[:, :, 0] * 255).round().int().tolist()]
    assert [known[row] for row in drawn] == targets.tolist()
    assert set(drawn) == set(known), "each image is drawn sooner or later"


def test_a_permutation_is_the_same_for_every_image(data_folder):
    write_mnist(data_folder / "mnist")
    plain, _ = Pixels("mnist").held_out(10, generator())
    mixed, _ = Pixels("mnist", permutation=3).held_out(10, generator())
    other, _ = Pixels("mnist", permutation=4).held_out(10, generator())
    columns = [tuple(column) for column in plain[:, :, 0].T.tolist()]
    assert sorted(columns) == sorted(tuple(column) for column in mixed[:, :, 0].T.tolist())
    assert not torch.equal(plain, mixed) and not torch.equal(mixed, other)


def test_chunks(data_folder):
    write_mnist(data_folder / "mnist")
    plain, _ = Pixels("mnist").held_out(10, generator())
    task = Pixels("mnist", chunk=56)
    assert (task.length, task.input_size) == (14, 56)
    assert torch.equal(task.held_out(10, generator())[0], plain.reshape(10, 14, 56))


def test_each_pixel_several_times(data_folder):
    once, several = (Pixels("digits", permutation=3, repeats=n) for n in (1, 4))
    (images, _), (repeated, _) = (task.held_out(5, generator()) for task in (once, several))
    assert several.length == 256 and repeated.shape == (5, 256, 1)
    assert all(torch.equal(repeated[:, place::4], images) for place in range(4))


def test_normalized_by_the_training_split(data_folder):
    train, _, test, _ = write_mnist(data_folder / "mnist")
    inputs, _ = Pixels("mnist", normalized=True).held_out(10, generator())
    expected = (test / 255 - (train / 255).mean()) / (train / 255).std()
    torch.testing.assert_close(inputs, torch.tensor(expected).float().reshape(10, 784, 1), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("archive", [True, False])
def test_cifar_goes_plane_after_plane_each_normalized(data_folder, archive):
    batches = write_cifar(data_folder / "cifar10", archive=archive)
    train = np.concatenate([batches[f"data_batch_{i}"][b"data"] for i in range(1, 6)]).reshape(20, 3, 1024) / 255
    test = batches["test_batch"]
    inputs, targets = Pixels("cifar10", normalized=True).held_out(4, generator())
    assert inputs.shape == (4, 3072, 1) and targets.tolist() == test[b"labels"]
    expected = test[b"data"].reshape(4, 3, 1024) / 255
    expected = (expected - train.mean((0, 2))[:, None]) / train.std((0, 2))[:, None]
    torch.testing.assert_close(inputs.view(4, 3, 1024), torch.tensor(expected).float(), rtol=1e-4, atol=1e-5)


def test_validation_holds_out_a_sixth_of_the_training_images(data_folder):
    images, labels, _, _ = write_mnist(data_folder / "mnist", train=30)
    task = Pixels("mnist", validation=True)
    kept, _ = task.batch(500, generator())
    held, targets = task.held_out(100, generator())
    kept, held = ({tuple(row) for row in (x[:, :, 0] * 255).round().int().tolist()} for x in (kept, held))
    known = {tuple(image.ravel()): label for image, label in zip(images, labels, strict=True)}
    assert len(held) == 5 and len(kept) == 25 and held.isdisjoint(kept) and held | kept == set(known)
    assert sorted(known[row] for row in held) == sorted(targets.tolist())


def test_the_fingerprint_tells_one_split_from_another(data_folder):
    write_mnist(data_folder / "mnist", seed=0)
    write_mnist(data_folder / "fashion_mnist", seed=1)
    assert Pixels("mnist").fingerprint() == Pixels("mnist", chunk=4).fingerprint()
    assert Pixels("mnist").fingerprint() != Pixels("fashion_mnist").fingerprint()


def test_what_cannot_be_is_named():
    with pytest.raises(ValueError, match="images must be one of 'digits'"):
        Pixels("letters")
    with pytest.raises(ValueError, match="chunk must divide the 784 pixels of an image, got 5"):
        Pixels("mnist", chunk=5)
    with pytest.raises(ValueError, match=r"chunk must be an integer of at least 1, got 8.0"):
        Pixels("digits", chunk=8.0)
    with pytest.raises(ValueError, match="permutation must be an integer of at least 0, got 'a'"):
        Pixels("digits", permutation="a")
