"""The statistics of one tokenizer on one group of documents, added up batch by batch.

What outlives a batch is small: the totals of statistics of documents, counts by token id, exact counts of n-grams. The
numbers of every document are kept only where somebody reads them: with intervals, which resample documents, for metrics
that say so (``reads_documents``), and for real numbers, whose sum is rounded once, at the end.
"""

from __future__ import annotations

from collections.abc import Collection as Some
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from tokbench.errors import MetricError
from tokbench.keyed import Uncounted
from tokbench.measurement import CorpusMetric, Undefined, Value
from tokbench.statistic import BlockCounts, DocumentCount, Statistic, Stats, collect, merge, subtract

if TYPE_CHECKING:
    from collections.abc import Hashable

    from numpy.typing import NDArray

    from tokbench.measured import EncodedBatch, MeasuredTokenizer

    Ints = NDArray[np.int64]
    Floats = NDArray[np.float64]

Scheme = Literal["bootstrap", "jackknife"]


def scheme(metric: CorpusMetric) -> Scheme:
    """Say how a metric is resampled: by bootstrap where totals of documents decide it."""
    plain = all(statistic.kind == "documents" for statistic in metric.statistics())
    return "bootstrap" if plain and not metric.reads_documents else "jackknife"


class Accumulator:
    """The statistics of one tokenizer on one group, added up.

    Args:
        tokenizer: whose tokens are counted.
        statistics: what is counted.
        memo: what is kept of the tokenizer for all batches and groups.
        blocks: groups of documents that are kept apart, for the jackknife.
        kept: statistics of documents whose single documents are read; None for all of them.
    """

    def __init__(
        self,
        tokenizer: MeasuredTokenizer,
        statistics: Sequence[Statistic],
        memo: dict[Hashable, Any],
        *,
        blocks: int = 1,
        kept: Some[Statistic] | None = None,
    ) -> None:
        self.n_documents = 0
        self._kept = kept
        self._totals: dict[Statistic, Ints] = {}
        self._tokenizer = tokenizer
        self._n_special = len(tokenizer.special_tokens)
        self._memo = memo
        self._documents: dict[Statistic, list[Any]] = {s: [] for s in statistics if s.kind == "documents"}
        others = [statistic for statistic in statistics if statistic.kind != "documents"]
        # Of types each block holds few ids of many: one table of those that occur instead of an array for each block.
        sparse = [s for s in others if blocks > 1 and s.kind == "types" and s.columns == 1]
        self._sparse: dict[Statistic, list[BlockCounts]] = {statistic: [] for statistic in sparse}
        self._blocks: list[dict[Statistic, list[Any]]] = [
            {statistic: [] for statistic in others if statistic not in self._sparse} for _ in range(blocks)
        ]
        self._places: list[NDArray[np.int16]] = []
        self.numbers: list[Ints] = []
        self.columns: dict[Statistic, Floats] = {}

    def add_batch(self, batch: EncodedBatch, numbers: Ints) -> None:
        """Collect the statistics of a batch whose documents have these numbers in their language."""
        self.n_documents += len(batch.text)
        self.numbers.append(numbers)
        blocks = len(self._blocks)
        places = (numbers % blocks).astype(np.int16)
        if blocks > 1:
            self._places.append(places)
        for statistic, parts in self._documents.items():
            found = collect(batch, statistic)
            if self._kept is None or statistic in self._kept or found.dtype.kind == "f":
                parts.append(found)
            else:
                self._add_total(statistic, np.atleast_1d(found.sum(axis=0)))
        dense: dict[Statistic, list[Any]] = {}
        for statistic in self._sparse:
            made = statistic.collect_blocks(batch, places, blocks)
            if made is None:
                dense[statistic] = []
            else:
                self._add_sparse(statistic, made)
        if not self._blocks[0] and not dense:
            return
        for block, held in enumerate(self._blocks):
            rows = np.flatnonzero(places == block)
            part = batch if blocks == 1 else batch.select(rows)
            for statistic in held:
                self._hold(block, statistic, collect(part, statistic))
            for statistic, parts in dense.items():
                parts.append(collect(part, statistic))
        for statistic, parts in dense.items():
            self._add_sparse(statistic, BlockCounts.of(parts))

    def _add_total(self, statistic: Statistic, more: Ints) -> None:
        held = self._totals.get(statistic)
        self._totals[statistic] = more if held is None else held + more

    def _add_sparse(self, statistic: Statistic, more: BlockCounts) -> None:
        # As for keys: only merge what is about as long, so that each count moves log n times.
        held = self._sparse[statistic]
        held.append(more)
        while len(held) > 1 and 2 * len(held[-1].ids) >= len(held[-2].ids):
            held[-2:] = [held[-2] + held[-1]]

    def _block_counts(self, statistic: Statistic) -> BlockCounts | None:
        held = self._sparse[statistic]
        while len(held) > 1:
            held[-2:] = [held[-2] + held[-1]]
        return held[0] if held else None

    def add(self, other: Accumulator) -> None:
        """Add the statistics of other documents; columns add up because they are totals."""
        self.n_documents += other.n_documents
        self._places += other._places
        for statistic, parts in other._documents.items():
            self._documents[statistic] += parts
        for statistic, total in other._totals.items():
            self._add_total(statistic, total)
        for block, held in enumerate(other._blocks):
            for statistic, parts in held.items():
                for part in parts:
                    self._hold(block, statistic, part)
        for statistic, several in other._sparse.items():
            for counts in several:
                self._add_sparse(statistic, counts)
        for statistic, columns in other.columns.items():
            held_columns = self.columns.get(statistic)
            self.columns[statistic] = columns if held_columns is None else held_columns + columns

    def _hold(self, block: int, statistic: Statistic, part: Any) -> None:
        held = self._blocks[block][statistic]
        held.append(part)
        if statistic.kind != "keyed":
            held[:] = [merge(statistic, held)]
            return
        # Merging sorts: only what is at least as long as what it is merged with, so each key moves log n times.
        while len(held) > 1 and 2 * len(held[-1]) >= len(held[-2]):
            held[-2:] = [merge(statistic, held[-2:])]

    def documents(self, statistic: Statistic) -> NDArray[Any]:
        """Return a statistic of documents."""
        parts = self._documents[statistic]
        parts[:] = [merge(statistic, parts)]
        found: NDArray[Any] = parts[0]
        return found

    def _block(self, block: int, statistic: Statistic) -> Any:
        held = self._blocks[block][statistic]
        held[:] = [merge(statistic, held)]
        return held[0]

    def stats(self) -> Stats:
        """Return everything together."""
        whole = _Whole()
        for statistic in self._blocks[0]:
            parts = [self._block(block, statistic) for block in range(len(self._blocks))]
            whole[statistic] = _counted(merge(statistic, parts))
        for statistic in self._documents:
            if statistic not in self._totals:
                whole[statistic] = self.documents(statistic)
        whole.update({statistic: _flat(self._block_counts(statistic)) for statistic in self._sparse})
        return self._stats(self.n_documents, whole, self._totals)

    def without(self, block: int, stats: Stats, *, ids: bool) -> Stats:
        """Return the statistics without one block of documents; `stats` are those of everything.

        Types are arrays by id, or, unless `ids` matter, of those that occur.
        """
        self._places[:] = [np.concatenate([np.zeros(0, np.int16), *self._places])]
        rest = self._places[0] != block
        collected: dict[Statistic, Any] = {
            statistic: subtract(
                statistic, stats.collected[statistic], _counted(self._block(block, statistic))
            )
            for statistic in self._blocks[block]
        }
        for statistic in self._sparse:
            counts = self._block_counts(statistic)
            if counts is None or ids:
                collected[statistic] = _flat(counts, block)
            else:
                collected[statistic] = counts.occurring(block)
        return self._stats(int(rest.sum()), _Rest(collected, self, rest), {})

    def column_stats(self, column: int) -> Stats:
        """Return the totals of one resample; nothing else of it is known."""
        summed = {statistic: columns[:, column] for statistic, columns in self.columns.items()}
        n = int(summed[DocumentCount()][0])
        return self._stats(n, _OnlyTotals(), summed)

    def _stats(
        self, n: int, collected: Mapping[Statistic, Any], summed: Mapping[Statistic, NDArray[Any]]
    ) -> Stats:
        tokenizer = self._tokenizer
        return Stats(
            n,
            tokenizer.vocab_size,
            self._n_special,
            tokenizer.unk_id,
            collected,
            tokenizer,
            self._memo,
            summed,
        )

    def reduce_columns(self, metric: CorpusMetric) -> Floats:
        """Return the values of a metric in every bootstrap column."""

        def totals(statistic: Statistic) -> Floats:
            columns = self.columns[statistic]
            return columns[0] if statistic.columns == 1 else columns

        at_once = metric.reduce_many(totals)
        if at_once is not None:
            return np.array(at_once)
        n = next(iter(self.columns.values())).shape[1]
        return np.array([number(metric.reduce(self.column_stats(column))) for column in range(n)])


def _counted(part: Any) -> Any:
    return part.table() if isinstance(part, Uncounted) else part


def _flat(counts: BlockCounts | None, without: int | None = None) -> NDArray[np.int64]:
    return np.zeros(0, np.int64) if counts is None else counts.flat(without)


def number(value: Value) -> float:
    """Return the value, NaN where it is undefined."""
    return np.nan if isinstance(value, Undefined) else value


class _Rest(Mapping[Statistic, Any]):
    """Statistics without a block; those of documents are picked out when a metric reads them."""

    def __init__(self, collected: dict[Statistic, Any], whole: Accumulator, rest: NDArray[np.bool_]) -> None:
        self._collected = collected
        self._whole = whole
        self._rest = rest

    def __getitem__(self, statistic: Statistic) -> Any:
        if statistic not in self._collected:
            self._collected[statistic] = self._whole.documents(statistic)[self._rest]
        return self._collected[statistic]

    def __iter__(self) -> Iterator[Statistic]:
        return iter(self._collected)

    def __len__(self) -> int:
        return len(self._collected)


def _no_documents(statistic: Statistic) -> MetricError:
    return MetricError(
        f"there are totals only, but a metric reads {statistic} document by document; "
        f"set reads_documents = True in its class"
    )


class _Whole(dict[Statistic, Any]):
    """Statistics of a group; of some there are totals only."""

    def __missing__(self, statistic: Statistic) -> Any:
        if statistic.kind == "documents":
            raise _no_documents(statistic)
        raise KeyError(statistic)


class _OnlyTotals(Mapping[Statistic, Any]):
    """Refuses to pretend that a resample has documents."""

    def __getitem__(self, statistic: Statistic) -> Any:
        raise _no_documents(statistic)

    def __iter__(self) -> Iterator[Statistic]:
        return iter(())

    def __len__(self) -> int:
        return 0


def add_all(held: Mapping[str, Accumulator], more: Mapping[str, Accumulator]) -> None:
    """Add the statistics of other documents, tokenizer by tokenizer."""
    for name, accumulator in held.items():
        accumulator.add(more[name])
