"""Length and compression: how many tokens a text costs.

Source: section A of the metric catalogue (A1, A2, A5, A7). All are ratios of sums over documents, special tokens
excluded, on the text as it was read: normalisation belongs to the tokenizer.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from tokbench.measurement import (
    About,
    CorpusMetric,
    DocumentCount,
    RatioOfSums,
    Statistic,
    Stats,
    Undefined,
    Value,
)
from tokbench.metrics.counting import Bytes, Characters, Graphemes, Lines, Tokens
from tokbench.plugin import register

if TYPE_CHECKING:
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
class TokensPerGrapheme(_TokensPer):
    """The cost of what a reader sees as a character, N/G."""

    per: ClassVar[Statistic] = Graphemes()
    otherwise: ClassVar[str] = "no graphemes"
    about: ClassVar[About] = About(
        name="tokens_per_grapheme",
        title="tokens per grapheme cluster",
        formula="N / G",
        unit="tokens/grapheme",
        range="0 … ∞",
        direction="lower",
        source="Unicode Standard Annex 29, extended grapheme clusters",
        pitfalls="Graphemes say different amounts in different scripts.",
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
