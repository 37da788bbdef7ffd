"""MorphScore, versions 1 and 2, as defined and as published.

Source: Arnett & Bergen 2024 (v1, 22 languages), Arnett et al. 2025 (v2, arXiv 2507.06378). ``v1_literal`` repeats the
published program, which decodes ids one at a time: every character that a byte-level vocabulary splits becomes U+FFFD
and can never match, hence its 0.0000 for GPT-2 on Korean. It is offered to compare with published numbers; ``v1``, the
same definition on byte offsets, is what it means to measure.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar, Self

import numpy as np

from tokbench.encoding import flatten
from tokbench.errors import MetricError
from tokbench.frame import ALL
from tokbench.measurement import About, Cell, TextBatch, Undefined, Value
from tokbench.metrics.gold_words import token_table, word_scores
from tokbench.metrics.morphology import NO_GOLD, OfGold, check_choices, mean_over_sets
from tokbench.plugin import register

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from tokbench.lexicon import GoldSet
    from tokbench.measurement import MeasuredTokenizer
    from tokbench.metrics.gold_words import WordScores

    Floats = NDArray[np.float64]

V2_PARTS = ("recall", "precision", "micro_f1", "macro_f1")
_CHOICES = {
    "version": ("v1", "v1_literal", "v2"),
    "end": ("exclude", "include"),
    "single": ("exclude", "include"),
}
PANDAS_NULL = frozenset(
    {
        "",
        "#N/A",
        "#N/A N/A",
        "#NA",
        "-1.#IND",
        "-1.#QNAN",
        "-NaN",
        "-nan",
        "1.#IND",
        "1.#QNAN",
        "<NA>",
        "N/A",
        "NA",
    }
    | {"NULL", "NaN", "None", "n/a", "nan", "null"}
)
"""What ``pandas.read_csv`` takes for a missing value: such a morpheme can never match in the published program."""


@register
@dataclass(frozen=True)
class MorphScore(OfGold):
    """How often a word is cut at its gold boundary.

    Args:
        version: ``v1``, ``v1_literal`` or ``v2``.
        part: of v2: ``recall``, ``precision``, ``micro_f1`` or ``macro_f1``; all four where none is named.
        end: whether v2's precision counts the end of the word as a cut, as the published program does.
    """

    single: str = "exclude"
    version: str = "v1"
    part: str | None = None
    end: str = "exclude"
    about: ClassVar[About] = About(
        name="morphscore",
        title="MorphScore",
        formula="v1: words of one gold boundary, share cut there. v2: recall = mean over words of |M ∩ K| / "
        "|M|, precision = mean of |M ∩ K| / |K|, micro_f1 and macro_f1 over morphemes that are exactly one "
        "token",
        unit="share",
        range="0 … 1; 1 = every gold boundary is cut",
        direction="higher",
        source="Arnett & Bergen 2024 (v1); Arnett et al. 2025 (v2; its program as others quote it)",
        pitfalls="Cutting every character gives recall 1. Words kept whole take no part (single=exclude; "
        "include counts them 1 in v2, 0 in v1). Published v1 numbers are version=v1_literal: GPT-2 scores "
        "0.0000 in Korean and 0.0230 in Japanese because ids are decoded one at a time, o200k_base 0.8948 "
        "and 0.9290; it also keeps BOS/EOS tokens and Turkish items without a second part. v2 weights "
        "words by frequency on request (weight=frequency, its freq_scale), reports splits (split=each, its "
        "by_split), and its program divides precision by all tokens (end=include). Alignment explains "
        "little of a model's quality (v2 paper); Poelman et al. dispute v1.",
        family="morphology",
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        check_choices(self, _CHOICES)
        if self.version != "v2" and (self.part is not None or self.end != "exclude"):
            message = f"morphscore: part and end belong to version=v2, not {self.version}"
            raise MetricError(message)
        if self.part is not None and self.part not in V2_PARTS:
            message = f"morphscore: part={self.part!r}; known: {', '.join(V2_PARTS)}"
            raise MetricError(message)
        if self.version == "v1_literal" and (self.space != "bare" or self.single != "exclude" or self.split):
            message = "morphscore: version=v1_literal encodes bare words and leaves out single tokens; it has no splits"
            raise MetricError(message)

    def expand(self) -> tuple[Self, ...]:
        """Return the four parts of v2 where none is named."""
        split = super().expand()
        if self.version != "v2" or self.part is not None:
            return split
        return tuple(replace(one, part=part) for one in split for part in V2_PARTS)

    def cells(self, tokenizer: MeasuredTokenizer) -> Iterable[Cell]:
        """Return a value for each gold set, one for all words, and the mean over several sets."""
        if self.gold is None or self.version == "v1" or self.part in ("recall", "precision", "micro_f1"):
            yield from super().cells(tokenizer)
        elif self.version == "v2":
            yield from self._macro_f1(tokenizer)
        else:
            yield from self._literal(tokenizer)

    def terms(self, scores: WordScores) -> tuple[Floats, Floats]:
        """Return numerator and denominator of each word."""
        right, gold = scores.right.astype(np.float64), scores.n_gold.astype(np.float64)
        if self.version == "v1":
            one = (gold == 1).astype(np.float64)
            return right * one, one
        counted = (gold > 0).astype(np.float64)
        if self.part == "micro_f1":
            return 2.0 * scores.kept * counted, (scores.n_cuts + scores.n_gold + 2.0) * counted
        if self.part == "recall":
            points = right / np.maximum(gold, 1.0)
        else:
            points = right / np.maximum(scores.n_cuts + float(self.end == "include"), 1.0)
        # A word kept whole takes part under single=include only, and then v2 gives it the full point.
        return np.where(scores.n_cuts == 0, 1.0, points) * counted, counted

    def aggregation(self) -> str:
        """Return mean of ratios, or ratio of sums for the pooled F1."""
        return "ratio_of_sums" if self.part == "micro_f1" else "mean_of_ratios"

    def otherwise(self) -> str:
        """Say what words there are none of."""
        return "no word with a gold boundary takes part"

    def _macro_f1(self, tokenizer: MeasuredTokenizer) -> Iterable[Cell]:
        """F1 of the means over words of precision and recall of morphemes; no ratio of sums, so no interval."""
        rows = []
        for gold in self.sets():
            scores = word_scores(tokenizer, gold, space=self.space)
            chosen = self.taking_part(tokenizer, gold, scores) & (scores.n_gold > 0)
            weights = gold.weights if self.weight == "frequency" else np.ones(len(gold))
            parts = (
                scores.kept / np.maximum(scores.cut.pieces, 1),
                scores.kept / (scores.n_gold + 1.0),
                weights,
            )
            rows.append(np.stack([part[chosen] for part in parts], axis=1))
            yield self._harmonic(gold.name, rows[-1])
        values = [self._harmonic("", row).value for row in rows]
        yield self._harmonic(ALL, np.concatenate(rows))
        if len(values) > 1:
            yield mean_over_sets(values)

    def _harmonic(self, name: str, rows: Floats) -> Cell:
        weights = rows[:, 2]
        above, n = weights.sum(), int(np.count_nonzero(weights))
        if not above:
            return Cell(name, Undefined(self.otherwise()), "f1_of_means", n)
        precision, recall = (float(rows[:, place] @ weights / above) for place in (0, 1))
        both = precision + recall
        return Cell(name, 2 * precision * recall / both if both else 0.0, "f1_of_means", n)

    def _literal(self, tokenizer: MeasuredTokenizer) -> Iterable[Cell]:
        values, parts = [], []
        for gold in self.sets():
            items = literal_points(tokenizer, gold)
            parts.append(items)
            cell = self._cell(gold.name, items)
            values.append(cell.value)
            yield cell
        yield self._cell(ALL, np.concatenate(parts))
        if len(values) > 1:
            yield mean_over_sets(values)

    def of(self, tokenizer: MeasuredTokenizer) -> Value:
        """Return the value over the words of all sets."""
        if self.gold is None:
            return Undefined(NO_GOLD)
        return super().of(tokenizer)


def literal_points(tokenizer: MeasuredTokenizer, gold: GoldSet) -> Floats:
    """Return point and 1 for every item, or 0 and 0 where the published program leaves it out.

    Ids are decoded one at a time, invalid bytes become U+FFFD, and a leading space that the tokenizer has put there is
    dropped, as the transformers library decodes. An item without its two parts can never match.
    """
    given = [*gold.items, *gold.unaligned, *gold.unsegmented]
    data, offsets = flatten([item.word for item in given])
    encoded = tokenizer.encode_batch(TextBatch(data, offsets))
    table = token_table(tokenizer)
    decoded: dict[int, str] = {}

    def decode(token: int) -> str:
        if token not in decoded:
            text = table[token].decode(errors="replace")
            decoded[token] = text if tokenizer.lossless else text.removeprefix(" ")
        return decoded[token]

    ids, rows = encoded.ids.tolist(), encoded.offsets.tolist()
    points = np.zeros((len(given), 2))
    for place, item in enumerate(given):
        tokens = [decode(token) for token in ids[rows[place] : rows[place + 1]]]
        if len(tokens) == 1:
            continue
        points[place, 1] = 1.0
        if len(item.parts) == 2 and not PANDAS_NULL.intersection(item.parts):
            first, rest = item.parts
            before, hits = 0, 0
            whole = "".join(tokens)
            if whole == first + rest:
                for token in tokens[:-1]:
                    before += len(token)
                    hits += before == len(first)
            points[place, 0] = float(hits == 1)
    return points
