"""What a metric is: three shapes, and what each of them is given.

* `CorpusMetric`: names the additive statistics that it needs (`tokbench.statistic`) and reduces them to a value.
  Grouping, pooling, means over groups and intervals are therefore written once, in `tokbench.evaluate` and
  `tokbench.statistics`, and never in a metric. `RatioOfSums` and `MeanOfRatios` are the two common ones.
* `VocabMetric`: a value of the tokenizer alone, or several by group.
* `Derived`: computed from corpus metrics' values over the groups (Gini) or against a reference (parity, NSL).

A metric is a frozen dataclass: its fields are its parameters, and its spelling ``name(field=value,…)`` names its
rows and is part of every signature. A metric that has several values is several metrics: `expand` replaces it by one
for each value of a parameter that was left open, `components` by those that the text itself turns out to have.
Statistics are frozen dataclasses too, so metrics that need the same one share it: a corpus is encoded once for each
tokenizer and each statistic is collected once.

A metric in another package: this module, and an entry point ``round_tokens = "my_package:RoundTokens"`` in the group
``tokbench.metrics``, and ``tokbench eval --metrics "round_tokens(length=4)"`` reports it with groups and intervals.

    >>> from tokbench.measurement import About, RatioOfSums, Statistic
    >>> from tokbench.metrics.counting import Tokens, token_lengths
    >>> @dataclass(frozen=True)
    ... class OfLength(Statistic):
    ...     length: int  # counts tokens of so many bytes, per document
    ...     def collect(self, batch):
    ...         hits = token_lengths(batch) == self.length
    ...         return np.diff(np.concatenate([[0], np.cumsum(hits)])[batch.offsets])
    >>> @dataclass(frozen=True)
    ... class RoundTokens(RatioOfSums):
    ...     length: int | None = None
    ...     otherwise: ClassVar[str] = "no tokens"
    ...     about: ClassVar[About] = About(
    ...         name="round_tokens", title="tokens of a round length", formula="N_length / N", unit="share",
    ...         range="0 … 1", direction="neither", source="here", pitfalls="an example")
    ...     def expand(self):
    ...         return (self,) if self.length is not None else tuple(replace(self, length=n) for n in (2, 4))
    ...     def terms(self):
    ...         return OfLength(self.length), Tokens()
    >>> import tokbench as tb
    >>> text = tb.Corpus.from_texts({"eng": ["abab", "ab"]})
    >>> words = tb.train(tb.count(text, "gpt2"), vocab_size=258)
    >>> frame = tb.evaluate(words, text, metrics=[RoundTokens()])
    >>> [(name, frame.value(name)) for name in frame.metrics]
    [('round_tokens(length=2)', 0.5), ('round_tokens(length=4)', 0.5)]
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from tokbench.keyed import Keyed, Uncounted, bits_for, count_keys, pack_ngrams
from tokbench.measured import (
    Documents,
    Encoded,
    EncodedBatch,
    InspectedTokenizer,
    MeasuredCorpus,
    MeasuredTokenizer,
    TextBatch,
    inspected,
)
from tokbench.statistic import (
    BlockCounts,
    DocumentCount,
    DocumentRatio,
    Kind,
    Statistic,
    Stats,
    collect,
    merge,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from tokbench.frame import Direction


__all__ = [
    "About",
    "BlockCounts",
    "Cell",
    "Columns",
    "CorpusMetric",
    "Derived",
    "DocumentCount",
    "DocumentRatio",
    "Documents",
    "Encoded",
    "EncodedBatch",
    "InspectedTokenizer",
    "Keyed",
    "Kind",
    "MeanOfRatios",
    "MeasuredCorpus",
    "MeasuredTokenizer",
    "Metric",
    "RatioOfSums",
    "Setting",
    "Statistic",
    "Stats",
    "Table",
    "TextBatch",
    "Totals",
    "Uncounted",
    "Undefined",
    "Value",
    "VocabMetric",
    "bits_for",
    "collect",
    "count_keys",
    "defined",
    "divide",
    "inspected",
    "merge",
    "pack_ngrams",
    "ratio",
    "replace",
]  # fmt: skip


@dataclass(frozen=True)
class Undefined:
    """No value, and why: becomes null with a reason, never 0."""

    reason: str


Value = float | Undefined
Totals = Callable[[Statistic], NDArray[np.float64]]
"""Totals of many resamples: ``(replicates,)``, or ``(k, replicates)`` for k columns."""


@dataclass(frozen=True, kw_only=True)
class About:
    """What a person must know to read a metric: shown by ``tokbench metrics explain``."""

    name: str
    title: str
    formula: str
    unit: str
    range: str
    direction: Direction
    source: str
    pitfalls: str
    aliases: tuple[str, ...] = ()
    family: str = ""
    """What ``--metrics family:NAME`` calls its kind; the module of its class unless given."""

    @property
    def summary(self) -> str:
        """Title and formula on one line."""
        return f"{self.title}: {self.formula}"

    def as_dict(self) -> dict[str, str]:
        """Return every fact by its name, printable."""
        facts = {item.name: getattr(self, item.name) for item in fields(self)}
        return {**facts, "aliases": ", ".join(self.aliases)}


@dataclass(frozen=True, kw_only=True)
class Setting:
    """What an evaluation decides for metrics whose parameters leave it open."""

    languages: tuple[str, ...]
    tokenizers: tuple[str, ...]
    by: str = "language"
    parallel: bool
    word: str
    reference: str | None
    baseline: str


class Metric(ABC):
    """A measurable property; subclasses are frozen dataclasses whose fields are their parameters.

    ``in_all`` says whether ``--metrics all`` takes it: not where it needs files or minutes.
    """

    about: ClassVar[About]
    in_all: ClassVar[bool] = True

    def bind(self, setting: Setting) -> Metric:
        """Return the metric with every open parameter (None) taken from the evaluation."""
        return self

    def expand(self) -> tuple[Metric, ...]:
        """Return the metrics that this one stands for, after `bind`: one for each value of an open parameter."""
        return (self,)

    def data(self) -> Mapping[str, str]:
        """Return the names and fingerprints of the files that the parameters name: part of the signature."""
        return {}

    def unit(self) -> str:
        """Return the unit of the value under these parameters."""
        return self.about.unit


class CorpusMetric(Metric):
    """A value of a tokenizer on some documents.

    ``pooling`` names what the value of a group is in terms of its documents; ``absent`` is the reason where a group
    lacks a component that another group has. A metric whose `reduce` reads ``stats.documents`` of a statistic of
    documents says so with ``reads_documents``, or finds totals only; its interval is then the jackknife's, as that of
    types and n-grams. One that reads the counts of types but not whose they are may say ``reads_ids = False``:
    intervals then pass over the ids that do not occur.
    """

    pooling: ClassVar[str] = "ratio_of_sums"
    reads_documents: ClassVar[bool] = False
    reads_ids: ClassVar[bool] = True
    absent: ClassVar[str] = "does not occur here"

    @abstractmethod
    def statistics(self) -> tuple[Statistic, ...]:
        """Return the statistics that `reduce` reads."""

    @abstractmethod
    def reduce(self, stats: Stats) -> Value:
        """Return the value of the collected statistics."""

    def components(self, stats: Stats) -> tuple[CorpusMetric, ...]:
        """Return the metrics that these statistics show, such as one for each script that occurs.

        Their statistics must be among this one's. Called for each group and tokenizer; the report has the union in
        the order of appearance.
        """
        del stats
        return (self,)

    def reduce_many(self, totals: Totals) -> NDArray[np.float64] | None:
        """Return the values of many resamples at once, NaN where undefined; None (the default) to `reduce` each.

        ``totals(statistic)`` is ``(replicates,)``, or ``(k, replicates)`` for k columns. Only for metrics of totals of
        documents; must equal `reduce` of each.
        """
        del totals
        return None


class RatioOfSums(CorpusMetric):
    """Total of one statistic of documents over the total of another; ``otherwise`` is the reason where that is 0."""

    otherwise: ClassVar[str] = "nothing to divide by"

    @abstractmethod
    def terms(self) -> tuple[Statistic, Statistic]:
        """Return numerator and denominator."""

    def statistics(self) -> tuple[Statistic, ...]:
        """Numerator and denominator."""
        return self.terms()

    def reduce(self, stats: Stats) -> Value:
        """Divide the totals."""
        above, below = self.terms()
        return ratio(stats.total(above), stats.total(below), self.otherwise)

    def reduce_many(self, totals: Totals) -> NDArray[np.float64] | None:
        """Divide all totals at once."""
        above, below = self.terms()
        return divide(totals(above), totals(below))


class MeanOfRatios(CorpusMetric):
    """Mean over documents of a ratio; documents whose denominator is 0 take no part."""

    pooling: ClassVar[str] = "mean_of_ratios"
    otherwise: ClassVar[str] = "no document has a ratio"

    @abstractmethod
    def terms(self) -> tuple[Statistic, Statistic]:
        """Return numerator and denominator of each document."""

    def statistics(self) -> tuple[Statistic, ...]:
        """Ratio by document."""
        return (DocumentRatio(*self.terms()),)

    def reduce(self, stats: Stats) -> Value:
        """Sum of the ratios over their number."""
        above, below = stats.totals(DocumentRatio(*self.terms())).tolist()
        return ratio(above, below, self.otherwise)

    def reduce_many(self, totals: Totals) -> NDArray[np.float64] | None:
        """Divide all sums at once."""
        above, below = totals(DocumentRatio(*self.terms()))
        return divide(above, below)


class VocabMetric(Metric):
    """A value of a tokenizer without any text of the corpus."""

    @abstractmethod
    def of(self, tokenizer: MeasuredTokenizer) -> Value:
        """Return the value; `inspected` gives the whole tokenizer to metrics that encode or decode."""

    def cells(self, tokenizer: MeasuredTokenizer) -> Iterable[Cell]:
        """Return the value as a row of the report; override for values by group, such as gold data by language."""
        yield Cell("all", self.of(tokenizer), "vocabulary", tokenizer.vocab_size)

    def beside(self, tokenizer: MeasuredTokenizer, others: Mapping[str, MeasuredTokenizer]) -> Iterable[Cell]:
        """Return `cells`; override for a comparison with another of the evaluated tokenizers, by name."""
        del others
        yield from self.cells(tokenizer)


@dataclass(frozen=True)
class Cell:
    """One value that a metric adds to the report.

    Attributes:
        group: a group of the corpus, ``all``, ``macro``, or another that the metric knows (a language of gold data).
        value: the value.
        aggregation: how it comes from its parts.
        n: number of the parts.
        items: numerator and denominator of each item, ``(n, 2)``, for values that are a ratio of sums over items
            (gold words); the items must be the same and in one order for all tokenizers. Gives an interval.
        interval: low and high of a 95 % interval that the metric knows by itself (of a correlation).
    """

    group: str
    value: Value
    aggregation: str
    n: int
    items: NDArray[np.float64] | None = field(default=None, compare=False, repr=False)
    interval: tuple[float, float] | None = None


@dataclass(frozen=True)
class Table:
    """Values of corpus metrics by metric, tokenizer and group: what a derived metric is computed from."""

    groups: tuple[str, ...]
    n_documents: Mapping[str, int]
    values: Mapping[tuple[Metric, str, str], Value]
    fault: str | None = field(default=None)
    """Why documents of different groups cannot be compared one to one, if they cannot."""

    def value(self, metric: Metric, tokenizer: str, group: str) -> Value:
        """Return one value; undefined ones are values too."""
        return self.values[metric, tokenizer, group]

    def row(self, metric: Metric, tokenizer: str) -> dict[str, Value]:
        """Return the values over the groups, in their order."""
        return {group: self.values[metric, tokenizer, group] for group in self.groups}


@dataclass(frozen=True)
class Columns:
    """The table in many resamples: each value is an array with one entry for each of them, NaN where undefined."""

    groups: tuple[str, ...]
    values: Mapping[tuple[Metric, str, str], NDArray[np.float64]]

    def value(self, metric: Metric, tokenizer: str, group: str) -> NDArray[np.float64]:
        """Return the values of a group, ``(columns,)``."""
        return self.values[metric, tokenizer, group]

    def row(self, metric: Metric, tokenizer: str) -> NDArray[np.float64]:
        """Return the values of all groups, ``(groups, columns)``."""
        return np.stack([self.values[metric, tokenizer, group] for group in self.groups])


class Derived(Metric):
    """A value computed from the values of corpus metrics."""

    needs_parallel: ClassVar[bool] = False
    """Whether the documents of all languages must say the same."""

    @abstractmethod
    def inputs(self) -> tuple[CorpusMetric, ...]:
        """Return the metrics whose values are read."""

    @abstractmethod
    def of(self, table: Table, tokenizer: str) -> Iterable[Cell]:
        """Return the values for one tokenizer."""

    def of_many(self, columns: Columns, tokenizer: str) -> Mapping[str, NDArray[np.float64]] | None:
        """Return the values of many resamples at once, by group, NaN where undefined; None (the default) to use `of`.

        Must equal `of` in every column. Groups without an entry have no interval.
        """
        del columns, tokenizer
        return None

    def compares_documents(self) -> bool:
        """Whether these parameters require parallel text."""
        return self.needs_parallel


def ratio(numerator: float, denominator: float, otherwise: str) -> Value:
    """Divide, or say why there is nothing to divide by.

    Example:
        >>> ratio(6, 4, "no words"), ratio(6, 0, "no words")
        (1.5, Undefined(reason='no words'))
    """
    return numerator / denominator if denominator else Undefined(otherwise)


def defined(values: Iterable[Value]) -> list[float]:
    """Keep the defined values."""
    return [value for value in values if not isinstance(value, Undefined)]


def divide(above: NDArray[Any], below: NDArray[Any]) -> NDArray[np.float64]:
    """Divide arrays; NaN where the denominator is 0."""
    result = np.full(np.broadcast(above, below).shape, np.nan)
    np.divide(above, below, out=result, where=np.asarray(below) != 0)
    return result
