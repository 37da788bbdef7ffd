"""Slow twins of `tokbench.metrics.trie_kernels`: exact integers, no trie."""

from __future__ import annotations

import math
from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def build_trie(tokens: Sequence[bytes]) -> Counter[bytes]:
    """Return how many ids spell each string.

    Example:
        >>> build_trie([b"a", b"aa", b"a"])[b"a"]
        2
    """
    return Counter(tokens)


def segmentations(data: bytes, tokens: Sequence[bytes]) -> int:
    """Return the number of id sequences that spell `data`, by their last token.

    Example:
        >>> segmentations(b"aaa", [b"a", b"aa"]), segmentations(b"b", [b"a"])
        (3, 0)
    """
    spelled = build_trie(tokens)
    ways = [1]
    for j in range(1, len(data) + 1):
        ways.append(sum(ways[i] * spelled[data[i:j]] for i in range(j)))
    return ways[-1]


def log_segmentations(data: bytes, tokens: Sequence[bytes]) -> float:
    """Return log2 of `segmentations`; -inf for none."""
    n = segmentations(data, tokens)
    return math.log2(n) if n else -math.inf
