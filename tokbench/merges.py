"""`Merges`: the ordered steps that build tokens out of tokens.

A step is a row (left, right, result): wherever the token `left` stands before the token `right`, the two
become `result`. Rows, not a mapping from pairs to ranks: two steps may have the same result (training in two
stages mints a byte string twice, and a merge may spell a special token).

Invariant: an id is used only after it exists; the ids that no row produces are the alphabet.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tokbench.errors import VocabError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import ArrayLike, NDArray

    from tokbench.vocab import Vocab


def _ids(values: ArrayLike, name: str) -> NDArray[np.uint32]:
    array = np.asarray(values)
    if array.ndim != 1 or (array.size and not np.issubdtype(array.dtype, np.integer)):
        message = f"merges: {name} must be a flat array of ids, got {array.dtype} of shape {array.shape}"
        raise VocabError(message)
    if array.size and (int(array.min()) < 0 or int(array.max()) >= 2**32):
        message = f"merges: {name} holds an id outside of 0 … 2^32 - 1"
        raise VocabError(message)
    owned = np.array(array, dtype=np.uint32)
    owned.flags.writeable = False
    return owned


@dataclass(frozen=True, eq=False)
class Merges:
    """The steps in order, as three arrays of equal length.

    Raises:
        VocabError: when the arrays differ in length or a step uses an id that only a later step produces.

    Example:
        >>> merges = Merges([0, 2], [1, 1], [2, 3])
        >>> len(merges), list(merges)
        (2, [(0, 1, 2), (2, 1, 3)])
    """

    left: NDArray[np.uint32]
    right: NDArray[np.uint32]
    result: NDArray[np.uint32]

    def __init__(self, left: ArrayLike, right: ArrayLike, result: ArrayLike) -> None:
        object.__setattr__(self, "left", _ids(left, "left"))
        object.__setattr__(self, "right", _ids(right, "right"))
        object.__setattr__(self, "result", _ids(result, "result"))
        if not len(self.left) == len(self.right) == len(self.result):
            message = (
                f"merges: left, right and result must have one entry per step, "
                f"got {len(self.left)}, {len(self.right)} and {len(self.result)}"
            )
            raise VocabError(message)
        self._check_order()

    def _check_order(self) -> None:
        if not len(self):
            return
        rows = np.arange(len(self), dtype=np.int64)
        # Ids may be sparse (a vocabulary with holes), so a huge id must not become a huge array.
        known, places = np.unique(np.concatenate([self.left, self.right, self.result]), return_inverse=True)
        left, right, result = np.split(places, 3)
        made_at = np.full(len(known), -1, dtype=np.int64)
        made_at[result[::-1]] = rows[::-1]
        late = np.flatnonzero((made_at[left] >= rows) | (made_at[right] >= rows))
        if late.size:
            row = int(late[0])
            message = (
                f"merges: step {row} ({self.left[row]}, {self.right[row]}) uses an id that no earlier step "
                f"has made"
            )
            raise VocabError(message)

    @classmethod
    def from_steps(cls, steps: Iterable[tuple[int, int, int]]) -> Merges:
        """Make merges from (left, right, result) rows.

        Example:
            >>> len(Merges.from_steps([(97, 98, 256)]))
            1
        """
        rows = np.array(list(steps), dtype=np.int64).reshape(-1, 3)
        return cls(rows[:, 0], rows[:, 1], rows[:, 2])

    def __len__(self) -> int:
        """Count the steps."""
        return len(self.left)

    def __iter__(self) -> Iterator[tuple[int, int, int]]:
        """Yield (left, right, result) in order."""
        return iter(zip(self.left.tolist(), self.right.tolist(), self.result.tolist(), strict=True))

    def __eq__(self, other: object) -> bool:
        """Compare step by step."""
        if not isinstance(other, Merges):
            return NotImplemented
        return (
            np.array_equal(self.left, other.left)
            and np.array_equal(self.right, other.right)
            and np.array_equal(self.result, other.result)
        )

    def __hash__(self) -> int:
        """Hash by content."""
        return hash((self.left.tobytes(), self.right.tobytes(), self.result.tobytes()))

    def __repr__(self) -> str:
        """Show the number of steps."""
        return f"Merges({len(self)} steps)"

    def first(self, n_steps: int) -> Merges:
        """Return the first `n_steps` steps, which are the merges of a smaller training run.

        Example:
            >>> list(Merges([0, 2], [1, 1], [2, 3]).first(1))
            [(0, 1, 2)]
        """
        return Merges(self.left[:n_steps], self.right[:n_steps], self.result[:n_steps])

    def verify(self, vocab: Vocab) -> None:
        """Check that every step's result spells its left followed by its right.

        Raises:
            VocabError: naming the first step for which it does not.
        """
        for row, (left, right, result) in enumerate(self):
            spelled = vocab.token_bytes(left) + vocab.token_bytes(right)
            if vocab.token_bytes(result) != spelled:
                message = (
                    f"merges: step {row} joins {vocab.token_bytes(left)!r} and {vocab.token_bytes(right)!r}, "
                    f"but its result {result} is {vocab.token_bytes(result)!r}"
                )
                raise VocabError(message)
