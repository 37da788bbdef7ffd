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

import hashlib
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np

from tokbench.accumulating import Accumulator, Scheme, add_all, number, scheme
from tokbench.errors import MetricError
from tokbench.measured import (
    Documents,
    EncodedBatch,
    MeasuredCorpus,
    MeasuredTokenizer,
    TextBatch,
    WithColumns,
)
from tokbench.measurement import CorpusMetric, Metric, Value
from tokbench.statistic import DocumentCount, Statistic, Stats
from tokbench.uncertainty.resampling import Draws, Intervals

if TYPE_CHECKING:
    from collections.abc import Hashable

    from numpy.typing import NDArray

    Ints = NDArray[np.int64]
    Floats = NDArray[np.float64]

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Grouping:
    """A column of the corpus: its groups, the languages of each, and what is wanted of them.

    Attributes:
        by: the column; ``all`` for the pooled corpus.
        members: languages of each group.
        metrics: what is reduced for each group.
        kept: of these, the ones whose columns are needed after the group: for means and derived metrics.
        of_records: whether the column is one of the documents' own; its groups are known when all is read.
    """

    by: str
    members: Mapping[str, Sequence[str]]
    metrics: tuple[CorpusMetric, ...]
    kept: Mapping[CorpusMetric, frozenset[Scheme]] = field(default_factory=dict)
    of_records: bool = False

    def add_member(self, group: str, language: str) -> None:
        """Note that a language has documents of a group of records."""
        assert isinstance(self.members, dict)
        self.members.setdefault(group, []).append(language)


GroupColumns = Mapping[tuple[CorpusMetric, str], Mapping[Scheme, "Floats"]]
"""Columns of one group by metric and tokenizer."""
Finished = Callable[[Grouping, str, Mapping[tuple[CorpusMetric, str], Value], int, GroupColumns], None]
"""Called with each group when it is complete: grouping, group, values, documents, columns."""


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
        self._kept = None
        if intervals is None:
            self._kept = frozenset(
                s for metric in wanted if metric.reads_documents for s in metric.statistics()
            )
        else:
            self._statistics = list(dict.fromkeys([*self._statistics, DocumentCount()]))
            resampled = [metric for metric in wanted if scheme(metric) == "bootstrap"]
            self._summed = list(
                dict.fromkeys([DocumentCount(), *(s for metric in resampled for s in metric.statistics())])
            )
        self._memos: dict[str, dict[Hashable, Any]] = {name: {} for name in named}
        self._text_memory: dict[Hashable, Any] = {}
        self._draws: Draws | None = None
        self._of_records: dict[tuple[str, str], dict[str, Accumulator]] = {}
        self._open_records: dict[tuple[str, str], dict[str, Accumulator]] = {}
        self.digests = {
            grouping.by: hashlib.blake2b(digest_size=8) for grouping in groupings if grouping.of_records
        }
        self.shown: dict[Metric, list[CorpusMetric]] = {metric: [] for metric in wanted}

    def run(self, corpus: MeasuredCorpus) -> dict[str, int]:
        """Read the corpus; return the number of documents of each language."""
        open_groups: dict[tuple[str, str], dict[str, Accumulator]] = {}
        left = {
            (grouping.by, group): list(languages)
            for grouping in self._groupings
            if not grouping.of_records
            for group, languages in grouping.members.items()
        }
        n_documents: dict[str, int] = {}
        total = len(corpus.languages) * len(self._named)
        for at, language in enumerate(self._order(corpus)):
            accumulators = self._read(corpus, language)
            n_documents[language] = self._n_read
            if self._intervals is not None and self._statistics:
                for each in (accumulators, *self._of_records.values()):
                    self._resample(each, corpus, language, n_documents)
            self._keep_records(language)
            for grouping in self._groupings:
                for group, languages in grouping.members.items():
                    if language not in languages or grouping.of_records:
                        continue
                    key = (grouping.by, group)
                    held = open_groups.get(key)
                    if held is None and len(languages) == 1:
                        held = accumulators
                    elif held is None:
                        held = open_groups[key] = self._new()
                        add_all(held, accumulators)
                    else:
                        add_all(held, accumulators)
                    left[key].remove(language)
                    if not left[key]:
                        n = sum(n_documents[member] for member in languages)
                        self._finish(grouping, group, held, n)
                        open_groups.pop(key, None)
            if self._progress is not None:
                self._progress("encoding", (at + 1) * len(self._named), total)
        for grouping in self._groupings:
            for value in grouping.members if grouping.of_records else ():
                held = self._open_records.pop((grouping.by, value))
                self._finish(grouping, value, held, next(iter(held.values())).n_documents)
        return {language: n_documents[language] for language in corpus.languages}

    def _keep_records(self, language: str) -> None:
        """Add a language's documents to the groups of records, which are open until the last language is read."""
        columns = {grouping.by: grouping for grouping in self._groupings if grouping.of_records}
        for (column, value), accumulators in self._of_records.items():
            columns[column].add_member(value, language)
            held = self._open_records.setdefault((column, value), accumulators)
            if held is not accumulators:
                add_all(held, accumulators)
        self._of_records = {}

    def _order(self, corpus: MeasuredCorpus) -> list[str]:
        """Read languages of one group together, so that few groups are open at a time."""
        wide = [
            grouping
            for grouping in self._groupings
            if not grouping.of_records and 1 < len(grouping.members) < len(corpus.languages)
        ]
        if not wide:
            return list(corpus.languages)
        return [language for languages in wide[0].members.values() for language in languages]

    def _new(self) -> dict[str, Accumulator]:
        blocks = 1 if self._intervals is None else self._intervals.blocks
        return {
            name: Accumulator(tokenizer, self._statistics, self._memos[name], blocks=blocks, kept=self._kept)
            for name, tokenizer in self._named.items()
        }

    def _read(self, corpus: MeasuredCorpus, language: str) -> dict[str, Accumulator]:
        accumulators = self._new()
        self._n_read = 0
        self._of_records = {}
        values = {
            grouping.by: iter(_with_columns(corpus).column(language, grouping.by))
            for grouping in self._groupings
            if grouping.of_records
        }
        for batch in corpus.batches(language):
            text = TextBatch(batch.data, batch.offsets, language=language, memory=self._text_memory)
            numbers = self._n_read + np.arange(len(text))
            encoded = _Encoded(text, batch, self._named, self._memos, threads=self._threads)
            if self._statistics:
                for name, accumulator in accumulators.items():
                    accumulator.add_batch(encoded(name), numbers)
            for column, each in values.items():
                self._add_records(column, list(islice(each, len(text))), encoded, numbers, language)
            encoded.forget()
            self._n_read += len(text)
        for column, each in values.items():
            if next(each, None) is not None:
                message = f"{language}: more values of {column} than the {self._n_read} documents"
                raise MetricError(message)
        return accumulators

    def _add_records(
        self, column: str, values: Sequence[str], encoded: _Encoded, numbers: Ints, language: str
    ) -> None:
        """Add the documents of a batch to the groups of a column, a value for each document."""
        if len(values) != len(numbers):
            message = f"{language}: {len(values)} values of {column} for {len(numbers)} documents"
            raise MetricError(message)
        self.digests[column].update("\0".join([language, *values, ""]).encode())
        places: dict[str, list[int]] = {}
        for at, value in enumerate(values):
            places.setdefault(value, []).append(at)
        for value, rows in places.items():
            chosen = np.array(rows, np.int64)
            held = self._of_records.setdefault((column, value), self._new())
            for name, accumulator in held.items():
                accumulator.add_batch(encoded(name).select(chosen), numbers[chosen])

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
                found = accumulator.documents(statistic)
                if (found.dtype.kind != "f") != whole:
                    continue
                values = found.reshape(len(found), statistic.columns)
                if len(values) != draws.n:
                    # A group of records: the other documents of the language count nothing.
                    values = np.zeros((draws.n, statistic.columns), found.dtype)
                    values[np.concatenate(accumulator.numbers)] = found.reshape(-1, statistic.columns)
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
                        made[0] = number(value)
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
        made[:, 0] = [number(value) for _, value in metrics]
        for ids in (True, False):
            rows = [row for row, (metric, _) in enumerate(metrics) if metric.reads_ids == ids]
            for block in range(blocks if rows else 0):
                rest = accumulator.without(block, stats, ids=ids)
                for row in rows:
                    made[row, 1 + block] = number(metrics[row][0].reduce(rest))
        for row, (metric, _) in enumerate(metrics):
            columns.setdefault((metric, name), {})["jackknife"] = made[row]


def _with_columns(corpus: MeasuredCorpus) -> WithColumns:
    assert isinstance(corpus, WithColumns), "checked by evaluate"
    return corpus


class _Encoded:
    """A batch of text under every tokenizer, each encoded once, when it is asked for."""

    def __init__(
        self,
        text: TextBatch,
        batch: Documents,
        named: Mapping[str, MeasuredTokenizer],
        memos: Mapping[str, dict[Hashable, Any]],
        *,
        threads: int | None,
    ) -> None:
        self._text = text
        self._batch = batch
        self._named = named
        self._memos = memos
        self._threads = threads
        self._made: dict[str, EncodedBatch] = {}

    def __call__(self, name: str) -> EncodedBatch:
        """Return the text with its tokens under the tokenizer of a name."""
        if name not in self._made:
            if name not in self._named:
                message = f"the tokenizer {name!r} is not evaluated; evaluated: {', '.join(self._named)}"
                raise MetricError(message)
            began = time.perf_counter()
            rows = self._named[name].encode_batch(self._batch, threads=self._threads)
            self._made[name] = EncodedBatch(
                self._text,
                self._named[name],
                rows,
                self._memos[name],
                seconds=time.perf_counter() - began,
                peers=self,
                company=tuple(self._named.values()),
            )
        return self._made[name]

    def forget(self) -> None:
        """Let the tokens go: batches know their peers, a circle that would wait for the garbage collector."""
        self._made.clear()
