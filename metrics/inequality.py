"""Inequality of costs: Lorenz curve, variation, and statistics in which languages weigh as many people as speak them.

Source: sections B3 and B4 of the metric catalogue. Costs are those of `tokbench.metrics.fairness`: tokens per
document of parallel text, or per byte, character, grapheme or line.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar, Self

import numpy as np

from tokbench.errors import MetricError
from tokbench.frame import ALL
from tokbench.measurement import About, Cell, Derived, Setting, Table, Undefined, Value, divide, ratio
from tokbench.metrics.fairness import OfCosts, Parity
from tokbench.metrics.languages import weights
from tokbench.metrics.length import NO_TOKENS
from tokbench.plugin import register

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from tokbench.measurement import CorpusMetric


@register
@dataclass(frozen=True)
class CostVariation(OfCosts):
    """Coefficient of variation of the languages' costs."""

    about: ClassVar[About] = About(
        name="cost_cov",
        family="fairness",
        title="variation of costs",
        formula="sd(c) / mean(c), ddof 1, c = cost of a language",
        unit="ratio",
        range="0 … √n; 0 = every language pays the same",
        direction="lower",
        source="TokEval std beside the Gini, over the mean",
        pitfalls="As for gini: the unit is a parameter, languages count equally.",
    )

    def over(self, costs: list[float]) -> Value:
        """sd/mean; undefined for fewer than two languages."""
        if len(costs) < 2:
            return Undefined(f"{len(costs)} groups with a cost, at least 2 needed")
        found = float(self.over_many(np.array(costs)[:, None])[0])
        return Undefined(NO_TOKENS) if math.isnan(found) else found

    def over_many(self, costs: NDArray[np.float64]) -> NDArray[np.float64]:
        """sd/mean of each column.

        Running sums, which add row by row whatever the number of columns: a resample that equals the text then has
        exactly its value, which bias-corrected intervals look at.
        """
        n = len(costs)
        mean = np.cumsum(costs, axis=0)[-1] / n
        spread = np.cumsum((costs - mean) ** 2, axis=0)[-1]
        return divide(np.sqrt(spread / (n - 1)), mean)


@register
@dataclass(frozen=True)
class Lorenz(OfCosts):
    """Lorenz curve: the share of all costs that a language and the cheaper ones carry together.

    Example:
        >>> Lorenz(per="byte").per
        'byte'
    """

    about: ClassVar[About] = About(
        name="lorenz",
        family="fairness",
        title="Lorenz curve of costs",
        formula="L(language) = Σ_{c_j ≤ c_language} c_j / Σ_j c_j, languages from the cheapest up; n = its rank",
        unit="share of all costs",
        range="0 … 1; on the diagonal, rank / n, every language pays the same",
        direction="neither",
        source="TokEval Lorenz curve; the Gini is 1 - 2 · the area under it",
        pitfalls="Languages weigh the same. Equal costs stand in the order of the languages' names.",
    )

    def of(self, table: Table, tokenizer: str) -> Iterable[Cell]:
        """One point for each language that has text."""
        costs = self.costs(table, tokenizer)
        total = sum(costs.values())
        if len(costs) < 2 or total == 0:
            yield Cell(
                ALL,
                Undefined(f"{len(costs)} groups with a cost, at least 2 needed"),
                "over_groups",
                len(costs),
            )
            return
        held = 0.0
        for rank, (language, cost) in enumerate(sorted(costs.items(), key=lambda pair: pair[::-1]), start=1):
            held += cost
            yield Cell(language, 1.0 if rank == len(costs) else held / total, "cumulative", rank)

    def over(self, costs: list[float]) -> Value:
        """Area under the curve, by trapezoids from the origin."""
        total, held, area = sum(costs), 0.0, 0.0
        for cost in sorted(costs):
            area += (2 * held + cost) / (2 * total * len(costs))
            held += cost
        return area

    def of_many(self, columns: object, tokenizer: str) -> None:
        """Points change their order from resample to resample: no intervals at once."""
        del columns, tokenizer

    def over_many(self, costs: NDArray[np.float64]) -> NDArray[np.float64]:
        """Area of each column."""
        return np.array([self.over(column.tolist()) for column in costs.T])


def weighted_gini(costs: list[float], shares: list[float]) -> float:
    """Return Σ_ij w_i w_j |c_i - c_j| / (2 (Σ w)² mean_w(c)): the Gini of all people, each paying for a language.

    Example:
        >>> round(weighted_gini([1.0, 2.0, 3.0], [5.0, 5.0, 5.0]), 10)
        0.2222222222
        >>> weighted_gini([1.0, 3.0], [3.0, 1.0])
        0.25
    """
    order = np.argsort(costs, kind="stable")
    cost = np.asarray(costs, np.float64)[order]
    weight = np.asarray(shares, np.float64)[order]
    weight = weight / weight.sum()
    # Σ_j w_j (c_i - c_j) over the cheaper j, twice.
    below = np.cumsum(weight) - weight
    paid = np.cumsum(weight * cost) - weight * cost
    return float((weight * (cost * below - paid)).sum() / (weight * cost).sum())


@dataclass(frozen=True)
class _Weighted(Derived):
    """Languages weighted by people: `weights` names a column of the table, `table` another file."""

    weights: str = "speakers"
    table: str | None = None

    def __post_init__(self) -> None:
        weights((), self.weights, self.table)

    def shares(self, languages: tuple[str, ...]) -> dict[str, float] | Undefined:
        """Return the weights, or which languages have none."""
        found = weights(languages, self.weights, self.table)
        lacking = [language for language, weight in found.items() if weight is None]
        if lacking:
            return Undefined(
                f"the table has no {self.weights} of {', '.join(lacking)}: pass table=PATH with them"
            )
        return {language: weight for language, weight in found.items() if weight is not None}


_SOURCE = "population-weighted Gini of the catalogue (B3); figures: Unicode CLDR 40"
_PITFALLS = (
    "Figures of speakers are estimates; a language that the table lacks makes the value undefined. Two "
    "languages of a "
    "corpus with one entry of the table (scripts of one language) both weigh all its people."
)


@register
@dataclass(frozen=True)
class WeightedGini(_Weighted):
    """Gini over people instead of languages: everyone pays the cost of a language.

    Example:
        >>> WeightedGini(weights="writers").weights
        'writers'
    """

    per: str | None = None
    about: ClassVar[About] = About(
        name="weighted_gini",
        family="fairness",
        title="Gini of costs weighted by speakers",
        formula="Σ_ij w_i w_j |c_i - c_j| / (2 (Σ w)² mean_w(c)), w = speakers or writers of a language",
        unit="Gini coefficient",
        range="0 … 1; 0 = everyone pays the same",
        direction="lower",
        source=_SOURCE,
        pitfalls=_PITFALLS,
        aliases=("population_weighted_gini",),
    )

    def bind(self, setting: Setting) -> Self:
        """Take the unit of cost that the Gini takes.

        Raises:
            MetricError: when the groups are no languages.
        """
        if setting.by != "language":
            message = f"{self.about.name} weighs languages; evaluate it by='language', not by={setting.by!r}"
            raise MetricError(message)
        return replace(self, per=CostVariation(self.per).bind(setting).per)

    def compares_documents(self) -> bool:
        """Whether costs are per document."""
        return self.per == "document"

    def inputs(self) -> tuple[CorpusMetric, ...]:
        """Cost of each language, and whether it has any text."""
        return CostVariation(self.per).inputs()

    def of(self, table: Table, tokenizer: str) -> Iterable[Cell]:
        """One value over the languages that have text."""
        costs = CostVariation(self.per).costs(table, tokenizer)
        shares = self.shares(tuple(costs))
        if len(costs) < 2:
            value: Value = Undefined(f"{len(costs)} groups with a cost, at least 2 needed")
        elif isinstance(shares, Undefined):
            value = shares
        elif not sum(costs.values()):
            value = Undefined(NO_TOKENS)
        else:
            value = weighted_gini(list(costs.values()), list(shares.values()))
        yield Cell(ALL, value, "over_groups", len(costs))


@register
@dataclass(frozen=True)
class WeightedParity(_Weighted):
    """Mean premium over the reference language, languages weighted by people."""

    reference: str | None = None
    needs_parallel: ClassVar[bool] = True
    about: ClassVar[About] = About(
        name="weighted_parity",
        family="fairness",
        title="premium weighted by speakers",
        formula="Σ_l w_l premium(l | reference) / Σ_l w_l, the reference left out",
        unit="ratio",
        range="0 … ∞; 1 = parity",
        direction="lower",
        source="Petrov et al. 2023 for the premium; figures: Unicode CLDR 40",
        pitfalls=_PITFALLS,
    )

    def bind(self, setting: Setting) -> Self:
        """Take the evaluation's reference language where none is named."""
        return replace(self, reference=Parity(self.reference).bind(setting).reference)

    def inputs(self) -> tuple[CorpusMetric, ...]:
        """Token counts."""
        return Parity(self.reference).inputs()

    def of(self, table: Table, tokenizer: str) -> Iterable[Cell]:
        """One mean over the languages with a premium."""
        premiums = {
            cell.group: cell.value
            for cell in Parity(self.reference).of(table, tokenizer)
            if cell.group in table.groups
            and cell.group != self.reference
            and not isinstance(cell.value, Undefined)
        }
        shares = self.shares(tuple(premiums))
        if isinstance(shares, Undefined):
            value: Value = shares
        else:
            value = ratio(
                sum(shares[language] * premium for language, premium in premiums.items()),
                sum(shares.values()),
                f"no language beside the reference {self.reference}",
            )
        yield Cell(ALL, value, "over_groups", len(premiums))
