"""Morphology: do token boundaries fall where morphemes meet?

Source: section E (E1, E2, E4) of the metric catalogue. Gold words are encoded one by one; everything is counted on byte
offsets (`tokbench.metrics.gold_words`). Each gold set is a row of the report; ``all`` pools the words, ``macro`` is the
mean over the sets, which is what Uzan et al. 2024 report. Intervals resample the words.
"""

from __future__ import annotations

import hashlib
from abc import abstractmethod
from dataclasses import dataclass, replace
from itertools import pairwise
from statistics import fmean
from typing import TYPE_CHECKING, ClassVar, Self

import numpy as np

from tokbench.errors import MetricError
from tokbench.frame import ALL, MACRO
from tokbench.lexicon import NORMAL_FORMS, gold_sets
from tokbench.measurement import About, Cell, Undefined, Value, VocabMetric, divide, ratio
from tokbench.metrics.gold_words import check_space, token_table, word_scores
from tokbench.plugin import register

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import NDArray

    from tokbench.lexicon import GoldSet
    from tokbench.measurement import MeasuredTokenizer
    from tokbench.metrics.gold_words import WordScores

    Floats = NDArray[np.float64]

NO_GOLD = "no gold segmentation: pass gold=FILE or gold=FOLDER; tokbench ships none"
EACH = "each"
"""The split that stands for every split of the data, one metric for each."""

_CHOICES = {
    "single": ("include", "exclude"),
    "weight": ("words", "frequency"),
    "morphemes": ("any", "in_vocabulary"),
    "mean": ("micro", "macro"),
    "normalize": NORMAL_FORMS,
}
"""What some parameters may be: `single`: words that stay whole take part or not; `weight`: every word once, or as often
as the gold set says; `morphemes`: all words, or those whose morphemes are all tokens (Uzan et al.); `mean`: counts
pooled over words, or mean over words."""

SHARED_PITFALLS = (
    "Depends on the space before the word (space=bare or prefixed), on whether words kept whole take part "
    "(single=) and on the gold data, mostly machine-made. Words whose morphemes do not spell them are left "
    "out: gold_words counts them. An unknown token that swallows a word looks like a word kept whole."
)


@dataclass(frozen=True)
class OfGold(VocabMetric):
    """A metric of gold words.

    Args:
        gold: a file, a folder of files, or a ``.toml`` list of gold sets; see `tokbench.lexicon.gold_sets`.
        form: the files' form; ``auto`` tells it from the first line.
        columns: for tables, ``word=COLUMN;parts=COLUMN``.
        normalize: normal form that the words are brought to before encoding.
        space: ``bare`` or ``prefixed`` with one space.
        single: whether words without any cut take part.
        weight: ``words`` or ``frequency``.
        morphemes: ``any`` or ``in_vocabulary``.
        split: one split of the data; ``each`` for every one.
    """

    gold: str | None = None
    form: str = "auto"
    columns: str | None = None
    normalize: str = "keep"
    space: str = "bare"
    single: str = "include"
    weight: str = "words"
    morphemes: str = "any"
    split: str | None = None
    in_all: ClassVar[bool] = False

    def __post_init__(self) -> None:
        check_space(self.about.name, self.space)
        check_choices(self, _CHOICES)

    def sets(self) -> tuple[GoldSet, ...]:
        """Read the gold sets; each file once, however many metrics ask.

        Raises:
            LexiconError: naming file and line.
            MetricError: when a set has a name that the report uses.
        """
        assert self.gold is not None, "asked for only where there is one"
        found = gold_sets(self.gold, self.form, columns=self.columns, normalize=self.normalize)
        for gold in found:
            if gold.name in (ALL, MACRO):
                message = (
                    f"{self.about.name}: a gold set cannot be called {gold.name!r}: the report uses that name"
                )
                raise MetricError(message)
        return found

    def data(self) -> Mapping[str, str]:
        """Return the fingerprint of the gold sets, for the signature."""
        if self.gold is None:
            return {}
        prints = [gold.fingerprint for gold in self.sets()]
        return {
            "gold": prints[0] if len(prints) == 1 else hashlib.sha256("".join(prints).encode()).hexdigest()
        }

    def expand(self) -> tuple[Self, ...]:
        """Replace ``split=each`` by every split of the data.

        Raises:
            MetricError: when the data have no splits, or not the one that is named.
        """
        if self.gold is None or self.split is None:
            return (self,)
        known = tuple(dict.fromkeys(split for gold in self.sets() for split in gold.splits))
        if self.split != EACH and self.split not in known:
            message = f"{self.about.name}: {self.gold} has no split {self.split!r}; it has {', '.join(known) or 'none'}"
            raise MetricError(message)
        if not known:
            message = f"{self.about.name}: split=each, but {self.gold} has no splits"
            raise MetricError(message)
        return tuple(replace(self, split=split) for split in known) if self.split == EACH else (self,)

    def taking_part(
        self, tokenizer: MeasuredTokenizer, gold: GoldSet, scores: WordScores
    ) -> NDArray[np.bool_]:
        """Return which words take part under these parameters."""
        chosen = np.ones(len(gold), bool)
        if self.single == "exclude":
            chosen &= scores.n_cuts > 0
        if self.split is not None:
            chosen &= np.array([item.split == self.split for item in gold.items], bool)
        if self.morphemes == "in_vocabulary":
            chosen &= morphemes_in_vocabulary(tokenizer, gold)
        return chosen

    def cells(self, tokenizer: MeasuredTokenizer) -> Iterable[Cell]:
        """Return a value for each gold set, one for all words, and the mean over several sets."""
        if self.gold is None:
            yield Cell(ALL, Undefined(NO_GOLD), self.aggregation(), 0)
            return
        values, parts = [], []
        for gold in self.sets():
            scores = word_scores(tokenizer, gold, space=self.space)
            chosen = self.taking_part(tokenizer, gold, scores).astype(np.float64)
            if self.weight == "frequency":
                chosen *= gold.weights
            items = np.stack(self.terms(scores), axis=1).astype(np.float64) * chosen[:, None]
            cell = self._cell(gold.name, items)
            yield cell
            parts.append(items)
            values.append(cell.value)
        yield self._cell(ALL, np.concatenate(parts))
        if len(values) > 1:
            yield mean_over_sets(values)

    def of(self, tokenizer: MeasuredTokenizer) -> Value:
        """Return the value over the words of all sets."""
        return next(cell.value for cell in self.cells(tokenizer) if cell.group == ALL)

    @abstractmethod
    def terms(self, scores: WordScores) -> tuple[Floats, Floats]:
        """Return numerator and denominator of each word; a word whose denominator is 0 takes no part."""

    def otherwise(self) -> str:
        """Return the reason where no word takes part."""
        return "no word of the gold set takes part"

    def aggregation(self) -> str:
        """Return how the value comes from the words."""
        return "ratio_of_sums"

    def _cell(self, name: str, items: Floats) -> Cell:
        above, below = items.sum(axis=0).tolist()
        n = int(np.count_nonzero(items[:, 1]))
        return Cell(name, ratio(above, below, self.otherwise()), self.aggregation(), n, items=items)


@dataclass(frozen=True)
class _Pooled(OfGold):
    """A ratio of counts, pooled over words or averaged over them."""

    mean: str = "micro"

    @abstractmethod
    def counts(self, scores: WordScores) -> tuple[Floats, Floats]:
        """Return the two counts of each word."""

    def terms(self, scores: WordScores) -> tuple[Floats, Floats]:
        """Return the counts, or their ratio and 1 where it is defined."""
        above, below = self.counts(scores)
        if self.mean == "micro":
            return above, below
        ratios = divide(above, below)
        is_defined = ~np.isnan(ratios)
        return np.where(is_defined, ratios, 0.0), is_defined.astype(np.float64)

    def aggregation(self) -> str:
        """Return ratio of sums, or mean of ratios."""
        return "ratio_of_sums" if self.mean == "micro" else "mean_of_ratios"


@register
@dataclass(frozen=True)
class BoundaryPrecision(_Pooled):
    """Share of the token boundaries inside of words that are morpheme boundaries.

    Example:
        >>> BoundaryPrecision(mean="macro").aggregation()
        'mean_of_ratios'
    """

    about: ClassVar[About] = About(
        name="boundary_precision",
        title="boundary precision",
        formula="|M ∩ K| / |K|, K = token boundaries, M = gold morpheme boundaries inside of the word",
        unit="share",
        range="0 … 1; 1 = every cut is between morphemes",
        direction="higher",
        source="Uzan et al. 2024 (tokenizers_intrinsic_benchmark); TokEval before 1.0",
        pitfalls="Undefined for words without a cut, which take no part (TokEval scores them 0). "
        + SHARED_PITFALLS,
        family="morphology",
    )

    def counts(self, scores: WordScores) -> tuple[Floats, Floats]:
        """Cut gold boundaries, cuts."""
        return scores.right.astype(np.float64), scores.n_cuts.astype(np.float64)

    def otherwise(self) -> str:
        """Say that there is no cut."""
        return "no word of the gold set is cut"


@register
@dataclass(frozen=True)
class BoundaryRecall(_Pooled):
    """Share of the morpheme boundaries at which the word is cut."""

    about: ClassVar[About] = About(
        name="boundary_recall",
        title="boundary recall",
        formula="|M ∩ K| / |M|, K = token boundaries, M = gold morpheme boundaries inside of the word",
        unit="share",
        range="0 … 1; 1 = every morpheme boundary is cut",
        direction="higher",
        source="Uzan et al. 2024; TokEval before 1.0; MorphScore v2 over words with mean=macro",
        pitfalls="Cutting every character gives 1: read boundary_precision beside it. Words without a gold "
        "boundary take no part. " + SHARED_PITFALLS,
        family="morphology",
    )

    def counts(self, scores: WordScores) -> tuple[Floats, Floats]:
        """Cut gold boundaries, gold boundaries."""
        return scores.right.astype(np.float64), scores.n_gold.astype(np.float64)

    def otherwise(self) -> str:
        """Say that there is no gold boundary."""
        return "no word of the gold set has a morpheme boundary"


@register
@dataclass(frozen=True)
class BoundaryF1(_Pooled):
    """Harmonic mean of boundary precision and recall."""

    about: ClassVar[About] = About(
        name="boundary_f1",
        title="boundary F1",
        formula="2 |M ∩ K| / (|M| + |K|) = tp / (tp + (fp + fn) / 2)",
        unit="share",
        range="0 … 1; 1 = cut exactly between the morphemes",
        direction="higher",
        source="Uzan et al. 2024; greed_f1 makes all their choices",
        pitfalls="A word with neither cuts nor gold boundaries takes no part; one with either and no match is "
        "0. mean=macro averages the words' F1. " + SHARED_PITFALLS,
        family="morphology",
    )

    def counts(self, scores: WordScores) -> tuple[Floats, Floats]:
        """Twice the cut gold boundaries, cuts and gold boundaries."""
        return (2 * scores.right).astype(np.float64), (scores.n_cuts + scores.n_gold).astype(np.float64)

    def otherwise(self) -> str:
        """Say that there is nothing to compare."""
        return "no word of the gold set has a cut or a morpheme boundary"


@register
@dataclass(frozen=True)
class GreedF1(BoundaryF1):
    """Boundary F1 with the choices of Uzan et al.; the row ``macro`` is the mean over their seven kinds of gold sets.

    Example:
        >>> GreedF1().single, GreedF1().morphemes, GreedF1().space
        ('exclude', 'in_vocabulary', 'prefixed')
    """

    space: str = "prefixed"
    single: str = "exclude"
    morphemes: str = "in_vocabulary"
    about: ClassVar[About] = About(
        name="greed_f1",
        title="morphological alignment of Greed Is All You Need",
        formula="boundary F1 over the words that are cut and whose morphemes are all tokens, encoded after a "
        "space; mean over gold sets in the row macro",
        unit="share",
        range="0 … 1; 1 = cut exactly between the morphemes",
        direction="higher",
        source="Uzan et al. 2024: mean over LADEC, MorphoLex, MorphyNet, DagoBERT, UniMorph, UnBlend and "
        "CompoundPiece; list the files in a .toml. Their suite adds cognitive_plausibility(sign=absolute), "
        "renyi_efficiency (alpha=2.5) and fertility",
        pitfalls="Each vocabulary is judged on other words: those whose morphemes it has. Their program adds "
        "the space to the gold even where the tokenizer adds none, and is then off by one; here positions "
        "are in the word. " + SHARED_PITFALLS,
        family="morphology",
    )


@register
@dataclass(frozen=True)
class MorphemePreservation(_Pooled):
    """Share of the gold morphemes that are exactly one token."""

    about: ClassVar[About] = About(
        name="morpheme_preservation",
        title="morpheme preservation",
        formula="morphemes whose bytes are exactly one token / morphemes",
        unit="share",
        range="0 … 1",
        direction="higher",
        source="TokEval before 1.0 (there by string, here by place in the word)",
        pitfalls="A word of one morpheme counts when it is kept whole. " + SHARED_PITFALLS,
        family="morphology",
    )

    def counts(self, scores: WordScores) -> tuple[Floats, Floats]:
        """Kept morphemes, morphemes."""
        return scores.kept.astype(np.float64), (scores.n_gold + 1).astype(np.float64)


@register
@dataclass(frozen=True)
class OverSegmentation(_Pooled):
    """Tokens that a word has beyond its morphemes, per morpheme."""

    about: ClassVar[About] = About(
        name="over_segmentation",
        title="over-segmentation",
        formula="max(0, tokens - morphemes) / morphemes",
        unit="ratio",
        range="0 … ∞; 0 = no word has more tokens than morphemes",
        direction="lower",
        source="TokEval before 1.0",
        pitfalls="Blind to where the cuts are, and to words with too few. " + SHARED_PITFALLS,
        family="morphology",
    )

    def counts(self, scores: WordScores) -> tuple[Floats, Floats]:
        """Surplus tokens, morphemes."""
        surplus = np.maximum(0, scores.n_cuts - scores.n_gold)
        return surplus.astype(np.float64), (scores.n_gold + 1).astype(np.float64)


PARTS = ("words", "without_boundary", "kept_whole", "with_unknown", "unaligned", "unsegmented", "not_nfc")


@register
@dataclass(frozen=True)
class GoldWords(OfGold):
    """How many words a gold set has, and why some cannot be scored."""

    part: str | None = None
    about: ClassVar[About] = About(
        name="gold_words",
        title="words of the gold set",
        formula="number of words: all that can be scored; of these without a morpheme boundary, kept whole, "
        "with an unknown token; besides, whose morphemes do not spell them, without a segmentation; and "
        "not in NFC",
        unit="words",
        range="0 … ∞",
        direction="neither",
        source="what the metrics of the family leave out",
        pitfalls="words excludes unaligned and unsegmented. not_nfc words are in another normal form than "
        "nearly all text: pass normalize=nfc to all metrics of the family.",
        family="morphology",
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.part is not None and self.part not in PARTS:
            message = f"gold_words: part={self.part!r}; known: {', '.join(PARTS)}"
            raise MetricError(message)

    def expand(self) -> tuple[Self, ...]:
        """Return one metric for each part where none is named."""
        split = super().expand()
        return split if self.part else tuple(replace(one, part=part) for one in split for part in PARTS)

    def cells(self, tokenizer: MeasuredTokenizer) -> Iterable[Cell]:
        """Return a count for each gold set and the sum over all."""
        if self.gold is None:
            yield Cell(ALL, Undefined(NO_GOLD), "sum", 0)
            return
        assert self.part is not None, "expanded by evaluate"
        total = n_words = 0
        for gold in self.sets():
            scores = word_scores(tokenizer, gold, space=self.space)
            chosen = self.taking_part(tokenizer, gold, scores)
            counts = {
                "words": chosen.sum(),
                "without_boundary": (chosen & (scores.n_gold == 0)).sum(),
                "kept_whole": (chosen & (scores.n_cuts == 0)).sum(),
                "with_unknown": (chosen & scores.cut.unknown).sum(),
                "unaligned": len(gold.unaligned),
                "unsegmented": len(gold.unsegmented),
                "not_nfc": gold.not_nfc,
            }
            n = len(gold) + len(gold.unaligned) + len(gold.unsegmented)
            yield Cell(gold.name, float(counts[self.part]), "sum", n)
            total, n_words = total + int(counts[self.part]), n_words + n
        yield Cell(ALL, float(total), "sum", n_words)

    def terms(self, scores: WordScores) -> tuple[Floats, Floats]:
        """Count each word once."""
        ones = np.ones(len(scores.n_gold))
        return ones, ones


def mean_over_sets(values: Iterable[Value]) -> Cell:
    """Return the mean over the gold sets that have a value."""
    found = [value for value in values if not isinstance(value, Undefined)]
    mean: Value = fmean(found) if found else Undefined("no gold set has a value")
    return Cell(MACRO, mean, "macro_gold_sets", len(found))


def check_choices(metric: VocabMetric, choices: Mapping[str, tuple[str, ...]]) -> None:
    """Refuse values of parameters that are not among their choices.

    Raises:
        MetricError: naming the parameter and the choices.
    """
    for name, known in choices.items():
        value = getattr(metric, name, known[0])
        if value not in known:
            message = f"{metric.about.name}: {name}={value!r}; known: {', '.join(known)}"
            raise MetricError(message)


def morphemes_in_vocabulary(tokenizer: MeasuredTokenizer, gold: GoldSet) -> NDArray[np.bool_]:
    """Return which words have only morphemes that are tokens; the first may begin with a space.

    Source: Uzan et al. 2024 compare such words only, so that the vocabulary is not to blame.
    """
    known = frozenset(token_table(tokenizer))
    data, cuts = gold.data.tobytes(), gold.cuts.tolist()
    offsets, rows = gold.offsets.tolist(), gold.rows.tolist()
    result = np.zeros(len(gold), bool)
    for word in range(len(gold)):
        text = data[offsets[word] : offsets[word + 1]]
        edges = [0, *cuts[rows[word] : rows[word + 1]], len(text)]
        parts = [text[begin:end] for begin, end in pairwise(edges)]
        result[word] = (parts[0] in known or b" " + parts[0] in known) and all(
            part in known for part in parts[1:]
        )
    return result
