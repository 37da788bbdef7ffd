"""One column, or the sum of some, of a statistic of several: what `RatioOfSums` divides."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tokbench.measurement import EncodedBatch, Statistic, collect

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Column(Statistic):
    """The sum of some columns of a statistic of documents, one number per document."""

    of: Statistic
    columns_summed: tuple[int, ...]

    def collect(self, batch: EncodedBatch) -> NDArray[Any]:
        """Add the columns up."""
        table: NDArray[Any] = collect(batch, self.of)
        if len(self.columns_summed) == 1:
            one: NDArray[Any] = table[:, self.columns_summed[0]]
            return one
        total: NDArray[Any] = table[:, list(self.columns_summed)].sum(axis=1)
        return total


def column(of: Statistic, *indices: int) -> Column:
    """Return the sum of the columns `indices` of a statistic."""
    return Column(of, indices)
