"""Slow twin of two-stage training: repeat the first stage's merges on other words, then go on under constraints.

Every step counts every pair from scratch and rewrites every word from left to right.
"""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from typing import TYPE_CHECKING

from tokbench.reference.extend import joined

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    Pair = tuple[int, int]
    Row = tuple[int, int, int]


def n_words(token: bytes) -> int:
    r"""Count the words: what spaces (U+0020) keep apart.

    >>> n_words(b" of  the"), n_words(b"a\nb"), n_words(b"  ")
    (2, 1, 0)
    """
    return sum(1 for part in token.split(b" ") if part)


def inherit(words: Iterable[Sequence[int]], rows: Sequence[Row]) -> tuple[list[list[int]], list[bool]]:
    """Carry every merge out once, in order; also say which of them ever had their pair side by side before.

    >>> inherit([[97, 98, 99]], [(97, 98, 256), (98, 99, 257), (256, 98, 258)])
    ([[256, 99]], [True, True, False])
    """
    state = [list(word) for word in words]
    seen: set[Pair] = {pair for word in state for pair in pairwise(word)}
    met = []
    for left, right, result in rows:
        met.append((left, right) in seen)
        for word in state:
            at = 0
            while at + 1 < len(word):
                if word[at] == left and word[at + 1] == right:
                    word[at : at + 2] = [result]
                    seen.update(pairwise(word[max(0, at - 1) : at + 2]))
                at += 1
    return state, met


def go_on(
    words: Iterable[tuple[Sequence[int], int]],
    tokens: Mapping[int, bytes],
    *,
    vocab_size: int,
    max_words: int | None = 4,
    forbidden: Sequence[bytes] = (b": ",),
    min_frequency: int = 1,
    max_token_length: int | None = None,
) -> list[tuple[int, int, int, int]]:
    """Return the steps (left, right, result, count) of the second stage until there are `vocab_size` ids.

    >>> spelled = {byte: bytes([byte]) for byte in range(256)}
    >>> [spelled_pair[:3] for spelled_pair in go_on([(b"a b", 2)], spelled, vocab_size=300)]
    [(32, 98, 256), (97, 256, 257)]
    """
    spelled = dict(tokens)
    ids = {token: token_id for token_id, token in spelled.items()}
    state = [(list(word), count) for word, count in words]
    steps: list[tuple[int, int, int, int]] = []

    def may(pair: Pair) -> bool:
        token = spelled[pair[0]] + spelled[pair[1]]
        return (
            (max_words is None or n_words(token) <= max_words)
            and not any(part in token for part in forbidden)
            and (max_token_length is None or len(token) <= max_token_length)
        )

    while len(spelled) < vocab_size:
        pairs: Counter[Pair] = Counter()
        for word, count in state:
            for pair in pairwise(word):
                pairs[pair] += count
        allowed = [
            (-count, pair) for pair, count in pairs.items() if count >= max(1, min_frequency) and may(pair)
        ]
        if not allowed:
            break
        count, (left, right) = min(allowed)
        token = spelled[left] + spelled[right]
        if token not in ids:
            ids[token] = len(spelled)
            spelled[len(spelled)] = token
        steps.append((left, right, ids[token], -count))
        state = [(joined(word, left, right, ids[token]), number) for word, number in state]
    return steps
