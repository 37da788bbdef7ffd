"""`Chain`: steps one after another, around an encoder that sees only changed text.

Special tokens are cut out of the text as given and never changed: the text between two of them is changed by itself.
Decoding likewise undoes each stretch of ids between special tokens by itself, so special tokens come back as they are.
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from tokbench.steps.protocol import parse, spell

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    Flat = tuple[NDArray[np.uint32], NDArray[np.int64]]
    Allowed = bool | list[int]


class Chain:
    """Steps in order, and the special tokens that they leave alone.

    Raises:
        ParameterError: for a step that is not known.

    Example:
        >>> chain = Chain(["case"])
        >>> chain.undo(chain.apply(b"One"))
        b'One'
    """

    def __init__(self, steps: Iterable[str], *, special: Mapping[str, int] | None = None) -> None:
        self.steps = tuple(parse(step) for step in steps)
        self.special = {text.encode(): token_id for text, token_id in (special or {}).items()}

    @property
    def spelled(self) -> tuple[str, ...]:
        """The steps with every parameter."""
        return tuple(spell(step) for step in self.steps)

    def apply(self, data: bytes) -> bytes:
        """Return the changed document."""
        for step in self.steps:
            data = step.apply(data)
        return data

    def undo(self, data: bytes) -> bytes:
        """Return the document that was changed."""
        for step in reversed(self.steps):
            data = step.undo(data)
        return data

    def positions(self, data: bytes) -> NDArray[np.int64]:
        """Return, for each byte position of the changed document and its end, the position in `data`."""
        places = np.arange(len(data) + 1, dtype=np.int64)
        for step in self.steps:
            places = places[step.positions(data)]
            data = step.apply(data)
        return places

    def encode(
        self,
        native: Callable[[NDArray[np.uint8], NDArray[np.int64]], Flat],
        data: NDArray[np.uint8],
        offsets: NDArray[np.int64],
        *,
        allowed: Allowed,
    ) -> Flat:
        """Encode documents that lie back to back; `native` encodes changed text, without special tokens."""
        whole = data.tobytes()
        cut = [self._cut(whole[start:end], allowed) for start, end in pairwise(offsets.tolist())]
        texts = [self.apply(part) for parts in cut for part, token_id in parts if token_id is None]
        bounds = np.cumsum([0, *map(len, texts)], dtype=np.int64)
        ids, ends = native(np.frombuffer(b"".join(texts), dtype=np.uint8), bounds)
        if all(len(parts) == 1 and parts[0][1] is None for parts in cut):
            return ids, ends
        pieces: list[NDArray[np.uint32]] = []
        lengths = [0]
        index = 0
        for parts in cut:
            length = 0
            for _, token_id in parts:
                if token_id is None:
                    pieces.append(ids[ends[index] : ends[index + 1]])
                    index += 1
                else:
                    pieces.append(np.array([token_id], dtype=np.uint32))
                length += len(pieces[-1])
            lengths.append(length)
        return np.concatenate(pieces), np.cumsum(lengths, dtype=np.int64)

    def encode_with_spans(
        self, native: Callable[[bytes], Flat], data: bytes, *, allowed: Allowed
    ) -> tuple[NDArray[np.uint32], NDArray[np.int64]]:
        """Encode one document with the byte span of every token in the text as given."""
        ids = [np.zeros(0, dtype=np.uint32)]
        spans = [np.zeros((0, 2), dtype=np.int64)]
        start = 0
        for part, token_id in self._cut(data, allowed):
            if token_id is None:
                made, places = native(self.apply(part))
                ids.append(made)
                spans.append(self.positions(part)[places] + start)
            else:
                ids.append(np.array([token_id], dtype=np.uint32))
                spans.append(np.array([[start, start + len(part)]], dtype=np.int64))
            start += len(part)
        return np.concatenate(ids), np.concatenate(spans)

    def decode(
        self,
        native: Callable[[NDArray[np.uint32], NDArray[np.int64]], list[bytes]],
        ids: NDArray[np.uint32],
        offsets: NDArray[np.int64],
    ) -> list[bytes]:
        """Decode rows of ids; `native` decodes to changed text."""
        is_special = np.isin(ids, np.array(sorted(self.special.values()), dtype=np.uint32))
        places = np.flatnonzero(is_special)
        bounds = np.unique(np.concatenate([offsets, places, places + 1]))
        bounds = bounds if len(bounds) else np.zeros(1, dtype=np.int64)
        pieces = native(ids, bounds)
        restored = [
            piece if is_special[start] else self.undo(piece)
            for piece, start in zip(pieces, bounds[:-1].tolist(), strict=True)
        ]
        rows = np.searchsorted(bounds, offsets).tolist()
        return [b"".join(restored[first:end]) for first, end in pairwise(rows)]

    def _cut(self, data: bytes, allowed: Allowed) -> Sequence[tuple[bytes, int | None]]:
        """Cut a document at the special tokens that are allowed: the leftmost, of those the longest."""
        chosen = {
            text: token_id
            for text, token_id in self.special.items()
            if allowed is True or (allowed is not False and token_id in allowed)
        }
        if not chosen:
            return [(data, None)]
        longest_first = sorted(chosen, key=len, reverse=True)
        pattern = re.compile(b"(" + b"|".join(map(re.escape, longest_first)) + b")")
        # `re.split` puts what matched at the odd places.
        parts = [
            (part, chosen[part] if index % 2 else None)
            for index, part in enumerate(pattern.split(data))
            if part
        ]
        return parts or [(data, None)]
