"""From the columns of a value to its interval: percentile, BCa, and the delete-a-group jackknife.

Columns are laid out as `tokbench.uncertainty.resampling` says: the value itself, R resamples, then the values with one
document left out.

Types and n-grams have no bootstrap here. A resample repeats documents, so it holds only about 63 % of the different
ones, and fewer types than the text: numbers of types and plug-in entropies fall in every resample, and an interval of
them lies beside the value. The delete-a-group jackknife leaves out one of g groups of documents in turn and needs no
repeated document: θ ± t_{g-1} · se, se² = (g-1)/g Σ_j (θ_(j) - mean θ_(·))². It is right for smooth values such as
entropies; of the number of types itself it says how much one g-th of the documents matters.

θ ± t se does not know that a share lies between 0 and 1. Jackknife intervals are therefore made on a scale without ends
and carried back: the log-odds of shares, Fisher's z of correlations, the logarithm of everything else. A value for
which, or for some group left out, that scale is infinite (0, or a share of 1) has the plain interval, and a value that
no group changes is its own.

Sources: Efron 1987 (BCa), as scipy.stats.bootstrap computes it; Kott 2001, The Delete-a-Group Jackknife; Efron &
Tibshirani 1993, section 12.6 (intervals on a transformed scale).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tokbench.uncertainty.resampling import Intervals

    Floats = NDArray[np.float64]


Scale = Literal["logit", "fisher", "log"]


def bootstrap_bounds(columns: Floats, settings: Intervals) -> tuple[Floats, Floats]:
    """Return low and high ends for values whose columns are rows: ``(m, 1 + R + left out)``.

    NaN where a column is NaN: a value that some resample does not have has no interval. A value that is the same in
    all resamples is its own interval.
    """
    value = columns[:, 0]
    resampled = np.sort(columns[:, 1 : 1 + settings.replicates], axis=1)
    tail = (1 - settings.level) / 2
    tails = np.tile([tail, 1 - tail], (len(columns), 1))
    if settings.method == "bca":
        tails = _accelerated(value, resampled, columns[:, 1 + settings.replicates :], tails)
    constant = (resampled[:, 0] == value) & (resampled[:, -1] == value)
    known = np.isfinite(resampled).all(axis=1) & np.isfinite(tails).all(axis=1) & ~constant
    low, high = np.where(constant, value, np.nan), np.where(constant, value, np.nan)
    low[known] = _quantiles(resampled[known], tails[known, 0])
    high[known] = _quantiles(resampled[known], tails[known, 1])
    return low, high


def _accelerated(value: Floats, resampled: Floats, left_out: Floats, tails: Floats) -> Floats:
    """Move the tails by bias z0 and acceleration a: Φ(z0 + (z0 + z) / (1 - a (z0 + z)))."""
    from scipy.special import ndtr, ndtri

    below = (resampled < value[:, None]).mean(axis=1)
    up_to = (resampled <= value[:, None]).mean(axis=1)
    bias = ndtri((below + up_to) / 2)
    influence = left_out.mean(axis=1, keepdims=True) - left_out
    with np.errstate(divide="ignore", invalid="ignore"):
        acceleration = (influence**3).sum(axis=1) / (6 * (influence**2).sum(axis=1) ** 1.5)
        moved = bias[:, None] + ndtri(tails)
        result: Floats = ndtr(bias[:, None] + moved / (1 - acceleration[:, None] * moved))
    return result


def _quantiles(ordered: Floats, shares: Floats) -> Floats:
    """Return the quantile of each row between its neighbours, as numpy's linear method does."""
    at = shares * (ordered.shape[1] - 1)
    left = np.floor(at).astype(np.int64)
    right = np.minimum(left + 1, ordered.shape[1] - 1)
    rows = np.arange(len(ordered))
    below, above, part = ordered[rows, left], ordered[rows, right], at - left
    result: Floats = below + (above - below) * part
    return result


def jackknife_bounds(columns: Floats, level: float) -> tuple[Floats, Floats]:
    """Return low and high ends for rows of a value and its values with each group left out, ``(m, 1 + groups)``."""
    from scipy.special import stdtrit

    value, half = columns[:, 0], jackknife_error(columns)
    half = half * float(stdtrit(columns.shape[1] - 2, 1 - (1 - level) / 2))
    return value - half, value + half


_ENDED = ("share", "score", "Gini", "bits/gap", "probability")
"""What units of numbers between 0 and 1 begin with."""


def scale_of(unit: str) -> Scale:
    """Return the scale on which a value of a unit has no ends.

    Example:
        >>> scale_of("share of types"), scale_of("correlation"), scale_of("bits/token")
        ('logit', 'fisher', 'log')
    """
    if unit == "correlation":
        return "fisher"
    return "logit" if unit.startswith(_ENDED) else "log"


def jackknife_bounds_within(columns: Floats, level: float, scale: Scale) -> tuple[Floats, Floats]:
    """Return low and high ends as `jackknife_bounds` does, made on a scale and carried back.

    Example:
        >>> low, high = jackknife_bounds_within(np.array([[0.99, 0.985, 0.999]]), 0.95, "logit")
        >>> bool(0 < low[0] < 0.99 < high[0] < 1)
        True
    """
    from scipy.special import expit, logit

    low, high = jackknife_bounds(columns, level)
    scales: dict[Scale, tuple[Any, Any]] = {
        "logit": (logit, expit), "fisher": (np.arctanh, np.tanh), "log": (np.log, np.exp),
    }  # fmt: skip
    there, back = scales[scale]
    with np.errstate(divide="ignore", invalid="ignore"):
        moved = there(columns)
    changing = (columns != columns[:, :1]).any(axis=1)
    within = changing & np.isfinite(moved).all(axis=1)
    low[within], high[within] = (back(end) for end in jackknife_bounds(moved[within], level))
    return low, high


def jackknife_error(columns: Floats) -> Floats:
    """Return the standard error of each row, ``(m,)``."""
    left_out = columns[:, 1:]
    groups = left_out.shape[1]
    centred = left_out - left_out.mean(axis=1, keepdims=True)
    result: Floats = np.sqrt((groups - 1) / groups * (centred**2).sum(axis=1))
    return result
