"""Information: how evenly the tokens are used.

Source: section D of the metric catalogue (D1 to D3); Zouhar et al. 2023. Probabilities are relative frequencies of
ids; logarithms are to base 2, values in bits.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from tokbench.errors import MetricError
from tokbench.measurement import About, CorpusMetric, Statistic, Stats, Undefined, Value
from tokbench.metrics.counting import Types
from tokbench.metrics.length import NO_TOKENS
from tokbench.metrics.vocabulary import check_vocabulary, observed_types, size_of
from tokbench.plugin import register

if TYPE_CHECKING:
    from numpy.typing import NDArray

_PITFALLS = (
    "A unigram statistic: ignores context. Random-Drop BPE and Duplication BPE raise it while translation gets worse "
    "(Cognetta et al. 2024). Underestimated on small samples."
)
_CONVENTION_PITFALL = " The two V conventions rank tokenizers differently (Spearman 0.68)."


def renyi_bits(counts: NDArray[np.int64], alpha: float) -> float:
    """Return the Rényi entropy of order alpha in bits, H_α = log2(Σ p^α) / (1 - α).

    α = 1 is Shannon's entropy, α = 0 log2 of the number of types, α = ∞ -log2 of the largest share. The largest
    share is factored out, so that no power underflows.

    Example:
        >>> round(renyi_bits(np.array([3, 2, 1, 1]), 2.5), 4)
        1.653
    """
    seen = counts[counts > 0].astype(np.float64)
    shares = seen / seen.sum()
    if alpha == 1:
        return abs(float(-(shares * np.log2(shares)).sum()))
    if alpha == 0:
        return math.log2(len(shares))
    largest = shares.max()
    if math.isinf(alpha):
        return abs(-math.log2(largest))
    powers = float(((shares / largest) ** alpha).sum())
    return abs((alpha * math.log2(largest) + math.log2(powers)) / (1 - alpha))


def efficiency(stats: Stats, alpha: float, vocabulary: str) -> Value:
    """Return H_α / log2 V, or why it is undefined."""
    counts = stats.documents(Types())
    if not counts.any():
        return Undefined(NO_TOKENS)
    size = size_of(stats, vocabulary)
    if size < 2:
        return Undefined(f"a {vocabulary} vocabulary of one type: log2(1) = 0")
    return renyi_bits(counts, alpha) / math.log2(size)


def check_alpha(metric: str, alpha: float) -> None:
    """Refuse an order below 0 or not a number."""
    if not alpha >= 0:
        message = f"{metric}: alpha={alpha!r} must be a number of at least 0 (inf is one)"
        raise MetricError(message)


@dataclass(frozen=True)
class _OfTypes(CorpusMetric):
    """A metric of the counts by id."""

    pooling: ClassVar[str] = "micro_pooled"
    reads_ids: ClassVar[bool] = False

    def statistics(self) -> tuple[Statistic, ...]:
        """Return the counts by id."""
        return (Types(),)


@register
@dataclass(frozen=True)
class ShannonEntropy(_OfTypes):
    """Unigram entropy of the tokens, H."""

    about: ClassVar[About] = About(
        name="shannon_entropy",
        title="Shannon entropy",
        formula="H = -Σ p log2 p",
        unit="bits/token",
        range="0 … log2 V_obs",
        direction="neither",
        source="Shannon 1948; Zouhar et al. 2023",
        pitfalls=_PITFALLS,
    )

    def reduce(self, stats: Stats) -> Value:
        """H; undefined without tokens."""
        counts = stats.documents(Types())
        return renyi_bits(counts, 1) if counts.any() else Undefined(NO_TOKENS)


@register
@dataclass(frozen=True)
class ShannonEfficiency(_OfTypes):
    """Unigram entropy over its maximum, H/log2 V."""

    vocabulary: str = "declared"
    about: ClassVar[About] = About(
        name="shannon_efficiency",
        title="Shannon efficiency",
        formula="H / log2 V",
        unit="share",
        range="0 … 1; 1 = all tokens equally frequent",
        direction="higher",
        source="Zouhar et al. 2023",
        pitfalls=_PITFALLS + _CONVENTION_PITFALL,
    )

    def __post_init__(self) -> None:
        check_vocabulary(self.about.name, self.vocabulary)

    def reduce(self, stats: Stats) -> Value:
        """H/log2 V."""
        return efficiency(stats, 1, self.vocabulary)


@register
@dataclass(frozen=True)
class RenyiEntropy(_OfTypes):
    """Rényi entropy of the tokens, H_α."""

    alpha: float = 2.5
    about: ClassVar[About] = About(
        name="renyi_entropy",
        title="Rényi entropy",
        formula="H_α = log2(Σ p^α) / (1 - α); α = 1 Shannon, 0 log2 V_obs, ∞ -log2 max p",
        unit="bits/token",
        range="0 … log2 V_obs",
        direction="neither",
        source="Zouhar et al. 2023; TokEval before 1.0 prints this under the name renyi_efficiency",
        pitfalls=_PITFALLS,
    )

    def __post_init__(self) -> None:
        check_alpha(self.about.name, self.alpha)

    def reduce(self, stats: Stats) -> Value:
        """H_α; undefined without tokens."""
        counts = stats.documents(Types())
        return renyi_bits(counts, self.alpha) if counts.any() else Undefined(NO_TOKENS)


@register
@dataclass(frozen=True)
class RenyiEfficiency(_OfTypes):
    """Rényi entropy over its maximum, H_α/log2 V.

    Example:
        >>> RenyiEfficiency(vocabulary="observed").alpha
        2.5
    """

    alpha: float = 2.5
    vocabulary: str = "declared"
    about: ClassVar[About] = About(
        name="renyi_efficiency",
        title="Rényi efficiency",
        formula="H_α / log2 V",
        unit="share",
        range="0 … 1; 1 = all tokens equally frequent",
        direction="higher",
        source="Zouhar et al. 2023, who recommend α = 2.5; tokenization-scorer defaults to α = 3 and the observed V",
        pitfalls=_PITFALLS + _CONVENTION_PITFALL,
    )

    def __post_init__(self) -> None:
        check_alpha(self.about.name, self.alpha)
        check_vocabulary(self.about.name, self.vocabulary)

    def reduce(self, stats: Stats) -> Value:
        """H_α/log2 V."""
        return efficiency(stats, self.alpha, self.vocabulary)


@register
@dataclass(frozen=True)
class Bits(_OfTypes):
    """Bits of the text when every observed type takes the same number, negated.

    Example:
        >>> Bits.about.unit
        'bits'
    """

    about: ClassVar[About] = About(
        name="bits",
        title="bits of a uniform code",
        formula="-N · log2 V_obs",
        unit="bits",
        range="-∞ … 0; nearer to 0 = fewer bits",
        direction="higher",
        source="tokenization-scorer 1.1.8, negated there so that higher is better",
        pitfalls="Grows with the text: compare on the same text only. A uniform code; code_bits_per_byte is that of "
        "the frequencies.",
    )

    def reduce(self, stats: Stats) -> Value:
        """-N log2 V_obs; undefined without tokens."""
        observed = observed_types(stats)
        return -stats.total(Types()) * math.log2(observed) if observed else Undefined(NO_TOKENS)
