"""Slow twin of Scaffold-BPE: the definition, and encoding by demolition.

Every step counts every pair and every token from scratch, sorts the whole queue, and rewrites every word.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING

from tokbench.reference.extend import encoded, joined

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    Row = tuple[int, int, int]


@dataclass
class Run:
    """Tokens by id, the merges, the scaffold at the end, and by merge what became scaffold and what was re-admitted."""

    tokens: list[bytes]
    merges: list[Row] = field(default_factory=list)
    scaffold: set[int] = field(default_factory=set)
    scaffolded: list[list[int]] = field(default_factory=list)
    readmitted: list[list[int]] = field(default_factory=list)


def train(
    counts: Mapping[bytes, int],
    *,
    vocab_size: int,
    alphabet: Iterable[bytes],
    special_tokens: Sequence[bytes] = (),
    min_frequency: int = 1,
) -> Run:
    """Train until `vocab_size` tokens are not scaffold, or nothing is left; of equal pairs the smaller ids first.

    >>> run = train({b"abab": 3, b"ab": 1}, vocab_size=3, alphabet=[b"a", b"b"])
    >>> run.merges, run.scaffold
    ([(0, 1, 2)], set())
    """
    run = Run([*special_tokens, *alphabet])
    ids = {token: token_id for token_id, token in enumerate(run.tokens) if token_id >= len(special_tokens)}
    n_pinned = len(run.tokens)
    words = [([ids[bytes([byte])] for byte in pretoken], count) for pretoken, count in counts.items()]
    lowest = max(1, min_frequency)

    def queue() -> list[tuple[int, int, tuple[int, ...]]]:
        pairs, tokens = _pairs(words), _tokens(words)
        entries: list[tuple[int, int, tuple[int, ...]]] = [
            *((-tokens[token], 0, (token,)) for token in run.scaffold),
            *((-count, 1, pair) for pair, count in pairs.items()),
        ]
        return sorted(entry for entry in entries if -entry[0] >= lowest)

    while len(run.tokens) - len(run.scaffold) < vocab_size:
        waiting = queue()
        if not waiting:
            break
        head = waiting[0][2]
        if len(head) == 1:
            run.scaffold.remove(head[0])
            run.readmitted[-1].append(head[0])
            continue
        left, right = head
        made = len(run.tokens)
        run.tokens.append(run.tokens[left] + run.tokens[right])
        run.merges.append((left, right, made))
        words = [(joined(word, left, right, made), count) for word, count in words]
        after, frequencies = queue(), _tokens(words)
        threshold = -after[0][0] if after else 0
        rare = [
            part
            for part in dict.fromkeys((left, right))
            if part >= n_pinned and part not in run.scaffold and frequencies[part] < threshold
        ]
        run.scaffold.update(rare)
        run.scaffolded.append(rare)
        run.readmitted.append([])
    return run


def demolished(token: int, scaffold: Collection[int], rows: Sequence[Row]) -> list[int]:
    """Take a scaffold token apart into the parts of its merge, and these again; the fewest parts if several merges
    make it, of equals those of the earliest merge.

    >>> demolished(4, {3, 4}, [(0, 1, 3), (3, 2, 4)])
    [0, 1, 2]
    """
    if token not in scaffold:
        return [token]
    ways = [
        demolished(left, scaffold, rows) + demolished(right, scaffold, rows)
        for left, right, result in rows
        if result == token
    ]
    return min(ways, key=len)


def encode(symbols: Sequence[int], rows: Sequence[Row], scaffold: Collection[int]) -> list[int]:
    """Encode with all merges, then demolish what is scaffold.

    >>> encode([0, 1, 2, 0, 1], [(0, 1, 3), (3, 2, 4)], {3})
    [4, 0, 1]
    """
    return [part for token in encoded(symbols, rows) for part in demolished(token, scaffold, rows)]


def _pairs(words: Iterable[tuple[list[int], int]]) -> Counter[tuple[int, int]]:
    pairs: Counter[tuple[int, int]] = Counter()
    for word, count in words:
        for pair in pairwise(word):
            pairs[pair] += count
    return pairs


def _tokens(words: Iterable[tuple[list[int], int]]) -> Counter[int]:
    tokens: Counter[int] = Counter()
    for word, count in words:
        for token in word:
            tokens[token] += count
    return tokens
