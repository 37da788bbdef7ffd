"""`Operations`: the ordered steps of a training that also takes tokens away.

A row is ``("merge", left, right, result)`` or ``("delete", token, *parts)``: from here on the token stands no
more, every place that holds it holds its parts. A deleted token may be made again by a later row. Encoding replays
the list: from the current place in it, the earliest later row that applies anywhere in the pretoken is applied
everywhere in it, leftmost first and without overlap; and so on to the end.

Invariant: an id is used only after it exists; the ids that no merge makes are the alphabet.
Source: Chizhov et al. 2024 (PickyBPE), Schmidt et al. 2025 (BoundlessBPE).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from tokbench.errors import VocabError
from tokbench.merges import Merges

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

Row: TypeAlias = tuple[Any, ...]


@dataclass(frozen=True, eq=False, init=False, repr=False)
class Operations:
    """Merges and deletions in order.

    Raises:
        VocabError: naming the first row of another form, or that uses an id before it is made, or deletes what
            no merge has made.

    Example:
        >>> operations = Operations([("merge", 0, 1, 2), ("merge", 2, 1, 3), ("delete", 2, 0, 1)])
        >>> len(operations), operations.deleted
        (3, frozenset({2}))
    """

    rows: tuple[Row, ...]

    def __init__(self, rows: Iterable[Sequence[Any]]) -> None:
        checked = tuple(_row(index, row) for index, row in enumerate(rows))
        object.__setattr__(self, "rows", checked)
        first_made: dict[int, int] = {}
        for index, row in enumerate(checked):
            if row[0] == "merge":
                first_made.setdefault(row[3], index)
        for index, row in enumerate(checked):
            used = row[1:3] if row[0] == "merge" else row[1:]
            late = [token for token in used if first_made.get(token, -1) >= index]
            if late:
                message = f"operations[{index}]: {list(row)} uses id {late[0]} before a row has made it"
                raise VocabError(message)
            if row[0] == "delete" and row[1] not in first_made:
                message = f"operations[{index}]: {list(row)} deletes id {row[1]}, which no merge has made"
                raise VocabError(message)

    def __len__(self) -> int:
        """Count the rows."""
        return len(self.rows)

    def __iter__(self) -> Iterator[Row]:
        """Yield the rows in order."""
        return iter(self.rows)

    def __eq__(self, other: object) -> bool:
        """Compare row by row."""
        return self.rows == other.rows if isinstance(other, Operations) else NotImplemented

    def __hash__(self) -> int:
        """Hash by content."""
        return hash(self.rows)

    def __repr__(self) -> str:
        """Show how many rows of each kind there are."""
        n_deletes = sum(row[0] == "delete" for row in self.rows)
        return f"Operations({len(self) - n_deletes} merges, {n_deletes} deletions)"

    @cached_property
    def deleted(self) -> frozenset[int]:
        """Ids that are gone at the end: no replay leaves one in a text."""
        gone: set[int] = set()
        for row in self.rows:
            if row[0] == "delete":
                gone.add(row[1])
            else:
                gone.discard(row[3])
        return frozenset(gone)

    @cached_property
    def has_deletions(self) -> bool:
        """Whether any row deletes."""
        return any(row[0] == "delete" for row in self.rows)

    @property
    def merges(self) -> Merges:
        """The merge rows alone, deletions left out.

        Example:
            >>> list(Operations([("merge", 0, 1, 2), ("delete", 2, 0, 1)]).merges)
            [(0, 1, 2)]
        """
        return Merges.from_steps(row[1:] for row in self.rows if row[0] == "merge")

    @cached_property
    def by_rank(self) -> bool:
        """Whether replaying is the same as merging the lowest rank first.

        So it is without deletions, when no row uses a token that a later row makes once more: then what merges never
        lets an earlier row apply again.
        """
        last_made = {row[3]: index for index, row in enumerate(self.rows) if row[0] == "merge"}
        return not self.has_deletions and all(
            last_made.get(part, -1) < index for index, row in enumerate(self.rows) for part in row[1:3]
        )

    def spelled(self, known: Mapping[int, bytes]) -> dict[int, bytes]:
        """Return the bytes of the ids that `known` lacks, as the rows make them.

        Raises:
            VocabError: naming a row that uses an id without bytes, whose parts do not spell what it makes or
                deletes.

        Example:
            >>> Operations([("merge", 0, 1, 2)]).spelled({0: b"a", 1: b"b"})
            {2: b'ab'}
        """
        made: dict[int, bytes] = {}
        for index, row in enumerate(self.rows):
            parts = row[1:3] if row[0] == "merge" else row[2:]
            target = row[3] if row[0] == "merge" else row[1]
            spelling = b"".join(_spelling(index, row, part, known, made) for part in parts)
            token = made.setdefault(target, spelling) if target not in known else known[target]
            if token != spelling:
                message = (
                    f"operations[{index}]: {list(row)} spells {spelling!r}, but id {target} is {token!r}"
                )
                raise VocabError(message)
        return made

    def arrays(self) -> tuple[NDArray[np.uint32], NDArray[np.int64]]:
        """Return the rows' ids back to back, and where each starts; a merge has 3, a deletion its token and parts.

        A row's first id is its result or the deleted token. A deletion is told by the highest bit of its first id.
        """
        flat: list[int] = []
        ends = [0]
        for row in self.rows:
            flat += (row[3], row[1], row[2]) if row[0] == "merge" else (row[1] | _DELETES, *row[2:])
            ends.append(len(flat))
        return np.array(flat, dtype=np.uint32), np.array(ends, dtype=np.int64)


_DELETES = 1 << 31


def _row(index: int, row: Sequence[Any]) -> Row:
    ids = row[1:]
    merge = len(row) == 4 and row[0] == "merge"
    delete = len(row) >= 4 and row[0] == "delete"
    if not (merge or delete) or not all(isinstance(i, (int, np.integer)) and 0 <= i < _DELETES for i in ids):
        message = (
            f"operations[{index}]: expected ('merge', left, right, result) or ('delete', token, part, part, …) "
            f"with ids below 2^31, got {row!r}"
        )
        raise VocabError(message)
    return (row[0], *map(int, ids))


def _spelling(
    index: int, row: Row, part: int, known: Mapping[int, bytes], made: Mapping[int, bytes]
) -> bytes:
    token = known.get(part) or made.get(part)
    if token is None:
        message = f"operations[{index}]: {list(row)} uses id {part}, which is not in the vocabulary"
        raise VocabError(message)
    return token
