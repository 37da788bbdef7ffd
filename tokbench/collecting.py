"""One pass over a corpus: every tokenizer encodes each batch once, and the values of all groups come from it.

Languages are read one after the other. What outlives a batch is small: for each document one number per statistic,
counts by token id, and exact counts of n-grams where a metric needs them. A language is merged into the groups that
it belongs to, one for each column that the report groups by; a group is reduced when its last language is read, and
forgotten. Groupings therefore cost additions, not encodings, and the corpus may be larger than memory.

With intervals, each value of a group is an array of columns (`tokbench.uncertainty.resampling`): bootstrap columns for
metrics of documents' totals, values with one block of documents left out for the others. Document d of a language
belongs to block d mod the number of blocks, so that parallel lines stay together.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from tokbench.errors import MetricError
from tokbench.measured import Documents, EncodedBatch, MeasuredCorpus, MeasuredTokenizer, TextBatch
from tokbench.measurement import CorpusMetric, Metric, Undefined, Value
from tokbench.statistic import BlockCounts, DocumentCount, Statistic, Stats, collect, merge, subtract
from tokbench.uncertainty.resampling import Draws, Intervals

if TYPE_CHECKING:
    from collections.abc import Hashable

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

Progress = Callable[[str, int, int], None]
Scheme = Literal["bootstrap", "jackknife"]


@dataclass(frozen=True)
class Grouping:
    """A column of the corpus: its groups, the languages of each, and what is wanted of them.

    Attributes:
        by: the column; ``all`` for the pooled corpus.
        members: languages of each group.
        metrics: what is reduced for each group.
        kept: of these, the ones whose columns are needed after the group: for means and derived metrics.
    """

    by: str
    members: Mapping[str, Sequence[str]]
    metrics: tuple[CorpusMetric, ...]
    kept: Mapping[CorpusMetric, frozenset[Scheme]] = field(default_factory=dict)


def scheme(metric: CorpusMetric) -> Scheme:
    """Say how a metric is resampled: by bootstrap where totals of documents decide it."""
    plain = all(statistic.kind == "documents" for statistic in metric.statistics())
    return "bootstrap" if plain and not metric.reads_documents else "jackknife"


GroupColumns = Mapping[tuple[CorpusMetric, str], Mapping[Scheme, "Floats"]]
"""Columns of one group by metric and tokenizer."""
Finished = Callable[[Grouping, str, Mapping[tuple[CorpusMetric, str], Value], int, GroupColumns], None]
"""Called with each group when it is complete: grouping, group, values, documents, columns."""


class Accumulator:
    """The statistics of one tokenizer on one group, added up."""

    def __init__(
        self,
        tokenizer: MeasuredTokenizer,
        statistics: Sequence[Statistic],
        memo: dict[Hashable, Any],
        *,
        blocks: int = 1,
    ) -> None:
        self.n_documents = 0
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
        self.columns: dict[Statistic, Floats] = {}

    def add_batch(self, batch: EncodedBatch, first: int) -> None:
        """Collect the statistics of a batch whose first document is the language's `first`."""
        n = len(batch.text)
        self.n_documents += n
        blocks = len(self._blocks)
        places = ((first + np.arange(n)) % blocks).astype(np.int16)
        if blocks > 1:
            self._places.append(places)
        for statistic, parts in self._documents.items():
            parts.append(collect(batch, statistic))
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
        whole = {
            statistic: merge(statistic, [self._block(block, statistic) for block in range(len(self._blocks))])
            for statistic in self._blocks[0]
        }
        whole.update({statistic: self.documents(statistic) for statistic in self._documents})
        whole.update({statistic: _flat(self._block_counts(statistic)) for statistic in self._sparse})
        return self._stats(self.n_documents, whole, {})

    def without(self, block: int, stats: Stats, *, ids: bool) -> Stats:
        """Return the statistics without one block of documents; `stats` are those of everything.

        Types are arrays by id, or, unless `ids` matter, of those that occur.
        """
        self._places[:] = [np.concatenate([np.zeros(0, np.int16), *self._places])]
        rest = self._places[0] != block
        collected: dict[Statistic, Any] = {
            statistic: subtract(statistic, stats.collected[statistic], self._block(block, statistic))
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
        return np.array([_number(metric.reduce(self.column_stats(column))) for column in range(n)])


def _flat(counts: BlockCounts | None, without: int | None = None) -> NDArray[np.int64]:
    return np.zeros(0, np.int64) if counts is None else counts.flat(without)


def _number(value: Value) -> float:
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


class _OnlyTotals(Mapping[Statistic, Any]):
    """Refuses to pretend that a resample has documents."""

    def __getitem__(self, statistic: Statistic) -> Any:
        message = (
            f"a resample has totals only, but a metric reads {statistic} document by document; "
            f"set reads_documents = True in its class"
        )
        raise MetricError(message)

    def __iter__(self) -> Iterator[Statistic]:
        return iter(())

    def __len__(self) -> int:
        return 0


class Collection:
    """The pass itself; `run` calls `finished` with every group."""

    def __init__(
        self,
        named: Mapping[str, MeasuredTokenizer],
        groupings: Sequence[Grouping],
        *,
        intervals: Intervals | None,
        threads: int | None,
        progress: Progress | None,
        finished: Finished,
    ) -> None:
        self._named = named
        self._groupings = groupings
        self._intervals = intervals
        self._threads = threads
        self._progress = progress
        self._finished = finished
        wanted = dict.fromkeys(metric for grouping in groupings for metric in grouping.metrics)
        self._statistics = list(dict.fromkeys(s for metric in wanted for s in metric.statistics()))
        if intervals is not None:
            self._statistics = list(dict.fromkeys([*self._statistics, DocumentCount()]))
            resampled = [metric for metric in wanted if scheme(metric) == "bootstrap"]
            self._summed = list(
                dict.fromkeys([DocumentCount(), *(s for metric in resampled for s in metric.statistics())])
            )
        self._memos: dict[str, dict[Hashable, Any]] = {name: {} for name in named}
        self._draws: Draws | None = None
        self.shown: dict[Metric, list[CorpusMetric]] = {metric: [] for metric in wanted}

    def run(self, corpus: MeasuredCorpus) -> dict[str, int]:
        """Read the corpus; return the number of documents of each language."""
        open_groups: dict[tuple[str, str], dict[str, Accumulator]] = {}
        left = {
            (grouping.by, group): list(languages)
            for grouping in self._groupings
            for group, languages in grouping.members.items()
        }
        n_documents: dict[str, int] = {}
        total = len(corpus.languages) * len(self._named)
        for at, language in enumerate(self._order(corpus)):
            accumulators = self._read(corpus, language)
            n_documents[language] = self._n_read
            if self._intervals is not None and self._statistics:
                self._resample(accumulators, corpus, language, n_documents)
            for grouping in self._groupings:
                for group, languages in grouping.members.items():
                    if language not in languages:
                        continue
                    key = (grouping.by, group)
                    held = open_groups.get(key)
                    if held is None and len(languages) == 1:
                        held = accumulators
                    elif held is None:
                        held = open_groups[key] = self._new()
                        _add_all(held, accumulators)
                    else:
                        _add_all(held, accumulators)
                    left[key].remove(language)
                    if not left[key]:
                        n = sum(n_documents[member] for member in languages)
                        self._finish(grouping, group, held, n)
                        open_groups.pop(key, None)
            if self._progress is not None:
                self._progress("encoding", (at + 1) * len(self._named), total)
        return {language: n_documents[language] for language in corpus.languages}

    def _order(self, corpus: MeasuredCorpus) -> list[str]:
        """Read languages of one group together, so that few groups are open at a time."""
        wide = [grouping for grouping in self._groupings if 1 < len(grouping.members) < len(corpus.languages)]
        if not wide:
            return list(corpus.languages)
        return [language for languages in wide[0].members.values() for language in languages]

    def _new(self) -> dict[str, Accumulator]:
        blocks = 1 if self._intervals is None else self._intervals.blocks
        return {
            name: Accumulator(tokenizer, self._statistics, self._memos[name], blocks=blocks)
            for name, tokenizer in self._named.items()
        }

    def _read(self, corpus: MeasuredCorpus, language: str) -> dict[str, Accumulator]:
        accumulators = self._new()
        self._n_read = 0
        for batch in corpus.batches(language):
            text = TextBatch(batch.data, batch.offsets, language=language)
            if self._statistics:
                encoded = _encoded(text, batch, self._named, self._memos, threads=self._threads)
                for name, accumulator in accumulators.items():
                    accumulator.add_batch(encoded(name), self._n_read)
            self._n_read += len(text)
        return accumulators

    def _resample(
        self,
        accumulators: Mapping[str, Accumulator],
        corpus: MeasuredCorpus,
        language: str,
        n_documents: Mapping[str, int],
    ) -> None:
        assert self._intervals is not None
        n = n_documents[language]
        if not corpus.parallel:
            draws = Draws(n, settings=self._intervals, stratum=language)
        else:
            if self._draws is None:
                self._draws = Draws(n, settings=self._intervals)
            if self._draws.n != n:
                counts = ", ".join(f"{name} {count}" for name, count in n_documents.items())
                message = (
                    f"intervals of the parallel corpus {corpus.name} draw the same lines for all languages, but "
                    f"they have different numbers of documents: {counts}"
                )
                raise MetricError(message)
            draws = self._draws
        for whole in (True, False):
            self._sum_columns(accumulators, draws, whole=whole)

    def _sum_columns(self, accumulators: Mapping[str, Accumulator], draws: Draws, *, whole: bool) -> None:
        """Fill in the columns of all statistics of whole numbers, or of reals, with one product."""
        places: list[tuple[Accumulator, Statistic, list[int]]] = []
        columns: list[NDArray[Any]] = []
        known: dict[bytes, int] = {}
        for accumulator in accumulators.values():
            for statistic in self._summed:
                values = accumulator.documents(statistic).reshape(draws.n, statistic.columns)
                if (values.dtype.kind != "f") != whole:
                    continue
                at = []
                for column in values.T:
                    content = column.tobytes()
                    if content not in known:
                        known[content] = len(columns)
                        columns.append(column)
                    at.append(known[content])
                places.append((accumulator, statistic, at))
        if not places:
            return
        matrix = np.stack(columns, axis=1).astype(np.float64)
        sums = draws.columns(matrix) if whole else draws.columns_of_reals(matrix)
        for accumulator, statistic, at in places:
            accumulator.columns[statistic] = sums[at]

    def _finish(
        self, grouping: Grouping, group: str, accumulators: Mapping[str, Accumulator], n: int
    ) -> None:
        values: dict[tuple[CorpusMetric, str], Value] = {}
        columns: dict[tuple[CorpusMetric, str], dict[Scheme, Floats]] = {}
        for name, accumulator in accumulators.items():
            stats = accumulator.stats()
            left_out: list[tuple[CorpusMetric, Value]] = []
            for metric in grouping.metrics:
                for part in metric.components(stats):
                    if part not in self.shown[metric]:
                        self.shown[metric].append(part)
                    value = values[part, name] = part.reduce(stats)
                    if self._intervals is None:
                        continue
                    schemes = {scheme(part), *grouping.kept.get(part, ())}
                    if "bootstrap" in schemes and scheme(part) == "bootstrap":
                        made = accumulator.reduce_columns(part)
                        made[0] = _number(value)
                        columns.setdefault((part, name), {})["bootstrap"] = made
                    if "jackknife" in schemes:
                        left_out.append((part, value))
            if left_out:
                self._leave_out(accumulator, stats, left_out, columns, name)
        self._finished(grouping, group, values, n, columns)

    def _leave_out(
        self,
        accumulator: Accumulator,
        stats: Stats,
        metrics: Sequence[tuple[CorpusMetric, Value]],
        columns: dict[tuple[CorpusMetric, str], dict[Scheme, Floats]],
        name: str,
    ) -> None:
        assert self._intervals is not None
        blocks = self._intervals.blocks
        made = np.full((len(metrics), 1 + blocks), np.nan)
        made[:, 0] = [_number(value) for _, value in metrics]
        for ids in (True, False):
            rows = [row for row, (metric, _) in enumerate(metrics) if metric.reads_ids == ids]
            for block in range(blocks if rows else 0):
                rest = accumulator.without(block, stats, ids=ids)
                for row in rows:
                    made[row, 1 + block] = _number(metrics[row][0].reduce(rest))
        for row, (metric, _) in enumerate(metrics):
            columns.setdefault((metric, name), {})["jackknife"] = made[row]


def _add_all(held: Mapping[str, Accumulator], more: Mapping[str, Accumulator]) -> None:
    for name, accumulator in held.items():
        accumulator.add(more[name])


def _encoded(
    text: TextBatch,
    batch: Documents,
    named: Mapping[str, MeasuredTokenizer],
    memos: Mapping[str, dict[Hashable, Any]],
    *,
    threads: int | None,
) -> Callable[[str], EncodedBatch]:
    """Return a function that encodes the text by the tokenizer of a name, once."""
    made: dict[str, EncodedBatch] = {}

    def encode(name: str) -> EncodedBatch:
        if name not in made:
            if name not in named:
                message = f"the tokenizer {name!r} is not evaluated; evaluated: {', '.join(named)}"
                raise MetricError(message)
            began = time.perf_counter()
            rows = named[name].encode_batch(batch, threads=threads)
            seconds = time.perf_counter() - began
            made[name] = EncodedBatch(text, named[name], rows, memos[name], seconds=seconds, peers=encode)
        return made[name]

    return encode
