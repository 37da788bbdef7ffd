"""Plain BPE (Sennrich, Haddow, Birch 2016): always merge the most frequent pair.

The native loop of the extension makes the same choices; a parity test binds the two.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tokbench.objectives.protocol import Merge, State


@dataclass(frozen=True)
class Plain:
    """Merge the pair that occurs most often in all groups together."""

    tracks_groups: bool = False

    def choose(self, state: State) -> Merge | None:
        """Return the most frequent pair."""
        return state.best()
