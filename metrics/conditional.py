"""Conditional entropies: what a token still tells when the tokens before it are known.

Source: sections D4 and D5 of the metric catalogue; Erdogan et al. 2026 (arXiv 2601.09039), whose own notation could
not be read: these are the standard definitions. Law: H_k = H(blocks of k+1) - H(their first k tokens), both over the
same n-grams, so H_k is the mean entropy of the successors of a context and never negative without a correction.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from tokbench.errors import MetricError
from tokbench.measurement import About, CorpusMetric, Statistic, Stats, Undefined, Value, ratio
from tokbench.metrics.counting import Bytes, Tokens, Types
from tokbench.metrics.length import NO_TOKENS
from tokbench.metrics.ngrams import CORRECTIONS, Ngrams, Spectrum, contexts_of
from tokbench.metrics.vocabulary import VOCABULARIES, check_vocabulary, size_of
from tokbench.plugin import register

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

LARGEST_ORDER = 7
UNITS = ("token", "byte")

_PITFALLS = (
    "The plug-in estimate is far too low once the number of contexts nears the number of tokens: read "
    "context_coverage beside it, compare at equal bytes, or take a correction. Per token, coarse tokenizers look "
    "worse: compare tokenizers per byte."
)


def no_ngrams(order: int) -> Undefined:
    """Say that no document is long enough."""
    return Undefined(f"no document of at least {order + 1} tokens")


def check_order(metric: str, order: int, *, least: int = 0) -> None:
    """Refuse an order out of range.

    Raises:
        MetricError: naming the range.
    """
    if not least <= order <= LARGEST_ORDER:
        message = (
            f"{metric}: order={order}; the number of tokens before the last is {least} … {LARGEST_ORDER}"
        )
        raise MetricError(message)


def check_choice(metric: str, name: str, value: str, known: tuple[str, ...]) -> None:
    """Refuse a parameter that is none of its values.

    Raises:
        MetricError: naming them.
    """
    if value not in known:
        message = f"{metric}: {name}={value!r}; known: {', '.join(known)}"
        raise MetricError(message)


def counted(order: int) -> Statistic:
    """Return the statistic of the blocks of order + 1 tokens."""
    return Types() if order == 0 else Ngrams(order + 1)


def conditional_bits(stats: Stats, order: int, correction: str) -> Value:
    """Return H_k in bits per token; undefined where no document is long enough."""
    if order == 0:
        spectrum = Spectrum.of(stats.documents(Types()))
        return spectrum.entropy(correction) if spectrum.n_types else Undefined(NO_TOKENS)
    found = contexts_of(stats, order + 1)
    if len(found.firsts) == 0:
        return no_ngrams(order)
    if correction == "plug_in":
        # Context by context, not as a difference of two large numbers.
        return float((found.sizes * found.entropies).sum() / found.spectrum.total)
    return found.spectrum.entropy(correction) - found.context_spectrum.entropy(correction)


@register
@dataclass(frozen=True)
class ConditionalEntropy(CorpusMetric):
    """Entropy of a token when the `order` tokens before it are known, H_k.

    Example:
        >>> ConditionalEntropy(order=2, per="byte").unit()
        'bits/byte'
    """

    order: int = 1
    per: str = "token"
    correction: str = "plug_in"
    pooling: ClassVar[str] = "micro_pooled"
    about: ClassVar[About] = About(
        name="conditional_entropy",
        family="information",
        title="conditional entropy H_k",
        formula="H_k = H(X_{k+1} | X_1 … X_k) over n-grams inside of documents; per byte: H_k · N / B",
        unit="bits/token",
        range="0 … log2 V_obs; 0 = the context decides the next token. A corrected value may lie outside",
        direction="neither",
        source="Shannon 1948; Erdogan et al. 2026 (arXiv 2601.09039; its notation not confirmed); "
        "corrections: Miller "
        "1955, Chao & Shen 2003",
        pitfalls=_PITFALLS,
    )

    def __post_init__(self) -> None:
        check_order(self.about.name, self.order)
        check_choice(self.about.name, "per", self.per, UNITS)
        check_choice(self.about.name, "correction", self.correction, CORRECTIONS)

    def unit(self) -> str:
        """Bits per token or per byte."""
        return f"bits/{self.per}"

    def statistics(self) -> tuple[Statistic, ...]:
        """N-grams, and what a byte costs."""
        return (counted(self.order), *((Tokens(), Bytes()) if self.per == "byte" else ()))

    def reduce(self, stats: Stats) -> Value:
        """H_k."""
        bits = conditional_bits(stats, self.order, self.correction)
        if isinstance(bits, Undefined) or self.per == "token":
            return bits
        return ratio(bits * stats.total(Tokens()), stats.total(Bytes()), "no bytes")


@register
@dataclass(frozen=True)
class CapacityUtilisation(CorpusMetric):
    """Share of the capacity of a token, or of a byte, that is used: H_k over its maximum."""

    order: int = 0
    per: str = "token"
    vocabulary: str = "declared"
    correction: str = "plug_in"
    pooling: ClassVar[str] = "micro_pooled"
    about: ClassVar[About] = About(
        name="capacity_utilisation",
        family="information",
        title="capacity utilisation",
        formula="H_k / log2 V; per byte: H_k · N / (8 B), the text's bytes as the channel",
        unit="share",
        range="0 … 1; 1 = every token equally likely whatever stands before it",
        direction="neither",
        source="channel view of Erdogan et al. 2026 (arXiv 2601.09039; its exact definition not confirmed, and the "
        "per-byte form is ours)",
        pitfalls=_PITFALLS + " Depends on what counts as V.",
        aliases=("capacity_utilization",),
    )

    def __post_init__(self) -> None:
        check_order(self.about.name, self.order)
        check_choice(self.about.name, "per", self.per, UNITS)
        check_choice(self.about.name, "correction", self.correction, CORRECTIONS)
        check_vocabulary(self.about.name, self.vocabulary, VOCABULARIES)

    def statistics(self) -> tuple[Statistic, ...]:
        """N-grams, and V or what a byte costs."""
        return tuple(dict.fromkeys((counted(self.order), Types(), Tokens(), Bytes())))

    def reduce(self, stats: Stats) -> Value:
        """H_k over capacity."""
        bits = conditional_bits(stats, self.order, self.correction)
        if isinstance(bits, Undefined):
            return bits
        if self.per == "byte":
            return ratio(bits * stats.total(Tokens()), 8 * stats.total(Bytes()), "no bytes")
        size = size_of(stats, self.vocabulary)
        if size < 2:
            return Undefined(f"a {self.vocabulary} vocabulary of {size} types has no capacity")
        return bits / math.log2(size)


@register
@dataclass(frozen=True)
class ContextCoverage(CorpusMetric):
    """Share of the contexts, or of the tokens in them, that were seen often enough to say what follows."""

    order: int = 1
    at_least: int = 3
    over: str = "contexts"
    pooling: ClassVar[str] = "micro_pooled"
    about: ClassVar[About] = About(
        name="context_coverage",
        family="information",
        title="coverage of contexts",
        formula="|{contexts of k tokens seen ≥ m times}| / |contexts|; over tokens: weighted by their occurrences",
        unit="share",
        range="0 … 1; 1 = every context was seen m times",
        direction="neither",
        source="catalogue D4; TokEval drops contexts below 3, which discards 89 to 90 % of those of two tokens",
        pitfalls="The measure of how far conditional entropies and successor metrics can be trusted, not of a "
        "tokenizer.",
    )

    def __post_init__(self) -> None:
        check_order(self.about.name, self.order, least=1)
        check_choice(self.about.name, "over", self.over, ("contexts", "tokens"))

    def statistics(self) -> tuple[Statistic, ...]:
        """N-grams."""
        return (Ngrams(self.order + 1),)

    def reduce(self, stats: Stats) -> Value:
        """Contexts seen often over all."""
        sizes: NDArray[np.int64] = contexts_of(stats, self.order + 1).sizes
        if len(sizes) == 0:
            return no_ngrams(self.order)
        often = sizes >= self.at_least
        if self.over == "contexts":
            return float(often.mean())
        return int(sizes[often].sum()) / int(sizes.sum())


@register
@dataclass(frozen=True)
class SampleCoverage(CorpusMetric):
    """Good-Turing coverage: estimated probability that the next n-gram is one that was seen."""

    n: int = 1
    pooling: ClassVar[str] = "micro_pooled"
    about: ClassVar[About] = About(
        name="sample_coverage",
        family="information",
        title="sample coverage of n-grams",
        formula="C = 1 - f1 / N, f1 = n-grams that occur once; f1 = N - 1 where all do",
        unit="share",
        range="0 … 1; near 1 = the sample shows nearly all of the distribution",
        direction="neither",
        source="Good 1953; Chao & Shen 2003",
        pitfalls="A property of the sample as much as of the tokenizer.",
    )

    def __post_init__(self) -> None:
        check_order(self.about.name, self.n - 1)

    def statistics(self) -> tuple[Statistic, ...]:
        """N-grams."""
        return (counted(self.n - 1),)

    def reduce(self, stats: Stats) -> Value:
        """Coverage of the n-grams."""
        spectrum = (
            Spectrum.of(stats.documents(Types())) if self.n == 1 else contexts_of(stats, self.n).spectrum
        )
        if not spectrum.n_types:
            return no_ngrams(self.n - 1)
        return spectrum.coverage
