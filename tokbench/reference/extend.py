"""Slow twin of starting from an existing tokenizer: the two segmentations, and merging on from one.

Words are lists of ids. Every step counts every pair from scratch and rewrites every word from left to right.
"""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    Row = tuple[int, int, int]


def replayed(symbols: Sequence[int], rows: Iterable[Row]) -> list[int]:
    """Carry out every step once, in order: the state that training ended in.

    >>> replayed([97, 98, 99, 100], [(98, 99, 256), (256, 100, 257), (97, 98, 258)])
    [97, 257]
    """
    word = list(symbols)
    for left, right, result in rows:
        word = joined(word, left, right, result)
    return word


def encoded(symbols: Sequence[int], rows: Sequence[Row]) -> list[int]:
    """Carry out the first step that applies anywhere, at its leftmost place, until none applies.

    >>> encoded([97, 98, 99], [(98, 99, 256), (97, 98, 257)])
    [97, 256]
    """
    word = list(symbols)
    while True:
        pairs = list(pairwise(word))
        step = next((row for row in rows if row[:2] in pairs), None)
        if step is None:
            return word
        at = pairs.index(step[:2])
        word[at : at + 2] = [step[2]]


def joined(word: Sequence[int], left: int, right: int, result: int) -> list[int]:
    """Replace the pair from left to right."""
    made: list[int] = []
    at = 0
    while at < len(word):
        hit = list(word[at : at + 2]) == [left, right]
        made.append(result if hit else word[at])
        at += 2 if hit else 1
    return made


def extend(
    words: Iterable[tuple[Sequence[int], int]],
    tokens: Mapping[int, bytes],
    *,
    add: int,
    first_id: int,
    freeze: bool = True,
    protected: Iterable[Sequence[int]] = (),
    vetoed: Collection[bytes] = (),
    min_frequency: int = 1,
    max_token_length: int | None = None,
) -> list[tuple[int, int, int, int]]:
    """Return the new steps (left, right, result, count); of equally frequent pairs the one of smaller ids first.

    `words` are the base's segmentations with their counts, `tokens` what the base's ordinary ids spell,
    `protected` segmentations whose pairs are passed over, `vetoed` byte strings that no token may have.

    >>> spelled = {byte: bytes([byte]) for byte in range(256)}
    >>> extend([(b"aab", 2)], spelled, add=2, first_id=300)
    [(97, 97, 300, 2), (300, 98, 301, 2)]
    """
    spelled = dict(tokens)
    ids = {token: token_id for token_id, token in spelled.items()}
    state = [(list(word), count) for word, count in words]
    held = {pair for word in protected for pair in pairwise(word)}
    steps: list[tuple[int, int, int, int]] = []
    next_id = first_id
    while next_id < first_id + add:
        pairs: Counter[tuple[int, int]] = Counter()
        for word, count in state:
            for pair in pairwise(word):
                pairs[pair] += count

        def may(pair: tuple[int, int], count: int) -> bool:
            token = spelled[pair[0]] + spelled[pair[1]]
            fits = max_token_length is None or len(token) <= max_token_length
            is_new = not (freeze and token in ids)
            return (
                fits
                and is_new
                and count >= max(1, min_frequency)
                and pair not in held
                and token not in vetoed
            )

        allowed = [(-count, pair) for pair, count in pairs.items() if may(pair, count)]
        if not allowed:
            break
        count, (left, right) = min(allowed)
        token = spelled[left] + spelled[right]
        if token not in ids:
            ids[token] = next_id
            spelled[next_id] = token
            next_id += 1
        steps.append((left, right, ids[token], -count))
        state = [(joined(word, left, right, ids[token]), number) for word, number in state]
    return steps
