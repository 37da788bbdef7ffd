"""Canonicality: which ids of a given stream are those that the tokenizer would have chosen.

Source: section J of the metric catalogue; Ayoobi et al. 2026. A stream is what a model has written, or a data set of
ids from elsewhere. A row is canonical when encoding its decoding returns its ids; an id of it is, when the canonical
encoding has the same id on the same bytes.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tokbench.encoding import Encoding
from tokbench.errors import MetricError, TokbenchError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

    from tokbench.measurement import InspectedTokenizer

    Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Canonicality:
    """How much of an id stream is canonical.

    Attributes:
        n_rows: rows of the stream.
        canonical_rows: rows that encoding their decoding returns.
        n_ids: ids of the stream, special tokens aside.
        canonical_ids: ids that the canonical encoding has on the same bytes.
        not_text: rows whose decoding is no text that the tokenizer encodes (not UTF-8, say); canonical is none of them.
        examples: up to ten rows that are not canonical: place, their ids, the canonical ids.
    """

    n_rows: int
    canonical_rows: int
    n_ids: int
    canonical_ids: int
    not_text: int
    examples: tuple[tuple[int, tuple[int, ...], tuple[int, ...]], ...]

    @property
    def row_rate(self) -> float | None:
        """Share of the rows that are canonical; None without rows."""
        return self.canonical_rows / self.n_rows if self.n_rows else None

    @property
    def id_rate(self) -> float | None:
        """Share of the ids that are canonical; None without ids."""
        return self.canonical_ids / self.n_ids if self.n_ids else None


def canonicality(
    tokenizer: InspectedTokenizer, ids: ArrayLike | Sequence[ArrayLike], offsets: ArrayLike | None = None
) -> Canonicality:
    """Compare an id stream with the encoding of what it decodes to.

    Args:
        tokenizer: whose ids they are.
        ids: one flat array with `offsets`, or a list of rows.
        offsets: row `i` is ``ids[offsets[i]:offsets[i + 1]]``.

    Special tokens do not count: text never makes them. A row is cut at them and each part compared by itself.

    Raises:
        MetricError: when the offsets do not fit the ids.
        UnknownTokenError: for an id that the tokenizer does not have.

    Example:
        >>> canonicality(tokenizer, [[31373, 995], [71, 68, 297, 78]]).row_rate  # doctest: +SKIP
        0.5
    """
    rows = _rows(ids, offsets)
    special = set(tokenizer.special_tokens.values())
    canonical_rows = n_ids = canonical_ids = not_text = 0
    examples: list[tuple[int, tuple[int, ...], tuple[int, ...]]] = []
    for place, row in enumerate(rows):
        parts = _parts(row, special)
        n_ids += sum(map(len, parts))
        try:
            again = [tokenizer.encode(tokenizer.decode(part)) for part in parts]
        except TokbenchError:
            if any(int(token) not in tokenizer.vocab for part in parts for token in part):
                raise
            not_text += 1
            continue
        canonical_ids += sum(_shared(tokenizer, *pair) for pair in zip(parts, again, strict=True))
        if all(np.array_equal(part, other) for part, other in zip(parts, again, strict=True)):
            canonical_rows += 1
        elif len(examples) < 10:
            flat = [token for part in again for token in part.tolist()]
            examples.append((place, tuple(int(token) for part in parts for token in part), tuple(flat)))
    return Canonicality(len(rows), canonical_rows, n_ids, canonical_ids, not_text, tuple(examples))


def read_ids(path: str | Path) -> list[NDArray[np.uint32]]:
    """Read an id stream: ``.npy`` (one row), or text with a row of ids on each line.

    Raises:
        MetricError: naming file and line of what is no id.
    """
    file = Path(path)
    if file.suffix == ".npy":
        array = np.load(file, allow_pickle=False)
        if array.ndim != 1 or array.dtype.kind not in "iu" or (len(array) and int(array.min()) < 0):
            message = f"{file}: a flat array of ids is needed, found {array.dtype} of shape {array.shape}"
            raise MetricError(message)
        return [array.astype(np.uint32)]
    return parse_ids(file.read_text(encoding="utf-8"), str(file))


def parse_ids(text: str, where: str) -> list[NDArray[np.uint32]]:
    r"""Read a row of ids from each line; `where` names the text in messages.

    Raises:
        MetricError: naming the line of what is no id.

    Example:
        >>> [row.tolist() for row in parse_ids("1 2\n[3, 4]\n", "here")]
        [[1, 2], [3, 4]]
    """
    rows = []
    for number, line in enumerate(text.splitlines(), start=1):
        words = line.replace(",", " ").strip(" []").split()
        wrong = next((word for word in words if not word.isascii() or not word.isdigit()), None)
        if wrong is not None:
            message = f"{where}, line {number}: {wrong!r} is no id; write one row of ids on each line"
            raise MetricError(message)
        rows.append(np.array([int(word) for word in words], np.uint32))
    return rows


def _rows(ids: ArrayLike | Sequence[ArrayLike], offsets: ArrayLike | None) -> list[NDArray[np.uint32]]:
    if offsets is None:
        given = [np.asarray(row) for row in ids]  # type: ignore[union-attr]  # a list of rows
        if given and given[0].ndim == 0:
            message = "canonicality: give a list of rows, or one flat array with offsets"
            raise MetricError(message)
        return [row.astype(np.uint32) for row in given]
    flat = np.asarray(ids, np.uint32)
    whole = Encoding(flat, np.asarray(offsets, np.int64))
    return list(whole)


def _parts(row: NDArray[np.uint32], special: set[int]) -> list[NDArray[np.uint32]]:
    edges = [-1, *(at for at, token in enumerate(row.tolist()) if token in special), len(row)]
    return [row[a + 1 : b] for a, b in pairwise(edges) if b > a + 1]


def _shared(tokenizer: InspectedTokenizer, ids: NDArray[np.uint32], canonical: NDArray[np.uint32]) -> int:
    """Count the ids that stand on the same bytes in both."""

    def placed(row: NDArray[np.uint32]) -> set[tuple[int, int]]:
        places, at = set(), 0
        for token in row.tolist():
            places.add((at, token))
            at += len(tokenizer.token_bytes(token))
        return places

    return len(placed(ids) & placed(canonical))
