"""Scaffold-BPE (Lian et al., arXiv 2404.17808): plain BPE in which rare parts of frequent tokens are only scaffold.

One queue holds the pairs by count and the scaffold tokens by frequency, of equals tokens before pairs, then the
smaller ids. A pair at its head is merged; then each part of it that now occurs less often than the new head becomes
scaffold. A scaffold token at the head becomes an ordinary token again. Alphabet and special tokens are never scaffold.

The native loop of the extension makes the same choices; a parity test binds the two.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tokbench.objectives.protocol import Merge, State


@dataclass
class Scaffold:
    """The choices of one run until `vocab_size` tokens are not scaffold.

    Attributes:
        vocab_size: the number of tokens that encoding can show: alphabet, special tokens and merge results, but no
            scaffold.
        min_frequency: what occurs less often is not in the queue.
        scaffold: the scaffold tokens now.
        scaffolded: by merge, the tokens that became scaffold with it.
        readmitted: by merge, the tokens that became ordinary again after it, before the next one.
    """

    vocab_size: int
    min_frequency: int = 1
    tracks_groups: bool = False
    scaffold: set[int] = field(default_factory=set)
    scaffolded: list[list[int]] = field(default_factory=list)
    readmitted: list[list[int]] = field(default_factory=list)
    _n_pinned: int = 0
    _merged: Merge | None = None

    def choose(self, state: State) -> Merge | None:
        """Return the next pair; None when the vocabulary is full or nothing is left."""
        if self._merged is None:
            self._n_pinned = state.n_ids
        else:
            frequency, _ = self._head(state)
            parts = dict.fromkeys((self._merged.left, self._merged.right))
            rare = [
                part
                for part in parts
                if part >= self._n_pinned
                and part not in self.scaffold
                and state.token_count(part) < frequency
            ]
            self.scaffold.update(rare)
            self.scaffolded.append(rare)
            self.readmitted.append([])
        while state.n_ids - len(self.scaffold) < self.vocab_size:
            _, head = self._head(state)
            if not isinstance(head, int):
                self._merged = head
                return head
            self.scaffold.remove(head)
            self.readmitted[-1].append(head)
        return None

    def _head(self, state: State) -> tuple[int, int | Merge | None]:
        """Return the frequency of the head of the queue, and the token or pair that it is."""
        best = state.best()
        n_pairs = 0 if best is None else best.count or 0
        frequency, token = max(((state.token_count(i), -i) for i in self.scaffold), default=(0, 0))
        if frequency >= max(1, self.min_frequency, n_pairs):
            return frequency, -token
        return n_pairs, best
