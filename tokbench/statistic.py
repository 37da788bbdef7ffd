"""Statistics: what is counted from text and tokens, additively, so that groups and resamples are written once.

Law: collecting two batches and merging equals collecting both at once. Four kinds keep it:

===========  =========================================================  ==============================
kind         ``collect`` returns, for a batch of n documents            merged by
===========  =========================================================  ==============================
documents    ``(n,)`` or ``(n, k)``, int64 or float64: numbers of each  concatenating
             document; the total is the sum over documents
types        ``(ids,)`` or ``(ids, k)`` int64: counts by token id       adding, the longer one decides
histogram    ``(bins,)`` or ``(bins, k)`` int64 or float64: counts by   adding, the longer one decides
             anything numbered from 0; bins may grow
keyed        `Keyed`: counts of sparse exact keys, such as n-grams, or  adding where keys are equal
             `Uncounted`: ids whose n-grams are counted later
===========  =========================================================  ==============================

Integers are exact. Sums of floats of documents are rounded once (`math.fsum`), so they do not depend on batches or
order; floats in a histogram are added batch by batch and do.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypeVar

import numpy as np

from tokbench.errors import MetricError
from tokbench.keyed import Keyed, Uncounted, add_keyed, count_keys

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Mapping, Sequence

    from numpy.typing import NDArray

    from tokbench.measured import EncodedBatch, MeasuredTokenizer

    Ints = NDArray[np.int64]

T = TypeVar("T")
Kind = Literal["documents", "types", "histogram", "keyed"]


@dataclass(frozen=True, eq=False)
class BlockCounts:
    """Counts by token id and block of documents: only ids that occur, sorted, ``counts`` (ids, blocks).

    Attributes:
        size: length of the flat array that ``collect`` would return.
    """

    ids: Ints
    counts: Ints
    size: int

    @classmethod
    def of(cls, parts: Sequence[Ints]) -> BlockCounts:
        """Return the flat counts of each block together."""
        size = max(map(len, parts))
        dense = np.zeros((size, len(parts)), np.int64)
        for block, part in enumerate(parts):
            dense[: len(part), block] = part
        ids = np.flatnonzero(dense.any(axis=1))
        return cls(ids, dense[ids], size)

    def __add__(self, other: BlockCounts) -> BlockCounts:
        """Add the counts of other documents."""
        size = max(self.size, other.size)
        seen = np.zeros(size, bool)
        seen[self.ids] = seen[other.ids] = True
        ids = np.flatnonzero(seen)
        counts = np.zeros((len(ids), self.counts.shape[1]), np.int64)
        for part in (self, other):
            counts[np.searchsorted(ids, part.ids)] += part.counts
        return BlockCounts(ids, counts, size)

    @cached_property
    def whole(self) -> Ints:
        """The counts of all blocks together."""
        counts: Ints = self.counts.sum(axis=1)
        return counts

    def flat(self, without: int | None = None) -> Ints:
        """Return the counts by id, of all blocks or of all but one."""
        result = np.zeros(self.size, np.int64)
        result[self.ids] = self.occurring(without)
        return result

    def occurring(self, without: int | None = None) -> Ints:
        """Return the counts of the ids that occur, in their order, those that no other block has as 0."""
        return self.whole if without is None else self.whole - self.counts[:, without]


class Statistic(ABC):
    """Something additive that metrics need; a frozen dataclass, equal when it is the same statistic.

    ``columns`` is `k` of the table above; 1 for flat arrays.
    """

    kind: ClassVar[Kind] = "documents"
    columns: ClassVar[int] = 1

    @abstractmethod
    def collect(self, batch: EncodedBatch) -> NDArray[Any] | Keyed | Uncounted:
        """Return the statistic of a batch, in the form of its kind."""

    def collect_blocks(
        self, batch: EncodedBatch, places: NDArray[np.int16], blocks: int
    ) -> BlockCounts | None:
        """Return a flat statistic of types by block of documents at once, ``places[d]`` the block of document d.

        None (the default) to `collect` the documents of each block by themselves.
        """
        del batch, places, blocks
        return None


@dataclass(frozen=True)
class DocumentCount(Statistic):
    """One for each document: `Stats.n_documents` as a statistic, so that resamples know it."""

    def collect(self, batch: EncodedBatch) -> Ints:
        """Ones."""
        return np.ones(len(batch.text), np.int64)


def collect(batch: EncodedBatch, statistic: Statistic) -> Any:
    """Return a statistic of a batch, collected once however many ask; statistics may read others with this."""
    return batch.once(statistic, statistic.collect)


@dataclass(frozen=True)
class DocumentRatio(Statistic):
    """Two columns for a mean of ratios: each document's ratio of two others, and whether it is defined (0 or 1)."""

    numerator: Statistic
    denominator: Statistic
    columns: ClassVar[int] = 2

    def collect(self, batch: EncodedBatch) -> NDArray[np.float64]:
        """Divide document by document; where the denominator is 0, ratio and count are 0."""
        above = collect(batch, self.numerator).astype(np.float64)
        below = collect(batch, self.denominator).astype(np.float64)
        ratios = np.divide(above, below, out=np.zeros_like(above), where=below != 0)
        return np.stack([ratios, (below != 0).astype(np.float64)], axis=1)


def merge(statistic: Statistic, parts: Sequence[Any]) -> Any:
    """Add up a statistic over batches or groups, as its kind says."""
    if not parts:
        nothing = np.zeros(0 if statistic.columns == 1 else (0, statistic.columns), np.int64)
        return Keyed(np.zeros(0, np.uint64), nothing) if statistic.kind == "keyed" else nothing
    if len(parts) == 1:
        return parts[0]
    if statistic.kind == "documents":
        return np.concatenate(parts)
    if statistic.kind == "keyed":
        return add_keyed(parts)
    longest = max(parts, key=len)
    total = np.zeros(longest.shape, np.result_type(*parts))
    for part in parts:
        total[: len(part)] += part
    return total


def subtract(statistic: Statistic, total: Any, part: Any) -> Any:
    """Take a part, which was merged into the total, out of it again; not for kind ``documents``."""
    if statistic.kind == "keyed":
        if len(part) == 0:
            return total
        counts = total.counts.copy()
        if total.keys.ndim == 1:
            counts[np.searchsorted(total.keys, part.keys)] -= part.counts
        else:
            both = count_keys(np.concatenate([total.keys, part.keys]), np.concatenate([counts, -part.counts]))
            counts = both.counts
        left = counts != 0 if counts.ndim == 1 else counts.any(axis=1)
        return Keyed(total.keys[left], counts[left])
    rest = total.copy()
    rest[: len(part)] -= part
    return rest


@dataclass(frozen=True)
class Stats:
    """Collected statistics of one tokenizer on one group; what a `CorpusMetric` reduces.

    Attributes:
        n_documents: documents of the group.
        vocab_size: declared number of ids, special tokens included.
        n_special: special tokens.
        unk_id: the unknown token's id, if there is one.
        collected: each statistic in the form of its kind.
        tokenizer: the tokenizer itself; None in tests that build statistics by hand.
        memory: what `remember` keeps, shared by all groups of the tokenizer.
        summed: totals over the documents where they are known already, as in a resample.
    """

    n_documents: int
    vocab_size: int
    n_special: int
    unk_id: int | None
    collected: Mapping[Statistic, Any]
    tokenizer: MeasuredTokenizer | None = field(default=None, compare=False)
    memory: dict[Hashable, Any] = field(default_factory=dict, compare=False, repr=False)
    summed: Mapping[Statistic, NDArray[Any]] = field(default_factory=dict, compare=False, repr=False)

    def documents(self, statistic: Statistic) -> NDArray[Any]:
        """Return the statistic per document, or per id or bin for types and histograms."""
        found: NDArray[Any] = self.collected[statistic]
        return found

    def keyed(self, statistic: Statistic) -> Keyed:
        """Return a statistic of kind ``keyed``."""
        found: Keyed | Uncounted = self.collected[statistic]
        return found.table()

    def total(self, statistic: Statistic) -> Any:
        """Return the sum over documents (ids, bins) of a statistic of one column: an int, a float for floats.

        Raises:
            MetricError: for a statistic of several columns.
        """
        found = self.totals(statistic)
        if len(found) != 1:
            message = f"{statistic} has {len(found)} columns; read them with totals()"
            raise MetricError(message)
        return found[0].item()

    def totals(self, statistic: Statistic) -> NDArray[Any]:
        """Return the sums of the columns, ``(k,)``; floats of documents are rounded once, at the end."""
        if statistic in self.summed:
            return np.atleast_1d(self.summed[statistic])
        part = self.collected[statistic]
        counts = part.table().counts if isinstance(part, Keyed | Uncounted) else part
        columns = counts.reshape(len(counts), statistic.columns)
        if columns.dtype.kind == "f":
            return np.array([math.fsum(column) for column in columns.T.tolist()], np.float64)
        sums: NDArray[Any] = columns.sum(axis=0)
        return sums

    def remember(self, key: Hashable, compute: Callable[[MeasuredTokenizer], T]) -> T:
        """Compute something of the tokenizer at most once for all groups of an evaluation.

        Raises:
            MetricError: when the statistics do not say whose they are.
        """
        if key not in self.memory:
            if self.tokenizer is None:
                message = "these statistics name no tokenizer"
                raise MetricError(message)
            self.memory[key] = compute(self.tokenizer)
        found: T = self.memory[key]
        return found

    @classmethod
    def pooled(cls, parts: Sequence[Stats]) -> Stats:
        """Merge the statistics of one tokenizer on several groups.

        Example:
            >>> one = Stats(2, 10, 0, None, {})
            >>> Stats.pooled([one, one]).n_documents
            4
        """
        first = parts[0]
        return cls(
            sum(part.n_documents for part in parts),
            first.vocab_size,
            first.n_special,
            first.unk_id,
            {key: merge(key, [part.collected[key] for part in parts]) for key in first.collected},
            first.tokenizer,
            first.memory,
        )
