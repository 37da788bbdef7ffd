"""The interval of every value of a group, and its paired difference from the baseline tokenizer's value."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Generic, TypeVar

import numpy as np

from tokbench.uncertainty.interval import bootstrap_bounds, jackknife_bounds, jackknife_bounds_within
from tokbench.uncertainty.significance import bootstrap_p, jackknife_p

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    from tokbench.uncertainty.interval import Scale
    from tokbench.uncertainty.resampling import Intervals

    Floats = NDArray[np.float64]

K = TypeVar("K")


@dataclass(frozen=True)
class Bounds:
    """Interval of a value, and of its difference from the baseline's value with the p-value; None where unknown."""

    low: float | None = None
    high: float | None = None
    difference: float | None = None
    difference_low: float | None = None
    difference_high: float | None = None
    p: float | None = None


class Bounder(Generic[K]):
    """Makes `Bounds` of columns: ``columns[key, tokenizer]``, one key for each value that tokenizers share."""

    def __init__(self, settings: Intervals, baseline: str | None) -> None:
        self._settings = settings
        self._baseline = baseline

    def bootstrap(self, columns: Mapping[tuple[K, str], Floats]) -> dict[tuple[K, str], Bounds]:
        """Return the bounds of bootstrap columns."""
        settings = self._settings
        return self._bounds(
            columns, lambda rows: bootstrap_bounds(rows, settings), lambda rows: bootstrap_p(rows, settings)
        )

    def jackknife(
        self, columns: Mapping[tuple[K, str], Floats], scale: Callable[[K], Scale]
    ) -> dict[tuple[K, str], Bounds]:
        """Return the bounds of columns that leave out blocks, each made on the scale of its key."""
        level = self._settings.level
        found = self._bounds(columns, lambda rows: jackknife_bounds(rows, level), jackknife_p)
        by_scale: dict[Scale, list[tuple[K, str]]] = {}
        for key in columns:
            by_scale.setdefault(scale(key[0]), []).append(key)
        for kind, keys in by_scale.items():
            low, high = jackknife_bounds_within(np.stack([columns[key] for key in keys]), level, kind)
            for key, a, b in zip(keys, low, high, strict=True):
                found[key] = replace(found[key], low=_known(a), high=_known(b))
        return found

    def _bounds(
        self,
        columns: Mapping[tuple[K, str], Floats],
        interval: Callable[[Floats], tuple[Floats, Floats]],
        p_value: Callable[[Floats], Floats],
    ) -> dict[tuple[K, str], Bounds]:
        if not columns:
            return {}
        keys = list(columns)
        low, high = interval(np.stack([columns[key] for key in keys]))
        found = {key: Bounds(_known(a), _known(b)) for key, a, b in zip(keys, low, high, strict=True)}
        if self._baseline is None:
            return found
        paired = [key for key in keys if key[1] != self._baseline and (key[0], self._baseline) in columns]
        if not paired:
            return found
        differences = np.stack([columns[key] - columns[key[0], self._baseline] for key in paired])
        low, high = interval(differences)
        p = p_value(differences)
        for at, key in enumerate(paired):
            found[key] = Bounds(
                found[key].low,
                found[key].high,
                _known(differences[at, 0]),
                _known(low[at]),
                _known(high[at]),
                _known(p[at]),
            )
        return found


def _known(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
