"""The rows of a `tokbench.frame.MetricFrame`: what is said of every number."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from tokbench.late import LateMapping

if TYPE_CHECKING:
    from collections.abc import Mapping

    import polars as pl
else:
    from tokbench.late import pl

Direction = Literal["higher", "lower", "neither"]

SCHEMA: Mapping[str, pl.DataType] = LateMapping(
    lambda: {
        "tokenizer": pl.String(),
        "corpus": pl.String(),
        "by": pl.String(),
        "group": pl.String(),
        "metric": pl.String(),
        "value": pl.Float64(),
        "unit": pl.String(),
        "aggregation": pl.String(),
        "n": pl.Int64(),
        "low": pl.Float64(),
        "high": pl.Float64(),
        "difference": pl.Float64(),
        "difference_low": pl.Float64(),
        "difference_high": pl.Float64(),
        "p": pl.Float64(),
        "p_adjusted": pl.Float64(),
        "reason": pl.String(),
        "direction": pl.String(),
        "signature": pl.String(),
    }
)
KEY = ("tokenizer", "corpus", "by", "group", "metric")
ALL, MACRO = "all", "macro"
"""The two groups that are no group of the corpus: everything pooled, and the mean over the groups."""

WITHOUT = "without "
"""Before the column in `by`: a mean or derived value with the row's group left out."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """One number: `value` is null exactly when `reason` says why; `n` counts what was summed or averaged."""

    tokenizer: str
    corpus: str
    by: str = "language"
    group: str
    metric: str
    value: float | None
    unit: str
    aggregation: str
    n: int
    low: float | None = None
    high: float | None = None
    difference: float | None = None
    difference_low: float | None = None
    difference_high: float | None = None
    p: float | None = None
    p_adjusted: float | None = None
    reason: str | None = None
    direction: Direction
    signature: str
