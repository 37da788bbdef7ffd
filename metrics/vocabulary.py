"""Vocabulary use: how much of it a corpus touches.

Source: sections B4 and C of the metric catalogue. All depend on the size of the sample: compare at equal bytes.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import fmean, stdev
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from tokbench.errors import MetricError
from tokbench.frame import ALL
from tokbench.measurement import (
    About,
    Cell,
    CorpusMetric,
    Derived,
    MeasuredTokenizer,
    Statistic,
    Stats,
    Table,
    Undefined,
    Value,
    VocabMetric,
    defined,
    divide,
    ratio,
)
from tokbench.metrics.counting import Tokens, Types, Unknowns
from tokbench.metrics.length import NO_TOKENS
from tokbench.metrics.reachability import reachable_ids
from tokbench.plugin import register

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from tokbench.measurement import Totals

VOCABULARIES = ("declared", "regular", "observed", "reachable")
"""What V is: every id, special tokens included; those without special tokens; ids seen in the text; ids that some
text provably yields (`tokbench.metrics.reachability`)."""


def observed_types(stats: Stats) -> int:
    """Count the distinct ids."""
    return int(np.count_nonzero(stats.documents(Types())))


def check_vocabulary(metric: str, vocabulary: str, known: tuple[str, ...] = VOCABULARIES) -> None:
    """Refuse an unknown meaning of V.

    Raises:
        MetricError: naming the known ones.
    """
    if vocabulary not in known:
        message = f"{metric}: vocabulary={vocabulary!r}; known: {', '.join(known)}"
        raise MetricError(message)


def size_of(stats: Stats, vocabulary: str) -> int:
    """Return V under one of `VOCABULARIES`."""
    if vocabulary == "observed":
        return observed_types(stats)
    if vocabulary == "reachable":
        return int(np.count_nonzero(stats.remember("reachable_ids", reachable_ids)))
    return stats.vocab_size - (stats.n_special if vocabulary == "regular" else 0)


@register
@dataclass(frozen=True)
class VocabularySize(VocabMetric):
    """Declared vocabulary size V."""

    about: ClassVar[About] = About(
        name="vocabulary_size",
        title="vocabulary size",
        formula="V",
        unit="ids",
        range="1 … ∞",
        direction="neither",
        source="declared by the tokenizer, special tokens included",
        pitfalls="Ids may be unreachable; a larger vocabulary compresses more by itself.",
    )

    def of(self, tokenizer: MeasuredTokenizer) -> Value:
        """V."""
        return float(tokenizer.vocab_size)


@register
@dataclass(frozen=True)
class VocabularyUtilisation(CorpusMetric):
    """Share of the vocabulary that the corpus touches.

    Example:
        >>> VocabularyUtilisation(vocabulary="regular").vocabulary
        'regular'
    """

    vocabulary: str = "declared"
    pooling: ClassVar[str] = "set_union"
    reads_ids: ClassVar[bool] = False
    about: ClassVar[About] = About(
        name="vocabulary_utilisation",
        title="vocabulary utilisation",
        formula="V_obs / V",
        unit="share",
        range="0 … 1; 1 = no entry is dead weight on this corpus",
        direction="higher",
        source="TokEval vocabulary_utilization",
        pitfalls="Grows with the sample: compare tokenizers on the same text only. Special tokens, which text never "
        "yields, count in V unless vocabulary=regular; entries that no text yields unless vocabulary=reachable.",
        aliases=("utilisation", "vocabulary_utilization", "utilization"),
    )

    def __post_init__(self) -> None:
        check_vocabulary(self.about.name, self.vocabulary, ("declared", "regular", "reachable"))

    def statistics(self) -> tuple[Statistic, ...]:
        """Return the counts by id."""
        return (Types(),)

    def reduce(self, stats: Stats) -> Value:
        """V_obs/V; undefined without documents."""
        if stats.n_documents == 0:
            return Undefined("no documents")
        return ratio(observed_types(stats), size_of(stats, self.vocabulary), "the vocabulary is empty")


@register
@dataclass(frozen=True)
class TypeTokenRatio(CorpusMetric):
    """Distinct tokens over tokens, V_obs/N."""

    pooling: ClassVar[str] = "micro_pooled"
    reads_ids: ClassVar[bool] = False
    about: ClassVar[About] = About(
        name="type_token_ratio",
        title="type-token ratio",
        formula="V_obs / N = utilisation · V / N",
        unit="ratio",
        range="0 … 1",
        direction="neither",
        source="standard; TokEval type_token_ratio",
        pitfalls="Falls with the sample size (Heaps' law).",
    )

    def statistics(self) -> tuple[Statistic, ...]:
        """Return the counts by id."""
        return (Types(),)

    def reduce(self, stats: Stats) -> Value:
        """V_obs/N; undefined without tokens."""
        return ratio(observed_types(stats), stats.total(Types()), NO_TOKENS)


@register
@dataclass(frozen=True)
class UnknownRate(CorpusMetric):
    """Share of tokens that are the unknown token."""

    about: ClassVar[About] = About(
        name="unk_rate",
        title="unknown-token rate",
        formula="N_unk / N",
        unit="share",
        range="0 … 1; 0 = every text can be spelled",
        direction="lower",
        source="Petrov et al. 2023 drop pairs above 0.10; TokEval warns above 0.01 per script",
        pitfalls="One unknown token may swallow a whole word: the text lost is larger than the rate.",
    )

    def statistics(self) -> tuple[Statistic, ...]:
        """Unknown tokens and tokens."""
        return (Unknowns(), Tokens())

    def reduce(self, stats: Stats) -> Value:
        """N_unk/N; undefined where no unknown token is declared."""
        if stats.unk_id is None:
            return Undefined("the tokenizer declares no unknown token")
        return ratio(stats.total(Unknowns()), stats.total(Tokens()), NO_TOKENS)

    def reduce_many(self, totals: Totals) -> NDArray[np.float64]:
        """N_unk/N of every resample; called where there is an unknown token only, as elsewhere nothing varies."""
        return divide(totals(Unknowns()), totals(Tokens()))


@register
@dataclass(frozen=True)
class UtilisationVariation(Derived):
    """Coefficient of variation of the languages' vocabulary utilisation."""

    about: ClassVar[About] = About(
        name="utilisation_cov",
        title="variation of vocabulary utilisation",
        formula="sd(u) / mean(u), ddof 1, u = V_obs,language / V",
        unit="ratio",
        range="0 … √n; 0 = every language uses as much of the vocabulary",
        direction="lower",
        source="TokEval cross-lingual vocabulary-utilization CoV",
        pitfalls="Compare languages at equal bytes or on parallel text.",
    )

    def inputs(self) -> tuple[CorpusMetric, ...]:
        """Utilisation."""
        return (VocabularyUtilisation(),)

    def of(self, table: Table, tokenizer: str) -> Iterable[Cell]:
        """One value over the languages; undefined for fewer than two."""
        shares = defined(table.row(VocabularyUtilisation(), tokenizer).values())
        if len(shares) < 2:
            value: Value = Undefined(f"{len(shares)} groups with a utilisation, at least 2 needed")
        else:
            value = ratio(stdev(shares), fmean(shares), NO_TOKENS)
        yield Cell(ALL, value, "over_groups", len(shares))
