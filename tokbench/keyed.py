"""Counts of sparse exact keys, such as n-grams of tokens: sorted tables, and ids that nobody has counted yet.

An n-gram of ids is one number where the ids fit into 64 bits together, so counting is sorting. The table of the n-grams
of a text has four to eight times the bytes of its ids, and the table of two texts needs both: ids are therefore kept as
they are, and counted where a table is read, until there are too many of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tokbench.compiled import kernel

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Ints = NDArray[np.int64]
    Keys = NDArray[np.uint64]

PENDING = 1 << 23
"""Ids that are kept uncounted; more become a table."""


@dataclass(frozen=True, eq=False)
class Keyed:
    """Counts of sparse keys: sorted and unique, ``(n,)``, or ``(n, w)`` where a key needs `w` words of 64 bits.

    `counts` is ``(n,)`` or ``(n, k)``. Make one with `count_keys`, which sorts; keys are compared whole, nothing is
    hashed.
    """

    keys: Keys
    counts: Ints

    def __len__(self) -> int:
        """Count the different keys."""
        return len(self.keys)

    def table(self) -> Keyed:
        """Return itself: `Uncounted` has to count first."""
        return self


@dataclass(frozen=True, eq=False)
class Uncounted:
    """The n-grams of some ids, none across a document border, not counted yet.

    Attributes:
        parts: ids and document offsets, as `pack_ngrams` takes them.
        n: ids of an n-gram.
        n_ids: bound of the ids.
    """

    parts: tuple[tuple[NDArray[np.uint32], Ints], ...]
    n: int
    n_ids: int

    def __len__(self) -> int:
        """Count the ids."""
        return sum(len(ids) for ids, _ in self.parts)

    def table(self) -> Keyed:
        """Count the n-grams; anew at each call, so that no table outlives its reader.

        Example:
            >>> ids, offsets = np.array([1, 2, 1, 2], np.uint32), np.array([0, 3, 4])
            >>> Uncounted(((ids, offsets), (ids, offsets)), 2, 16).table().counts.tolist()
            [2, 2]
        """
        return count_keys(
            np.concatenate([pack_ngrams(ids, offsets, self.n, self.n_ids) for ids, offsets in self.parts])
        )


def count_keys(keys: Keys, counts: Ints | None = None) -> Keyed:
    """Sort keys and add up the counts of equal ones; without `counts` every key counts 1.

    Example:
        >>> found = count_keys(np.array([7, 2, 7], np.uint64))
        >>> found.keys.tolist(), found.counts.tolist()
        ([2, 7], [1, 2])
    """
    if len(keys) == 0:
        return Keyed(keys, np.zeros(0, np.int64) if counts is None else counts)
    if keys.ndim == 1 and counts is None:
        ordered = np.sort(keys)
        starts = _starts(ordered)
        return Keyed(ordered[starts], np.diff(starts, append=len(ordered)))
    order = np.argsort(keys, kind="stable") if keys.ndim == 1 else np.lexsort(keys.T[::-1])
    ordered = keys[order]
    starts = _starts(ordered)
    if counts is None:
        return Keyed(ordered[starts], np.diff(starts, append=len(ordered)))
    return Keyed(ordered[starts], np.add.reduceat(counts[order], starts, axis=0))


def _starts(ordered: Keys) -> Ints:
    changed = ordered[1:] != ordered[:-1]
    if ordered.ndim > 1:
        changed = changed.any(axis=1)
    return np.concatenate([np.zeros(1, np.int64), np.flatnonzero(changed) + 1])


def bits_for(n_ids: int, n: int) -> int | None:
    """Return how many bits an id takes when `n` of them share one 64-bit key; None where they do not fit.

    Example:
        >>> bits_for(200_000, 3), bits_for(2**22, 3)
        (18, None)
    """
    bits = max(1, (n_ids - 1).bit_length())
    return bits if bits * n <= 64 else None


def pack_ngrams(ids: NDArray[np.uint32], offsets: Ints, n: int, n_ids: int) -> Keys:
    """Return the n-grams of ids, none across a document border, as keys for `count_keys`, in text order.

    One word holds an n-gram of ids below `n_ids` where they fit, the first id in the highest bits (`bits_for` says
    where); otherwise each id is a word of its own and the keys are ``(m, n)``.

    Example:
        >>> keys = pack_ngrams(np.array([1, 2, 3, 4], np.uint32), np.array([0, 3, 4]), 2, 16)
        >>> [divmod(key, 16) for key in keys.tolist()]
        [(1, 2), (2, 3)]
    """
    m = max(0, len(ids) - n + 1)
    inside = np.ones(m, bool)
    for border in range(1, n):
        # An n-gram that starts `border` places before the end of a document crosses into the next.
        places = offsets[1:] - border
        inside[places[(places >= 0) & (places < m)]] = False
    bits = bits_for(n_ids, n)
    wide = ids.astype(np.uint64)
    if bits is None:
        return np.stack([wide[at : at + m] for at in range(n)], axis=1)[inside]
    keys = np.zeros(m, np.uint64)
    for at in range(n):
        keys = (keys << np.uint64(bits)) | wide[at : at + m]
    return keys[inside]


@kernel(
    "Tuple((uint64[::1], int64[::1]))(Array(uint64, 1, 'C', readonly=True), Array(int64, 1, 'C', readonly=True), "
    "Array(uint64, 1, 'C', readonly=True), Array(int64, 1, 'C', readonly=True))"
)
def merge_counts(first: Keys, first_counts: Ints, second: Keys, second_counts: Ints) -> tuple[Keys, Ints]:
    """Merge two tables of sorted, unique keys; the counts of a key that both have are added."""
    keys = np.empty(len(first) + len(second), np.uint64)
    counts = np.empty(len(keys), np.int64)
    i = j = n = 0
    while i < len(first) and j < len(second):
        if first[i] < second[j]:
            keys[n], counts[n] = first[i], first_counts[i]
            i += 1
        elif second[j] < first[i]:
            keys[n], counts[n] = second[j], second_counts[j]
            j += 1
        else:
            keys[n], counts[n] = first[i], first_counts[i] + second_counts[j]
            i += 1
            j += 1
        n += 1
    while i < len(first):
        keys[n], counts[n] = first[i], first_counts[i]
        i += 1
        n += 1
    while j < len(second):
        keys[n], counts[n] = second[j], second_counts[j]
        j += 1
        n += 1
    return keys[:n].copy(), counts[:n].copy()


def add_keyed(parts: Sequence[Keyed | Uncounted]) -> Keyed | Uncounted:
    """Add up the counts of equal keys; ids that nobody has counted stay so while they are few.

    Example:
        >>> one, two = (count_keys(np.array(keys, np.uint64)) for keys in ([3, 7], [7]))
        >>> add_keyed([one, two]).counts.tolist()
        [1, 2]
    """
    filled = [part for part in parts if len(part)]
    if len(filled) < 2:
        return filled[0] if filled else parts[0]
    pending = [part for part in filled if isinstance(part, Uncounted)]
    if len(pending) == len(filled) and sum(map(len, pending)) <= PENDING:
        joined = tuple(part for uncounted in pending for part in uncounted.parts)
        return Uncounted(joined, pending[0].n, pending[0].n_ids)
    tables = sorted((part.table() for part in filled), key=len)
    if tables[0].keys.ndim > 1 or tables[0].counts.ndim > 1:
        keys, counts = (
            np.concatenate(column) for column in zip(*((t.keys, t.counts) for t in tables), strict=True)
        )
        return count_keys(keys, counts)
    while len(tables) > 1:
        one, two = tables.pop(0), tables.pop(0)
        tables.append(Keyed(*merge_counts(one.keys, one.counts, two.keys, two.counts)))
    return tables[0]
