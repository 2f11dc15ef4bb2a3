import pytest
import torch

from tests.tasks.data import write_ptb
from tpcore.tasks import Characters, Words
from tpcore.tasks.files import DataError
from tpcore.tasks.text import load_text


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def spelled(numbers):
    return "".join("\n" if n == 0 else "?" if n == 96 else chr(n + 31) for n in numbers)


@pytest.mark.parametrize("batch", ["batch", "held_out"])
def test_each_character_is_followed_by_the_next(data_folder, batch):
    inputs, targets = getattr(Characters(length=20), batch)(50, generator())
    assert inputs.shape == (50, 20, 97) and targets.shape == (50, 20)
    read = inputs.argmax(2)
    assert torch.equal(inputs.sum(2), torch.ones(50, 20)) and torch.equal(read[:, 1:], targets[:, :-1])
    train, test = load_text("pydoc")
    part = "".join(c if c == "\n" or " " <= c <= "~" else "?" for c in (train if batch == "batch" else test))
    for row in range(50):
        assert spelled([*read[row].tolist(), int(targets[row, -1])]) in part


def test_pydoc_is_python_s_own_text_the_last_tenth_held_out(data_folder):
    from pydoc_data.topics import topics

    train, test = load_text("pydoc")
    assert all(text in train + test for text in topics.values())
    assert len(test) == pytest.approx((len(train) + len(test)) / 10, abs=1)


def test_validation_holds_out_the_last_tenth_of_the_training_text(data_folder):
    write_ptb(data_folder / "ptb")
    numbers = " ".join(map(str, range(400)))  # no two windows of it are alike
    (data_folder / "ptb" / "ptb.train.txt").write_text(numbers)
    task = Characters("ptb", length=10, validation=True)
    text = Characters("ptb").symbols()[0]
    cut = len(text) * 9 // 10
    for (_, targets), part in ((task.batch(20_000, generator()), text[:cut]), (task.held_out(200, None), text[cut:])):
        drawn = {tuple(row) for row in targets.tolist()}
        assert drawn == {tuple(row) for row in part[1:].unfold(0, 10, 1).tolist()}


def test_no_held_out_window_comes_twice(data_folder):
    write_ptb(data_folder / "ptb")
    task = Characters("ptb", length=10)
    text = task.symbols()[1]
    windows = text[1:].unfold(0, 10, 1).tolist()
    for size in (len(windows), len(windows) + 1, 10 * len(windows)):
        assert task.held_out(size, None)[1].tolist() == windows, "all of them, in their order"
    assert len(task.held_out(len(windows) - 1, None)[1]) == len(windows) - 1


def test_windows_start_everywhere(data_folder):
    write_ptb(data_folder / "ptb")
    task = Characters("ptb", length=10)
    text, _ = task.symbols()
    _, targets = task.batch(20_000, generator())
    assert {tuple(row) for row in targets.tolist()} == {tuple(row) for row in text[1:].unfold(0, 10, 1).tolist()}


def test_words_by_falling_frequency_and_rare_ones_unknown(data_folder):
    write_ptb(data_folder / "ptb")
    task = Words("ptb", length=6, vocabulary=5, embedding=8)
    train, test = task.symbols()
    # the 3 a block; <eos> 2, saw 2; N, cat, cats, dog 1 each, of which N comes first; <unk> is always 0
    known = {"the": 1, "<eos>": 2, "saw": 3, "N": 4}
    block = ["the", "cat", "saw", "the", "<unk>", "<eos>", "the", "dog", "saw", "N", "cats", "<eos>"]
    assert train[:12].tolist() == [known.get(word, 0) for word in block]
    assert test[:6].tolist() == [1, 0, 3, 1, 0, 2]
    assert (task.input_size, task.output_size) == (8, 5)


def test_words_are_read_as_frozen_vectors(data_folder):
    write_ptb(data_folder / "ptb")
    task = Words("ptb", length=6, embedding=8)
    inputs, targets = task.held_out(10, generator())
    vector = {}
    for row in range(10):
        for word, read in zip(targets[row, :-1].tolist(), inputs[row, 1:], strict=True):
            assert torch.equal(vector.setdefault(word, read), read)
    assert len(vector) == len({tuple(v.tolist()) for v in vector.values()})


def test_the_loss_is_the_mean_over_all_steps(data_folder):
    task = Characters(length=5)
    outputs, targets = torch.randn(3, 5, 97, generator=generator()), torch.randint(97, (3, 5), generator=generator(1))
    one_by_one = [-torch.log_softmax(outputs[row, t], 0)[targets[row, t]] for row in range(3) for t in range(5)]
    torch.testing.assert_close(task.loss(outputs, targets), torch.stack(one_by_one).mean())
    right = sum(int(outputs[row, t].argmax() == targets[row, t]) for row in range(3) for t in range(5))
    assert task.accuracy(outputs, targets) == pytest.approx(right / 15)


def test_what_cannot_be_is_named(data_folder):
    write_ptb(data_folder / "ptb")
    with pytest.raises(ValueError, match="source must be one of 'pydoc', 'ptb', got 'bible'"):
        Characters("bible")
    with pytest.raises(ValueError, match="vocabulary must be an integer of at least 1"):
        Words(vocabulary=0)
    with pytest.raises(ValueError, match=r"embedding must be an integer of at least 1, got 1.5"):
        Words(embedding=1.5)
    with pytest.raises(DataError, match="the text 'ptb' has 60 symbols: too few for windows of 500"):
        Words("ptb", length=500).held_out(1, generator())


def test_text_that_is_none(data_folder):
    write_ptb(data_folder / "ptb")
    (data_folder / "ptb/ptb.test.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DataError, match="not text in UTF-8"):
        load_text("ptb")
