"""Successors: how varied what follows a token, or two tokens, is.

Source: section D6 of the metric catalogue; accessor variety of Feng et al. 2004; Poelman et al. 2025, whose reference
code is TkTkT; the bigram and trigram entropies of TokEval. A token is followed by what stands to its right in the
same document; the end of a document is no successor unless asked.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from tokbench.errors import MetricError
from tokbench.measurement import About, CorpusMetric, Statistic, Stats, Undefined, Value
from tokbench.metrics.conditional import check_choice, check_order, no_ngrams
from tokbench.metrics.counting import Types
from tokbench.metrics.ngrams import Ngrams, contexts_of, first_ids, id_space, last_ids
from tokbench.plugin import register

if TYPE_CHECKING:
    from numpy.typing import NDArray


def mean_efficiency(
    sizes: NDArray[np.int64], successors: NDArray[np.int64], entropies: NDArray[np.float64], at_least: int
) -> Value:
    """Return Σ n η / Σ n over contexts with n ≥ at_least, η = H / log2 min(successors, n), 0 for one successor."""
    kept = sizes >= at_least
    if not kept.any():
        return Undefined(f"no context occurs {at_least} times")
    domain = np.minimum(successors[kept], sizes[kept])
    shares = np.divide(entropies[kept], np.log2(domain), out=np.zeros(len(domain)), where=domain > 1)
    return float((sizes[kept] * shares).sum() / sizes[kept].sum())


@dataclass(frozen=True)
class _SuccessorEntropy(CorpusMetric):
    """Mean efficiency of the successors of `order` tokens."""

    at_least: int = 3
    order: ClassVar[int]
    pooling: ClassVar[str] = "micro_pooled"

    def __post_init__(self) -> None:
        if self.at_least < 1:
            message = f"{self.about.name}: at_least={self.at_least}; a context occurs once at least"
            raise MetricError(message)

    def statistics(self) -> tuple[Statistic, ...]:
        """N-grams."""
        return (Ngrams(self.order + 1),)

    def reduce(self, stats: Stats) -> Value:
        """Mean over contexts, weighted by their occurrences."""
        found = contexts_of(stats, self.order + 1)
        if len(found.firsts) == 0:
            return no_ngrams(self.order)
        return mean_efficiency(found.sizes, found.successors, found.entropies, self.at_least)


@register
@dataclass(frozen=True)
class BigramEntropy(_SuccessorEntropy):
    """Evenness of what follows a token, as TokEval defines it.

    Example:
        >>> BigramEntropy(at_least=25).order
        1
    """

    order: ClassVar[int] = 1
    about: ClassVar[About] = About(
        name="bigram_entropy",
        family="information",
        title="bigram successor entropy",
        formula="Σ n_t η_t / Σ n_t over tokens with n_t ≥ m, η_t = H(successors of t) / log2 min(successors, n_t)",
        unit="share",
        range="0 … 1; 0 = every token has one successor, 1 = all seen successors equally frequent",
        direction="neither",
        source="TokEval bigram_entropy (m = 3), after Poelman et al. 2025; for the definition there see "
        "accessor_efficiency",
        pitfalls="The domain is what was seen after the token, so rare tokens look even; m decides which "
        "contexts count.",
    )


@register
@dataclass(frozen=True)
class TrigramEntropy(_SuccessorEntropy):
    """Evenness of what follows two tokens, as TokEval defines it."""

    order: ClassVar[int] = 2
    about: ClassVar[About] = About(
        name="trigram_entropy",
        family="information",
        title="trigram successor entropy",
        formula="Σ n_st η_st / Σ n_st over pairs with n_st ≥ m, η as in bigram_entropy",
        unit="share",
        range="0 … 1; 0 = every pair has one successor, 1 = all seen successors equally frequent",
        direction="neither",
        source="TokEval trigram_entropy (m = 3); no published reference",
        pitfalls="m = 3 discards 89 to 90 % of the contexts (context_coverage says how many here), and the order of "
        "tokenizers under m = 3 and m = 25 correlates with 0.73 only.",
    )


DOMAINS = ("observed", "declared")


@register
@dataclass(frozen=True)
class AccessorEfficiency(CorpusMetric):
    """Entropy of what follows a type over its maximum, the mean over types: the definition of Poelman et al."""

    order: int = 1
    domain: str = "observed"
    pooling: ClassVar[str] = "micro_pooled"
    about: ClassVar[About] = About(
        name="accessor_efficiency",
        family="information",
        title="accessor efficiency",
        formula="mean over contexts of H(right neighbours) / log2 |accessors|, every context weighing the same",
        unit="share",
        range="0 … 1; 1 = every token follows every context equally often",
        direction="neither",
        source="Poelman et al. 2025; TokEval reference_definition. Accessors: all tokens with something to "
        "their left, "
        "or the declared vocabulary",
        pitfalls="Contexts seen once weigh as much as others and count 0, so it falls with rare types. "
        "TkTkT bounds the "
        "logarithm by the number of occurrences as well; here the domain alone counts.",
    )

    def __post_init__(self) -> None:
        check_order(self.about.name, self.order, least=1)
        check_choice(self.about.name, "domain", self.domain, DOMAINS)

    def statistics(self) -> tuple[Statistic, ...]:
        """N-grams."""
        return (Ngrams(self.order + 1),)

    def reduce(self, stats: Stats) -> Value:
        """Mean over contexts."""
        n = self.order + 1
        found = contexts_of(stats, n)
        if len(found.firsts) == 0:
            return no_ngrams(self.order)
        size = stats.vocab_size
        if self.domain == "observed":
            n_ids = stats.remember("id_space", id_space)
            followed = np.zeros(n_ids, bool)
            followed[last_ids(stats.keyed(Ngrams(n)), n, n_ids)] = True
            size = int(np.count_nonzero(followed))
        if size < 2:
            return Undefined("one accessor only: log2(1) = 0")
        return float(found.entropies.mean() / math.log2(size))


@register
@dataclass(frozen=True)
class AccessorVariety(CorpusMetric):
    """Number of different tokens that follow a token, the mean over types."""

    ends: bool = False
    pooling: ClassVar[str] = "micro_pooled"
    about: ClassVar[About] = About(
        name="accessor_variety",
        family="information",
        title="accessor variety",
        formula="mean over token types of |{different right neighbours}|; with ends=true each end of a "
        "document counts "
        "as one more, and types that only end documents take part",
        unit="types",
        range="0 … V_obs",
        direction="neither",
        source="Feng et al. 2004; Poelman et al. 2025",
        pitfalls="Grows with the sample. Types without a right neighbour take no part unless ends=true.",
    )

    def statistics(self) -> tuple[Statistic, ...]:
        """Bigrams, and types for the ends."""
        return (Ngrams(2), *((Types(),) if self.ends else ()))

    def reduce(self, stats: Stats) -> Value:
        """Mean of distinct successors."""
        found = contexts_of(stats, 2)
        if not self.ends:
            return float(found.successors.mean()) if len(found.firsts) else no_ngrams(1)
        counts = stats.documents(Types())
        if not counts.any():
            return no_ngrams(0)
        ends = counts.copy()
        if len(found.firsts):
            table = stats.keyed(Ngrams(2))
            ends[first_ids(table, 2, stats.remember("id_space", id_space))[found.firsts]] -= found.sizes
        return (int(found.successors.sum()) + int(ends.sum())) / int(np.count_nonzero(counts))
