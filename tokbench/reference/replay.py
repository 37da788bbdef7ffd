"""Replay of merges and deletions on one pretoken, slowly: the twin of ``rust_ext/core/src/encode/replay.rs``."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tokbench.operations import Operations, Row


def replayed(operations: Operations, symbols: Sequence[int]) -> list[int]:
    """Return what the symbols of one pretoken become, slowly: every row in order, wherever it applies.

    Going through all rows finds the same rows as looking for the earliest later one that applies.

    Example:
        >>> from tokbench.operations import Operations
        >>> rows = [("merge", 0, 1, 2), ("merge", 2, 2, 3), ("delete", 2, 0, 1)]
        >>> replayed(Operations(rows), [0, 1, 0, 1, 0, 1])
        [3, 0, 1]
    """
    ids = list(symbols)
    for row in operations:
        ids = _applied(row, ids)
    return ids


def _applied(row: Row, ids: list[int]) -> list[int]:
    if row[0] == "delete":
        return [part for token in ids for part in (row[2:] if token == row[1] else (token,))]
    out: list[int] = []
    place = 0
    while place < len(ids):
        if tuple(ids[place : place + 2]) == row[1:3]:
            out.append(row[3])
            place += 2
        else:
            out.append(ids[place])
            place += 1
    return out
