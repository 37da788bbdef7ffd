"""`Auxiliary`: what some methods look at beside the model: word vectors, a text embedder, a dictionary.

Everything is optional and belongs to the caller; nothing is downloaded. Files of vectors are those that fastText and
word2vec write as text (``.vec``), read by `WordVectors.from_file`.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Protocol, cast

import numpy as np

from tokbench.errors import TransplantError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

Embed = Callable[[Sequence[str]], "NDArray[np.float32]"]
"""Texts → ``[texts, width]`` vectors."""


class Vectors(Protocol):
    """Vectors of texts: words, tokens or anything."""

    @property
    def width(self) -> int:
        """The length of a vector."""

    def look_up(self, texts: Sequence[str]) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """Return ``[texts, width]`` vectors, and for which texts there is one (the others are zero)."""


@dataclass(frozen=True)
class Embedder:
    """A callable as `Vectors`: every text has one.

    Example:
        >>> lengths = Embedder(lambda texts: np.array([[len(t)] for t in texts], dtype=np.float32), width=1)
        >>> lengths.look_up(["a", "bc"])[0].tolist()
        [[1.0], [2.0]]
    """

    embed: Embed
    width: int

    def look_up(self, texts: Sequence[str]) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """Return the vectors of all texts."""
        found = np.asarray(self.embed(texts), dtype=np.float32).reshape(len(texts), self.width)
        known: NDArray[np.bool_] = np.logical_and.reduce(np.isfinite(found), axis=1)
        return found, known


@dataclass(frozen=True, eq=False)
class WordVectors:
    """Vectors of words, held in memory.

    Attributes:
        rows: word → row of `values`.
        values: ``[words, width]`` float32.

    Example:
        >>> words = WordVectors({"low": 0}, np.array([[1.0, 2.0]], dtype=np.float32))
        >>> words.look_up(["low", "high"])[1].tolist()
        [True, False]
    """

    rows: Mapping[str, int]
    values: NDArray[np.float32]

    @property
    def width(self) -> int:
        """The length of a vector."""
        return int(self.values.shape[1])

    def look_up(self, texts: Sequence[str]) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """Return the vectors of the words that are listed."""
        places = np.array([self.rows.get(text, -1) for text in texts], dtype=np.int64)
        known: NDArray[np.bool_] = places >= 0
        found = np.zeros((len(texts), self.width), dtype=np.float32)
        found[known] = self.values[places[known]]
        return found, known

    @classmethod
    def from_file(cls, path: str | Path, *, limit: int | None = None) -> WordVectors:
        """Read the text format of fastText and word2vec, gzip-compressed where the name ends in ``.gz``.

        The first line holds the number of words and the width; every other line a word, a space, and the numbers,
        separated by single spaces. Words are UTF-8 and hold no space.

        Args:
            path: of the file.
            limit: read the first words only, which are the most frequent ones in files of fastText.

        Raises:
            TransplantError: for a file that cannot be read or is something else, naming the line and what was expected:
                a header that is none, another number of values, a value that is no finite number, a word that is not
                UTF-8 or occurs twice, or fewer or more words than the header says.
        """
        file = Path(path)
        try:
            with cast("BinaryIO", gzip.open(file) if file.suffix == ".gz" else file.open("rb")) as stream:
                return cls(*_read_vectors(file, stream, limit))
        except (OSError, EOFError, zlib.error) as error:
            message = f"{file}: cannot be read: {error}"
            raise TransplantError(message) from error


def _read_vectors(
    file: Path, stream: BinaryIO, limit: int | None
) -> tuple[dict[str, int], NDArray[np.float32]]:
    header = stream.readline().split()
    if len(header) != 2 or not all(part.isdigit() for part in header) or int(header[1]) < 1:
        message = f"{file}:1: expected the number of words and the width of a vector, as in '2000000 300'"
        raise TransplantError(message)
    listed, width = int(header[0]), int(header[1])
    wanted = listed if limit is None else min(limit, listed)
    rows, parts = dict[str, int](), list[np.ndarray]()
    for number, line in enumerate(stream, start=2):
        if len(rows) == wanted:
            if wanted == listed:
                message = f"{file}:{number}: the first line says {listed} words, and here is one more"
                raise TransplantError(message)
            break
        word, _, numbers = line.rstrip(b"\r\n ").partition(b" ")
        try:
            text = word.decode()
        except UnicodeDecodeError as error:
            message = f"{file}:{number}: byte {error.start} of the word is not valid UTF-8"
            raise TransplantError(message) from None
        if text in rows:
            message = f"{file}:{number}: the word {text!r} is in line {rows[text] + 2} already"
            raise TransplantError(message)
        rows[text] = len(rows)
        parts.append(_numbers(file, number, numbers, width))
    if len(rows) < wanted:
        message = (
            f"{file}: the first line says {listed} words, but there are {len(rows)}: the file is cut short"
        )
        raise TransplantError(message)
    return rows, np.array(parts, dtype=np.float32).reshape(len(parts), width)


def _numbers(file: Path, number: int, text: bytes, width: int) -> NDArray[np.float32]:
    fields = text.split(b" ")
    try:
        values = np.array(fields, dtype=np.float32) if text else np.zeros(0, dtype=np.float32)
    except ValueError as error:
        message = f"{file}:{number}: {error}; expected a word and {width} numbers, separated by single spaces"
        raise TransplantError(message) from None
    if len(values) != width:
        message = f"{file}:{number}: {len(values)} numbers behind the word, the first line says {width}"
        raise TransplantError(message)
    if not np.isfinite(values).all():
        message = f"{file}:{number}: number {int(np.flatnonzero(~np.isfinite(values))[0]) + 1} is not finite"
        raise TransplantError(message)
    return values


@dataclass(frozen=True, kw_only=True)
class Auxiliary:
    """What the caller gives beside the model.

    Attributes:
        new_vectors: of the new tokenizer's tokens, or of the words of its language.
        old_vectors: of the old tokenizer's, where they live in another space; else `new_vectors` serves both.
        dictionary: pairs (word of the old language, word of the new one).
        embed: any text embedder.
    """

    new_vectors: Vectors | None = None
    old_vectors: Vectors | None = None
    dictionary: tuple[tuple[str, str], ...] = ()
    embed: Embed | None = None
