"""Ranks: how frequent the tokens of a text are, by their place in the order of frequency.

Source: sections C3 and C4 of the metric catalogue. Types that occur equally often may stand in any order among
themselves: the sizes of the first, second, … type are the same, and only they enter here, so no rule for ties is
needed and none can matter.
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
from tokbench.metrics.token_length import check_quantile
from tokbench.plugin import register

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Ints = NDArray[np.int64]


def by_rank(stats: Stats) -> Ints:
    """Return the occurrences of the observed types, most frequent first."""
    counts = stats.documents(Types())
    ordered: Ints = np.sort(counts[counts > 0])[::-1]
    return ordered


@dataclass(frozen=True)
class _OfRanks(CorpusMetric):
    """A metric of the types in the order of their frequency."""

    pooling: ClassVar[str] = "micro_pooled"
    reads_ids: ClassVar[bool] = False

    def statistics(self) -> tuple[Statistic, ...]:
        """Return the counts by id."""
        return (Types(),)


@register
@dataclass(frozen=True)
class AverageTokenRank(_OfRanks):
    """Mean over the tokens of the text of their type's frequency rank, 1 for the most frequent."""

    about: ClassVar[About] = About(
        name="average_token_rank",
        family="vocabulary",
        title="average token rank",
        formula="Σ_r r · c_(r) / N, c_(1) ≥ c_(2) ≥ … the counts of the observed types",
        unit="rank",
        range="1 … (V_obs + 1) / 2",
        direction="neither",
        source="TokEval average token rank",
        pitfalls="Follows the number of observed types (Spearman 0.98): not comparable across vocabularies or sample "
        "sizes. token_rank_quantile is, relative to them.",
    )

    def reduce(self, stats: Stats) -> Value:
        """Mean rank; undefined without tokens."""
        counts = by_rank(stats)
        if len(counts) == 0:
            return Undefined(NO_TOKENS)
        return int(np.arange(1, len(counts) + 1) @ counts) / int(counts.sum())


@register
@dataclass(frozen=True)
class TokenRankQuantile(_OfRanks):
    """Share of the observed types that the most frequent q of the tokens belong to.

    Example:
        >>> TokenRankQuantile(q=0.9).unit()
        'share of types'
    """

    q: float = 0.5
    relative: bool = True
    about: ClassVar[About] = About(
        name="token_rank_quantile",
        family="vocabulary",
        title="quantile of token rank",
        formula="smallest r with c_(1) + … + c_(r) ≥ q N, over V_obs; relative=false: r itself",
        unit="share of types",
        range="1/V_obs … 1; small = few types make up most of the text",
        direction="neither",
        source="companion of the average token rank that does not grow with the vocabulary",
        pitfalls="Still depends on the sample: V_obs grows with it.",
    )

    def __post_init__(self) -> None:
        check_quantile(self.about.name, self.q)

    def unit(self) -> str:
        """Share of the types, or rank."""
        return self.about.unit if self.relative else "rank"

    def reduce(self, stats: Stats) -> Value:
        """Return the rank; undefined without tokens."""
        counts = by_rank(stats)
        if len(counts) == 0:
            return Undefined(NO_TOKENS)
        wanted = max(1, math.ceil(self.q * int(counts.sum())))
        rank = int(np.searchsorted(np.cumsum(counts), wanted)) + 1
        return rank / len(counts) if self.relative else float(rank)


@register
@dataclass(frozen=True)
class PercentileFrequency(_OfRanks):
    """Share of the tokens whose type's rank lies between two percentiles of the types.

    Example:
        >>> PercentileFrequency().high
        0.83
    """

    low: float = 0.03
    high: float = 0.83
    about: ClassVar[About] = About(
        name="percentile_frequency",
        family="vocabulary",
        title="percentile frequency",
        formula="Σ p_(r), r from min(⌊low n⌋, n-1) up to but not with min(⌊high n⌋, n-1), r from 0, n = V_obs",
        unit="share",
        range="0 … 1",
        direction="higher",
        source="PCT after Gowda & May 2020; tokenization-scorer percentile_freq",
        pitfalls="Where both ends coincide the lower one moves down by one, or else the upper one up, as in "
        "the scorer. A "
        "single type has no range and is 0.",
        aliases=("percentile_freq",),
    )

    def __post_init__(self) -> None:
        if not 0 <= self.low <= self.high <= 1:
            message = (
                f"percentile_frequency: low={self.low!r}, high={self.high!r}; 0 ≤ low ≤ high ≤ 1 is needed"
            )
            raise MetricError(message)

    def reduce(self, stats: Stats) -> Value:
        """Mass between the ranks; undefined without tokens."""
        counts = by_rank(stats)
        n = len(counts)
        if n == 0:
            return Undefined(NO_TOKENS)
        first, last = min(int(n * self.low), n - 1), min(int(n * self.high), n - 1)
        if first == last:
            first = max(0, first - 1)
        if first == last:
            last = min(n - 1, last + 1)
        return int(counts[first:last].sum()) / int(counts.sum())
