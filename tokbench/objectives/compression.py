"""Greedy compression-aware choices: of the K most frequent pairs the one that shortens the description most.

``order0``: the merge of a pair with `m` replacements lowers ``n·H₀`` in closed form. ``lz78``: the code length of the
phrases of a fixed sample, measured anew every `every` steps. Both are our own definitions; both lose to plain BPE at
equal vocabulary size (see the algorithm's pitfalls). K = 1 is plain BPE.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from tokbench import _rust

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from tokbench.objectives.protocol import Merge, State


_UNITS = 1 << 20
"""Bits are compared in units of 2⁻²⁰, so that equal gains are equal however their sums were rounded."""


def _x(value: float) -> float:
    return value * math.log2(value) if value > 0 else 0.0


def order0_gain(n: int, left: int, right: int, merged: int, *, same: bool = False) -> float:
    """Return how many bits ``n·H₀`` falls by when `merged` pairs of tokens with these counts become one token.

    Source: own definition after Erdogan et al. (2601.09039); `n` tokens before.

    Example:
        >>> round(order0_gain(4, 2, 2, 2), 9)
        4.0
    """
    if same:
        before = _x(n) - _x(left)
        after = _x(n - merged) - _x(left - 2 * merged) - _x(merged)
    else:
        before = _x(n) - _x(left) - _x(right)
        after = _x(n - merged) - _x(left - merged) - _x(right - merged) - _x(merged)
    return before - after


@dataclass(frozen=True)
class GreedyOrder0:
    """Take, of the `candidates` most frequent pairs, the one with the largest gain in order-0 bits.

    A new rule costs ``2·log₂|V|`` bits; with `stop`, training ends when no candidate gains.
    """

    candidates: int = 64
    stop: bool = False
    tracks_groups: bool = field(default=False, init=False)

    def choose(self, state: State) -> Merge | None:
        """Return the candidate with the largest gain; of equals the more frequent, then the first by ids."""
        best: Merge | None = None
        best_gain = 0
        n = int(state.lengths().sum())
        rule = 2 * math.log2(max(2, state.n_ids))
        for pair in state.top(self.candidates):
            left, right, count = pair.left, pair.right, pair.count or 0
            gain = -rule
            if left == right:
                # Overlapping pairs cannot all be replaced: at most half of the tokens.
                count = min(count, state.token_count(left) // 2)
            gain += order0_gain(
                n, state.token_count(left), state.token_count(right), count, same=left == right
            )
            units = round(gain * _UNITS)
            if best is None or units > best_gain:
                best, best_gain = pair, units
        return None if self.stop and best_gain <= 0 else best


@dataclass
class GreedyLz78:
    """Take, of the `candidates` most frequent pairs, the one that shortens the sample's LZ78 code most.

    The sample is a stream of tokens that is merged along; `first` marks those that begin a pretoken. Scores are
    measured every `every` steps; in between the best scored pairs that are still candidates are taken in their order.
    """

    sample: NDArray[np.uint32]
    first: NDArray[np.bool_]
    candidates: int = 64
    every: int = 64
    tracks_groups: bool = field(default=False, init=False)
    _queue: list[tuple[int, int]] = field(default_factory=list, init=False)
    _asked: int = field(default=0, init=False)

    def choose(self, state: State) -> Merge | None:
        """Return the next pair; the sample follows."""
        pairs = state.top(self.candidates)
        if not pairs:
            return None
        if self._asked % self.every == 0 or not self._queue:
            self._queue = self._scored(pairs, state.n_ids)
        self._asked += 1
        among = {(pair.left, pair.right): pair for pair in pairs}
        chosen = next((among[key] for key in self._queue if key in among), pairs[0])
        key = (chosen.left, chosen.right)
        self._queue = [other for other in self._queue if other != key]
        result = state.id_of(*key)
        self.sample, self.first = replaced(self.sample, self.first, *key, result)
        return chosen

    def _scored(self, pairs: Sequence[Merge], n_ids: int) -> list[tuple[int, int]]:
        scores = []
        for rank, pair in enumerate(pairs):
            merged, _ = replaced(self.sample, self.first, pair.left, pair.right, n_ids)
            bits = _rust.code_length(merged, n_ids + 1, "lz78")
            scores.append((round(bits * _UNITS), rank, (pair.left, pair.right)))
        return [key for _, _, key in sorted(scores)]


def replaced(
    stream: NDArray[np.uint32], first: NDArray[np.bool_], left: int, right: int, result: int
) -> tuple[NDArray[np.uint32], NDArray[np.bool_]]:
    """Return the stream with every `left right` inside a pretoken replaced, leftmost first, without overlap.

    Example:
        >>> ones, first = np.array([1, 1, 1, 2], dtype=np.uint32), np.array([True, False, False, False])
        >>> replaced(ones, first, 1, 1, 9)[0].tolist()
        [9, 1, 2]
    """
    starts = np.flatnonzero((stream[:-1] == left) & (stream[1:] == right) & ~first[1:])
    if left == right and len(starts):
        # In a run of equal tokens every second start counts, from the run's first.
        new_run = np.concatenate([[True], np.diff(starts) > 1])
        begin = np.maximum.accumulate(np.where(new_run, np.arange(len(starts)), 0))
        starts = starts[(np.arange(len(starts)) - begin) % 2 == 0]
    merged = stream.copy()
    merged[starts] = result
    return np.delete(merged, starts + 1), np.delete(first, starts + 1)
