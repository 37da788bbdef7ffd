"""Cognitive plausibility: is a string that people find easy also easy for the tokenizer?

Source: Beinborn & Pinter 2023 (2023.emnlp-main.272). Chunkability of a string is 1 - tokens / characters. People are
expected to be faster and more accurate on words of high chunkability, and slower and less accurate on such non-words,
which look like words. Correlations are given that expectation's sign: positive is plausible. The published score takes
absolute values, so that a correlation of the wrong sign counts like a right one; ``sign=absolute`` repeats it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar, Self

import numpy as np

from tokbench.encoding import flatten
from tokbench.errors import MetricError
from tokbench.frame import ALL
from tokbench.lexicon import read_decisions
from tokbench.measurement import About, Cell, Undefined, Value, VocabMetric
from tokbench.metrics.gold_words import check_space, cut_words, memory
from tokbench.metrics.morphology import check_choices
from tokbench.plugin import register

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import NDArray

    from tokbench.lexicon import DecisionTable
    from tokbench.measurement import MeasuredTokenizer

    Floats = NDArray[np.float64]

NO_DECISIONS = "no lexical-decision table: pass decisions=FILE; tokbench ships none"
EXPECTED = {"words_rt": -1, "words_accuracy": 1, "nonwords_rt": 1, "nonwords_accuracy": -1}
"""Correlations with chunkability and the signs that Beinborn & Pinter expect."""
MEAN = "mean"
PARTS = (*EXPECTED, MEAN)
LEAST = 4
"""Fewer stimuli have no interval by Fisher's z, whose standard error is 1 / √(n - 3)."""
QUANTILE = 1.959963984540054
"""Of the normal distribution, for 95 %."""

_CHOICES = {"sign": ("expected", "absolute")}


@dataclass(frozen=True)
class _OfDecisions(VocabMetric):
    """The parameters of the family.

    Args:
        decisions: the table.
        columns: names of its columns, and which rows to keep; see `tokbench.lexicon.read_decisions`.
        space: ``bare`` or ``prefixed`` with one space, which is not counted.
    """

    decisions: str | None = None
    columns: str | None = None
    space: str = "bare"
    in_all: ClassVar[bool] = False

    def __post_init__(self) -> None:
        check_space(self.about.name, self.space)

    def table(self) -> DecisionTable:
        """Read the table; once."""
        assert self.decisions is not None, "asked for only where there is one"
        return read_decisions(self.decisions, columns=self.columns)

    def data(self) -> Mapping[str, str]:
        """Name the table by its fingerprint, for the signature."""
        return {} if self.decisions is None else {"decisions": self.table().fingerprint}

    def chunkability(self, tokenizer: MeasuredTokenizer) -> Floats:
        """Return 1 - tokens / characters of each stimulus, computed once for each tokenizer and table."""
        table = self.table()
        kept = memory(tokenizer)
        key = ("chunkability", table.fingerprint, self.space)
        if key not in kept:
            cut = cut_words(tokenizer, *flatten(table.words), space=self.space)
            kept[key] = 1.0 - cut.pieces / np.array([len(word) for word in table.words], np.float64)
        found: Floats = kept[key]
        return found


@register
@dataclass(frozen=True)
class Chunkability(_OfDecisions):
    """How little a string is split, 1 - tokens / characters, on average over words and over non-words."""

    about: ClassVar[About] = About(
        name="chunkability",
        title="chunkability",
        formula="mean over stimuli of 1 - tokens / characters",
        unit="share",
        range="0 … 1; 0 = every character is a token",
        direction="neither",
        source="Beinborn & Pinter 2023",
        pitfalls="Longer strings can reach more. Below 0 where a character is several tokens. Groups: words, "
        "nonwords.",
        family="cognition",
    )

    def cells(self, tokenizer: MeasuredTokenizer) -> Iterable[Cell]:
        """Return a value for words, one for non-words and one for all stimuli."""
        if self.decisions is None:
            yield Cell(ALL, Undefined(NO_DECISIONS), "mean_of_ratios", 0)
            return
        values, is_word = self.chunkability(tokenizer), self.table().is_word
        for name, chosen in (("words", is_word), ("nonwords", ~is_word), (ALL, np.ones(len(values), bool))):
            n = int(chosen.sum())
            value: Value = float(values[chosen].mean()) if n else Undefined(f"the table has no {name}")
            items = np.stack([values * chosen, chosen.astype(np.float64)], axis=1)
            yield Cell(name, value, "mean_of_ratios", n, items=items)

    def of(self, tokenizer: MeasuredTokenizer) -> Value:
        """Return the mean over all stimuli."""
        return next(cell.value for cell in self.cells(tokenizer) if cell.group == ALL)


@dataclass(frozen=True)
class _OfCorrelations(_OfDecisions):
    """One of the four correlations, or their mean.

    Args:
        part: ``words_rt``, ``words_accuracy``, ``nonwords_rt``, ``nonwords_accuracy``, or ``mean`` of the four; all of
            them where none is named.
        sign: ``expected``: positive is plausible; ``absolute``: the published score.
    """

    part: str | None = None
    sign: str = "expected"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_choices(self, _CHOICES)
        if self.part is not None and self.part not in PARTS:
            message = f"{self.about.name}: part={self.part!r}; known: {', '.join(PARTS)}"
            raise MetricError(message)

    def expand(self) -> tuple[Self, ...]:
        """Return the five parts where none is named."""
        return (self,) if self.part is not None else tuple(replace(self, part=part) for part in PARTS)

    def measured(self, tokenizer: MeasuredTokenizer) -> Measured | tuple[Undefined, int]:
        """Return value, interval and p, or why there are none and how many stimuli there are."""
        if self.decisions is None:
            return Undefined(NO_DECISIONS), 0
        assert self.part is not None, "expanded by evaluate"
        chunks, table = self.chunkability(tokenizer), self.table()
        names = tuple(EXPECTED) if self.part == MEAN else (self.part,)
        found = [correlate(chunks, table, name) for name in names]
        rows = [each for each in found if not isinstance(each, Undefined)]
        n = max((row.n for row in rows), default=0)
        missing = next((each for each in found if isinstance(each, Undefined)), None)
        if missing is not None:
            return missing, n
        signs = [
            EXPECTED[name] if self.sign == "expected" else math.copysign(1, row.r)
            for name, row in zip(names, rows, strict=True)
        ]
        if self.part == MEAN:
            return mean_correlation(rows, signs)
        return Measured(signs[0] * rows[0].r, rows[0].interval(signs[0]), rows[0].p, n)

    def of(self, tokenizer: MeasuredTokenizer) -> Value:
        """Return the value."""
        return next(iter(self.cells(tokenizer))).value

    def aggregation(self) -> str:
        """Return what kind of number it is."""
        return "mean" if self.part == MEAN else "correlation"


@register
@dataclass(frozen=True)
class CognitivePlausibility(_OfCorrelations):
    """Correlation of chunkability with how people judge strings, in the expected direction.

    Example:
        >>> [metric.part for metric in CognitivePlausibility().expand()][-1]
        'mean'
    """

    about: ClassVar[About] = About(
        name="cognitive_plausibility",
        title="cognitive plausibility",
        formula="Pearson r of 1 - tokens / characters with reaction time and accuracy, words and non-words "
        "apart, times -1 where a negative correlation is expected (words_rt, nonwords_accuracy); mean of "
        "the four",
        unit="correlation",
        range="-1 … 1; 0 = no relation; above 0 = plausible",
        direction="higher",
        source="Beinborn & Pinter 2023; Uzan et al. 2024, whose score is sign=absolute",
        pitfalls="Length and frequency of the strings drive chunkability and people alike. The published score "
        "takes absolute values and throws p away: cognitive_p gives it. Intervals: Fisher's z for one "
        "correlation; for the mean from the correlations' influence values, which respects that two of "
        "them share their stimuli. With all tokens single characters, or measures constant, r is undefined.",
        aliases=("cognitive",),
        family="cognition",
    )

    def cells(self, tokenizer: MeasuredTokenizer) -> Iterable[Cell]:
        """Return the correlation with its interval."""
        found = self.measured(tokenizer)
        if isinstance(found, Measured):
            yield Cell(ALL, found.value, self.aggregation(), found.n, interval=found.interval)
        else:
            yield Cell(ALL, found[0], self.aggregation(), found[1])


@register
@dataclass(frozen=True)
class CognitiveP(_OfCorrelations):
    """How often a correlation at least as large would be found where there is none."""

    about: ClassVar[About] = About(
        name="cognitive_p",
        title="p-value of cognitive plausibility",
        formula="two-sided p of r = 0 by Student's t with n - 2 degrees of freedom; of the mean, by its normal "
        "approximation",
        unit="probability",
        range="0 … 1",
        direction="neither",
        source="Beinborn & Pinter 2023 and Uzan et al. 2024 compute it and throw it away",
        pitfalls="With tens of thousands of stimuli every r above 0.01 is significant: read the interval. Five "
        "tests: correct for several.",
        family="cognition",
    )

    def cells(self, tokenizer: MeasuredTokenizer) -> Iterable[Cell]:
        """Return p."""
        found = self.measured(tokenizer)
        if isinstance(found, Measured):
            yield Cell(ALL, found.p, self.aggregation(), found.n)
        else:
            yield Cell(ALL, found[0], self.aggregation(), found[1])


@dataclass(frozen=True)
class Measured:
    """A signed correlation, its 95 % interval, its p-value and the number of its stimuli."""

    value: float
    interval: tuple[float, float] | None
    p: float
    n: int


@dataclass(frozen=True, eq=False)
class Correlation:
    """Pearson's r of some stimuli.

    Attributes:
        r: the correlation.
        p: two-sided p-value of no correlation, by Student's t.
        n: number of stimuli.
        influence: what each stimulus of the table adds to r to first order; 0 for those that take no part.
    """

    r: float
    p: float
    n: int
    influence: Floats

    def interval(self, sign: float) -> tuple[float, float] | None:
        """Return the 95 % interval by Fisher's z, tanh(atanh r ± 1.96 / √(n - 3)); None for fewer than 4."""
        if self.n < LEAST:
            return None
        if abs(self.r) == 1:
            return sign * self.r, sign * self.r
        center, half = math.atanh(sign * self.r), QUANTILE / math.sqrt(self.n - 3)
        return math.tanh(center - half), math.tanh(center + half)


def correlate(chunks: Floats, table: DecisionTable, part: str) -> Correlation | Undefined:
    """Correlate chunkability with one measure over words or non-words; missing measures take no part."""
    kind, measure = part.split("_")
    if measure not in table.measures:
        return Undefined(
            f"{table.path} has no column of {'reaction times' if measure == 'rt' else 'accuracies'}"
        )
    values = table.measures[measure]
    chosen = (table.is_word == (kind == "words")) & ~np.isnan(values)
    n = int(chosen.sum())
    if n < 3:
        return Undefined(f"{n} {kind} with {measure}, at least 3 needed")
    x, y = chunks[chosen], values[chosen]
    sd_x, sd_y = float(x.std()), float(y.std())
    if sd_x <= 1e-12 or sd_y <= 1e-12 * max(1.0, float(np.abs(y).max())):
        which = "chunkability" if sd_x <= 1e-12 else measure
        return Undefined(f"{which} is the same for all {kind}")
    u, v = (x - x.mean()) / sd_x, (y - y.mean()) / sd_y
    r = float(np.clip((u * v).mean(), -1.0, 1.0))
    influence = np.zeros(len(chunks))
    influence[chosen] = (u * v - r * (u * u + v * v) / 2) / n
    return Correlation(r, _p_value(r, n), n, influence)


def mean_correlation(rows: list[Correlation], signs: list[float]) -> Measured:
    """Return the mean of signed correlations; n is that of the correlation with most stimuli.

    To first order the mean is a sum over stimuli of the mean of their influence values, so its variance is the sum of
    their squares, whichever correlations share a stimulus.
    """
    value = sum(sign * row.r for sign, row in zip(signs, rows, strict=True)) / len(rows)
    stacked = np.mean([sign * row.influence for sign, row in zip(signs, rows, strict=True)], axis=0)
    error = float(np.sqrt((stacked**2).sum()))
    half = QUANTILE * error
    p = math.erfc(abs(value) / error / math.sqrt(2)) if error else float(value == 0)
    interval = (max(-1.0, value - half), min(1.0, value + half))
    return Measured(value, interval, p, max(row.n for row in rows))


def _p_value(r: float, n: int) -> float:
    from scipy import stats

    if abs(r) == 1:
        return 0.0
    t = abs(r) * math.sqrt((n - 2) / (1 - r * r))
    return float(2 * stats.t.sf(t, n - 2))
