"""`evaluate`: encode a corpus once per tokenizer, collect every statistic once, reduce to metrics.

`tokbench.collecting` reads the corpus and hands over the values of every group; here they become rows: groups, the
pooled corpus, means over groups, metrics derived from them, metrics of the tokenizers, with intervals where asked.
"""

from __future__ import annotations

import math
import platform
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from statistics import fmean
from typing import TYPE_CHECKING

import numpy as np

from tokbench import _rust
from tokbench.accumulating import Scheme, scheme
from tokbench.collecting import Collection, GroupColumns, Grouping, Progress
from tokbench.errors import MetricError
from tokbench.frame import ALL, MACRO, WITHOUT, MetricFrame, Row
from tokbench.measured import WithoutText
from tokbench.measurement import (
    Cell,
    Columns,
    CorpusMetric,
    Derived,
    MeasuredCorpus,
    MeasuredTokenizer,
    Metric,
    Setting,
    Table,
    Undefined,
    Value,
    VocabMetric,
    defined,
    divide,
)
from tokbench.plugin import selected, spell
from tokbench.uncertainty.bounds import Bounder, Bounds
from tokbench.uncertainty.resampling import Draws, Intervals
from tokbench.uncertainty.significance import adjust

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

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
        by: ``"language"`` or columns of the corpus' metadata, such as ``["language", "script"]``: one encoding serves
            all. A derived metric is reported for every column that it can compare, parity by language.
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
    members = {column: _groups(corpus, column) for column in columns}
    settings = [
        Setting(
            languages=tuple(corpus.languages),
            tokenizers=tuple(named),
            by=column,
            parallel=corpus.parallel,
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
    fault = _not_declared_parallel(corpus)
    if insists and fault is not None:
        _refuse_if_compared(bound, fault)
    how = Intervals() if intervals is True else intervals or None
    report = _Report(named, members, bound, how, baseline)
    report.measure(corpus, threads=threads, progress=progress)
    if report.fault is not None and insists:
        _refuse_if_compared(bound, report.fault)
    # Fingerprints hash whole vocabularies and corpora: once each, not once per row.
    prints = {name: tokenizer.fingerprint for name, tokenizer in named.items()}
    origin = f"corpus:{corpus.name}@{corpus.fingerprint[:16]}"
    sources = {metric: _sources(metric) for metric in report.metrics}
    rows = [
        _row(metric, name, column, cell, bounds=bounds, corpus=corpus.name, made=report.signature(metric),
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


class _Report:
    """Values, means and intervals of everything that was asked for."""

    def __init__(
        self,
        named: Mapping[str, MeasuredTokenizer],
        members: Mapping[str, Mapping[str, Sequence[str]]],
        bound: Mapping[Metric, Sequence[str]],
        how: Intervals | None,
        baseline: str | None,
    ) -> None:
        self._named = named
        self._members = members
        self._bound = bound
        self._how = how
        self._bounder: Bounder[Metric] | None = None if how is None else Bounder(how, baseline)
        self._item_bounder: Bounder[str] | None = None if how is None else Bounder(how, baseline)
        self._values: dict[tuple[str, Metric, str, str], Value] = {}
        self._bounds: dict[tuple[str, Metric, str, str], Bounds] = {}
        self._kept: dict[tuple[str, Scheme, Metric, str, str], Floats] = {}
        self._sums: dict[tuple[str, Metric, str], tuple[Floats, Floats]] = {}
        self._n: dict[tuple[str, str], int] = {}
        self._tables: dict[str, Table] = {}
        self._shown: Mapping[Metric, Sequence[CorpusMetric]] = {}
        self.fault: str | None = None

    # -- measuring -------------------------------------------------------------------------------------------------

    def measure(self, corpus: MeasuredCorpus, *, threads: int | None, progress: Progress | None) -> None:
        """Read the corpus."""
        self.fault = _not_declared_parallel(corpus)
        direct = [metric for metric in self._bound if isinstance(metric, CorpusMetric)]
        groupings = []
        pooled: dict[CorpusMetric, set[Scheme]] = {metric: set() for metric in direct}
        for column, members in self._members.items():
            wanted: dict[CorpusMetric, set[Scheme]] = {metric: set() for metric in direct}
            for metric, columns in self._bound.items():
                if isinstance(metric, Derived) and column in columns:
                    for part in metric.inputs():
                        wanted.setdefault(part, set()).add(_scheme_of(metric))
                        pooled.setdefault(part, set()).add(_scheme_of(metric))
            kept = {metric: frozenset(schemes) for metric, schemes in wanted.items()}
            groupings.append(Grouping(column, members, tuple(wanted), kept))
        kept = {metric: frozenset(schemes) for metric, schemes in pooled.items()}
        groupings.append(Grouping(ALL, {ALL: corpus.languages}, tuple(pooled), kept))
        collection = Collection(
            self._named,
            groupings,
            intervals=self._how,
            threads=threads,
            progress=progress,
            finished=self._finished,
        )
        n_documents = collection.run(corpus)
        self._shown = collection.shown
        single = all(len(part) == 1 for part in next(iter(self._members.values())).values())
        if self.fault is None and len(set(n_documents.values())) > 1 and single:
            counts = ", ".join(f"{language} {n}" for language, n in n_documents.items())
            self.fault = (
                f"the languages of the corpus {corpus.name} have different numbers of documents: {counts}"
            )

    def _finished(
        self,
        grouping: Grouping,
        group: str,
        values: Mapping[tuple[CorpusMetric, str], Value],
        n: int,
        columns: GroupColumns,
    ) -> None:
        by = grouping.by
        self._n[by, group] = n
        for (metric, name), value in values.items():
            self._values[by, metric, name, group] = value
        if self._bounder is None:
            return
        own: dict[Scheme, dict[tuple[Metric, str], Floats]] = {"bootstrap": {}, "jackknife": {}}
        for (metric, name), made in columns.items():
            for kind in grouping.kept.get(metric, ()):
                self._kept[by, kind, metric, name, group] = made[kind]
            row = made[scheme(metric)]
            known = np.isfinite(row)
            if by != ALL:
                total, count = self._sums.get((by, metric, name), (np.zeros(len(row)), np.zeros(len(row))))
                self._sums[by, metric, name] = (total + np.where(known, row, 0), count + known)
            if known[0]:
                own[scheme(metric)][metric, name] = row
        bounds = {**self._bounder.bootstrap(own["bootstrap"]), **self._bounder.jackknife(own["jackknife"])}
        for (part, name), found in bounds.items():
            self._bounds[by, part, name, group] = found

    # -- reporting -------------------------------------------------------------------------------------------------

    @property
    def metrics(self) -> list[Metric]:
        """Every metric of the report, components instead of what they are components of."""
        return list(
            dict.fromkeys(part for metric in self._bound for part in self._shown.get(metric, [metric]))
        )

    def signature(self, metric: Metric) -> str:
        """Say how the intervals of a metric are made."""
        if self._how is None:
            return ""
        if isinstance(metric, VocabMetric):
            return f"|{self._how.signature}"
        kind = scheme(metric) if isinstance(metric, CorpusMetric) else "bootstrap"
        if isinstance(metric, Derived):
            kind = _scheme_of(metric)
        return f"|{self._how.signature if kind == 'bootstrap' else self._how.jackknife_signature}"

    def rows(self, *, influence: bool) -> Iterator[tuple[Metric, str, str, str, Cell, Bounds]]:
        """Yield metric, tokenizer, column, what the signature says of it, cell and bounds."""
        every = ",".join(self._members)
        for metric in self._bound:
            for part in self._shown.get(metric, [metric]):
                means = self._mean_bounds(part) if isinstance(part, CorpusMetric) else {}
                derived = {
                    column: self._derived(part, column)
                    for column in self._bound[metric]
                    if isinstance(part, Derived)
                }
                items = self._item_cells(part) if isinstance(part, VocabMetric) else {}
                for name in self._named:
                    if isinstance(part, CorpusMetric):
                        for column, cell in self._corpus_cells(part, name):
                            place = (column, part, name, cell.group)
                            bounds = self._bounds.get(place, means.get((column, name), Bounds()))
                            if cell.group == MACRO:
                                bounds = means.get((column, name), Bounds())
                            yield part, name, column, every if column == ALL else column, cell, bounds
                    elif isinstance(part, VocabMetric):
                        for cell, bounds in items[name]:
                            yield part, name, ALL, every, cell, bounds
                    elif isinstance(part, Derived):
                        for column, (cells, found) in derived.items():
                            for cell in cells[name]:
                                yield (
                                    part,
                                    name,
                                    column,
                                    column,
                                    cell,
                                    found.get((cell.group, name), Bounds()),
                                )
                    else:
                        message = f"metric {part.about.name} is none of CorpusMetric, VocabMetric, Derived"
                        raise MetricError(message)
                    if influence:
                        for column, cell in self._influence(part, name):
                            yield part, name, f"{WITHOUT}{column}", column, cell, Bounds()

    def _value(self, by: str, metric: Metric, name: str, group: str) -> Value:
        found = self._values.get((by, metric, name, group))
        if found is None:
            assert isinstance(metric, CorpusMetric)
            return Undefined(metric.absent)
        return found

    def _corpus_cells(self, metric: CorpusMetric, name: str) -> Iterator[tuple[str, Cell]]:
        for at, (column, members) in enumerate(self._members.items()):
            values = {group: self._value(column, metric, name, group) for group in members}
            for group, value in values.items():
                if group != ALL:
                    yield column, Cell(group, value, metric.pooling, self._n[column, group])
            if at == 0:
                pooled = self._value(ALL, metric, name, ALL)
                yield ALL, Cell(ALL, pooled, metric.pooling, self._n[ALL, ALL])
            yield column, _mean(values.values(), column)

    def _mean_bounds(self, metric: CorpusMetric) -> dict[tuple[str, str], Bounds]:
        if self._bounder is None:
            return {}
        bounds = {}
        for column in self._members:
            rows: dict[tuple[Metric, str], Floats] = {}
            for name in self._named:
                if (column, metric, name) in self._sums:
                    row = divide(*self._sums[column, metric, name])
                    if np.isfinite(row[0]):
                        rows[metric, name] = row
            made = getattr(self._bounder, scheme(metric))(rows)
            bounds.update({(column, name): found for (_, name), found in made.items()})
        return bounds

    def _table(self, column: str, without: str | None = None) -> Table:
        if column not in self._tables:
            values = {
                (metric, name, group): value
                for (by, metric, name, group), value in self._values.items()
                if by == column or (by == ALL and (column, metric, name, ALL) not in self._values)
            }
            n = {group: count for (by, group), count in self._n.items() if by in (column, ALL)}
            self._tables[column] = Table(tuple(self._members[column]), n, values, self.fault)
        whole = self._tables[column]
        return replace(whole, groups=tuple(group for group in whole.groups if group != without))

    def _derived(
        self, metric: Derived, column: str
    ) -> tuple[dict[str, list[Cell]], dict[tuple[str, str], Bounds]]:
        """Return the cells of every tokenizer, and their bounds by group and tokenizer."""
        if metric.compares_documents() and self.fault is not None:
            return {name: [Cell(ALL, Undefined(self.fault), "over_groups", 0)] for name in self._named}, {}
        table = self._table(column)
        cells = {name: list(metric.of(table, name)) for name in self._named}
        if self._item_bounder is None:
            return cells, {}
        kind = _scheme_of(metric)
        rows: dict[tuple[str, str], Floats] = {}
        columns = Columns(
            table.groups,
            {
                (part, name, group): row
                for (by, held, part, name, group), row in self._kept.items()
                if held == kind and by in (column, ALL)
            },
        )
        for name in self._named:
            made = metric.of_many(columns, name)
            if made is None:
                made = _one_by_one(metric, table, columns, name)
            for cell in cells[name]:
                if cell.group in made and not isinstance(cell.value, Undefined):
                    row = np.array(made[cell.group])
                    row[0] = cell.value
                    rows[cell.group, name] = row
        return cells, getattr(self._item_bounder, kind)(rows)

    def _item_cells(self, metric: VocabMetric) -> dict[str, list[tuple[Cell, Bounds]]]:
        cells = {name: list(metric.beside(tokenizer, self._named)) for name, tokenizer in self._named.items()}
        bounds: dict[tuple[str, str], Bounds] = {}
        if self._how is not None and self._item_bounder is not None:
            rows: dict[tuple[str, str], Floats] = {}
            for name, made in cells.items():
                for cell in made:
                    if cell.items is not None and len(cell.items) and not isinstance(cell.value, Undefined):
                        draws = Draws(len(cell.items), settings=self._how, stratum=f"items:{cell.group}")
                        sums = draws.columns_of_reals(np.asarray(cell.items, np.float64))
                        rows[cell.group, name] = divide(sums[0], sums[1])
            bounds = self._item_bounder.bootstrap(rows)
        return {
            name: [(cell, bounds.get((cell.group, name), Bounds())) for cell in made]
            for name, made in cells.items()
        }

    def _influence(self, metric: Metric, name: str) -> Iterator[tuple[str, Cell]]:
        """Yield the mean or the derived value over the groups with each of them left out."""
        for column in self._bound.get(metric, self._members):
            members = self._members[column]
            if len(members) < 2:
                continue
            for group in members:
                if isinstance(metric, CorpusMetric):
                    rest = [self._value(column, metric, name, other) for other in members if other != group]
                    cell = _mean(rest, column)
                    yield column, replace(cell, group=group)
                elif isinstance(metric, Derived) and group != getattr(metric, "reference", None):
                    if metric.compares_documents() and self.fault is not None:
                        continue
                    for cell in metric.of(self._table(column, without=group), name):
                        if cell.aggregation == "over_groups" or cell.group == MACRO:
                            yield column, replace(cell, group=group)


def _scheme_of(metric: Derived) -> Scheme:
    return "jackknife" if any(scheme(part) == "jackknife" for part in metric.inputs()) else "bootstrap"


def _mean(values: Iterable[Value], column: str) -> Cell:
    row = list(values)
    found = defined(row)
    reason = next((value for value in row if isinstance(value, Undefined)), None)
    mean = fmean(found) if found else reason or Undefined("no groups")
    return Cell(MACRO, mean, "macro_languages" if column == "language" else f"macro_{column}", len(found))


def _one_by_one(metric: Derived, table: Table, columns: Columns, name: str) -> dict[str, Floats]:
    """Compute a derived metric in every column by itself."""
    keys = list(columns.values)
    matrix = np.stack([columns.values[key] for key in keys], axis=1) if keys else np.zeros((0, 0))
    unknown = Undefined("undefined in this resample")
    made: dict[str, list[float]] = {}
    for at, row in enumerate(matrix):
        numbers: list[Value] = row.tolist()
        for place in np.flatnonzero(np.isnan(row)).tolist():
            numbers[place] = unknown
        values = dict(zip(keys, numbers, strict=True))
        for cell in metric.of(replace(table, values=values), name):
            column = made.setdefault(cell.group, [math.nan] * at)
            column.append(math.nan if isinstance(cell.value, Undefined) else cell.value)
    return {group: np.array(column) for group, column in made.items() if len(column) == len(matrix)}


def _row(
    metric: Metric,
    name: str,
    column: str,
    cell: Cell,
    *,
    bounds: Bounds,
    corpus: str,
    origin: str,
    made: str,
) -> Row:
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
        unit=metric.unit(),
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
