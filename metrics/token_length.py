"""How long tokens are: the distribution over a text and over the vocabulary.

Source: section A6 of the metric catalogue. The mean over tokens of a text is its compression rate and stands there.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from tokbench.errors import MetricError
from tokbench.measurement import (
    About,
    CorpusMetric,
    MeasuredTokenizer,
    RatioOfSums,
    Statistic,
    Stats,
    Undefined,
    Value,
    VocabMetric,
)
from tokbench.metrics import kernels
from tokbench.metrics.length import NO_TOKENS
from tokbench.metrics.spans import check_unit, token_units
from tokbench.plugin import register

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tokbench.measurement import EncodedBatch, Kind

    Ints = NDArray[np.int64]

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95, 1.0)
VOCABULARY_UNITS = ("byte", "character")


@dataclass(frozen=True)
class TokensOfLength(Statistic):
    """How many tokens have each length."""

    length_in: str
    kind: ClassVar[Kind] = "histogram"

    def collect(self, batch: EncodedBatch) -> Ints:
        """Count the lengths."""
        return np.bincount(token_units(batch, self.length_in), minlength=1).astype(np.int64, copy=False)


@dataclass(frozen=True)
class LengthPower(Statistic):
    """Sum over the tokens of a document of their length, or its square."""

    length_in: str
    power: int

    def collect(self, batch: EncodedBatch) -> Ints:
        """Add up by document."""
        units = token_units(batch, self.length_in)
        sums = np.zeros(len(units) + 1, np.int64)
        np.cumsum(units**self.power, out=sums[1:])
        return np.diff(sums[batch.offsets])


def quantile_of_histogram(counts: Ints, quantile: float) -> int:
    """Return the smallest length that at least this share of the tokens do not exceed.

    Example:
        >>> quantile_of_histogram(np.array([0, 1, 2, 1]), 0.5)
        2
    """
    wanted = max(1, math.ceil(quantile * int(counts.sum())))
    return int(np.searchsorted(np.cumsum(counts), wanted))


def check_quantile(metric: str, quantile: float | None) -> None:
    """Refuse a quantile out of range.

    Raises:
        MetricError: for numbers outside of 0 … 1.
    """
    if quantile is not None and not 0 <= quantile <= 1:
        message = f"{metric}: q={quantile!r} must lie between 0 and 1"
        raise MetricError(message)


@register
@dataclass(frozen=True)
class TokenLengthQuantile(CorpusMetric):
    """Length that a share q of the tokens of the text do not exceed.

    Example:
        >>> len(TokenLengthQuantile().expand())
        6
    """

    q: float | None = None
    length_in: str = "byte"
    pooling: ClassVar[str] = "micro_pooled"
    about: ClassVar[About] = About(
        name="token_length",
        family="length",
        title="quantile of token length",
        formula="smallest L such that |{tokens of length ≤ L}| ≥ q · N; without q: 0.05, 0.25, 0.5, 0.75, 0.95 and 1",
        unit="bytes",
        range="0 … ∞",
        direction="neither",
        source="TokEval token_length (there the mean)",
        pitfalls="Tokens of the text, not of the vocabulary. A character belongs to the token that holds "
        "its first byte, "
        "so other parts of a split character have length 0.",
    )

    def __post_init__(self) -> None:
        check_quantile(self.about.name, self.q)
        check_unit(self.about.name, self.length_in)

    def expand(self) -> tuple[TokenLengthQuantile, ...]:
        """One for each quantile."""
        return (self,) if self.q is not None else tuple(replace(self, q=q) for q in QUANTILES)

    def unit(self) -> str:
        """Bytes, characters or graphemes."""
        return f"{self.length_in}s"

    def statistics(self) -> tuple[Statistic, ...]:
        """Tokens by length."""
        return (TokensOfLength(self.length_in),)

    def reduce(self, stats: Stats) -> Value:
        """Return the quantile; undefined without tokens."""
        assert self.q is not None, "expanded by evaluate"
        counts = stats.documents(TokensOfLength(self.length_in))
        return float(quantile_of_histogram(counts, self.q)) if counts.any() else Undefined(NO_TOKENS)


@register
@dataclass(frozen=True)
class TokenLengthShare(CorpusMetric):
    """Share of the tokens that have a length: the histogram, one row for each length that occurs."""

    length: int | None = None
    length_in: str = "character"
    pooling: ClassVar[str] = "micro_pooled"
    absent: ClassVar[str] = "no token is so long here"
    about: ClassVar[About] = About(
        name="token_length_share",
        family="length",
        title="histogram of token length",
        formula="|{tokens of length L}| / N, for every L that occurs",
        unit="share",
        range="0 … 1; the rows of a group add up to 1",
        direction="neither",
        source="token-length distribution of TokEval and Tokenizer Arena",
        pitfalls="As for token_length.",
    )

    def __post_init__(self) -> None:
        check_unit(self.about.name, self.length_in)

    def statistics(self) -> tuple[Statistic, ...]:
        """Tokens by length."""
        return (TokensOfLength(self.length_in),)

    def components(self, stats: Stats) -> tuple[CorpusMetric, ...]:
        """One for each length that occurs."""
        if self.length is not None:
            return (self,)
        seen = np.flatnonzero(stats.documents(TokensOfLength(self.length_in)))
        return tuple(replace(self, length=int(length)) for length in seen)

    def reduce(self, stats: Stats) -> Value:
        """Tokens of the length over tokens."""
        counts = stats.documents(TokensOfLength(self.length_in))
        if not counts.any():
            return Undefined(NO_TOKENS)
        assert self.length is not None, "one of its components"
        return float(counts[self.length : self.length + 1].sum() / counts.sum())


@register
@dataclass(frozen=True)
class CharacterWeightedLength(RatioOfSums):
    """Length of the token that holds a random character.

    Example:
        >>> CharacterWeightedLength(length_in="byte").unit()
        'bytes'
    """

    length_in: str = "character"
    otherwise: ClassVar[str] = "no text in any token"
    about: ClassVar[About] = About(
        name="character_weighted_length",
        family="length",
        title="character-weighted token length",
        formula="Σ len² / Σ len over the tokens of the text",
        unit="characters",
        range="1 … ∞",
        direction="neither",
        source="the quantity behind CharBench (Uzan & Pinter 2026): accuracy on a character falls with it",
        pitfalls="A few long tokens decide it.",
    )

    def __post_init__(self) -> None:
        check_unit(self.about.name, self.length_in)

    def unit(self) -> str:
        """Bytes, characters or graphemes."""
        return f"{self.length_in}s"

    def terms(self) -> tuple[Statistic, Statistic]:
        """Squares and lengths."""
        return (LengthPower(self.length_in, 2), LengthPower(self.length_in, 1))


def vocabulary_lengths(tokenizer: MeasuredTokenizer, of: str) -> Ints:
    """Return the length of every token of the vocabulary, special tokens and holes left out."""
    arena, places = tokenizer.token_arrays()
    lengths = np.diff(places)
    kept = lengths > 0
    kept[[token for token in tokenizer.special_tokens.values() if token < len(kept)]] = False
    if of == "character":
        lengths = kernels.count_characters(arena, places)
    found: Ints = lengths[kept]
    return found


@register
@dataclass(frozen=True)
class VocabularyTokenLength(VocabMetric):
    """Length of the vocabulary's tokens: their mean, or a quantile."""

    q: float | None = None
    length_in: str = "byte"
    about: ClassVar[About] = About(
        name="vocabulary_token_length",
        family="length",
        title="length of the vocabulary's tokens",
        formula="mean over the entries of their length; with q: the smallest L that a share q of them do not exceed",
        unit="bytes",
        range="1 … ∞",
        direction="neither",
        source="TokEval; Qtok basic statistics",
        pitfalls="Every entry counts once, however often text uses it. Special tokens take no part. Each "
        "byte outside of "
        "valid UTF-8 counts as one character.",
    )

    def __post_init__(self) -> None:
        check_quantile(self.about.name, self.q)
        check_unit(self.about.name, self.length_in, VOCABULARY_UNITS)

    def unit(self) -> str:
        """Bytes or characters."""
        return f"{self.length_in}s"

    def of(self, tokenizer: MeasuredTokenizer) -> Value:
        """Mean or quantile."""
        lengths = vocabulary_lengths(tokenizer, self.length_in)
        if len(lengths) == 0:
            return Undefined("no tokens beside special ones")
        if self.q is None:
            return float(lengths.mean())
        return float(quantile_of_histogram(np.bincount(lengths), self.q))
