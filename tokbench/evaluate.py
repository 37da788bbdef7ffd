"""`evaluate`: encode a corpus once per tokenizer, collect every statistic once, reduce to metrics.

The loop goes group by group and batch by batch; only per-document numbers and one count per token id outlive a
batch, so the corpus may be larger than memory. Metrics never see groups: they reduce the statistics of whatever
documents they are given, one group or all of them.
"""

from __future__ import annotations

import math
import platform
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from statistics import fmean
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from tokbench import _rust
from tokbench.errors import MetricError
from tokbench.frame import ALL, MACRO, MetricFrame, Row
from tokbench.measurement import (
    Cell,
    CorpusMetric,
    Derived,
    Documents,
    EncodedBatch,
    MeasuredCorpus,
    MeasuredTokenizer,
    Metric,
    Setting,
    Statistic,
    Stats,
    Table,
    TextBatch,
    Undefined,
    Value,
    VocabMetric,
    collect,
    defined,
    merge,
)
from tokbench.plugin import parse, spell

if TYPE_CHECKING:
    from collections.abc import Hashable

Tokenizers = MeasuredTokenizer | Sequence[MeasuredTokenizer] | Mapping[str, MeasuredTokenizer]
Progress = Callable[[str, int, int], None]

DEFAULT_METRICS = (
    "tokens",
    "bytes_per_token",
    "characters_per_token",
    "tokens_per_line",
    "fertility",
    "strr",
    "parity",
    "gini",
    "cost_ratio",
    "renyi_efficiency",
    "vocabulary_utilisation",
    "unk_rate",
)
ENGLISH = ("eng", "eng_Latn", "en", "English")


def evaluate(
    tokenizers: Tokenizers,
    corpus: MeasuredCorpus,
    *,
    metrics: str | Iterable[str | Metric] | None = None,
    by: str = "language",
    reference: str | None = None,
    baseline: str | None = None,
    word: str = "python_split",
    threads: int | None = None,
    progress: Progress | None = None,
) -> MetricFrame:
    """Measure tokenizers on a corpus.

    Args:
        tokenizers: one, several, or a mapping whose keys name them in the report.
        corpus: the text; each document is encoded by itself, without special tokens.
        metrics: names, spellings such as ``"fertility(word=uax29)"``, or metric values; None for the common ones.
        by: ``"language"`` or a column of the corpus' metadata, such as ``"script"``.
        reference: reference language of `parity`; None for English where the corpus has it, else its first language.
        baseline: reference tokenizer of `nsl`; None for the first.
        word: word definition of metrics that name none: ``python_split``, ``hf_whitespace`` or ``uax29``.
        threads: threads for encoding; None for all. Results do not depend on it.
        progress: called with phase, finished and all units.

    Returns:
        A frame with one row for each metric, tokenizer and group, a pooled row ``all`` and a mean row ``macro``.

    Raises:
        MetricError: for unknown metrics, parameters, languages or columns, tokenizers of one name, and for a metric
            asked for by name that compares documents across languages on a corpus that is not parallel.

    Example:
        >>> frame = evaluate([gpt2, llama3], corpus, metrics=["fertility", "parity"])  # doctest: +SKIP
        >>> frame.filter(metric="parity").pivot(index="group", on="tokenizer")  # doctest: +SKIP
    """
    named = _named(tokenizers)
    members = _groups(corpus, by)
    setting = Setting(
        languages=tuple(corpus.languages),
        tokenizers=tuple(named),
        by=by,
        parallel=corpus.parallel,
        word=word,
        reference=reference if reference is not None else _default_reference(corpus.languages),
        baseline=baseline if baseline is not None else next(iter(named)),
    )
    _check_known("reference language", reference, setting.languages)
    _check_known("baseline tokenizer", baseline, setting.tokenizers)
    if isinstance(metrics, str):
        metrics = [metrics]
    asked = [parse(name) for name in (_default_metrics(by) if metrics is None else metrics)]
    bound = list(dict.fromkeys(one for metric in asked for one in metric.bind(setting).expand()))
    insists = metrics is not None or reference is not None
    fault = _not_declared_parallel(corpus)
    if insists and fault is not None:
        _refuse_if_compared(bound, fault)
    table, shown = _measure(named, corpus, members, bound, threads=threads, progress=progress)
    bound = list(dict.fromkeys(part for metric in bound for part in shown.get(metric, [metric])))
    if table.fault is not None and insists:
        _refuse_if_compared(bound, table.fault)
    # Fingerprints hash whole vocabularies and corpora: once each, not once per row.
    prints = {name: tokenizer.fingerprint for name, tokenizer in named.items()}
    source = f"by:{by}|corpus:{corpus.name}@{corpus.fingerprint[:16]}"
    rows = [
        _row(metric, name, cell, corpus=corpus.name, origin=f"{source}|tokenizer:{name}@{prints[name][:16]}")
        for metric in bound
        for name, tokenizer in named.items()
        for cell in _cells(metric, name, tokenizer, table=table, by=by)
    ]
    return MetricFrame.from_rows(rows, provenance=_provenance(named, prints, corpus, bound, by=by))


# -- measuring -----------------------------------------------------------------------------------------------------


class _Collector:
    """Adds up statistics batch by batch: documents are kept apart, counts by id are added in place."""

    def __init__(
        self, tokenizer: MeasuredTokenizer, statistics: Sequence[Statistic], memo: dict[Hashable, Any]
    ) -> None:
        self._tokenizer = tokenizer
        self._memo = memo
        self._parts: dict[Statistic, list[Any]] = {statistic: [] for statistic in statistics}
        self._n_documents = 0

    def add(self, collected: Mapping[Statistic, Any], n_documents: int) -> None:
        self._n_documents += n_documents
        for statistic, part in collected.items():
            held = self._parts[statistic]
            held.append(part)
            if statistic.kind in ("types", "histogram") and len(held) > 1:
                self._parts[statistic] = [merge(statistic, held)]
            elif statistic.kind == "keyed":
                # Merging sorts: only what is at least as long as what it is merged with, so each key moves log n times.
                while len(held) > 1 and len(held[-1]) >= len(held[-2]):
                    held[-2:] = [merge(statistic, held[-2:])]

    def stats(self) -> Stats:
        tokenizer = self._tokenizer
        return Stats(
            self._n_documents,
            tokenizer.vocab_size,
            len(tokenizer.special_tokens),
            tokenizer.unk_id,
            {statistic: merge(statistic, parts) for statistic, parts in self._parts.items()},
            tokenizer,
            self._memo,
        )


def _measure(
    named: Mapping[str, MeasuredTokenizer],
    corpus: MeasuredCorpus,
    members: Mapping[str, Sequence[str]],
    bound: Sequence[Metric],
    *,
    threads: int | None,
    progress: Progress | None,
) -> tuple[Table, dict[Metric, list[CorpusMetric]]]:
    """Return the values, and the components that each metric turned out to have."""
    direct = [metric for metric in bound if isinstance(metric, CorpusMetric)]
    inputs = [metric for derived in bound if isinstance(derived, Derived) for metric in derived.inputs()]
    reduced = list(dict.fromkeys([*direct, *inputs]))
    statistics = list(dict.fromkeys(statistic for metric in reduced for statistic in metric.statistics()))
    memos: dict[str, dict[Hashable, Any]] = {name: {} for name in named}
    pooled = {name: _Collector(tokenizer, statistics, memos[name]) for name, tokenizer in named.items()}
    shown: dict[Metric, list[CorpusMetric]] = {metric: [] for metric in reduced}
    values: dict[tuple[Metric, str, str], Value] = {}
    n_documents: dict[str, int] = {}
    done = 0
    total = len(corpus.languages) * len(named)
    for group, languages in members.items():
        collectors = {
            name: _Collector(tokenizer, statistics, memos[name]) for name, tokenizer in named.items()
        }
        n_documents[group] = 0
        for language in languages:
            for batch in corpus.batches(language):
                text = TextBatch(batch.data, batch.offsets, language=language)
                n_documents[group] += len(text)
                encoded = _encoded(text, batch, named, memos, threads=threads) if statistics else None
                for name in named if encoded is not None else ():
                    assert encoded is not None
                    batched = encoded(name)
                    collectors[name].add(
                        {statistic: collect(batched, statistic) for statistic in statistics}, len(text)
                    )
            done += len(named)
            if progress is not None:
                progress("encoding", done, total)
        for name, collector in collectors.items():
            stats = collector.stats()
            values.update(_reduced(reduced, stats, shown, at=(name, group)))
            pooled[name].add(stats.collected, stats.n_documents)
    for name, collector in pooled.items():
        values.update(_reduced(reduced, collector.stats(), shown, at=(name, ALL)))
    for metric, parts in shown.items():
        for part in parts:
            for name in named:
                for group in (*members, ALL):
                    values.setdefault((part, name, group), Undefined(cast(CorpusMetric, metric).absent))
    fault = _not_declared_parallel(corpus)
    if (
        fault is None
        and len(set(n_documents.values())) > 1
        and all(len(part) == 1 for part in members.values())
    ):
        counts = ", ".join(f"{group} {n}" for group, n in n_documents.items())
        fault = f"the languages of the corpus {corpus.name} have different numbers of documents: {counts}"
    n_documents[ALL] = sum(n_documents.values())
    return Table(tuple(members), n_documents, values, fault), shown


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


def _reduced(
    metrics: Sequence[CorpusMetric],
    stats: Stats,
    shown: dict[Metric, list[CorpusMetric]],
    *,
    at: tuple[str, str],
) -> Iterator[tuple[tuple[Metric, str, str], Value]]:
    """Reduce every metric, or its components, which are added to those `shown` so far."""
    for metric in metrics:
        for part in metric.components(stats):
            if part not in shown[metric]:
                shown[metric].append(part)
            yield (part, *at), part.reduce(stats)


def _cells(
    metric: Metric, name: str, tokenizer: MeasuredTokenizer, *, table: Table, by: str
) -> Iterator[Cell]:
    if isinstance(metric, CorpusMetric):
        row = table.row(metric, name)
        for group, value in row.items():
            if group != ALL:
                yield Cell(group, value, metric.pooling, table.n_documents[group])
        yield Cell(ALL, table.value(metric, name, ALL), metric.pooling, table.n_documents[ALL])
        found = defined(row.values())
        reason = next((value for value in row.values() if isinstance(value, Undefined)), None)
        mean = fmean(found) if found else reason or Undefined("no groups")
        yield Cell(MACRO, mean, "macro_languages" if by == "language" else f"macro_{by}", len(found))
    elif isinstance(metric, VocabMetric):
        yield from metric.cells(tokenizer)
    elif isinstance(metric, Derived):
        if metric.compares_documents() and table.fault is not None:
            yield Cell(ALL, Undefined(table.fault), "over_groups", 0)
        else:
            yield from metric.of(table, name)
    else:
        message = f"metric {metric.about.name} is none of CorpusMetric, VocabMetric, Derived"
        raise MetricError(message)


def _row(metric: Metric, name: str, cell: Cell, *, corpus: str, origin: str) -> Row:
    spelled = spell(metric)
    value, reason = (
        (None, cell.value.reason) if isinstance(cell.value, Undefined) else (float(cell.value), None)
    )
    if value is not None and not math.isfinite(value):
        message = (
            f"metric {spelled} returned {value} for tokenizer {name}, group {cell.group}; "
            f"where it has no value it must return Undefined(reason)"
        )
        raise MetricError(message)
    signature = f"{spelled}|agg:{cell.aggregation}|{origin}|tokbench:{_rust.__version__}"
    return Row(
        tokenizer=name,
        corpus=corpus,
        group=cell.group,
        metric=spelled,
        value=value,
        unit=metric.unit(),
        aggregation=cell.aggregation,
        n=cell.n,
        reason=reason,
        direction=metric.about.direction,
        signature=signature,
    )


# -- checking ------------------------------------------------------------------------------------------------------


def _named(tokenizers: Tokenizers) -> dict[str, MeasuredTokenizer]:
    if isinstance(tokenizers, Mapping):
        named = dict(tokenizers)
    else:
        several = list(tokenizers) if isinstance(tokenizers, Sequence) else [tokenizers]
        named = {}
        for tokenizer in several:
            if tokenizer.name in named:
                message = f"two tokenizers are called {tokenizer.name!r}; pass {{name: tokenizer}} to tell them apart"
                raise MetricError(message)
            named[tokenizer.name] = tokenizer
    if not named:
        message = "no tokenizer to evaluate"
        raise MetricError(message)
    return named


def _groups(corpus: MeasuredCorpus, by: str) -> dict[str, list[str]]:
    members: dict[str, list[str]] = {}
    if not corpus.languages:
        message = f"the corpus {corpus.name} has no languages"
        raise MetricError(message)
    for language in corpus.languages:
        if by == "language":
            group = language
        else:
            columns = corpus.metadata.get(language, {})
            if by not in columns:
                known = sorted({column for row in corpus.metadata.values() for column in row})
                message = (
                    f"by={by!r}: the corpus {corpus.name} has no column {by} for the language {language}; "
                    f"use language or a column that all its languages have ({', '.join(known) or 'it has none'})"
                )
                raise MetricError(message)
            group = columns[by]
        members.setdefault(group, []).append(language)
    for group in (ALL, MACRO):
        # A corpus without languages is one group called all, and then that is the pooled row too.
        if group in members and (group == MACRO or len(members) > 1):
            message = f"a {by} cannot be called {group!r} beside others: the report uses that name; rename it"
            raise MetricError(message)
    return members


def _default_metrics(by: str) -> list[str]:
    return [name for name in DEFAULT_METRICS if by == "language" or name != "parity"]


def _default_reference(languages: Sequence[str]) -> str:
    return next((name for name in ENGLISH if name in languages), languages[0])


def _check_known(kind: str, name: str | None, known: Sequence[str]) -> None:
    if name is not None and name not in known:
        message = f"the {kind} {name!r} is not evaluated; known: {', '.join(known)}"
        raise MetricError(message)


def _not_declared_parallel(corpus: MeasuredCorpus) -> str | None:
    if corpus.parallel:
        return None
    return (
        f"the corpus {corpus.name} does not say that its languages ({', '.join(corpus.languages)}) are parallel; "
        f"load it with parallel=True if document i says the same in each of them"
    )


def _refuse_if_compared(bound: Iterable[Metric], fault: str) -> None:
    for metric in bound:
        if isinstance(metric, Derived) and metric.compares_documents():
            message = f"{spell(metric)} compares languages document by document, but {fault}"
            raise MetricError(message)


def _provenance(
    named: Mapping[str, MeasuredTokenizer],
    prints: Mapping[str, str],
    corpus: MeasuredCorpus,
    bound: Sequence[Metric],
    *,
    by: str,
) -> dict[str, object]:
    return {
        "versions": {
            "tokbench": _rust.__version__,
            "python": platform.python_version(),
            "numpy": np.__version__,
        },
        "corpus": {
            "name": corpus.name,
            "fingerprint": corpus.fingerprint,
            "languages": list(corpus.languages),
            "parallel": corpus.parallel,
        },
        "tokenizers": {
            name: {"fingerprint": prints[name], "vocabulary_size": tokenizer.vocab_size}
            for name, tokenizer in named.items()
        },
        "metrics": [spell(metric) for metric in bound],
        "by": by,
    }
