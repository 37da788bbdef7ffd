"""The engine as an objective sees it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tokbench.objectives.protocol import Merge

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from tokbench import _rust


class EngineState:
    """The engine as an objective sees it (the `State` protocol)."""

    def __init__(self, engine: _rust.Engine) -> None:
        self._engine = engine
        self.groups: Sequence[int] = range(engine.n_groups)

    @property
    def n_ids(self) -> int:
        """Number of ids so far."""
        return self._engine.n_ids

    def best(self, group: int | None = None) -> Merge | None:
        """Return the most frequent pair; None when no pair reaches the minimum frequency."""
        found = self._engine.best(group)
        return None if found is None else Merge(*found)

    def top(self, k: int) -> Sequence[Merge]:
        """Return the `k` most frequent pairs over all groups, best first; fewer when there are fewer."""
        return [Merge(*found) for found in self._engine.top(k)]

    def id_of(self, left: int, right: int) -> int:
        """Return the id that merging `left right` would give: a new one, or that of the token it spells."""
        return self._engine.id_of(left, right)

    def count(self, left: int, right: int, group: int | None = None) -> int:
        """Return how often `left` stands directly before `right`."""
        return self._engine.count(left, right, group)

    def token_count(self, token_id: int) -> int:
        """Return how often a token occurs."""
        return self._engine.token_count(token_id)

    def length(self, group: int) -> int:
        """Return how many tokens a group's text has."""
        return self._engine.length(group)

    def lengths(self) -> NDArray[np.uint64]:
        """Return how many tokens each group's text has, by group number."""
        return self._engine.lengths()

    def token_bytes(self, token_id: int) -> bytes:
        """Return what a token spells."""
        return self._engine.token_bytes(token_id)
