"""Fairness and cost: how unequally languages are charged.

Source: section B of the metric catalogue (B1, B3). On a parallel corpus the cost of a language is its tokens per
document, the same content; otherwise tokens per byte or character, which flatters scripts with long encodings.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass, replace
from statistics import fmean
from typing import TYPE_CHECKING, ClassVar, Self

import numpy as np

from tokbench.errors import MetricError
from tokbench.frame import ALL, MACRO
from tokbench.measurement import (
    About,
    Cell,
    Columns,
    CorpusMetric,
    Derived,
    Setting,
    Table,
    Undefined,
    Value,
    defined,
    divide,
    ratio,
)
from tokbench.metrics.length import (
    NO_TOKENS,
    TokenCount,
    TokensPerByte,
    TokensPerCharacter,
    TokensPerDocument,
    TokensPerGrapheme,
    TokensPerLine,
)
from tokbench.plugin import register

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

COSTS: dict[str, CorpusMetric] = {
    "document": TokensPerDocument(),
    "byte": TokensPerByte(),
    "character": TokensPerCharacter(),
    "grapheme": TokensPerGrapheme(),
    "line": TokensPerLine(),
}
"""What one unit of cost is: tokens per document (parallel text only), per byte, character, grapheme or line."""


@register
@dataclass(frozen=True)
class Parity(Derived):
    """Premium of a language over a reference language on parallel text.

    Example:
        >>> Parity(reference="eng").reference
        'eng'
    """

    reference: str | None = None
    needs_parallel: ClassVar[bool] = True
    about: ClassVar[About] = About(
        name="parity",
        title="tokenizer parity (premium)",
        formula="|T(s_language)| / |T(s_reference)| over parallel text",
        unit="ratio",
        range="0 … ∞; 1 = parity; above 1 the language pays more than the reference",
        direction="lower",
        source="Petrov et al. 2023 (there FLORES-200 joined by spaces and encoded once; here document by document)",
        pitfalls="Depends on the pivot and on translationese; corpora are not truly parallel. The macro mean leaves "
        "the reference out, and a language without tokens; its n says how many are left. Below 1 the reference is "
        "the one that pays.",
        aliases=("premium",),
    )

    def bind(self, setting: Setting) -> Self:
        """Take the evaluation's reference language where none is named.

        Raises:
            MetricError: when the groups are no languages, or the reference is not among them.
        """
        if setting.by != "language":
            message = f"parity compares languages; evaluate it by='language', not by={setting.by!r}"
            raise MetricError(message)
        bound = self if self.reference is not None else replace(self, reference=setting.reference)
        if bound.reference not in setting.languages:
            listed = ", ".join(setting.languages)
            message = f"parity: the reference language {bound.reference!r} is not in the corpus; languages: {listed}"
            raise MetricError(message)
        return bound

    def inputs(self) -> tuple[CorpusMetric, ...]:
        """Token counts."""
        return (TokenCount(),)

    def of(self, table: Table, tokenizer: str) -> Iterable[Cell]:
        """One premium for each language, and their mean without the reference and languages without tokens."""
        assert self.reference is not None, "bound by evaluate"
        counts = table.row(TokenCount(), tokenizer)
        others: list[Value] = []
        for language, count in counts.items():
            value = _premium(count, counts[self.reference], self.reference)
            if language != self.reference:
                others.append(value)
            yield Cell(language, value, "ratio_of_sums", table.n_documents[language])
        values = defined(others)
        alone = Undefined(f"no language beside the reference {self.reference}")
        mean = fmean(values) if values else next(iter(others), alone)
        yield Cell(MACRO, mean, "macro_languages", len(values))

    def of_many(self, columns: Columns, tokenizer: str) -> dict[str, NDArray[np.float64]]:
        """Premiums and their mean in every resample."""
        assert self.reference is not None, "bound by evaluate"
        counts = columns.row(TokenCount(), tokenizer)
        counts[counts == 0] = np.nan
        premiums = counts / counts[columns.groups.index(self.reference)]
        made = dict(zip(columns.groups, premiums, strict=True))
        others = np.stack(
            [row for group, row in made.items() if group != self.reference] or [counts[0] * np.nan]
        )
        known = np.isfinite(others)
        return {**made, MACRO: divide(np.where(known, others, 0).sum(axis=0), known.sum(axis=0))}


def _premium(count: Value, base: Value, reference: str) -> Value:
    if isinstance(count, Undefined):
        return count
    if isinstance(base, Undefined) or base == 0:
        return Undefined(f"the reference language {reference} has no tokens")
    return count / base if count else Undefined(NO_TOKENS)


@dataclass(frozen=True)
class OfCosts(Derived):
    """A statistic of the languages' costs; `per` names the unit, None leaves it to the corpus."""

    per: str | None = None

    def __post_init__(self) -> None:
        if self.per is not None and self.per not in COSTS:
            message = f"{self.about.name}: per={self.per!r} is no unit of cost; known: {', '.join(COSTS)}"
            raise MetricError(message)

    def bind(self, setting: Setting) -> Self:
        """Take documents on parallel text and bytes elsewhere."""
        if self.per is not None:
            return self
        return replace(self, per="document" if setting.parallel and setting.by == "language" else "byte")

    def compares_documents(self) -> bool:
        """Whether costs are per document."""
        return self.per == "document"

    def cost(self) -> CorpusMetric:
        """Return the metric that is the cost of a language."""
        assert self.per is not None, "bound by evaluate"
        return COSTS[self.per]

    def inputs(self) -> tuple[CorpusMetric, ...]:
        """Cost of each language, and whether it has any text."""
        return (self.cost(), TokensPerByte())

    def of(self, table: Table, tokenizer: str) -> Iterable[Cell]:
        """One value over the languages that have text."""
        costs = list(self.costs(table, tokenizer).values())
        yield Cell(ALL, self.over(costs), "over_groups", len(costs))

    def costs(self, table: Table, tokenizer: str) -> dict[str, float]:
        """Return the costs of the languages that have text; empty documents cost 0 tokens, which is no price."""
        written = table.row(TokensPerByte(), tokenizer)
        return {
            language: cost
            for language, cost in table.row(self.cost(), tokenizer).items()
            if not isinstance(written[language], Undefined) and not isinstance(cost, Undefined)
        }

    def of_many(self, columns: Columns, tokenizer: str) -> dict[str, NDArray[np.float64]] | None:
        """Return the statistic in every resample, at once where all groups have a cost in all of them."""
        if len(columns.groups) < 2:
            return None
        written = np.isfinite(columns.row(TokensPerByte(), tokenizer))
        costs = columns.row(self.cost(), tokenizer)
        if not written.all() or not np.isfinite(costs).all():
            return None
        return {ALL: self.over_many(costs)}

    @abstractmethod
    def over(self, costs: list[float]) -> Value:
        """Return the statistic of the costs."""

    @abstractmethod
    def over_many(self, costs: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the statistic of each column of the costs, ``(groups, columns)``; NaN where undefined."""


@register
@dataclass(frozen=True)
class Gini(OfCosts):
    """Tokenizer fairness Gini over the languages' costs.

    Example:
        >>> gini([1.0, 2.0, 3.0])
        0.2222222222222222
    """

    about: ClassVar[About] = About(
        name="gini",
        title="tokenizer fairness Gini",
        formula="Σ_ij |c_i - c_j| / (2 n² mean(c)), c = tokens per document, byte or character of a language",
        unit="Gini coefficient",
        range="0 … 1 - 1/n; 0 = every language pays the same",
        direction="lower",
        source="TokEval tokenizer_fairness_gini",
        pitfalls="Per byte and per document rank tokenizers differently (Spearman 0.65): the unit is a parameter. "
        "Languages count equally; small n; blind to which languages pay. A language without text is left out: n "
        "says how many are compared.",
    )

    def over(self, costs: list[float]) -> Value:
        """Gini; undefined for fewer than two languages."""
        if len(costs) < 2:
            return Undefined(f"{len(costs)} groups with a cost, at least 2 needed")
        return gini(costs) if sum(costs) else Undefined("no tokens")

    def over_many(self, costs: NDArray[np.float64]) -> NDArray[np.float64]:
        """Gini of each column."""
        ordered = np.sort(costs, axis=0)
        n = len(ordered)
        return divide((2 * np.arange(n) - n + 1) @ ordered, n * ordered.sum(axis=0))


@register
@dataclass(frozen=True)
class CostRatio(OfCosts):
    """Cost of the most expensive language over that of the cheapest."""

    about: ClassVar[About] = About(
        name="cost_ratio",
        title="cost ratio max/min",
        formula="max(c) / min(c), c = tokens per document, byte or character of a language",
        unit="ratio",
        range="1 … ∞; 1 = every language pays the same",
        direction="lower",
        source="TokEval; companion of the Gini",
        pitfalls="Two languages decide it. As for gini, the unit of cost is a parameter and a "
        "language without text is left out: n says how many are compared.",
    )

    def over(self, costs: list[float]) -> Value:
        """max/min; undefined for fewer than two languages."""
        if len(costs) < 2:
            return Undefined(f"{len(costs)} groups with a cost, at least 2 needed")
        return ratio(max(costs), min(costs), "a group has no tokens")

    def over_many(self, costs: NDArray[np.float64]) -> NDArray[np.float64]:
        """max/min of each column."""
        return divide(costs.max(axis=0), costs.min(axis=0))


def gini(costs: list[float]) -> float:
    """Return the Gini coefficient of positive costs in O(n log n).

    With sorted costs, Σ_ij |c_i - c_j| = 2 Σ_i (2i - n + 1) c_i, i from 0.
    """
    ordered = np.sort(np.asarray(costs, np.float64))
    n = len(ordered)
    weights = 2 * np.arange(n) - n + 1
    return float(weights @ ordered / (n * ordered.sum()))
