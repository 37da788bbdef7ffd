"""Words on their own: each word of the text encoded by itself, as much of the literature measures.

Source: section A of the metric catalogue (A3, A4): Rust et al. 2021; TokLens, whose fertility and STRR are
``isolated_fertility`` and ``isolated_strr`` over occurrences. A vocabulary whose tokens carry the space before a word
cuts the bare word otherwise than the word in running text, which `tokbench.metrics.words` measures. Each different
word is encoded once.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from tokbench.measurement import (
    About,
    CorpusMetric,
    Statistic,
    Stats,
    Undefined,
    Value,
    divide,
    ratio,
)
from tokbench.metrics.conditional import check_choice
from tokbench.metrics.counting import Words, word_spans
from tokbench.metrics.distinct import Rows, distinct
from tokbench.metrics.words import NO_WORDS, OfWords
from tokbench.plugin import register

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tokbench.measurement import Encoded, EncodedBatch, Kind, TextBatch, Totals

    Ints = NDArray[np.int64]

OVER = ("occurrences", "types")


def distinct_words(text: TextBatch, definition: str, *, space: bool) -> tuple[Rows, Ints]:
    """Return the different words of the text, each after a space if asked, and which one each occurrence is."""

    def find(batch: TextBatch) -> tuple[Rows, Ints]:
        starts, ends, _ = word_spans(batch, definition)
        return distinct(batch.data, starts, ends, prefix=b" " if space else b"")

    return text.once(("distinct_words", definition, space), find)


def numbers_of_words(text: TextBatch, definition: str) -> Ints:
    """Return the number of each different word of the text, the same in all texts and for all tokenizers."""

    def number(batch: TextBatch) -> Ints:
        fresh: dict[bytes, int] = {}
        numbers = batch.remember(("word_numbers", definition), lambda: fresh)
        words, _ = distinct_words(batch, definition, space=False)
        data, places = words.data.tobytes(), words.offsets.tolist()
        at = [numbers.setdefault(data[begin:end], len(numbers)) for begin, end in pairwise(places)]
        return np.array(at, np.int64)

    return text.once(("numbers_of_words", definition), number)


@dataclass(frozen=True)
class IsolatedTokens(Statistic):
    """Tokens of the words of each document, every word encoded by itself; and the words of a single token."""

    definition: str
    space: bool
    columns: ClassVar[int] = 2

    def collect(self, batch: EncodedBatch) -> Ints:
        """Encode the different words of the batch and add up by document."""
        _, which = distinct_words(batch.text, self.definition, space=self.space)
        tokens = _counts_of_words(batch, self.definition, space=self.space)[which]
        rows = word_spans(batch.text, self.definition)[2]
        sums = np.zeros((len(which) + 1, 2), np.int64)
        np.cumsum(np.stack([tokens, tokens == 1], axis=1), axis=0, out=sums[1:])
        return np.diff(sums[rows], axis=0)


@dataclass(frozen=True)
class IsolatedByType(Statistic):
    """Occurrences of each different word, and tokens of all its occurrences encoded by themselves.

    Words are numbered in the order of their first appearance in the evaluation.
    """

    definition: str
    space: bool
    kind: ClassVar[Kind] = "histogram"
    columns: ClassVar[int] = 2

    def collect(self, batch: EncodedBatch) -> Ints:
        """Give every different word of the batch its number and count it."""
        _, which = distinct_words(batch.text, self.definition, space=self.space)
        tokens = _counts_of_words(batch, self.definition, space=self.space)
        at = numbers_of_words(batch.text, self.definition)
        counts = np.zeros((int(at.max(initial=-1)) + 1, 2), np.int64)
        occurrences = np.bincount(which, minlength=len(at))
        counts[at, 0] = occurrences
        counts[at, 1] = occurrences * tokens
        return counts


def tokens_of_words(batch: EncodedBatch, definition: str, *, space: bool) -> Encoded:
    """Return the tokens of the different words of the text, every word encoded by itself, once."""

    def encode(batch: EncodedBatch) -> Encoded:
        words, _ = distinct_words(batch.text, definition, space=space)
        return batch.tokenizer.encode_batch(words)

    return batch.once(("tokens_of_words", definition, space), encode)


def _counts_of_words(batch: EncodedBatch, definition: str, *, space: bool) -> Ints:
    counts: Ints = np.diff(tokens_of_words(batch, definition, space=space).offsets)
    return counts


@dataclass(frozen=True)
class _Isolated(OfWords, CorpusMetric):
    """A share or mean over words encoded by themselves.

    ``over=types`` counts every different word once; ``space=true`` puts a space before each.
    """

    over: str = "occurrences"
    space: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        check_choice(self.about.name, "over", self.over, OVER)

    @property
    def pooling(self) -> str:  # type: ignore[override]  # what the value is made of depends on a parameter
        """Say whether occurrences or different words are counted."""
        return "ratio_of_sums" if self.over == "occurrences" else "set_union"

    def statistics(self) -> tuple[Statistic, ...]:
        """Tokens and words, by document or by type."""
        if self.over == "types":
            return (IsolatedByType(self.definition, self.space),)
        return (IsolatedTokens(self.definition, self.space), Words(self.definition))

    def counted(self, tokens: Ints) -> Ints:
        """Return what is summed over word types of so many tokens."""
        return tokens

    def column(self, totals: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return what is summed over occurrences, of tokens and single-token words."""
        found: NDArray[np.float64] = totals[0]
        return found

    def reduce(self, stats: Stats) -> Value:
        """Sum over words."""
        if self.over == "types":
            counts = stats.documents(IsolatedByType(self.definition, self.space))
            counts = counts[counts[:, 0] > 0]
            if len(counts) == 0:
                return Undefined(NO_WORDS)
            return float(self.counted(counts[:, 1] // counts[:, 0]).sum() / len(counts))
        totals = stats.totals(IsolatedTokens(self.definition, self.space))
        words = stats.total(Words(self.definition))
        return ratio(float(self.column(np.append(totals, words))), words, NO_WORDS)

    def reduce_many(self, totals: Totals) -> NDArray[np.float64] | None:
        """Divide all totals at once; over types nothing is additive."""
        if self.over == "types":
            return None
        words = totals(Words(self.definition))
        counts = totals(IsolatedTokens(self.definition, self.space))
        return divide(self.column(np.concatenate([counts, words[None]])), words)


@register
@dataclass(frozen=True)
class IsolatedFertility(_Isolated):
    """Mean number of tokens of a word encoded by itself.

    Example:
        >>> IsolatedFertility(over="types").pooling
        'set_union'
    """

    about: ClassVar[About] = About(
        name="isolated_fertility",
        family="words",
        title="fertility of words in isolation",
        formula="Σ_w |T(w)| / W over word occurrences, or over different words",
        unit="tokens/word",
        range="0 … ∞; 1 = one token per word",
        direction="lower",
        source="Rust et al. 2021; TokLens compute_fertility (occurrences, bare words)",
        pitfalls="Vocabularies that put the space before a word onto its token cut bare words more than "
        "running text: "
        "space=true, or fertility. Depends on the word definition.",
    )


@register
@dataclass(frozen=True)
class IsolatedRetention(_Isolated):
    """STRR on bare words: share of the words that are one token when encoded by themselves."""

    about: ClassVar[About] = About(
        name="isolated_strr",
        family="words",
        title="single token retention rate of words in isolation",
        formula="|{w : |T(w)| = 1}| / W over word occurrences, or over different words",
        unit="share",
        range="0 … 1; 1 = every word is a token",
        direction="higher",
        source="Nayeem et al. 2025 (arXiv 2510.09947, times 100); TokLens compute_strr (occurrences, bare words)",
        pitfalls="As for isolated_fertility. Rewards large vocabularies.",
    )

    def counted(self, tokens: Ints) -> Ints:
        """One for a word of one token."""
        found: Ints = (tokens == 1).astype(np.int64)
        return found

    def column(self, totals: NDArray[np.float64]) -> NDArray[np.float64]:
        """Words of one token."""
        found: NDArray[np.float64] = totals[1]
        return found


@register
@dataclass(frozen=True)
class IsolatedContinued(_Isolated):
    """PCW on bare words: share of the words that are several tokens when encoded by themselves."""

    about: ClassVar[About] = About(
        name="isolated_pcw",
        family="words",
        title="proportion of continued words in isolation",
        formula="|{w : |T(w)| ≠ 1}| / W = 1 - isolated_strr",
        unit="share",
        range="0 … 1; 0 = every word is a token",
        direction="lower",
        source="Ács 2019; Rust et al. 2021 (standard definition; wording of the source not confirmed)",
        pitfalls="As for isolated_fertility. A word of no tokens, which a normalizer removed, counts as continued.",
    )

    def counted(self, tokens: Ints) -> Ints:
        """One for a word of several tokens."""
        found: Ints = (tokens != 1).astype(np.int64)
        return found

    def column(self, totals: NDArray[np.float64]) -> NDArray[np.float64]:
        """Words minus those of one token."""
        found: NDArray[np.float64] = totals[2] - totals[1]
        return found
