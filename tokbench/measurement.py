"""What a metric is: three shapes, and what each of them is given.

* `CorpusMetric`: names the additive statistics that it needs and reduces their totals to a value. Grouping, pooling
  and resampling over documents are therefore written once, in `tokbench.evaluate`, and never in a metric.
* `VocabMetric`: a value of the tokenizer alone.
* `Derived`: computed from other metrics' values over the groups (Gini) or against a reference (parity, NSL).

A metric is a frozen dataclass: its fields are its parameters, and its spelling `name(field=value,…)` is part of
every row's signature. A statistic is a frozen dataclass too, so that metrics which need the same one share it: a
corpus is encoded once per tokenizer and each statistic is collected once.

Law: a statistic is additive over documents. Collecting two batches and merging equals collecting both at once.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol, TypeVar, final

import numpy as np

from tokbench.errors import MetricError

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from tokbench.frame import Direction

    Ints = NDArray[np.int64]

T = TypeVar("T")


@dataclass(frozen=True)
class Undefined:
    """No value, and why: becomes null with a reason, never 0."""

    reason: str


Value = float | Undefined


class Encoded(Protocol):
    """Ids of many documents back to back; document `d` is `ids[offsets[d]:offsets[d + 1]]`."""

    @property
    def ids(self) -> NDArray[np.uint32]:
        """Token ids."""
        ...

    @property
    def offsets(self) -> Ints:
        """One more entry than there are documents."""
        ...


class MeasuredTokenizer(Protocol):
    """The part of a tokenizer that metrics read."""

    @property
    def name(self) -> str:
        """What it is called in the report."""
        ...

    @property
    def fingerprint(self) -> str:
        """Hash of everything that decides an encoding."""
        ...

    @property
    def vocab_size(self) -> int:
        """Declared number of ids, special tokens included."""
        ...

    @property
    def special_tokens(self) -> Mapping[str, int]:
        """Special tokens and their ids."""
        ...

    @property
    def unk_id(self) -> int | None:
        """The unknown token's id, if there is one."""
        ...

    @property
    def lossless(self) -> bool:
        """Whether the tokens' bytes concatenate to the document, but for what `steps` change."""
        ...

    @property
    def steps(self) -> tuple[str, ...]:
        """Reversible changes of the text before encoding; spans, not tokens, then say where a token lies."""
        ...

    def token_arrays(self) -> tuple[NDArray[np.uint8], Ints]:
        """Return the bytes of all ids back to back, and one position more than there are ids."""
        ...

    def encode_batch(self, texts: Any, /, *, threads: int | None = None) -> Encoded:
        """Encode the documents of a batch without special tokens."""
        ...

    def encode_with_offsets(self, text: Any, /) -> tuple[NDArray[np.uint32], Ints]:
        """Encode one document; the second array holds first and last byte of each token."""
        ...


class Documents(Protocol):
    """Documents back to back, as a corpus yields them."""

    @property
    def data(self) -> NDArray[np.uint8]:
        """All bytes."""
        ...

    @property
    def offsets(self) -> Ints:
        """One more entry than there are documents."""
        ...


class MeasuredCorpus(Protocol):
    """The part of a corpus that an evaluation reads."""

    @property
    def name(self) -> str:
        """What it is called in the report."""
        ...

    @property
    def languages(self) -> tuple[str, ...]:
        """Languages in their order."""
        ...

    @property
    def parallel(self) -> bool:
        """Whether document i says the same in every language."""
        ...

    @property
    def fingerprint(self) -> str:
        """Hash of the content."""
        ...

    @property
    def metadata(self) -> Mapping[str, Mapping[str, str]]:
        """Columns by language: script, family, …"""
        ...

    def batches(self, language: str, /) -> Iterable[Documents]:
        """Yield the documents of a language, many at a time."""
        ...


@final
class TextBatch:
    """Documents of one language back to back: document `d` is `data[offsets[d]:offsets[d + 1]]`."""

    def __init__(self, data: NDArray[np.uint8], offsets: Ints) -> None:
        self.data = data
        self.offsets = offsets
        self._memo: dict[Hashable, Any] = {}

    def __len__(self) -> int:
        """Count the documents."""
        return len(self.offsets) - 1

    def once(self, key: Hashable, compute: Callable[[TextBatch], T]) -> T:
        """Compute something of the text at most once, for all tokenizers and metrics."""
        if key not in self._memo:
            self._memo[key] = compute(self)
        found: T = self._memo[key]
        return found


@final
class EncodedBatch:
    """A `TextBatch` and its tokens under one tokenizer."""

    def __init__(
        self, text: TextBatch, tokenizer: MeasuredTokenizer, encoded: Encoded, memo: dict[Hashable, Any]
    ) -> None:
        if len(encoded.offsets) != len(text.offsets):
            message = (
                f"tokenizer {tokenizer.name} returned {len(encoded.offsets) - 1} documents for {len(text)}; "
                f"encode_batch must keep every document, the empty ones too"
            )
            raise MetricError(message)
        self.text = text
        self.tokenizer = tokenizer
        self.ids = encoded.ids
        self.offsets = encoded.offsets
        self._memo = memo

    def remember(self, key: Hashable, compute: Callable[[], T]) -> T:
        """Compute something of the tokenizer at most once for all batches of an evaluation."""
        if key not in self._memo:
            self._memo[key] = compute()
        found: T = self._memo[key]
        return found


Kind = Literal["documents", "types"]


class Statistic(ABC):
    """Something additive that metrics need; a frozen dataclass, equal when it is the same statistic.

    ``kind`` ``"documents"``: one number per document, concatenated; its total is the sum, and a resample of
    documents re-weights it. ``"types"``: one count per token id, added.
    """

    kind: ClassVar[Kind] = "documents"

    @abstractmethod
    def collect(self, batch: EncodedBatch) -> Ints:
        """Return the statistic of a batch."""


def merge(statistic: Statistic, parts: Sequence[Ints]) -> Ints:
    """Add up a statistic over batches or groups: concatenate documents, add types."""
    if statistic.kind == "documents":
        return np.concatenate([np.empty(0, np.int64), *parts])
    total = np.zeros(max((len(part) for part in parts), default=0), np.int64)
    for part in parts:
        total[: len(part)] += part
    return total


@dataclass(frozen=True)
class Stats:
    """Collected statistics of one tokenizer on one group; what a `CorpusMetric` reduces."""

    n_documents: int
    vocab_size: int
    n_special: int
    unk_id: int | None
    collected: Mapping[Statistic, Ints]

    def documents(self, statistic: Statistic) -> Ints:
        """Return the statistic per document, or per id for types."""
        return self.collected[statistic]

    def total(self, statistic: Statistic) -> int:
        """Return the sum over the documents."""
        return int(self.collected[statistic].sum())

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
        )


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
    """A measurable property; subclasses are frozen dataclasses whose fields are their parameters."""

    about: ClassVar[About]

    def bind(self, setting: Setting) -> Metric:
        """Return the metric with every open parameter (None) taken from the evaluation."""
        return self

    def unit(self) -> str:
        """Return the unit of the value under these parameters."""
        return self.about.unit


class CorpusMetric(Metric):
    """A value of a tokenizer on some documents.

    ``pooling`` names what the value of a group is in terms of its documents.
    """

    pooling: ClassVar[str] = "ratio_of_sums"

    @abstractmethod
    def statistics(self) -> tuple[Statistic, ...]:
        """Return the statistics that `reduce` reads."""

    @abstractmethod
    def reduce(self, stats: Stats) -> Value:
        """Return the value of the collected statistics."""


class VocabMetric(Metric):
    """A value of a tokenizer without any text."""

    @abstractmethod
    def of(self, tokenizer: MeasuredTokenizer) -> Value:
        """Return the value."""


@dataclass(frozen=True)
class Cell:
    """One value that a derived metric adds to the report."""

    group: str
    value: Value
    aggregation: str
    n: int


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
