"""Counting n-grams by sorting 64-bit keys.

An n-gram is (the number of its first n - 1 tokens among all such, its last token): two 32-bit numbers, so that one
sort of 64-bit keys per order counts n-grams of any order over any vocabulary, and the sorted keys are the trie that
the model reads. Time O(order · N log N), about 40 bytes of memory for each of N tokens.

**Counts.** The longest n-grams keep how often they occur. Of shorter ones it is counted how many different tokens
stand before them (Kneser & Ney 1995), except for those at the beginning of a document, which nothing can stand before:
they keep how often they occur.

**Discounts.** D_j = j - (j + 1) · Y · t_{j+1} / t_j for j = 1, 2, 3 and more, with Y = t_1 / (t_1 + 2 t_2), t_j the
number of n-grams with count j (Chen & Goodman 1999, section 3.3). Where a t is 0 or a D is not within (0, j], as
happens to short n-grams of tokens that a corpus has all seen often, the order takes `FALLBACK`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tokbench.errors import CorpusError, ParameterError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from tokbench.encoding import Encoding

FALLBACK = (0.5, 1.0, 1.5)
"""Discounts of an order whose counts of counts define none."""
MAX_ORDER = 16
LIMIT = 1 << 32


@dataclass(frozen=True, eq=False)
class NgramCounts:
    """A trie of n-grams with adjusted counts (see `tokbench.bytelm.ngram_kernels` for its order).

    Attributes:
        levels: index of the first node of each level, and the number of nodes.
        first: ``[nodes of all levels but the last, + 1]`` index of the first child.
        tokens: ``[nodes]`` last token of the n-gram.
        counts: ``[nodes]`` adjusted count.
        discounts: ``[order, 3]`` for counts of 1, 2, and 3 or more.
        fallen_back: orders whose discounts are `FALLBACK`.
    """

    levels: tuple[int, ...]
    first: NDArray[np.int64]
    tokens: NDArray[np.uint32]
    counts: NDArray[np.uint32] | NDArray[np.uint64]
    discounts: NDArray[np.float64]
    fallen_back: tuple[int, ...]


def discounts_of(counts: NDArray[np.uint64]) -> tuple[float, float, float] | None:
    """Return D_1, D_2 and D_3+ of counts above 0; None where they are not defined.

    Example:
        >>> discounts_of(np.array([1] * 8 + [2] * 4 + [3] * 2 + [4], np.uint64))
        (0.5, 1.25, 2.0)
    """
    t = np.bincount(np.minimum(counts, 5).astype(np.int64), minlength=6)
    if not t[1:4].all():
        return None
    y = t[1] / (t[1] + 2 * t[2])
    one, two, three = (float(j - (j + 1) * y * t[j + 1] / t[j]) for j in (1, 2, 3))
    return (one, two, three) if 0 < one <= 1 and 0 < two <= 2 and 0 < three <= 3 else None


def count_ngrams(encoding: Encoding, *, order: int, n_ids: int, bos: int, eos: int) -> NgramCounts:
    """Count the n-grams of all lengths up to `order` within documents, `bos` before and `eos` after each.

    Raises:
        ParameterError: for an order outside of 1 … 16, or an id beyond `n_ids`.
        CorpusError: when there is no document, or an order has 2^32 different n-grams.
    """
    if not 1 <= order <= MAX_ORDER:
        message = f"order: {order}; an n-gram model has an order from 1 to {MAX_ORDER}"
        raise ParameterError(message)
    if not len(encoding):
        raise CorpusError("an n-gram model cannot be trained on no documents")
    stream, depth = _framed(encoding, bos, eos)
    if stream.max() >= n_ids:
        message = f"the encoding holds id {int(stream.max())}, beyond the {n_ids} ids of the model"
        raise ParameterError(message)
    whole = np.bincount(stream, minlength=n_ids).astype(np.uint64)
    tokens, counts = [np.arange(n_ids, dtype=np.uint32)], [whole]
    firsts: list[NDArray[np.int64]] = []
    node = stream.astype(np.int64)
    for n in range(2, order + 1):
        ends = np.flatnonzero(depth >= n)
        keys = node[ends - 1].astype(np.uint64) << np.uint64(32) | stream[ends].astype(np.uint64)
        by_key = np.argsort(keys)
        keys = keys[by_key]
        is_new = np.ones(len(keys), dtype=bool)
        np.not_equal(keys[1:], keys[:-1], out=is_new[1:])
        starts = np.flatnonzero(is_new)
        if len(starts) >= LIMIT:
            message = f"{len(starts)} different {n}-grams; at most {LIMIT - 1} fit: take a lower order"
            raise CorpusError(message)
        a_place = ends[by_key[starts]]
        _continue(counts[-1], node[a_place], bos, parents=firsts)
        found = keys[starts]
        firsts.append(
            np.searchsorted(found >> np.uint64(32), np.arange(len(tokens[-1]) + 1, dtype=np.uint64))
        )
        tokens.append((found & np.uint64(0xFFFFFFFF)).astype(np.uint32))
        counts.append(np.diff(starts, append=len(keys)).astype(np.uint64))
        inverse = np.empty(len(keys), dtype=np.int64)
        inverse[by_key] = np.cumsum(is_new) - 1
        node = np.full(len(stream), -1, dtype=np.int64)
        node[ends] = inverse
    counts[0][bos] = 0
    return _flat(tokens, counts, firsts)


def _framed(encoding: Encoding, bos: int, eos: int) -> tuple[NDArray[np.uint32], NDArray[np.int64]]:
    """Return the documents with their borders as one stream, and the place of each token in its document from 1."""
    lengths = encoding.lengths + 2
    begins = np.cumsum(lengths) - lengths
    stream = np.empty(int(lengths.sum()), dtype=np.uint32)
    inside = np.ones(len(stream), dtype=bool)
    inside[begins] = inside[begins + lengths - 1] = False
    stream[begins] = bos
    stream[begins + lengths - 1] = eos
    stream[inside] = encoding.ids
    return stream, np.arange(1, len(stream) + 1) - np.repeat(begins, lengths)


def _continue(
    counts: NDArray[np.uint64],
    suffixes: NDArray[np.int64],
    bos: int,
    *,
    parents: Sequence[NDArray[np.int64]],
) -> None:
    """Replace occurrences by the number of different tokens before, in place; not at the beginning of documents.

    Args:
        counts: occurrences of the n-grams of one level.
        suffixes: of each longer n-gram, the node of what follows its first token.
        bos: what documents begin with.
        parents: first children of the levels before.
    """
    low, high = bos, bos + 1
    for first in parents:
        low, high = int(first[low]), int(first[high])
    kept = counts[low:high].copy()
    counts[:] = np.bincount(suffixes, minlength=len(counts)).astype(np.uint64)
    counts[low:high] = kept


def _flat(
    tokens: list[NDArray[np.uint32]], counts: list[NDArray[np.uint64]], firsts: list[NDArray[np.int64]]
) -> NgramCounts:
    levels = np.cumsum([0, *map(len, tokens)])
    parts = [first[:-1] + levels[at] for at, first in enumerate(firsts, start=1)]
    discounts = [discounts_of(level[level > 0]) for level in counts]
    flat = np.concatenate(counts)
    return NgramCounts(
        tuple(levels.tolist()),
        np.concatenate([*parts, levels[-1:]]).astype(np.int64),
        np.concatenate(tokens),
        flat.astype(np.uint32) if flat.max() < LIMIT else flat,
        np.array([FALLBACK if row is None else row for row in discounts]),
        tuple(at for at, row in enumerate(discounts, start=1) if row is None),
    )
