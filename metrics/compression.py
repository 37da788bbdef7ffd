"""Compression in units beyond bytes and characters, and as a mean over documents.

Source: section A2 of the metric catalogue. Within one run, ratios of sums rank tokenizers alike whatever the unit;
means over documents do not.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from tokbench.measurement import About, MeanOfRatios, RatioOfSums, Statistic
from tokbench.metrics.counting import Bytes, Characters, Graphemes, Lines, Tokens
from tokbench.metrics.length import NO_TOKENS
from tokbench.plugin import register


@register
@dataclass(frozen=True)
class GraphemesPerToken(RatioOfSums):
    """Compression rate in what a reader sees as characters, G/N."""

    otherwise: ClassVar[str] = NO_TOKENS
    about: ClassVar[About] = About(
        name="graphemes_per_token",
        family="length",
        title="grapheme clusters per token",
        formula="G / N",
        unit="graphemes/token",
        range="0 … ∞",
        direction="higher",
        source="Unicode Standard Annex 29, extended grapheme clusters",
        pitfalls="Scripts differ in what one grapheme says; white space is one too.",
    )

    def terms(self) -> tuple[Statistic, Statistic]:
        """Graphemes and tokens."""
        return (Graphemes(), Tokens())


@register
@dataclass(frozen=True)
class LinesPerToken(RatioOfSums):
    """Compression rate in lines, Ln/N."""

    otherwise: ClassVar[str] = NO_TOKENS
    about: ClassVar[About] = About(
        name="lines_per_token",
        family="length",
        title="lines per token",
        formula="Ln / N = 1 / tokens_per_line",
        unit="lines/token",
        range="0 … ∞",
        direction="higher",
        source="compression rate of TokEval before 1.0 (there the mean over documents)",
        pitfalls="Languages are comparable on parallel text only. An empty document is one line.",
    )

    def terms(self) -> tuple[Statistic, Statistic]:
        """Lines and tokens."""
        return (Lines(), Tokens())


@register
@dataclass(frozen=True)
class MeanBytesPerToken(MeanOfRatios):
    """Mean over documents of their bytes per token."""

    otherwise: ClassVar[str] = NO_TOKENS
    about: ClassVar[About] = About(
        name="bytes_per_token_mean",
        family="length",
        title="mean bytes per token of documents",
        formula="mean over documents with tokens of B_d / N_d",
        unit="bytes/token",
        range="0 … ∞",
        direction="higher",
        source="TokEval token_length (bytes): mean of ratios",
        pitfalls="Every document weighs the same, however short; differs from the ratio of sums by up to 19 %.",
    )

    def terms(self) -> tuple[Statistic, Statistic]:
        """Bytes and tokens."""
        return (Bytes(), Tokens())


@register
@dataclass(frozen=True)
class MeanCharactersPerToken(MeanOfRatios):
    """Mean over documents of their characters per token."""

    otherwise: ClassVar[str] = NO_TOKENS
    about: ClassVar[About] = About(
        name="characters_per_token_mean",
        family="length",
        title="mean characters per token of documents",
        formula="mean over documents with tokens of C_d / N_d",
        unit="characters/token",
        range="0 … ∞",
        direction="higher",
        source="TokEval token_length (characters): mean of ratios",
        pitfalls="Every document weighs the same, however short; differs from the ratio of sums by up to 19 %.",
    )

    def terms(self) -> tuple[Statistic, Statistic]:
        """Characters and tokens."""
        return (Characters(), Tokens())
