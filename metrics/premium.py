"""Premiums beyond one mean: every pair of languages, sentence by sentence, and without what cannot be spelled.

Source: section B1 of the metric catalogue; Petrov et al. 2023.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from statistics import fmean
from typing import TYPE_CHECKING, ClassVar, Self

import numpy as np

from tokbench.errors import MetricError
from tokbench.frame import MACRO
from tokbench.measurement import (
    About,
    Cell,
    CorpusMetric,
    Derived,
    Metric,
    Setting,
    Statistic,
    Stats,
    Table,
    Undefined,
    Value,
    defined,
)
from tokbench.metrics.counting import Tokens
from tokbench.metrics.fairness import Parity
from tokbench.metrics.length import TokenCount
from tokbench.metrics.vocabulary import UnknownRate
from tokbench.plugin import register

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


@dataclass(frozen=True)
class AgainstReference(Derived):
    """A premium over a reference language, which the evaluation gives where none is named."""

    reference: str | None = None
    needs_parallel: ClassVar[bool] = True

    def bind(self, setting: Setting) -> Self:
        """Take the evaluation's reference language where none is named.

        Raises:
            MetricError: when the groups are no languages, or the reference is not among them.
        """
        return replace(self, reference=Parity(self.reference).bind(setting).reference)


@register
@dataclass(frozen=True)
class ParityMatrix(Metric):
    """The premium of every language over every other: one `parity` for each reference language.

    Example:
        >>> [metric.reference for metric in ParityMatrix(references="eng,tur").expand()]
        ['eng', 'tur']
    """

    references: str | None = None
    about: ClassVar[About] = About(
        name="parity_matrix",
        family="fairness",
        title="parity matrix",
        formula="|T(s_a)| / |T(s_b)| for all pairs: rows parity(reference=b), group a",
        unit="ratio",
        range="0 … ∞; 1 = parity",
        direction="lower",
        source="Petrov et al. 2023",
        pitfalls="n² values: where there are many languages name the references, separated by commas. As for parity.",
    )

    def bind(self, setting: Setting) -> ParityMatrix:
        """Take every language as a reference where none is named.

        Raises:
            MetricError: when a reference is not in the corpus.
        """
        if self.references is None:
            return replace(self, references=",".join(setting.languages))
        for parity in self.expand():
            parity.bind(setting)
        return self

    def expand(self) -> tuple[Parity, ...]:
        """One parity for each reference."""
        assert self.references is not None, "bound by evaluate"
        return tuple(Parity(name.strip()) for name in self.references.split(","))


class TokensByDocument(float):
    """A total that remembers its parts: tokens of every document, for comparisons of one document with another."""

    documents: NDArray[np.int64]

    @classmethod
    def of(cls, documents: NDArray[np.int64]) -> TokensByDocument:
        """Add up."""
        made = cls(documents.sum())
        made.documents = documents
        return made


@dataclass(frozen=True)
class DocumentTokens(CorpusMetric):
    """Token count whose value keeps the documents apart; read by `SentencePremium` only."""

    pooling: ClassVar[str] = "sum"
    reads_documents: ClassVar[bool] = True
    about: ClassVar[About] = replace(TokenCount.about, name="document_tokens")

    def statistics(self) -> tuple[Statistic, ...]:
        """Tokens."""
        return (Tokens(),)

    def reduce(self, stats: Stats) -> Value:
        """Tokens by document."""
        return TokensByDocument.of(stats.documents(Tokens()))


@register
@dataclass(frozen=True)
class SentencePremium(AgainstReference):
    """Distribution over sentences of their premium over the reference language.

    Example:
        >>> len(SentencePremium(reference="eng").expand())
        5
    """

    q: float | None = None
    about: ClassVar[About] = About(
        name="sentence_premium",
        family="fairness",
        title="quantile of the premium of sentences",
        formula="quantile q over documents i of |T(s_i)| / |T(r_i)|, linear between order statistics",
        unit="ratio",
        range="0 … ∞; 1 = parity",
        direction="lower",
        source="companion of Petrov et al. 2023: the spread that one ratio of sums hides",
        pitfalls="Short sentences spread most. Documents without tokens in the reference language take no "
        "part: n says "
        "how many do.",
    )

    def __post_init__(self) -> None:
        if self.q is not None and not 0 <= self.q <= 1:
            message = f"sentence_premium: q={self.q!r} must lie between 0 and 1"
            raise MetricError(message)

    def expand(self) -> tuple[SentencePremium, ...]:
        """One for each quantile."""
        return (self,) if self.q is not None else tuple(replace(self, q=q) for q in QUANTILES)

    def inputs(self) -> tuple[CorpusMetric, ...]:
        """Tokens by document."""
        return (DocumentTokens(),)

    def of(self, table: Table, tokenizer: str) -> Iterable[Cell]:
        """One quantile for each language."""
        assert self.reference is not None, "bound by evaluate"
        assert self.q is not None, "expanded by evaluate"
        base = table.value(DocumentTokens(), tokenizer, self.reference)
        for language in table.groups:
            own = table.value(DocumentTokens(), tokenizer, language)
            if not isinstance(own, TokensByDocument) or not isinstance(base, TokensByDocument):
                yield Cell(language, Undefined("a resample knows no documents"), "quantile", 0)
                continue
            kept = base.documents > 0
            if not kept.any():
                yield Cell(
                    language,
                    Undefined(f"the reference language {self.reference} has no tokens"),
                    "quantile",
                    0,
                )
                continue
            ratios = own.documents[kept] / base.documents[kept]
            yield Cell(language, float(np.quantile(ratios, self.q)), "quantile", int(kept.sum()))


@register
@dataclass(frozen=True)
class ValidatedParity(AgainstReference):
    """Premium of the languages that the tokenizer can spell."""

    unk_limit: float = 0.1
    about: ClassVar[About] = About(
        name="validated_parity",
        family="fairness",
        title="parity of languages with few unknown tokens",
        formula="parity where N_unk / N ≤ limit in both languages, else undefined",
        unit="ratio",
        range="0 … ∞; 1 = parity",
        direction="lower",
        source="validated table of Petrov et al. 2023: pairs with more than 10 % unknown tokens are dropped",
        pitfalls="As for parity. Tokenizers without an unknown token lose nothing, so all their languages stay.",
    )

    def inputs(self) -> tuple[CorpusMetric, ...]:
        """Token counts and unknown rates."""
        return (TokenCount(), UnknownRate())

    def of(self, table: Table, tokenizer: str) -> Iterable[Cell]:
        """One premium for each language, and their mean without the reference."""
        rates = table.row(UnknownRate(), tokenizer)
        above = {
            language: rate
            for language, rate in rates.items()
            if not isinstance(rate, Undefined) and rate > self.unk_limit
        }
        others: list[Value] = []
        for cell in Parity(self.reference).of(table, tokenizer):
            if cell.group not in rates:
                continue
            failing = next((name for name in (cell.group, self.reference) if name in above), None)
            made = cell
            if failing is not None:
                reason = (
                    f"{above[failing]:.1%} of the tokens of {failing} are unknown, above {self.unk_limit:.1%}"
                )
                made = replace(cell, value=Undefined(reason))
            if cell.group != self.reference:
                others.append(made.value)
            yield made
        values = defined(others)
        alone = Undefined(f"no language beside the reference {self.reference}")
        yield Cell(
            MACRO, fmean(values) if values else next(iter(others), alone), "macro_languages", len(values)
        )
