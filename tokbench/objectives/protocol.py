"""The training seam: the engine owns words, pairs and counts; an objective says which step comes next.

An objective is asked once per step. It looks at the state and answers with a step, or None to stop. It may
keep what it likes in itself, but must answer equally for equal states: training is deterministic.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Merge:
    """Replace `left right` by one token everywhere, leftmost first.

    `count` is how often the pair occurs where it was asked for; the engine does not need it.
    """

    left: int
    right: int
    count: int | None = None


@dataclass(frozen=True)
class Delete:
    """Split a token into parts wherever it stands; a later merge may make it again."""

    token: int
    parts: tuple[int, ...]


class State(Protocol):
    """What an objective may ask. Groups are numbered as in the counts; `None` means all of them together."""

    @property
    def groups(self) -> Sequence[int]:
        """The group numbers."""
        ...

    @property
    def n_ids(self) -> int:
        """Number of ids so far."""
        ...

    def best(self, group: int | None = None) -> Merge | None:
        """Return the most frequent pair; None when no pair reaches the minimum frequency."""
        ...

    def top(self, k: int) -> Sequence[Merge]:
        """Return the `k` most frequent pairs over all groups, best first; fewer when there are fewer."""
        ...

    def id_of(self, left: int, right: int) -> int:
        """Return the id that merging `left right` would give: a new one, or that of the token it spells."""
        ...

    def count(self, left: int, right: int, group: int | None = None) -> int:
        """Return how often `left` stands directly before `right`."""
        ...

    def token_count(self, token_id: int) -> int:
        """Return how often a token occurs."""
        ...

    def length(self, group: int) -> int:
        """Return how many tokens a group's text has."""
        ...

    def lengths(self) -> NDArray[np.uint64]:
        """Return how many tokens each group's text has, by group number."""
        ...

    def token_bytes(self, token_id: int) -> bytes:
        """Return what a token spells."""
        ...


class Objective(Protocol):
    """A variant of BPE."""

    @property
    def tracks_groups(self) -> bool:
        """Whether `best` and `count` are asked about single groups, which the engine must then keep."""
        ...

    def choose(self, state: State) -> Merge | None:
        """Return the next step; None stops the training."""
        ...
