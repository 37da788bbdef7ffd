"""`Columns`: documents that count more or less often than once, exactly, with a counter that knows no weights.

Documents of equal weight are counted into a column of their own; when counting is over, a group's columns are
multiplied by their weights and added up. The first `DIRECT` weights that a group shows get a column each; documents of
any further weight are counted once for every binary digit of their weight, into the column of that digit. Which
weights come first is a matter of speed alone: the sum is the same.

Weights are integers in ten-thousandths. What they have in common is divided out in the end, so that the table is in
units of one over `scale`: repeating every document ``weight · scale`` times gives the same table.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from tokbench import _rust
from tokbench.errors import CorpusError
from tokbench.reading import Batch, pack
from tokbench.weights import FINEST

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

DIRECT = 64
"""Weights of a group that get a column of their own."""

WIDTH = DIRECT + 64
"""Columns of a group: those, and one for each binary digit of a 64-bit weight."""

HELD_BYTES = 32 << 20
"""Text that waits for its column: enough of it at a time keeps all threads busy."""


@dataclass
class Columns:
    """Sorts documents into columns by weight, and adds the columns of a finished table up.

    ``strict_utf8`` makes documents that are not UTF-8 an error that names them.
    """

    groups: tuple[str, ...]
    strict_utf8: bool
    held_bytes: int = HELD_BYTES
    _direct: dict[tuple[int, int], int] = field(default_factory=dict)
    _used: dict[int, int] = field(default_factory=dict)
    _held: dict[int, list[bytes]] = field(default_factory=dict)
    _sizes: dict[int, int] = field(default_factory=dict)
    _waiting: int = 0
    _common: int = FINEST
    _weighted_bytes: int = 0
    _bytes_by_digits: int = 0

    @property
    def names(self) -> list[str]:
        """Names of all columns, for the counter; those of a group lie side by side."""
        return [f"{group}:{column}" for group in range(len(self.groups)) for column in range(WIDTH)]

    @property
    def scale(self) -> int:
        """The counts are in units of one over this."""
        return FINEST // self._common

    def add(self, group: int, name: str, done: int, batch: Batch, take: Callable[[int, Batch], None]) -> None:
        """Sort a batch into columns; `take` gets what has waited long enough.

        ``done`` is the number of documents before this batch in what ``name`` calls.

        Raises:
            CorpusError: (strict) naming the document that is not UTF-8.
        """
        weights = [FINEST] * len(batch) if batch.weights is None else batch.weights.tolist()
        for number, (data, parts) in enumerate(zip(batch, weights, strict=True), start=done + 1):
            if self.strict_utf8:
                _check_utf8(data, f"{name}: document {number}")
            if not parts:
                continue
            self._common = math.gcd(self._common, parts)
            self._weighted_bytes += parts * len(data)
            for column in self._columns(group, parts, len(data)):
                self._held.setdefault(column, []).append(data)
                self._sizes[column] = self._sizes.get(column, 0) + len(data)
                self._waiting += len(data)
            while self._waiting > self.held_bytes:
                self._hand_over(max(self._sizes, key=lambda column: (self._sizes[column], -column)), take)

    def flush(self, take: Callable[[int, Batch], None]) -> None:
        """Let `take` get all that waits.

        Raises:
            CorpusError: if the weights are so large that a count may reach 2⁶⁴.
        """
        for column in sorted(self._held):
            self._hand_over(column, take)
        if max(self._weighted_bytes // self._common, self._bytes_by_digits) >= 1 << 64:
            raise CorpusError(
                f"the weights are too large: weight times length of all documents is "
                f"{self._weighted_bytes // FINEST:,} bytes, which in units of 1/{self.scale} exceed 64 bits; use "
                "smaller weights or fewer decimals"
            )

    def combined(self, table: _rust.PretokenCounts) -> _rust.PretokenCounts:
        """Add the columns of each group up, in units of one over `scale`."""
        arena, offsets, row_starts, columns, counts = table.arrays()
        values = counts * self._units()[columns]
        groups = columns // WIDTH
        rows = np.repeat(np.arange(len(table)), np.diff(row_starts).astype(np.int64))
        starts = np.flatnonzero(np.append(True, (np.diff(rows) != 0) | (np.diff(groups) != 0))[: len(rows)])
        by_digits = columns % WIDTH >= DIRECT
        sums = _sums(np.where(by_digits, 0, values), starts)
        # Each document's digits add up to a multiple of what all weights have in common.
        sums += _sums(np.where(by_digits, values, 0), starts) // np.uint64(self._common)
        ends = np.zeros(len(table) + 1, dtype=np.uint64)
        np.cumsum(np.bincount(rows[starts], minlength=len(table)), out=ends[1:], dtype=np.uint64)
        return _rust.PretokenCounts(list(self.groups), arena, offsets, ends, groups[starts], sums)

    def _columns(self, group: int, parts: int, n_bytes: int) -> list[int]:
        column = self._direct.get((group, parts))
        if column is None:
            used = self._used.get(group, 0)
            if used == DIRECT:
                self._bytes_by_digits += parts * n_bytes
                first = group * WIDTH + DIRECT
                return [first + digit for digit in range(parts.bit_length()) if parts >> digit & 1]
            column = group * WIDTH + used
            self._direct[group, parts] = column
            self._used[group] = used + 1
        return [column]

    def _hand_over(self, column: int, take: Callable[[int, Batch], None]) -> None:
        self._waiting -= self._sizes.pop(column)
        take(column, pack(self._held.pop(column)))

    def _units(self) -> NDArray[np.uint64]:
        """Return what one occurrence in each column stands for; in ten-thousandths where it is a binary digit."""
        digits = np.left_shift(np.uint64(1), np.arange(64, dtype=np.uint64))
        units = np.tile(np.append(np.zeros(DIRECT, dtype=np.uint64), digits), len(self.groups))
        for (_, parts), column in self._direct.items():
            units[column] = parts // self._common
        return units


def _sums(values: NDArray[np.uint64], starts: NDArray[np.int64]) -> NDArray[np.uint64]:
    return np.add.reduceat(values, starts) if len(starts) else values


def _check_utf8(data: bytes, name: str) -> None:
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise CorpusError(f"{name}: byte {error.start} is not valid UTF-8") from None
