"""`evaluate`: encode a corpus once per tokenizer, collect every statistic once, reduce to metrics.

`tokbench.collecting` reads the corpus; `tokbench.reporting` makes groups, the pooled corpus, means over groups, metrics
derived from them and metrics of the tokenizers of it, with intervals where asked. Here the arguments are checked and
the rows are written.
"""

from __future__ import annotations

import math
import platform
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from tokbench import _rust
from tokbench.errors import MetricError
from tokbench.frame import ALL, MACRO, MetricFrame, Row
from tokbench.measured import WithColumns, WithoutText
from tokbench.measurement import (
    Cell,
    Derived,
    MeasuredCorpus,
    MeasuredTokenizer,
    Metric,
    Setting,
    Undefined,
    VocabMetric,
)
from tokbench.plugin import selected, spell
from tokbench.reporting import Report, not_declared_parallel
from tokbench.uncertainty.resampling import Intervals
from tokbench.uncertainty.significance import adjust

if TYPE_CHECKING:
    from tokbench.collecting import Progress
    from tokbench.uncertainty.bounds import Bounds

Tokenizers = MeasuredTokenizer | Sequence[MeasuredTokenizer] | Mapping[str, MeasuredTokenizer]

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
    corpus: MeasuredCorpus | None = None,
    *,
    metrics: str | Iterable[str | Metric] | None = None,
    by: str | Sequence[str] = "language",
    reference: str | None = None,
    baseline: str | None = None,
    word: str = "python_split",
    intervals: Intervals | bool = False,
    influence: bool = False,
    threads: int | None = None,
    progress: Progress | None = None,
) -> MetricFrame:
    """Measure tokenizers on a corpus.

    Args:
        tokenizers: one, several, or a mapping whose keys name them in the report.
        corpus: the text; each document is encoded by itself, without special tokens. None where every metric brings
            its own data (gold segmentations) or reads the vocabulary alone.
        metrics: names, spellings such as ``"fertility(word=uax29)"``, families (``"family:information"``), ``"all"``,
            either after ``-`` to leave it out, or metric values; None for the common ones.
        by: ``"language"``, columns of the corpus' metadata such as ``script``, or a field of its records (column of
            JSONL, Parquet or CSV) such as ``domain``, or several of them: one encoding serves all. A derived metric is
            reported for every column that it can compare, parity by language.
        reference: reference language of `parity`; None for English where the corpus has it, else its first language.
        baseline: reference tokenizer of `nsl` and, with intervals, of the differences; None for the first and no
            differences.
        word: word definition of metrics that name none: ``python_split``, ``hf_whitespace`` or ``uax29``.
        intervals: True, or how: a paired bootstrap over documents (see `tokbench.uncertainty`).
        influence: also report means and derived metrics with each group left out.
        threads: threads for encoding; None for all. Results do not depend on it.
        progress: called with phase, finished and all units.

    Returns:
        A frame with one row for each metric, tokenizer and group, a pooled row ``all`` and a mean row ``macro``.

    Raises:
        MetricError: for unknown metrics, parameters, languages or columns, tokenizers of one name, and for a metric
            asked for by name that compares documents across languages on a corpus that is not parallel, or that reads
            text where there is no corpus.

    Example:
        >>> frame = evaluate([gpt2, llama3], corpus, metrics=["fertility", "parity"])  # doctest: +SKIP
        >>> frame.filter(metric="parity").pivot(index="group", on="tokenizer")  # doctest: +SKIP
    """
    named = _named(tokenizers)
    given = corpus
    corpus = WithoutText() if given is None else given
    columns = list(dict.fromkeys([by] if isinstance(by, str) else by))
    of_records = [column for column in columns if _is_of_records(corpus, column)]
    members = {column: {} if column in of_records else _groups(corpus, column) for column in columns}
    settings = [
        Setting(
            languages=tuple(corpus.languages),
            tokenizers=tuple(named),
            by=column,
            # Records of one group are no translations of those of another.
            parallel=corpus.parallel and column not in of_records,
            word=word,
            reference=reference if reference is not None else _default_reference(corpus.languages),
            baseline=baseline if baseline is not None else next(iter(named)),
        )
        for column in columns
    ]
    _check_known("reference language", reference, settings[0].languages)
    _check_known("baseline tokenizer", baseline, settings[0].tokenizers)
    if isinstance(metrics, str):
        metrics = [metrics]
    chosen = list(_default_metrics(columns) if metrics is None else metrics)
    asked = selected(chosen)
    bound = _bound(asked, settings)
    if given is None:
        _refuse_without_text(bound)
    insists = metrics is not None or reference is not None
    fault = not_declared_parallel(corpus)
    if insists and fault is not None:
        _refuse_if_compared(bound, fault)
    how = Intervals() if intervals is True else intervals or None
    report = Report(named, members, bound, how, baseline, of_records=of_records)
    report.measure(corpus, threads=threads, progress=progress)
    if report.fault is not None and insists:
        _refuse_if_compared(bound, report.fault)
    # Fingerprints hash whole vocabularies and corpora: once each, not once per row.
    prints = {name: tokenizer.fingerprint for name, tokenizer in named.items()}
    origin = f"corpus:{corpus.name}@{corpus.fingerprint[:16]}"
    sources = {metric: _sources(metric) for metric in report.metrics}
    told = {metric: (spell(metric), metric.unit(), report.signature(metric)) for metric in report.metrics}
    rows = [
        _row(metric, name, column, cell, bounds=bounds, corpus=corpus.name, told=told[metric],
             origin=f"by:{signed}|{origin}{sources[metric]}|tokenizer:{name}@{prints[name][:16]}")
        for metric, name, column, signed, cell, bounds in report.rows(influence=influence)
    ]  # fmt: skip
    if how is not None:
        rows = _adjusted(rows, how)
    provenance = _provenance(named, prints, corpus, report.metrics, by=columns)
    provenance["arguments"] = {
        name: value
        for name, value, default in (
            (
                "metrics",
                None
                if metrics is None
                else [each if isinstance(each, str) else spell(each) for each in chosen],
                None,
            ),
            ("by", columns, ["language"]),
            ("reference", reference, None),
            ("baseline", baseline, None),
            ("word", word, "python_split"),
            ("influence", influence, False),
        )
        if value != default
    }
    if how is not None:
        provenance["intervals"] = {
            "replicates": how.replicates, "seed": how.seed, "level": how.level, "method": how.method,
            "correction": how.correction, "blocks": how.blocks, "baseline": baseline,
        }  # fmt: skip
    return MetricFrame.from_rows(rows, provenance=provenance)


def _bound(asked: Sequence[Metric], settings: Sequence[Setting]) -> dict[Metric, list[str]]:
    """Return each bound and expanded metric, and the columns that it is reported by."""
    bound: dict[Metric, list[str]] = {}
    for metric in asked:
        refusal: MetricError | None = None
        taken = False
        for setting in settings:
            try:
                made = metric.bind(setting).expand()
            except MetricError as error:
                if not isinstance(metric, Derived):
                    raise
                refusal = refusal or error
                continue
            taken = True
            for one in made:
                found = bound.setdefault(one, [])
                if setting.by not in found:
                    found.append(setting.by)
        if refusal is not None and not taken:
            raise refusal
    return bound


def _row(
    metric: Metric,
    name: str,
    column: str,
    cell: Cell,
    *,
    bounds: Bounds,
    corpus: str,
    origin: str,
    told: tuple[str, str, str],
) -> Row:
    spelled, unit, made = told
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
    if bounds.low is None and cell.interval is not None:
        low, high = cell.interval
        bounds, made = replace(bounds, low=low, high=high), "|interval:analytic,0.95"
    return Row(
        tokenizer=name,
        corpus=corpus,
        by=column,
        group=cell.group,
        metric=spelled,
        value=value,
        unit=unit,
        aggregation=cell.aggregation,
        n=cell.n,
        low=bounds.low,
        high=bounds.high,
        difference=bounds.difference,
        difference_low=bounds.difference_low,
        difference_high=bounds.difference_high,
        p=bounds.p,
        reason=reason,
        direction=metric.about.direction,
        signature=signature + (made if bounds.low is not None else ""),
    )


def _adjusted(rows: Sequence[Row], how: Intervals) -> list[Row]:
    """Correct p-values over all comparisons of a metric by a column, its means and the pooled text apart."""
    families: dict[tuple[str, str, bool], list[int]] = {}
    for at, row in enumerate(rows):
        if row.p is not None:
            families.setdefault((row.metric, row.by, row.group in (ALL, MACRO)), []).append(at)
    result = list(rows)
    for places in families.values():
        values = [p for at in places if (p := rows[at].p) is not None]
        for at, p in zip(places, adjust(values, how.correction), strict=True):
            result[at] = replace(rows[at], p_adjusted=p)
    return result


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


def _is_of_records(corpus: MeasuredCorpus, by: str) -> bool:
    """Whether a column is one of the documents' own, rather than one of their languages."""
    if by == "language" or any(by in columns for columns in corpus.metadata.values()):
        return False
    return isinstance(corpus, WithColumns) and bool(corpus.languages) and corpus.has_column(by)


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


def _default_metrics(columns: Sequence[str]) -> list[str]:
    return [name for name in DEFAULT_METRICS if "language" in columns or name != "parity"]


def _default_reference(languages: Sequence[str]) -> str:
    return next((name for name in ENGLISH if name in languages), languages[0])


def _check_known(kind: str, name: str | None, known: Sequence[str]) -> None:
    if name is not None and name not in known:
        message = f"the {kind} {name!r} is not evaluated; known: {', '.join(known)}"
        raise MetricError(message)


def _sources(metric: Metric) -> str:
    """Name the files that a metric reads, by their fingerprints."""
    return "".join(f"|{name}:{fingerprint[:16]}" for name, fingerprint in metric.data().items())


def _refuse_without_text(bound: Iterable[Metric]) -> None:
    reading = next((metric for metric in bound if not isinstance(metric, VocabMetric)), None)
    if reading is not None:
        message = f"{spell(reading)} measures text: pass a corpus, or name metrics that need none"
        raise MetricError(message)


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
    by: Sequence[str],
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
        "by": list(by),
    }
