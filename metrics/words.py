"""Words: how often a word is cut.

Source: section A of the metric catalogue (A3, A4). No definition of a word serves every script: the definition is a
parameter and printed with every number. On FLORES+ 96 % of the Japanese and 69 % of the Chinese lines are a single
word between white space.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar, Self

from tokbench.measurement import (
    About,
    CorpusMetric,
    MeanOfRatios,
    RatioOfSums,
    Setting,
    Statistic,
    Stats,
    Undefined,
    Value,
    divide,
)
from tokbench.metrics.counting import Tokens, WholeWords, Words, check_word_definition
from tokbench.plugin import register

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from tokbench.measurement import Totals

NO_WORDS = "no words"


@dataclass(frozen=True)
class OfWords(CorpusMetric):
    """A metric over words: `word` names their definition, None leaves it to the evaluation."""

    word: str | None = None

    def __post_init__(self) -> None:
        check_word_definition(self.about.name, self.word)

    def bind(self, setting: Setting) -> Self:
        """Take the evaluation's word definition where none is named."""
        return self if self.word is not None else replace(self, word=setting.word)

    @property
    def definition(self) -> str:
        """The bound word definition."""
        assert self.word is not None, "bound by evaluate"
        return self.word


@register
@dataclass(frozen=True)
class Fertility(OfWords, RatioOfSums):
    """Tokens per word, N/W.

    Example:
        >>> Fertility(word="uax29").word
        'uax29'
    """

    about: ClassVar[About] = About(
        name="fertility",
        title="fertility",
        formula="N / W",
        unit="tokens/word",
        range="0 … ∞, usually at least 1; 1 = one token per word",
        direction="lower",
        source="Ács 2019; Rust et al. 2021 (there on words in isolation; here on running text)",
        pitfalls="Depends on the word definition, above all where words are not written apart; pooled over such "
        "languages it mostly measures the language mix. Words in isolation and mean of ratios give other numbers.",
    )

    otherwise: ClassVar[str] = NO_WORDS

    def terms(self) -> tuple[Statistic, Statistic]:
        """Tokens and words."""
        return (Tokens(), Words(self.definition))


@register
@dataclass(frozen=True)
class MeanFertility(OfWords, MeanOfRatios):
    """Mean over documents of their tokens per word."""

    about: ClassVar[About] = About(
        name="fertility_mean",
        title="mean fertility of documents",
        formula="mean over documents with words of N_d / W_d",
        unit="tokens/word",
        range="0 … ∞",
        direction="lower",
        source="TokEval fertility (1.0 and later)",
        pitfalls="Every document weighs the same, however short; differs from fertility by up to 19 % on "
        "the benchmark of "
        "TokEval. A document without tokens takes part with 0 if it has words; TokEval leaves it out.",
    )
    otherwise: ClassVar[str] = "no document has words"

    def terms(self) -> tuple[Statistic, Statistic]:
        """Tokens and words."""
        return (Tokens(), Words(self.definition))


@register
@dataclass(frozen=True)
class SingleTokenRetention(OfWords, RatioOfSums):
    """STRR: share of the words in running text that no token boundary cuts."""

    about: ClassVar[About] = About(
        name="strr",
        title="single token retention rate",
        formula="|{w : no token boundary inside w}| / W, over word occurrences",
        unit="share",
        range="0 … 1; 1 = every word whole",
        direction="higher",
        source="Nayeem et al. 2025 (arXiv 2510.09947, there per bare word and times 100)",
        pitfalls="Running text: the token of ' the' keeps the word 'the' whole, which encoding the bare "
        "word does not "
        "show. A token that spans several words keeps all of them whole. Rewards large vocabularies; says nothing "
        "where words are not written apart.",
    )

    otherwise: ClassVar[str] = NO_WORDS

    def terms(self) -> tuple[Statistic, Statistic]:
        """Whole words and words."""
        return (WholeWords(self.definition), Words(self.definition))


@register
@dataclass(frozen=True)
class ContinuedWords(OfWords):
    """PCW: share of the words in running text that are cut, 1 - STRR."""

    about: ClassVar[About] = About(
        name="pcw",
        title="proportion of continued words",
        formula="|{w : a token boundary inside w}| / W = 1 - STRR",
        unit="share",
        range="0 … 1; 0 = every word whole",
        direction="lower",
        source="Rust et al. 2021 (standard definition; wording of the source not confirmed)",
        pitfalls="As for strr.",
    )

    def statistics(self) -> tuple[Statistic, ...]:
        """Words and whole words."""
        return (Words(self.definition), WholeWords(self.definition))

    def reduce(self, stats: Stats) -> Value:
        """Cut words over words; undefined without words."""
        words = stats.total(Words(self.definition))
        if words == 0:
            return Undefined(NO_WORDS)
        return float((words - stats.total(WholeWords(self.definition))) / words)

    def reduce_many(self, totals: Totals) -> NDArray[np.float64]:
        """Cut words over words of every resample."""
        words = totals(Words(self.definition))
        return divide(words - totals(WholeWords(self.definition)), words)
