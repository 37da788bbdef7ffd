"""Length and compression: how many tokens a text costs.

Source: section A of the metric catalogue (A1, A2, A5, A7). All are ratios of sums over documents, special tokens
excluded, on the text as it was read: normalisation belongs to the tokenizer.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

from tokbench.errors import MetricError
from tokbench.frame import ALL
from tokbench.measurement import (
    About,
    Cell,
    Columns,
    CorpusMetric,
    Derived,
    DocumentCount,
    RatioOfSums,
    Setting,
    Statistic,
    Stats,
    Table,
    Undefined,
    Value,
    divide,
    ratio,
)
from tokbench.metrics.counting import Bytes, Characters, Lines, Tokens
from tokbench.plugin import register

if TYPE_CHECKING:
    from collections.abc import Iterable

    import numpy as np
    from numpy.typing import NDArray

    from tokbench.measurement import Totals

NO_TOKENS = "no tokens"
NO_DOCUMENTS = "no documents"


@register
@dataclass(frozen=True)
class TokenCount(CorpusMetric):
    """Corpus token count N: tokens of all documents.

    Example:
        >>> TokenCount.about.unit
        'tokens'
    """

    pooling: ClassVar[str] = "sum"
    about: ClassVar[About] = About(
        name="tokens",
        title="token count",
        formula="N = Σ_d |T(d)|",
        unit="tokens",
        range="0 … ∞",
        direction="lower",
        source="corpus token count, Arnett et al. 2025 (arXiv 2510.21909); sequence length, Zouhar et al. 2023",
        pitfalls="Languages are comparable on parallel text only. Special tokens are excluded.",
    )

    def statistics(self) -> tuple[Statistic, ...]:
        """Tokens."""
        return (Tokens(),)

    def reduce(self, stats: Stats) -> Value:
        """N; undefined where there is no document at all."""
        return float(stats.total(Tokens())) if stats.n_documents else Undefined(NO_DOCUMENTS)

    def reduce_many(self, totals: Totals) -> NDArray[np.float64]:
        """N of every resample."""
        return totals(Tokens())


@register
@dataclass(frozen=True)
class BytesPerToken(RatioOfSums):
    """Compression rate B/N in UTF-8 bytes."""

    about: ClassVar[About] = About(
        name="bytes_per_token",
        title="bytes per token",
        formula="B / N",
        unit="bytes/token",
        range="0 … ∞",
        direction="higher",
        source="compression rate; Schmidt et al. 2024 and Ali et al. 2024 on its limits",
        pitfalls="UTF-8 gives Latin 1 byte, Cyrillic and Greek 2, most CJK and Indic 3: not a fair comparison of "
        "scripts. An unknown token that swallows a word looks like compression: read unk_rate beside it. Rises "
        "with the vocabulary size; better compression does not imply a better model.",
    )

    otherwise: ClassVar[str] = NO_TOKENS

    def terms(self) -> tuple[Statistic, Statistic]:
        """Bytes and tokens."""
        return (Bytes(), Tokens())


@register
@dataclass(frozen=True)
class CharactersPerToken(RatioOfSums):
    """Compression rate C/N in code points."""

    about: ClassVar[About] = About(
        name="characters_per_token",
        title="characters per token",
        formula="C / N",
        unit="characters/token",
        range="0 … ∞",
        direction="higher",
        source="CPT; compression rate",
        pitfalls="Code points, not what a reader sees as a character. Scripts differ in what one character says.",
    )

    otherwise: ClassVar[str] = NO_TOKENS

    def terms(self) -> tuple[Statistic, Statistic]:
        """Characters and tokens."""
        return (Characters(), Tokens())


@dataclass(frozen=True)
class _TokensPer(RatioOfSums):
    """Tokens over the total of another statistic."""

    per: ClassVar[Statistic]

    def terms(self) -> tuple[Statistic, Statistic]:
        """Tokens and the divisor."""
        return (Tokens(), self.per)


@register
@dataclass(frozen=True)
class TokensPerByte(_TokensPer):
    """The cost of a byte, N/B."""

    per: ClassVar[Statistic] = Bytes()
    otherwise: ClassVar[str] = "no bytes"
    about: ClassVar[About] = About(
        name="tokens_per_byte",
        title="tokens per byte",
        formula="N / B",
        unit="tokens/byte",
        range="0 … ∞ (0 … 1 for lossless tokenizers)",
        direction="lower",
        source="reciprocal of the compression rate; cost unit of fairness measures",
        pitfalls="Flatters scripts with many bytes per character.",
    )


@register
@dataclass(frozen=True)
class TokensPerCharacter(_TokensPer):
    """The cost of a character, N/C."""

    per: ClassVar[Statistic] = Characters()
    otherwise: ClassVar[str] = "no characters"
    about: ClassVar[About] = About(
        name="tokens_per_character",
        title="tokens per character",
        formula="N / C",
        unit="tokens/character",
        range="0 … ∞",
        direction="lower",
        source="reciprocal of CPT; cost unit of fairness measures",
        pitfalls="Code points say different amounts in different scripts.",
    )


@register
@dataclass(frozen=True)
class TokensPerLine(_TokensPer):
    """Tokens per line, N/Ln."""

    per: ClassVar[Statistic] = Lines()
    otherwise: ClassVar[str] = "no lines"
    about: ClassVar[About] = About(
        name="tokens_per_line",
        title="tokens per line",
        formula="N / lines",
        unit="tokens/line",
        range="0 … ∞",
        direction="lower",
        source="TokEval avg_tokens_per_line; on parallel text the cost of the same content",
        pitfalls="Languages are comparable on parallel text only. An empty document is one line.",
    )


@register
@dataclass(frozen=True)
class TokensPerDocument(RatioOfSums):
    """Tokens per document, N/D."""

    about: ClassVar[About] = About(
        name="tokens_per_document",
        title="tokens per document",
        formula="N / documents",
        unit="tokens/document",
        range="0 … ∞",
        direction="lower",
        source="doc_len of tokenization-scorer; on parallel text the cost of the same content",
        pitfalls="Languages are comparable on parallel text only.",
    )

    otherwise: ClassVar[str] = NO_DOCUMENTS

    def terms(self) -> tuple[Statistic, Statistic]:
        """Tokens and documents."""
        return (Tokens(), DocumentCount())


@register
@dataclass(frozen=True)
class NormalizedSequenceLength(Derived):
    """NSL: tokens of a tokenizer over those of a reference tokenizer on the same text.

    Example:
        >>> NormalizedSequenceLength(reference="gpt2").reference
        'gpt2'
    """

    reference: str | None = None
    about: ClassVar[About] = About(
        name="nsl",
        title="normalized sequence length",
        formula="Σ_d |T(d)| / Σ_d |T_reference(d)|",
        unit="ratio",
        range="0 … ∞; 1 = as long as the reference",
        direction="lower",
        source="Dagan et al. 2024 (standard definition; wording of the source not confirmed)",
        pitfalls="Says nothing without the name of the reference. TokLens' compute_nsl divides by characters when no "
        "reference is given, which is not NSL.",
    )

    def bind(self, setting: Setting) -> NormalizedSequenceLength:
        """Take the evaluation's baseline where no reference is named.

        Raises:
            MetricError: when the reference is not among the evaluated tokenizers.
        """
        bound = self if self.reference is not None else replace(self, reference=setting.baseline)
        if bound.reference not in setting.tokenizers:
            listed = ", ".join(setting.tokenizers)
            message = (
                f"nsl: the reference tokenizer {bound.reference!r} is not evaluated; evaluated: {listed}"
            )
            raise MetricError(message)
        return bound

    def inputs(self) -> tuple[CorpusMetric, ...]:
        """Token counts."""
        return (TokenCount(),)

    def of(self, table: Table, tokenizer: str) -> Iterable[Cell]:
        """One ratio for each group and one of the pooled counts."""
        assert self.reference is not None, "bound by evaluate"
        for group in (*table.groups, ALL):
            own = table.value(TokenCount(), tokenizer, group)
            other = table.value(TokenCount(), self.reference, group)
            if isinstance(own, Undefined) or isinstance(other, Undefined):
                value: Value = Undefined(NO_DOCUMENTS)
            else:
                value = ratio(own, other, f"{self.reference} has no tokens")
            yield Cell(group, value, "ratio_of_sums", table.n_documents[group])

    def of_many(self, columns: Columns, tokenizer: str) -> dict[str, NDArray[np.float64]]:
        """Ratios in every resample."""
        assert self.reference is not None, "bound by evaluate"
        return {
            group: divide(
                columns.value(TokenCount(), tokenizer, group),
                columns.value(TokenCount(), self.reference, group),
            )
            for group in (*columns.groups, ALL)
        }
