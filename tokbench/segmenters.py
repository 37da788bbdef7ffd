"""Morphemes before merging: pretokens are cut where a segmenter says, and no token crosses such a cut.

A segmenter is data, so that the tokenizer file holds all of it: a `Lexicon` cuts any word by longest match, a `Table`
holds the cuts of the words that it was made from and leaves others whole. Law: cuts ascend strictly inside of the
pretoken, so the pieces are never empty and concatenate to it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate, pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tokbench.errors import ParameterError
from tokbench.pretokenize import Pretokenizer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from os import PathLike

    from numpy.typing import NDArray

    from tokbench import _rust

    Flat = tuple[NDArray[np.uint32], NDArray[np.int64]]
    Progress = Callable[[str, int, int], None]

KEPT = 1 << 16
"""Words whose cuts an encoder remembers."""


@dataclass(frozen=True)
class Lexicon:
    """Cuts words into the morphemes of a list.

    From left to right the longest morpheme that fits is taken, and where none does the next character is passed over;
    characters passed over one after another are one piece. One leading space belongs to the first piece.

    Raises:
        ParameterError: when there are no morphemes, or an empty one.

    Example:
        >>> pieces(Lexicon(("kitap", "lar")), b" kitaplarda")
        [b' kitap', b'lar', b'da']
    """

    morphemes: tuple[str, ...]

    def __post_init__(self) -> None:
        if not self.morphemes or "" in self.morphemes:
            message = "lexicon: at least one morpheme is needed, and none may be empty"
            raise ParameterError(message)
        object.__setattr__(self, "morphemes", tuple(sorted(set(self.morphemes))))

    @classmethod
    def read(cls, path: str | PathLike[str]) -> Lexicon:
        """Read a UTF-8 file: one morpheme a line, or the words of a Hunspell ``.dic`` without their flags.

        Raises:
            ParameterError: naming the file, when it cannot be read or a ``.dic`` does not start with its number.
        """
        try:
            lines = Path(path).read_text(encoding="utf-8-sig").split("\n")
        except (OSError, UnicodeDecodeError) as error:
            message = f"{path}: cannot read the morphemes: {error}"
            raise ParameterError(message) from error
        words = [line.strip() for line in lines]
        if str(path).endswith(".dic"):
            if not words[0].isdigit():
                message = f"{path}:1: a Hunspell .dic starts with its number of words, got {words[0]!r}"
                raise ParameterError(message)
            # What follows a tab is morphological data; a slash in a word is written \/.
            words = [re.split(r"(?<!\\)/|\t", word)[0].replace("\\/", "/").strip() for word in words[1:]]
        return cls(tuple(word for word in words if word))

    def cuts(self, pretoken: bytes) -> list[int]:
        """Return where a pretoken is cut, ascending, without its two ends."""
        text = pretoken.decode(errors="surrogateescape")
        at = 1 if text.startswith(" ") else 0
        bounds: list[int] = []
        passing = False
        while at < len(text):
            size = next(
                (n for n in self._sizes if n <= len(text) - at and text[at : at + n] in self._known), 0
            )
            if size or not passing:
                bounds.append(at)
            passing = not size
            at += size or 1
        sizes = [
            len(part.encode(errors="surrogateescape")) for part in map(text.__getitem__, _slices(bounds))
        ]
        return list(accumulate(sizes))

    def as_list(self) -> list[object]:
        """Return it as our tokenizer file holds it."""
        return ["lexicon", list(self.morphemes)]

    @cached_property
    def _known(self) -> frozenset[str]:
        return frozenset(self.morphemes)

    @cached_property
    def _sizes(self) -> Sequence[int]:
        return sorted({len(morpheme) for morpheme in self.morphemes}, reverse=True)


@dataclass(frozen=True)
class Table:
    """The cuts of known pretokens.

    Raises:
        ParameterError: when cuts do not ascend strictly inside of their pretoken.
    """

    rows: tuple[tuple[bytes, tuple[int, ...]], ...]

    def __post_init__(self) -> None:
        for pretoken, cuts in self.rows:
            if not cuts or any(left >= right for left, right in pairwise((0, *cuts, len(pretoken)))):
                message = (
                    f"segmenter: cuts {list(cuts)} of {pretoken!r} must ascend from 1 to {len(pretoken) - 1}"
                )
                raise ParameterError(message)

    @classmethod
    def of(cls, segment: Callable[[bytes], Sequence[bytes]], pretokens: Iterable[bytes]) -> Table:
        """Ask a callable for the pieces of every pretoken.

        Raises:
            ParameterError: naming a pretoken whose pieces are empty or do not concatenate to it.
        """
        rows = []
        for pretoken in pretokens:
            made = list(segment(pretoken))
            if b"".join(made) != pretoken or not all(made):
                message = f"segmenter: the pieces of {pretoken!r} must not be empty and concatenate to it, got {made!r}"
                raise ParameterError(message)
            if len(made) > 1:
                rows.append((pretoken, tuple(np.cumsum([len(piece) for piece in made[:-1]]).tolist())))
        return cls(tuple(sorted(rows)))

    def cuts(self, pretoken: bytes) -> list[int]:
        """Return where a pretoken is cut; nowhere if it is not known."""
        return list(self._known.get(pretoken, ()))

    def as_list(self) -> list[object]:
        """Return it as our tokenizer file holds it."""
        return ["table", [[pretoken.hex(), *cuts] for pretoken, cuts in self.rows]]

    @cached_property
    def _known(self) -> Mapping[bytes, tuple[int, ...]]:
        return dict(self.rows)


Segmenter = Lexicon | Table


def from_list(rows: Sequence[Any]) -> Segmenter:
    """Return the segmenter that ``as_list`` wrote.

    Raises:
        ValueError: for another form.
    """
    kind, content = rows
    if kind == "lexicon":
        return Lexicon(tuple(content))
    if kind == "table":
        return Table(tuple((bytes.fromhex(pretoken), tuple(cuts)) for pretoken, *cuts in content))
    message = f"segmenter: {kind!r} is not known; there are lexicon and table"
    raise ValueError(message)


def pieces(segmenter: Segmenter, pretoken: bytes) -> list[bytes]:
    """Return the pieces that a segmenter cuts a pretoken into."""
    return [pretoken[start:end] for start, end in pairwise((0, *segmenter.cuts(pretoken), len(pretoken)))]


class PieceEncoder:
    """An encoder of documents that hands every piece of a pretoken to a native encoder as a document of its own."""

    def __init__(self, native: _rust.BpeEncoder, pretokenizer: str, segmenter: Segmenter) -> None:
        self._native = native
        self._pretokenizer = Pretokenizer(pretokenizer)
        self._segmenter = segmenter
        self._remembered: dict[bytes, list[int]] = {}

    def bounds(self, data: bytes) -> list[int]:
        """Return the ends of the pieces of a document."""
        ends: list[int] = []
        start = 0
        for end in self._pretokenizer.boundaries(data).tolist():
            pretoken = data[start:end]
            cuts = self._remembered.get(pretoken)
            if cuts is None:
                cuts = self._segmenter.cuts(pretoken)
                if len(self._remembered) < KEPT:
                    self._remembered[pretoken] = cuts
            ends += [start + cut for cut in cuts]
            ends.append(end)
            start = end
        return ends

    def encode_batch(
        self, data: NDArray[np.uint8], offsets: NDArray[np.int64], threads: int, progress: Progress | None
    ) -> Flat:
        """Encode documents that lie back to back, without special tokens."""
        whole = data.tobytes()
        bounds = [0]
        rows = [0]
        for start, end in pairwise(offsets.tolist()):
            bounds += [start + piece for piece in self.bounds(whole[start:end])]
            rows.append(len(bounds) - 1)
        places = np.array(bounds, dtype=np.int64)
        ids, ends = self._native.encode_batch(data, places, False, threads, progress)  # noqa: FBT003 - its convention
        return ids, ends[rows]

    def encode_with_spans(self, data: bytes) -> Flat:
        """Encode one document with the byte span of every token, without special tokens."""
        ids = [np.zeros(0, dtype=np.uint32)]
        spans = [np.zeros((0, 2), dtype=np.int64)]
        for start, end in pairwise((0, *self.bounds(data))):
            made, places = self._native.encode_with_spans(data[start:end], False)  # noqa: FBT003 - its convention
            ids.append(made)
            spans.append(places + start)
        return np.concatenate(ids), np.concatenate(spans)


def _slices(bounds: Sequence[int]) -> list[slice]:
    """Return the parts in front of each bound but the first, the first part from the beginning."""
    return [slice(start, end) for start, end in pairwise((0, *bounds[1:]))]
