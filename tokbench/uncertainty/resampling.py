r"""Resampling of documents: the same resamples for all tokenizers and, on parallel text, for all languages.

Documents (lines of a parallel corpus) are the clusters: tokens inside of one are not independent. A resample draws
as many documents as there are, with replacement; a statistic of documents then has the total Σ_d w_d x_d, w the number
of times that each was drawn. All resamples of all statistics are one matrix product, exact because whole numbers below
2^53 add up exactly in floating point, and so equal for every number of threads.

A *column* is one weighting of the documents. Column 0 is the text itself, columns 1 … R are the resamples, and the
columns after them leave out one document each (the jackknife that BCa's acceleration needs), or one group of documents
where there are more than `LEFT_OUT`: document d belongs to group d mod `LEFT_OUT`. Whatever is computed of totals is
computed column by column: values, means over groups, Gini, differences between tokenizers.

Source: Efron & Tibshirani 1993, An Introduction to the Bootstrap, chapters 6, 10, 14.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from tokbench.compiled import kernel
from tokbench.errors import ParameterError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

Method = Literal["bca", "percentile"]
Correction = Literal["auto", "holm", "benjamini_hochberg", "none"]
LEFT_OUT = 2000
"""At most so many columns leave something out."""
CHUNK_BYTES = 64 << 20
FEW = 20
"""Up to so many comparisons ``auto`` corrects by Holm, beyond by Benjamini–Hochberg."""


@dataclass(frozen=True)
class Intervals:
    """How intervals are made.

    Attributes:
        replicates: resamples of the documents, R.
        seed: every draw depends on it and on nothing else that is random.
        level: share of resampled worlds that an interval covers.
        method: ``bca`` (bias-corrected and accelerated) or ``percentile``.
        correction: of p-values over all comparisons of one metric: ``holm``, ``benjamini_hochberg``, ``none``, or
            ``auto``: Holm for up to 20 comparisons, else Benjamini–Hochberg.
        blocks: groups of documents that the jackknife of metrics of types and n-grams leaves out in turn.

    Raises:
        ParameterError: for numbers out of range or an unknown method.
    """

    replicates: int = 2000
    seed: int = 0
    level: float = 0.95
    method: Method = "bca"
    correction: Correction = "auto"
    blocks: int = 20

    def __post_init__(self) -> None:
        if self.replicates < 2 or not 0 <= self.seed < 2**64 or not 0 < self.level < 1 or self.blocks < 2:
            message = (
                f"{self}: at least 2 replicates and 2 blocks, a seed from 0 to 2^64 - 1 and a level "
                f"between 0 and 1 are needed"
            )
            raise ParameterError(message)
        if self.method not in ("bca", "percentile"):
            message = f"method: {self.method!r}; known: bca, percentile"
            raise ParameterError(message)
        if self.correction not in ("auto", "holm", "benjamini_hochberg", "none"):
            message = f"correction: {self.correction!r}; known: auto, holm, benjamini_hochberg, none"
            raise ParameterError(message)

    @property
    def signature(self) -> str:
        """What a row says about its interval."""
        return f"bootstrap:{self.method},R={self.replicates},seed={self.seed},level={self.level:g}"

    @property
    def jackknife_signature(self) -> str:
        """What a row says about an interval of types or n-grams."""
        return f"jackknife:blocks={self.blocks},level={self.level:g}"


@kernel("void(float64[:, ::1], uint64, int64)")
def draw_counts(counts: Floats, key: int, first: int) -> None:
    """Count how often each document is drawn: row r of `counts` becomes resample ``first + r`` of the stream `key`.

    SplitMix64 from the state key + (first + r)·0xD1342543DE82EF95; a draw is the high word times n over 2^32, whose
    bias is below n / 2^32.
    """
    n = counts.shape[1]
    for row in range(counts.shape[0]):
        state = key + np.uint64(first + row) * np.uint64(0xD1342543DE82EF95)
        counts[row, :] = 0
        for _ in range(n):
            state += np.uint64(0x9E3779B97F4A7C15)
            z = state
            z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
            z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
            z = z ^ (z >> np.uint64(31))
            counts[row, np.int64(((z >> np.uint64(32)) * np.uint64(n)) >> np.uint64(32))] += 1


def stream(seed: int, stratum: str) -> int:
    """Return the key of the draws for a stratum: a language by its name, "" for the lines of parallel text."""
    digest = hashlib.blake2b(f"{seed}\0{stratum}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little")


class Draws:
    """The resamples of `n` documents."""

    def __init__(self, n: int, *, settings: Intervals, stratum: str = "") -> None:
        self.n = n
        self.replicates = settings.replicates
        self.n_left_out = min(n, LEFT_OUT)
        self._key = stream(settings.seed, stratum)
        self._kept: list[tuple[int, Floats]] | None = None

    def _chunks(self) -> Iterator[tuple[int, Floats]]:
        if self._kept is not None:
            yield from self._kept
            return
        rows = max(1, min(self.replicates, CHUNK_BYTES // (8 * max(self.n, 1))))
        made = []
        for first in range(1, self.replicates + 1, rows):
            counts = np.empty((min(rows, self.replicates + 1 - first), self.n))
            draw_counts(counts, np.uint64(self._key), first)  # type: ignore[arg-type]  # numba wants the type
            made.append((first, counts))
            yield first, counts
            if rows < self.replicates:
                made.clear()
        if rows >= self.replicates:
            self._kept = made

    def columns(self, values: Floats) -> Floats:
        """Return the totals of every column of `values` (n, k) under every weighting: ``(k, 1 + R + left out)``.

        Values must be whole numbers, or the order in which the threads add them would show.
        """
        result = np.empty((values.shape[1], 1 + self.replicates + self.n_left_out))
        result[:, 0] = values.sum(axis=0)
        for first, counts in self._chunks():
            result[:, first : first + len(counts)] = (counts @ values).T
        self._leave_out(values, result)
        return result

    def columns_of_reals(self, values: Floats) -> Floats:
        """Return the same for real numbers, added in one fixed order."""
        result = np.empty((values.shape[1], 1 + self.replicates + self.n_left_out))
        result[:, 0] = np.add.reduce(values, axis=0)
        for first, counts in self._chunks():
            result[:, first : first + len(counts)] = np.einsum("rn,nk->kr", counts, values)
        self._leave_out(values, result)
        return result

    def _leave_out(self, values: Floats, result: Floats) -> None:
        if not self.n_left_out:
            return
        whole = -(-self.n // self.n_left_out) * self.n_left_out
        padded = np.zeros((whole, values.shape[1]))
        padded[: self.n] = values
        groups = padded.reshape(-1, self.n_left_out, values.shape[1]).sum(axis=0)
        result[:, 1 + self.replicates :] = result[:, :1] - groups.T
