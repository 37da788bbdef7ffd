"""PickyBPE (Chizhov et al. 2024): merge the most frequent pair, then split what the merge has nearly used up.

The native loop of the extension makes the same choices; a parity test binds the two.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tokbench.objectives.protocol import Delete

if TYPE_CHECKING:
    from tokbench.objectives.protocol import Merge, State


@dataclass
class Picky:
    """Delete each part of a merged pair of which at least the share `tau` went into the merge.

    Attributes:
        tau: the share; above 1 nothing is deleted.
        strict: whether the share must exceed tau.
        parts: what is left is split into: ``bytes``, the ``pair`` that first made it, or ``present``, that pair
            with its own tokens split as long as they are not in the vocabulary.
    """

    tau: float
    strict: bool = False
    parts: str = "bytes"
    tracks_groups: bool = False
    _made_of: dict[bytes, tuple[int, int]] = field(default_factory=dict)
    _deleted: set[bytes] = field(default_factory=set)
    _merged: tuple[int, int, int, int] | None = None
    _due: list[int] = field(default_factory=list)

    def choose(self, state: State) -> Merge | Delete | None:
        """Return a deletion that the last merge calls for, else the most frequent pair."""
        deletion = self.choose_deletion(state)
        if deletion is not None:
            return deletion
        best = state.best()
        if best is None:
            return None
        spelled = state.token_bytes(best.left) + state.token_bytes(best.right)
        self._merged = (best.left, best.right, state.token_count(best.left), state.token_count(best.right))
        self._made_of.setdefault(spelled, (best.left, best.right))
        self._deleted.discard(spelled)
        return best

    def choose_deletion(self, state: State) -> Delete | None:
        """Return the next deletion that the last merge calls for."""
        if self._merged is not None:
            self._due = self._used_up(*self._merged, state)
            self._merged = None
        if not self._due:
            return None
        token = self._due.pop(0)
        parts = self._split(token, state)
        self._deleted.add(state.token_bytes(token))
        return Delete(token, tuple(parts))

    def _used_up(self, left: int, right: int, n_left: int, n_right: int, state: State) -> list[int]:
        is_double = left == right
        n_merged = (n_left - state.token_count(left)) // (2 if is_double else 1)
        found = []
        for token, n in {left: n_left, right: n_right}.items():
            share = n_merged / (n - (n_merged if self.strict and is_double else 0))
            is_made = state.token_bytes(token) in self._made_of
            if is_made and (share > self.tau if self.strict else share >= self.tau):
                found.append(token)
        return found

    def _split(self, token: int, state: State) -> list[int]:
        pair = self._made_of[state.token_bytes(token)]
        if self.parts == "pair":
            return list(pair)
        split = []
        for part in pair:
            spelled = state.token_bytes(part)
            again = spelled in self._made_of and (self.parts == "bytes" or spelled in self._deleted)
            split += self._split(part, state) if again else [part]
        return split
