"""The report of an evaluation: values of groups become rows, means, derived values and their intervals.

`tokbench.collecting` hands over the values of every group when it is complete; what is computed from several groups,
or of the tokenizers alone, is computed here, when rows are asked for.
"""

from __future__ import annotations

import math
from dataclasses import replace
from statistics import fmean
from typing import TYPE_CHECKING

import numpy as np

from tokbench.accumulating import Scheme, scheme
from tokbench.collecting import Collection, GroupColumns, Grouping, Progress
from tokbench.errors import MetricError
from tokbench.frame import ALL, MACRO, WITHOUT
from tokbench.measurement import (
    Cell,
    Columns,
    CorpusMetric,
    Derived,
    MeasuredCorpus,
    MeasuredTokenizer,
    Metric,
    Table,
    Undefined,
    Value,
    VocabMetric,
    defined,
    divide,
)
from tokbench.uncertainty.bounds import Bounder, Bounds
from tokbench.uncertainty.interval import scale_of
from tokbench.uncertainty.resampling import Draws, Intervals

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from tokbench.uncertainty.interval import Scale

    Floats = NDArray[np.float64]


class Report:
    """Values, means and intervals of everything that was asked for."""

    def __init__(
        self,
        named: Mapping[str, MeasuredTokenizer],
        members: Mapping[str, Mapping[str, Sequence[str]]],
        bound: Mapping[Metric, Sequence[str]],
        how: Intervals | None,
        baseline: str | None,
        *,
        of_records: Sequence[str] = (),
    ) -> None:
        self._named = named
        self._members = members
        self._of_records = of_records
        self._signed: dict[str, str] = {}
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
        self.fault = not_declared_parallel(corpus)
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
            of_records = column in self._of_records
            groupings.append(Grouping(column, members, tuple(wanted), kept, of_records=of_records))
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
        self._signed = {column: f"{column}@{made.hexdigest()}" for column, made in collection.digests.items()}
        first = next(iter(self._members))
        single = all(len(part) == 1 for part in self._members[first].values())
        single = single and first not in self._of_records
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
        bounds = {
            **self._bounder.bootstrap(own["bootstrap"]),
            **self._bounder.jackknife(own["jackknife"], _scale),
        }
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
        if kind == "bootstrap":
            return f"|{self._how.signature}"
        return f"|{self._how.jackknife_signature},scale={_scale(metric)}"

    def rows(self, *, influence: bool) -> Iterator[tuple[Metric, str, str, str, Cell, Bounds]]:
        """Yield metric, tokenizer, column, what the signature says of it, cell and bounds."""
        every = ",".join(self._signed.get(column, column) for column in self._members)

        def sign(column: str) -> str:
            return self._signed.get(column, column)

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
                            yield part, name, column, every if column == ALL else sign(column), cell, bounds
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
                                    sign(column),
                                    cell,
                                    found.get((cell.group, name), Bounds()),
                                )
                    else:
                        message = f"metric {part.about.name} is none of CorpusMetric, VocabMetric, Derived"
                        raise MetricError(message)
                    if influence:
                        for column, cell in self._influence(part, name):
                            yield part, name, f"{WITHOUT}{column}", sign(column), cell, Bounds()

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
            made = (
                self._bounder.jackknife(rows, _scale)
                if scheme(metric) == "jackknife"
                else self._bounder.bootstrap(rows)
            )
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
        fault = self.fault
        if column in self._of_records:
            fault = f"documents of one {column} do not say the same as those of another"
        if metric.compares_documents() and fault is not None:
            return {name: [Cell(ALL, Undefined(fault), "over_groups", 0)] for name in self._named}, {}
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
        if kind == "bootstrap":
            return cells, self._item_bounder.bootstrap(rows)
        return cells, self._item_bounder.jackknife(rows, lambda _: _scale(metric))

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
                    if metric.compares_documents() and (self.fault is not None or column in self._of_records):
                        continue
                    for cell in metric.of(self._table(column, without=group), name):
                        if cell.aggregation == "over_groups" or cell.group == MACRO:
                            yield column, replace(cell, group=group)


def _scale(metric: Metric) -> Scale:
    return scale_of(metric.unit())


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


def not_declared_parallel(corpus: MeasuredCorpus) -> str | None:
    """Say why documents of a corpus cannot be compared across languages; None where it declares that they can."""
    if corpus.parallel:
        return None
    return (
        f"the corpus {corpus.name} does not say that its languages ({', '.join(corpus.languages)}) are parallel; "
        f"load it with parallel=True if document i says the same in each of them"
    )
