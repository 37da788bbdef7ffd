"""Segmentation difference: how often two ways of encoding cut a word otherwise.

Source: section A9 of the metric catalogue; the `compare` of Uzan et al. 2024, between inference methods over one
vocabulary. Words are encoded by themselves and compared by where they are cut, so ids need not agree.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from tokbench.errors import MetricError
from tokbench.measurement import About, RatioOfSums, Setting, Statistic, Stats, Undefined, Value
from tokbench.metrics.counting import Words, word_spans
from tokbench.metrics.isolated_words import distinct_words, tokens_of_words
from tokbench.metrics.words import NO_WORDS, OfWords
from tokbench.plugin import register

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tokbench.measurement import Encoded, EncodedBatch, MeasuredTokenizer

    Ints = NDArray[np.int64]


def differ(first: MeasuredTokenizer, second: MeasuredTokenizer, words: Any) -> NDArray[np.bool_]:
    """Say of each word whether two tokenizers cut it at different places."""
    return _unlike((first, first.encode_batch(words)), (second, second.encode_batch(words)))


def _unlike(*pair: tuple[MeasuredTokenizer, Encoded]) -> NDArray[np.bool_]:
    lengths, rows = [], []
    for tokenizer, encoded in pair:
        table = np.diff(tokenizer.token_arrays()[1])
        lengths.append(table[encoded.ids])
        rows.append(np.diff(encoded.offsets))
    same_number = rows[0] == rows[1]
    kept = [values[np.repeat(same_number, counts)] for values, counts in zip(lengths, rows, strict=True)]
    word = np.repeat(np.flatnonzero(same_number), rows[0][same_number])
    result: NDArray[np.bool_] = ~same_number
    result[word[kept[0] != kept[1]]] = True
    return result


@dataclass(frozen=True)
class DifferentWords(Statistic):
    """Words of each document that two tokenizers, or two methods of one, cut differently."""

    definition: str
    space: bool
    method: str | None
    against: str | None

    def collect(self, batch: EncodedBatch) -> Ints:
        """Encode the different words of the batch twice."""
        if self.method is not None:
            other = batch.remember(
                ("with_method", self.method), lambda: _by_method(batch.tokenizer, self.method)
            )
        else:
            assert self.against is not None, "bound by evaluate"
            other = batch.peer(self.against).tokenizer
        if other is batch.tokenizer or (
            self.method is None and other.vocab_size != batch.tokenizer.vocab_size
        ):
            # The same cuts, or vocabularies of two sizes, for which `SegmentationDifference` has no value.
            return np.zeros(len(batch.text), np.int64)
        rows = word_spans(batch.text, self.definition)[2]
        words, which = distinct_words(batch.text, self.definition, space=self.space)
        mine = tokens_of_words(batch, self.definition, space=self.space)
        sums = np.zeros(len(which) + 1, np.int64)
        np.cumsum(_unlike((batch.tokenizer, mine), (other, other.encode_batch(words)))[which], out=sums[1:])
        return np.diff(sums[rows])


@dataclass(frozen=True)
class PeerSize(Statistic):
    """Vocabulary size of the other tokenizer, once for each document."""

    against: str

    def collect(self, batch: EncodedBatch) -> Ints:
        """Repeat the number."""
        return np.full(len(batch.text), batch.peer(self.against).tokenizer.vocab_size, np.int64)


def _by_method(tokenizer: MeasuredTokenizer, method: str | None) -> MeasuredTokenizer:
    if not hasattr(tokenizer, "with_method"):
        message = f"tokenizer {tokenizer.name} has no other inference methods"
        raise MetricError(message)
    found: MeasuredTokenizer = tokenizer.with_method(method)
    return found


@register
@dataclass(frozen=True)
class SegmentationDifference(OfWords, RatioOfSums):
    """Share of the words that are cut otherwise by another method, or by another tokenizer of the same size.

    Example:
        >>> SegmentationDifference(method="longest").method
        'longest'
    """

    method: str | None = None
    against: str | None = None
    space: bool = False
    otherwise: ClassVar[str] = NO_WORDS
    about: ClassVar[About] = About(
        name="segmentation_difference",
        family="words",
        title="segmentation difference",
        formula="|{words cut at different places}| / W over word occurrences, each word encoded by itself",
        unit="share",
        range="0 … 1; 0 = the same cuts everywhere",
        direction="neither",
        source="compare of the suite of Uzan et al. 2024 (whitespace words, two inference methods, one vocabulary)",
        pitfalls="method= names another inference of the same tokenizer (longest, fewest, unigram, …); "
        "against= another "
        "evaluated tokenizer, by default the baseline, of the same vocabulary size. Space before the word: "
        "space=true.",
    )

    def bind(self, setting: Setting) -> SegmentationDifference:
        """Take word definition and baseline from the evaluation where they are open.

        Raises:
            MetricError: when both a method and a tokenizer are given, or the tokenizer is not evaluated.
        """
        if self.method is not None and self.against is not None:
            message = "segmentation_difference: give method= or against=, not both"
            raise MetricError(message)
        bound = super().bind(setting)
        if self.method is None and self.against is None:
            bound = replace(bound, against=setting.baseline)
        if bound.against is not None and bound.against not in setting.tokenizers:
            message = (
                f"segmentation_difference: the tokenizer {bound.against!r} is not evaluated; "
                f"evaluated: {', '.join(setting.tokenizers)}"
            )
            raise MetricError(message)
        return bound

    def terms(self) -> tuple[Statistic, Statistic]:
        """Words cut differently, and words."""
        return (
            DifferentWords(self.definition, self.space, self.method, self.against),
            Words(self.definition),
        )

    def statistics(self) -> tuple[Statistic, ...]:
        """Return the terms, and the size of the other vocabulary."""
        sizes = () if self.against is None else (PeerSize(self.against),)
        return (*self.terms(), *sizes)

    def reduce(self, stats: Stats) -> Value:
        """Differing over all words; undefined where the vocabularies differ in size."""
        if self.against is not None and stats.n_documents:
            size = stats.total(PeerSize(self.against)) // stats.n_documents
            if size != stats.vocab_size:
                return Undefined(
                    f"{self.against} has {size} ids, this tokenizer {stats.vocab_size}: not comparable"
                )
        return super().reduce(stats)
