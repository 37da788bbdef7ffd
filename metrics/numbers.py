"""Numbers: how runs of digits are cut, against groups of three from the right.

Source: sections F1 to F3 of the metric catalogue; Singh and Strouse 2024 (arithmetic gains more than 22 points when
digits are grouped from the right). Run `tokbench eval --corpus probes` for built-in numbers beside your own text.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, ClassVar, cast

import numpy as np

from tokbench.errors import MetricError
from tokbench.measurement import (
    About,
    CorpusMetric,
    EncodedBatch,
    Keyed,
    Kind,
    RatioOfSums,
    Statistic,
    Stats,
    TextBatch,
    Undefined,
    Value,
    count_keys,
)
from tokbench.metrics.alignment import boundaries
from tokbench.metrics.columns import column
from tokbench.metrics.digit_kernels import cut_digits, find_digits
from tokbench.plugin import register

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Ints = NDArray[np.int64]

DIGITS = ("ascii", "unicode")
NO_RUNS = "no runs of digits"
BUCKETS = 10
"""Runs of 1, 2, … 9 digits, and of 10 or more."""


@cache
def zeros_of(digits: str) -> Ints:
    """Return the code points of the digits zero that count: ASCII's, or of all decimal systems of Unicode.

    Example:
        >>> zeros_of("ascii").tolist(), 0x0966 in zeros_of("unicode")
        ([48], True)
    """
    top = 0x80 if digits == "ascii" else 0x20000
    return np.array([code for code in range(top) if unicodedata.decimal(chr(code), None) == 0], np.int64)


def check_digits(metric: str, digits: str) -> None:
    """Refuse an unknown set of digits.

    Raises:
        MetricError: naming the known ones.
    """
    if digits not in DIGITS:
        message = f"{metric}: digits={digits!r}; known: {', '.join(DIGITS)}"
        raise MetricError(message)


def digit_runs(text: TextBatch, digits: str) -> tuple[Ints, Ints, Ints, Ints]:
    """Return starts, ends and numbers of digits of the runs, and the rows of documents, once per text."""
    return text.once(
        ("digits", digits), lambda batch: find_digits(batch.data, batch.offsets, zeros_of(digits))
    )


@dataclass(frozen=True, eq=False)
class CutRuns:
    """The runs of a batch under one tokenizer: numbers of digits, of cuts and of ideal cuts, labels, patterns."""

    rows: Ints
    lengths: Ints
    cuts: Ints
    hits: Ints
    labels: Ints
    patterns: Ints

    def per_document(self, values: NDArray[np.float64] | Ints) -> NDArray[np.float64]:
        """Add up one number per run over each document."""
        sums = np.concatenate([np.zeros(1), np.cumsum(values, dtype=np.float64)])
        return cast("NDArray[np.float64]", np.diff(sums[self.rows]))

    def table(
        self,
        kinds: Ints,
        n_kinds: int,
        taken: NDArray[np.bool_] | None = None,
        *,
        weights: Ints | None = None,
    ) -> Ints:
        """Count the runs of each document by kind, or add their weights up: ``(documents, n_kinds)``."""
        n = len(self.rows) - 1
        document = np.repeat(np.arange(n), np.diff(self.rows))
        cells = (document if taken is None else document[taken]) * n_kinds + kinds
        # Weights become floats on the way, exact below 2^53.
        return np.bincount(cells, weights, n * n_kinds).astype(np.int64).reshape(n, n_kinds)


def cut_runs(batch: EncodedBatch, digits: str) -> CutRuns:
    """Cut the runs of digits by the token boundaries, once however many ask."""

    def cut(encoded: EncodedBatch) -> CutRuns:
        starts, ends, lengths, rows = digit_runs(encoded.text, digits)
        found = boundaries(encoded)
        firsts, counts = found.inside(starts, ends, rows)
        table = cut_digits(encoded.text.data, starts, ends, lengths, found.cuts, firsts, counts)
        return CutRuns(rows, lengths, counts, table[:, 0], table[:, 1], table[:, 2])

    return batch.once(("cut_runs", digits), cut)


SCORES = ("f1", "precision", "recall")


@dataclass(frozen=True)
class PlaceValueScores(Statistic):
    """Sum and number of the runs' F1, precision and recall, per document."""

    digits: str
    columns: ClassVar[int] = 6

    def collect(self, batch: EncodedBatch) -> NDArray[np.float64]:
        """Score each run; up to three digits it is 1 in one token and 0 otherwise."""
        runs = cut_runs(batch, self.digits)
        ideal = (runs.lengths - 1) // 3
        short = runs.lengths <= 3
        one = (runs.cuts == 0).astype(np.float64)
        scores = []
        for above, below in ((2 * runs.hits, runs.cuts + ideal), (runs.hits, runs.cuts), (runs.hits, ideal)):
            known = (below > 0) | short
            long = np.divide(above, below, out=np.zeros(len(above)), where=below > 0)
            scores += [np.where(short, one, long), known.astype(np.float64)]
        return np.stack([runs.per_document(score) for score in scores], axis=1)


@register
@dataclass(frozen=True)
class DigitAlignment(RatioOfSums):
    """How well token boundaries in numbers agree with groups of three digits from the right.

    Example:
        >>> [metric.score for metric in DigitAlignment().expand()]
        ['f1', 'precision', 'recall']
    """

    score: str | None = None
    digits: str = "ascii"
    pooling: ClassVar[str] = "mean_over_runs"
    otherwise: ClassVar[str] = NO_RUNS
    about: ClassVar[About] = About(
        name="digit_alignment",
        title="three-digit place-value alignment",
        formula="mean over runs of L digits of P, R or F1 of the internal cuts against {L-3, L-6, …}; for L ≤ 3: 1 in "
        "one token, else 0",
        unit="score",
        range="0 … 1; 1 = every number is cut in threes from the right",
        direction="higher",
        source="Singh and Strouse 2024; TokEval three-digit alignment. 1234567: 1|234|567 → F1 1, 123|456|7 → 0, "
        "single digits → P 2/6, R 1, F1 0.5",
        pitfalls="Years and codes are numbers too. Precision leaves out longer runs without a cut (their F1 and recall "
        "are 0). digits=unicode also takes ٣ and ३; a cut between the bytes of a digit is never ideal.",
    )

    def __post_init__(self) -> None:
        check_digits(self.about.name, self.digits)
        if self.score is not None and self.score not in SCORES:
            message = f"digit_alignment: score={self.score!r}; known: {', '.join(SCORES)}"
            raise MetricError(message)

    def expand(self) -> tuple[DigitAlignment, ...]:
        """F1, precision and recall."""
        return (self,) if self.score is not None else tuple(replace(self, score=score) for score in SCORES)

    def terms(self) -> tuple[Statistic, Statistic]:
        """Sum of the scores and number of runs."""
        place = 2 * SCORES.index(self.score or "f1")
        scores = PlaceValueScores(self.digits)
        return column(scores, place), column(scores, place + 1)


LABELS = ("right_to_left", "left_to_right", "single_digit", "whole", "irregular")
"""How a run is cut, in the order of the kernel's labels."""
CLEAR = 0.9
"""Share of the runs that must have a label for a tokenizer to have it."""


@dataclass(frozen=True)
class DigitLabels(Statistic):
    """Runs per document by how they are cut."""

    digits: str
    columns: ClassVar[int] = 5

    def collect(self, batch: EncodedBatch) -> Ints:
        """Count each label."""
        runs = cut_runs(batch, self.digits)
        taken = runs.labels < len(LABELS)
        return runs.table(runs.labels[taken], len(LABELS), taken)


@register
@dataclass(frozen=True)
class DigitDirection(RatioOfSums):
    """Share of the numbers that are cut in threes from the right, from the left, digit by digit, not, or otherwise.

    Example:
        >>> [metric.label for metric in DigitDirection().expand()][:2]
        ['right_to_left', 'left_to_right']
    """

    label: str | None = None
    digits: str = "ascii"
    otherwise: ClassVar[str] = "no runs of 4, 5, 7, 8, 10, … digits"
    about: ClassVar[About] = About(
        name="digit_direction",
        title="direction in which numbers are cut",
        formula="runs with this label / runs of L > 3 digits, L no multiple of 3",
        unit="share",
        range="0 … 1; the shares of the labels add up to 1",
        direction="neither",
        source="Singh and Strouse 2024: R2L and L2R; the labels single_digit, whole and irregular are ours",
        pitfalls="Where 3 divides the number of digits both directions are the same cuts: such runs are left out.",
    )

    def __post_init__(self) -> None:
        check_digits(self.about.name, self.digits)
        if self.label is not None and self.label not in LABELS:
            message = f"digit_direction: label={self.label!r}; known: {', '.join(LABELS)}"
            raise MetricError(message)

    def expand(self) -> tuple[DigitDirection, ...]:
        """One share for each label."""
        return (self,) if self.label is not None else tuple(replace(self, label=label) for label in LABELS)

    def terms(self) -> tuple[Statistic, Statistic]:
        """Return runs with the label and runs."""
        labels = DigitLabels(self.digits)
        return column(labels, LABELS.index(self.label or LABELS[0])), column(labels, *range(len(LABELS)))


def direction_label(counts: Ints) -> str:
    """Name how numbers are cut from the counts of `LABELS`: the label of nine runs in ten, else ``mixed``.

    Example:
        >>> direction_label(np.array([0, 95, 0, 5, 0])), direction_label(np.array([1, 1, 0, 0, 0]))
        ('left_to_right', 'mixed')
    """
    total, best = int(counts.sum()), int(counts.argmax())
    if total == 0:
        return "no runs"
    return LABELS[best] if counts[best] >= CLEAR * total else "mixed"


@dataclass(frozen=True)
class DigitPatterns(Statistic):
    """Runs of two digits and more by length and cut pattern."""

    digits: str
    kind: ClassVar[Kind] = "keyed"

    def collect(self, batch: EncodedBatch) -> Keyed:
        """Count (length, pattern); runs of more than 62 digits are left out."""
        runs = cut_runs(batch, self.digits)
        taken = (runs.lengths >= 2) & (runs.patterns >= 0)
        keys = np.stack([runs.lengths[taken], runs.patterns[taken]], axis=1).astype(np.uint64)
        return count_keys(keys)


@register
@dataclass(frozen=True)
class DigitSplitVariability(CorpusMetric):
    """Entropy of the cut patterns among numbers of equal length."""

    length: int | None = None
    digits: str = "ascii"
    pooling: ClassVar[str] = "micro_pooled"
    about: ClassVar[About] = About(
        name="digit_split_variability",
        title="digit split variability",
        formula="Σ_L n_L H(cut pattern | L digits) / Σ_L n_L over lengths L ≥ 2 that occur twice or more",
        unit="bits",
        range="0 … log2 of the runs; 0 = numbers of one length are all cut alike",
        direction="lower",
        source="TokEval digit split variability; 3 runs of one length in 3 patterns → 1.585 bits",
        pitfalls="Plug-in entropy: grows with the sample. length=7 looks at one length only. Runs of more than 62 "
        "digits are left out.",
    )

    def __post_init__(self) -> None:
        check_digits(self.about.name, self.digits)

    def statistics(self) -> tuple[Statistic, ...]:
        """Return the counts by length and pattern."""
        return (DigitPatterns(self.digits),)

    def reduce(self, stats: Stats) -> Value:
        """Weigh the entropies by the runs."""
        table = stats.keyed(DigitPatterns(self.digits))
        if len(table) == 0:
            return Undefined(NO_RUNS)
        lengths, counts = table.keys[:, 0].astype(np.int64), table.counts
        bits = n = 0.0
        for length in np.unique(lengths).tolist():
            of = counts[lengths == length]
            total = int(of.sum())
            if total > 1 and self.length in (None, length):
                shares = of / total
                bits += total * float(-(shares * np.log2(shares)).sum())
                n += total
        return max(bits / n, 0.0) if n else Undefined("no two runs of digits have the same length")


@dataclass(frozen=True)
class DigitTokens(Statistic):
    """Runs, tokens and digits per document for each bucket of lengths: 1 … 9, 10 and more."""

    digits: str
    columns: ClassVar[int] = 3 * BUCKETS

    def collect(self, batch: EncodedBatch) -> Ints:
        """Add up by bucket."""
        runs = cut_runs(batch, self.digits)
        bucket = np.minimum(runs.lengths, BUCKETS) - 1
        added = (None, runs.cuts + 1, runs.lengths)
        return np.concatenate([runs.table(bucket, BUCKETS, weights=each) for each in added], axis=1)


CONSISTENCIES = {"cv": "lower", "spearman": "neither", "slope": "neither", "r2": "higher"}


@register
@dataclass(frozen=True)
class MagnitudeConsistency(CorpusMetric):
    """How regularly the tokens of a number grow with its digits.

    Example:
        >>> [metric.of for metric in MagnitudeConsistency().expand()]
        ['cv', 'spearman', 'slope', 'r2']
    """

    of: str | None = None
    digits: str = "ascii"
    pooling: ClassVar[str] = "over_length_buckets"
    about: ClassVar[About] = About(
        name="magnitude_consistency",
        title="numeric magnitude consistency",
        formula="over buckets of 1, 2, … 9, 10+ digits: cv = sd/mean (ddof 0) of tokens per digit; spearman = rank "
        "correlation of length and tokens per digit; slope and r2 = least squares of tokens per run on digits per run",
        unit="ratio",
        range="cv 0 … ∞ (0 = every length costs the same per digit); spearman -1 … 1; slope tokens/digit; r2 0 … 1",
        direction="neither",
        source="TokEval numeric magnitude consistency; 1, 1, 1, 2, 3 tokens for 1, 2, 3, 4, 7 digits → cv 0.420, "
        "spearman -0.616, slope 0.368, r2 0.897",
        pitfalls="Each bucket that occurs counts once, however many numbers are in it; cv lower and r2 higher are more "
        "regular.",
    )

    def __post_init__(self) -> None:
        check_digits(self.about.name, self.digits)
        if self.of is not None and self.of not in CONSISTENCIES:
            message = f"magnitude_consistency: of={self.of!r}; known: {', '.join(CONSISTENCIES)}"
            raise MetricError(message)

    def unit(self) -> str:
        """Return the unit of the chosen number."""
        units = {"slope": "tokens/digit", "spearman": "correlation", "r2": "share of variance"}
        return units.get(self.of or "", "ratio")

    def expand(self) -> tuple[MagnitudeConsistency, ...]:
        """All four."""
        return (self,) if self.of is not None else tuple(replace(self, of=of) for of in CONSISTENCIES)

    def statistics(self) -> tuple[Statistic, ...]:
        """Return runs, tokens and digits by bucket."""
        return (DigitTokens(self.digits),)

    def reduce(self, stats: Stats) -> Value:
        """Compute over the buckets that occur."""
        runs, tokens, digits = stats.totals(DigitTokens(self.digits)).reshape(3, BUCKETS).astype(np.float64)
        seen = runs > 0
        if not seen.any():
            return Undefined(NO_RUNS)
        cost = tokens[seen] / digits[seen]
        if self.of == "cv":
            return float(cost.std() / cost.mean())
        x, y = digits[seen] / runs[seen], tokens[seen] / runs[seen]
        if len(x) < 3:
            return Undefined(f"numbers of {len(x)} lengths, at least 3 needed")
        if self.of == "spearman":
            return spearman(x, cost)
        slope = float(((x - x.mean()) * (y - y.mean())).sum() / ((x - x.mean()) ** 2).sum())
        if self.of == "slope":
            return slope
        spread = float(((y - y.mean()) ** 2).sum())
        if spread == 0:
            return Undefined("numbers of all lengths have the same number of tokens")
        return slope * float(((x - x.mean()) * (y - y.mean())).sum()) / spread


def spearman(x: NDArray[np.float64], y: NDArray[np.float64], weights: Ints | None = None) -> Value:
    """Return the rank correlation, ties at their mean rank; `weights` says how often each pair occurs.

    Example:
        >>> round(spearman(np.array([1., 2., 3., 4., 7.]), np.array([1, 1/2, 1/3, 1/2, 3/7])), 3)
        -0.616
    """
    counts = np.ones(len(x), np.int64) if weights is None else weights
    ranks = [_mean_ranks(values, counts) for values in (x, y)]
    n = counts.sum()
    a, b = (rank - (rank * counts).sum() / n for rank in ranks)
    spread = float(np.sqrt((a * a * counts).sum() * (b * b * counts).sum()))
    if spread == 0:
        return Undefined("one of the two never varies")
    return float((a * b * counts).sum() / spread)


def _mean_ranks(values: NDArray[np.float64], counts: Ints) -> NDArray[np.float64]:
    different, places = np.unique(values, return_inverse=True)
    of = np.bincount(places, weights=counts, minlength=len(different))
    ends = np.cumsum(of)
    means: NDArray[np.float64] = (ends - of + 1 + ends) / 2
    return means[places]
