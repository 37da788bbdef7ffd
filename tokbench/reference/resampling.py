"""Slow twins of the resampling of documents: draws one by one, totals and values of each resample by themselves."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import TYPE_CHECKING

from tokbench.reference.random import MASK, Random

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


def draw_counts(n: int, key: int, resample: int) -> list[int]:
    """Return how often each of `n` documents is drawn in one resample of a stream."""
    random = Random(key + resample * 0xD1342543DE82EF95 & MASK)
    counts = [0] * n
    for _ in range(n):
        counts[(random.next() >> 32) * n >> 32] += 1
    return counts


def left_out(values: Sequence[int], groups: int) -> list[int]:
    """Return the total without each group; document d belongs to group d mod `groups`."""
    return [sum(value for at, value in enumerate(values) if at % groups != group) for group in range(groups)]


def acceleration(left: Sequence[float]) -> float:
    """Return BCa's a = Σ u³ / (6 (Σ u²)^1.5), u = mean - value with one left out, exact up to the root."""
    exact = [Fraction(value) for value in left]
    mean = sum(exact) / len(exact)
    influence = [mean - value for value in exact]
    squares = math.sqrt(sum(u**2 for u in influence))
    return float(sum(u**3 for u in influence)) / (6 * squares**3)


def quantile(values: Sequence[float], share: float) -> float:
    """Return the quantile, linear between neighbours."""
    ordered = sorted(values)
    at = share * (len(ordered) - 1)
    left = math.floor(at)
    right = min(left + 1, len(ordered) - 1)
    return ordered[left] + (ordered[right] - ordered[left]) * (at - left)


def jackknife_error(left: Sequence[float]) -> float:
    """Return the standard error of the delete-a-group jackknife."""
    groups, mean = len(left), math.fsum(left) / len(left)
    return math.sqrt((groups - 1) / groups * math.fsum((value - mean) ** 2 for value in left))


def bootstrap_p(resampled: Sequence[float]) -> float:
    """Return the two-sided p-value of a difference from its resamples."""
    below = 1 + sum(value <= 0 for value in resampled)
    above = 1 + sum(value >= 0 for value in resampled)
    return min(1.0, 2 * min(below, above) / (len(resampled) + 1))


def holm(p: Sequence[float]) -> list[float]:
    """Return Holm's adjusted p-values by their definition."""

    def adjusted(one: int) -> float:
        smaller = [k for k in range(len(p)) if (p[k], k) <= (p[one], one)]
        return min(
            1.0,
            max((len(p) - rank) * p[k] for rank, k in enumerate(sorted(smaller, key=lambda k: (p[k], k)))),
        )

    return [adjusted(one) for one in range(len(p))]


SCALES: dict[str, tuple[Callable[[float], float], Callable[[float], float]]] = {
    "logit": (lambda share: math.log(share / (1 - share)), lambda odds: 1 / (1 + math.exp(-odds))),
    "fisher": (math.atanh, math.tanh),
    "log": (math.log, math.exp),
}
"""Scales without ends, and the way back."""
