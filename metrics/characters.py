"""Characters in words: what a tokenizer lets a model see of spelling.

Source: section F6 of the metric catalogue; Uzan and Pinter 2026 (CharBench, AAAI): counting letters correlates weakly
with tokenization, finding one gets harder the longer the token that holds it. CharBench asks models; these are its
tokenizer-only proxies. They need words only: a word list is a corpus of one word a line.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar, Self

import numpy as np

from tokbench.measurement import (
    About,
    CorpusMetric,
    EncodedBatch,
    Kind,
    RatioOfSums,
    Setting,
    Statistic,
    Stats,
    Undefined,
    Value,
)
from tokbench.metrics.alignment import boundaries
from tokbench.metrics.character_kernels import count_gaps, measure_pieces
from tokbench.metrics.columns import column
from tokbench.metrics.counting import check_word_definition, word_spans
from tokbench.plugin import register

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Ints = NDArray[np.int64]

LONGEST = 32
"""Longest word, in characters, whose gaps are counted by place."""


@dataclass(frozen=True)
class WordPieces(Statistic):
    """Characters of words, squared lengths of their pieces, characters alone, per document."""

    definition: str
    columns: ClassVar[int] = 3

    def collect(self, batch: EncodedBatch) -> Ints:
        """Walk over the words and the boundaries inside of them."""
        starts, ends, rows = word_spans(batch.text, self.definition)
        found = boundaries(batch)
        firsts, counts = found.inside(starts, ends, rows)
        return measure_pieces(batch.text.data, starts, ends, rows, found.cuts, firsts, counts)


@dataclass(frozen=True)
class WordGaps(Statistic):
    """Gaps between characters of words and the cut ones, by word length and place."""

    definition: str
    kind: ClassVar[Kind] = "histogram"
    columns: ClassVar[int] = 2

    def collect(self, batch: EncodedBatch) -> Ints:
        """Count over all documents."""
        starts, ends, rows = word_spans(batch.text, self.definition)
        found = boundaries(batch)
        firsts, counts = found.inside(starts, ends, rows)
        return count_gaps(batch.text.data, starts, ends, found.cuts, firsts, counts, LONGEST)


class _Worded:
    """Checks and binds the parameter `word`."""

    word: str | None
    about: ClassVar[About]

    def __post_init__(self) -> None:
        check_word_definition(self.about.name, self.word)

    def bind(self, setting: Setting) -> Self:
        """Take the evaluation's word definition where none is named."""
        if self.word is not None:
            return self
        bound: Self = replace(self, word=setting.word)  # type: ignore[type-var]  # subclasses are dataclasses
        return bound

    @property
    def definition(self) -> str:
        """The bound word definition."""
        assert self.word is not None, "bound by evaluate"
        return self.word


@register
@dataclass(frozen=True)
class HoldingLength(_Worded, RatioOfSums):
    """Mean length of the piece of a word that holds a random character."""

    word: str | None = None
    otherwise: ClassVar[str] = "no words"
    about: ClassVar[About] = About(
        name="holding_length",
        title="length of the piece that holds a character",
        formula="Σ len² / Σ len over the pieces into which words are cut, in characters",
        unit="characters",
        range="1 … ∞; 1 = every character is its own token",
        direction="neither",
        source="CharBench, Uzan and Pinter 2026: the length of the token that holds the queried character predicts "
        "failures; pieces of 2, 4, 3 characters → 29/9",
        pitfalls="Inside of words only: the space before a word does not count. Short is good for spelling and bad for "
        "compression.",
    )

    def terms(self) -> tuple[Statistic, Statistic]:
        """Squared lengths and characters."""
        pieces = WordPieces(self.definition)
        return column(pieces, 1), column(pieces, 0)


@register
@dataclass(frozen=True)
class VisibleCharacters(_Worded, RatioOfSums):
    """Share of the characters of words that are a token by themselves."""

    word: str | None = None
    otherwise: ClassVar[str] = "no words"
    about: ClassVar[About] = About(
        name="visible_characters",
        title="characters that stand alone",
        formula="pieces of one character / characters of words",
        unit="share",
        range="0 … 1; 1 = a model sees every character of every word",
        direction="neither",
        source="tokenizer-only proxy of CharBench (Uzan and Pinter 2026); the definition is ours",
        pitfalls="Languages with words of one character score high without any cut.",
    )

    def terms(self) -> tuple[Statistic, Statistic]:
        """Single characters and characters."""
        pieces = WordPieces(self.definition)
        return column(pieces, 2), column(pieces, 0)


@register
@dataclass(frozen=True)
class CutEntropy(_Worded, CorpusMetric):
    """How uncertain it is whether a token boundary lies between two characters, given word length and place."""

    word: str | None = None
    pooling: ClassVar[str] = "micro_pooled"
    about: ClassVar[About] = About(
        name="cut_entropy",
        title="cut entropy",
        formula="Σ_(L,i) n h(k/n) / Σ_(L,i) n; n gaps after character i of words of L characters, k of them cut, "
        "h(p) = -p log2 p - (1-p) log2(1-p)",
        unit="bits/gap",
        range="0 … 1; 0 = length and place decide every cut",
        direction="neither",
        source="tokenizer-only proxy of CharBench (Uzan and Pinter 2026); the definition is ours",
        pitfalls="0 both for tokenizers over characters and for vocabularies that hold every word. Words of more than "
        f"{LONGEST} characters are left out.",
    )

    def statistics(self) -> tuple[Statistic, ...]:
        """Gaps by length and place."""
        return (WordGaps(self.definition),)

    def reduce(self, stats: Stats) -> Value:
        """Weigh the binary entropies by the gaps."""
        table = stats.documents(WordGaps(self.definition))
        seen = table[table[:, 0] > 0] if len(table) else table.reshape(0, 2)
        if len(seen) == 0:
            return Undefined(f"no words of 2 to {LONGEST} characters")
        n, p = seen[:, 0].astype(np.float64), seen[:, 1] / seen[:, 0]
        q = 1 - p
        bits = -(p * np.log2(np.where(p > 0, p, 1)) + q * np.log2(np.where(q > 0, q, 1)))
        return float((n * bits).sum() / n.sum())
