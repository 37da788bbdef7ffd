"""Encoding speed: measured time, not a property of text and tokenizer alone.

Source: section A8 of the metric catalogue. The text of the evaluation is encoded again, several times: the first time
by the evaluation itself is ``cold``, the repetitions are warm. A row says ``agg:timed`` in its signature, since it
cannot be reproduced to the digit; compare rates of one run on one machine only.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from tokbench.errors import MetricError
from tokbench.measurement import About, CorpusMetric, Statistic, Stats, Undefined, Value
from tokbench.metrics.conditional import check_choice
from tokbench.metrics.counting import Bytes, Tokens
from tokbench.metrics.distinct import Rows
from tokbench.plugin import register

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tokbench.measurement import EncodedBatch, Kind

SHOWN = ("median", "q1", "q3", "cold")
PER = ("byte", "token")


@dataclass(frozen=True)
class EncodingTimes(Statistic):
    """Nanoseconds of encoding: the evaluation's own, then each repetition."""

    threads: int
    repeats: int
    kind: ClassVar[Kind] = "histogram"

    def collect(self, batch: EncodedBatch) -> NDArray[np.int64]:
        """Encode the batch again and again."""
        text = Rows(batch.text.data, batch.text.offsets)
        times = [round(batch.seconds * 1e9)]
        for _ in range(self.repeats):
            began = time.perf_counter_ns()
            batch.tokenizer.encode_batch(text, threads=self.threads or None)
            times.append(time.perf_counter_ns() - began)
        return np.array(times, np.int64)


@register
@dataclass(frozen=True)
class EncodingSpeed(CorpusMetric):
    """Megabytes or tokens per second of encoding.

    Example:
        >>> [speed.show for speed in EncodingSpeed().expand()]
        ['median', 'q1', 'q3', 'cold']
    """

    show: str | None = None
    per: str = "byte"
    threads: int = 1
    repeats: int = 5
    pooling: ClassVar[str] = "timed"
    in_all: ClassVar[bool] = False
    about: ClassVar[About] = About(
        name="encoding_speed",
        family="length",
        title="encoding speed",
        formula="B / 10⁶ / t, or N / t; t = time of one repetition over all documents. Median and quartiles of the "
        "repetitions, and cold: the evaluation's own encoding with its own threads",
        unit="MB/s",
        range="0 … ∞",
        direction="higher",
        source="TokEval mean_ms, total_s; MB/s as encoders report it",
        pitfalls="A measurement of this machine at this moment: compare tokenizers within one run. Short "
        "documents and "
        "small corpora measure overhead. Warm repetitions meet filled caches; cold may include compilation "
        "and loading. "
        "threads=0 uses all cores.",
    )

    def __post_init__(self) -> None:
        name = self.about.name
        check_choice(name, "per", self.per, PER)
        if self.show is not None:
            check_choice(name, "show", self.show, SHOWN)
        if self.repeats < 1 or self.threads < 0:
            message = (
                f"{name}: repeats={self.repeats}, threads={self.threads}: at least 1 repetition, threads ≥ 0"
            )
            raise MetricError(message)

    def expand(self) -> tuple[EncodingSpeed, ...]:
        """Median, quartiles and the cold run."""
        return (self,) if self.show is not None else tuple(replace(self, show=show) for show in SHOWN)

    def unit(self) -> str:
        """Megabytes or tokens per second."""
        return "MB/s" if self.per == "byte" else "tokens/s"

    def statistics(self) -> tuple[Statistic, ...]:
        """Return times, and what was encoded."""
        return (EncodingTimes(self.threads, self.repeats), Bytes() if self.per == "byte" else Tokens())

    def reduce(self, stats: Stats) -> Value:
        """Amount over time."""
        assert self.show is not None, "expanded by evaluate"
        times = stats.documents(EncodingTimes(self.threads, self.repeats))
        amount = stats.total(Bytes()) / 1e6 if self.per == "byte" else float(stats.total(Tokens()))
        if len(times) == 0 or amount == 0:
            return Undefined("nothing to encode")
        if self.show == "cold":
            return (
                amount / (times[0] / 1e9)
                if times[0]
                else Undefined("the evaluation did not time its encoding")
            )
        rates = amount / (np.maximum(times[1:], 1) / 1e9)
        return float(np.quantile(rates, {"q1": 0.25, "median": 0.5, "q3": 0.75}[self.show]))
