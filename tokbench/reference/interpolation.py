"""Interpolation between the nearest shared tokens as its definition reads.

The twin of `tokbench.transplant.methods.interpolation` and of `tokbench.transplant.landmarks.nearest`.

Distances are computed number by number; fitted weights come from their conditions in exact fractions, so that they are
defined only where the neighbours are independent.
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    Row = Sequence[float]


def neighbours(target: Row, anchors: Sequence[Row], *, k: int, metric: str) -> list[tuple[int, float]]:
    """Return the k nearest anchors with distance or cosine, ties to the smaller index.

    Example:
        >>> neighbours([1, 0], [[0, 1], [2, 0], [1, 1]], k=2, metric="euclid")
        [(1, 1.0), (2, 1.0)]
    """
    if metric == "euclid":
        found = [(i, math.dist(target, row)) for i, row in enumerate(anchors)]
        return sorted(found, key=lambda each: (each[1], each[0]))[:k]
    own = math.hypot(*target)
    found = [
        (i, sum(a * b for a, b in zip(target, row, strict=True)) / own / math.hypot(*row))
        for i, row in enumerate(anchors)
        if own and any(row)
    ]
    return sorted(found, key=lambda each: (-each[1], each[0]))[:k]


def weigh(
    target: Row, near: Sequence[tuple[int, float]], anchors: Sequence[Row], *, metric: str, weights: str
) -> list[float]:
    """Return the weight of each neighbour.

    Example:
        >>> weigh([1, 0], [(0, 1.0), (1, 3.0)], [[0, 0], [4, 0]], metric="euclid", weights="barycentric")
        [0.75, 0.25]
    """
    if weights == "distance_proportional":
        raw = [value if metric == "cosine" else 1 / max(value, 1e-6) for _, value in near]
        return [each / sum(raw) for each in raw]
    rows = [[Fraction(value) for value in anchors[i]] for i, _ in near]
    goal = [Fraction(value) for value in target]
    products = [[_dot(a, b) for b in rows] for a in rows]
    right = [_dot(a, goal) for a in rows]
    if weights == "barycentric":
        products = [[*row, Fraction(1)] for row in products] + [[Fraction(1)] * len(rows) + [Fraction(0)]]
        right = [*right, Fraction(1)]
    return [float(each) for each in _solve(products, right)[: len(rows)]]


def _dot(a: Sequence[Fraction], b: Sequence[Fraction]) -> Fraction:
    return sum((x * y for x, y in zip(a, b, strict=True)), Fraction(0))


def _solve(system: list[list[Fraction]], right: list[Fraction]) -> list[Fraction]:
    """Gauss and Jordan; the system must have one solution."""
    rows = [[*row, value] for row, value in zip(system, right, strict=True)]
    for column in range(len(rows)):
        pivot = next(i for i in range(column, len(rows)) if rows[i][column])
        rows[column], rows[pivot] = rows[pivot], rows[column]
        rows[column] = [value / rows[column][column] for value in rows[column]]
        for i, row in enumerate(rows):
            if i != column:
                rows[i] = [a - row[column] * b for a, b in zip(row, rows[column], strict=True)]
    return [row[-1] for row in rows]
