"""Is one tokenizer different from another: p-values of paired differences, and their correction for many of them.

Both tokenizers have the same resamples, so the difference of a column is a difference on the same text. The two-sided
bootstrap p-value is twice the share of resamples on the other side of 0, with one added above and below so that it is
never 0: p = 2 min(1 + #{d* ≤ 0}, 1 + #{d* ≥ 0}) / (R + 1), at most 1; no p is below 2 / (R + 1). For jackknifed
metrics it is that of t = d / se with one degree of freedom less than there are groups.

Sources: Davison & Hinkley 1997, section 4.2; Holm 1979; Benjamini & Hochberg 1995.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tokbench.uncertainty.interval import jackknife_error
from tokbench.uncertainty.resampling import FEW

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from tokbench.uncertainty.resampling import Correction, Intervals

    Floats = NDArray[np.float64]


def bootstrap_p(differences: Floats, settings: Intervals) -> Floats:
    """Return two-sided p-values for rows of columns; NaN where a resample has no difference."""
    drawn = differences[:, 1 : 1 + settings.replicates]
    below = 1 + (drawn <= 0).sum(axis=1)
    above = 1 + (drawn >= 0).sum(axis=1)
    p = np.minimum(1.0, 2 * np.minimum(below, above) / (settings.replicates + 1))
    return np.where(np.isfinite(drawn).all(axis=1), p, np.nan)


def jackknife_p(differences: Floats) -> Floats:
    """Return two-sided p-values of t = d / se; 1 where no group makes a difference."""
    from scipy.special import stdtr

    error = jackknife_error(differences)
    with np.errstate(divide="ignore", invalid="ignore"):
        t = np.abs(differences[:, 0]) / error
    p = 2 * stdtr(differences.shape[1] - 2, -t)
    same = (error == 0) & (differences[:, 0] == 0)
    return np.where(same, 1.0, p)


def holm(p: Sequence[float]) -> list[float]:
    """Return Holm's adjusted p-values: the chance of any false claim stays below the level.

    Example:
        >>> holm([0.01, 0.04, 0.03])
        [0.03, 0.06, 0.06]
    """
    order = np.argsort(p, kind="stable")
    factors = len(p) - np.arange(len(p))
    adjusted = np.minimum(1, np.maximum.accumulate(np.asarray(p)[order] * factors))
    return _unsorted(adjusted, order)


def benjamini_hochberg(p: Sequence[float]) -> list[float]:
    """Return Benjamini–Hochberg adjusted p-values: the expected share of false claims stays below the level.

    Example:
        >>> benjamini_hochberg([0.01, 0.04, 0.03])
        [0.03, 0.04, 0.04]
    """
    order = np.argsort(p, kind="stable")
    factors = len(p) / (1 + np.arange(len(p)))
    adjusted = np.minimum.accumulate((np.asarray(p)[order] * factors)[::-1])[::-1]
    return _unsorted(np.minimum(1, adjusted), order)


def adjust(p: Sequence[float], correction: Correction) -> list[float]:
    """Correct the p-values of one family of comparisons."""
    if correction == "none":
        return list(p)
    if correction == "holm" or (correction == "auto" and len(p) <= FEW):
        return holm(p)
    return benjamini_hochberg(p)


def _unsorted(adjusted: Floats, order: NDArray[np.intp]) -> list[float]:
    result = np.empty(len(order))
    result[order] = adjusted
    return [float(value) for value in result]
