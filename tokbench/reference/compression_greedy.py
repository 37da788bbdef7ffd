"""Slow twin of the greedy compression-aware choices: every candidate is weighed on the text itself.

The text is a list of pretokens in their order. Every step counts all pairs from scratch, takes the most frequent ones
as candidates, and works out for each what the description would cost after its merge.
"""

from __future__ import annotations

import math
from collections import Counter
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    Pair = tuple[int, int]
    Text = list[list[int]]


def lz78_bits(stream: Sequence[int], vocab_size: int) -> float:
    """Return the LZ78 code length: ``log₂`` of a phrase's number plus ``log₂ V`` for the token that ends it.

    A phrase that the end of the stream cuts short costs its number alone.

    >>> lz78_bits([0, 0, 0], 4)
    5.0
    """
    phrases: set[tuple[int, ...]] = set()
    bits = 0.0
    phrase: tuple[int, ...] = ()
    for token in stream:
        phrase = (*phrase, token)
        if phrase not in phrases:
            phrases.add(phrase)
            bits += math.log2(len(phrases)) + math.log2(max(2, vocab_size))
            phrase = ()
    return bits + (math.log2(len(phrases) + 1) if phrase else 0.0)


def order0_bits(counts: Iterable[int]) -> float:
    """Return ``n·H₀`` of a stream whose tokens occur so often, summed without rounding.

    >>> order0_bits([2, 2])
    4.0
    """
    kept = [count for count in counts if count]
    return math.fsum([sum(kept) * math.log2(sum(kept) or 1), *(-count * math.log2(count) for count in kept)])


def choose(
    pretokens: Sequence[bytes],
    *,
    n_merges: int,
    candidates: int,
    code: str,
    every: int = 1,
    stop: bool = False,
) -> list[tuple[bytes, bytes]]:
    """Return up to `n_merges` merges; ids are byte values, then the order of merges.

    `code` is order0 or lz78; `every` belongs to lz78, `stop` to order0.

    >>> choose([b"ab", b"ab", b"ac"], n_merges=1, candidates=1, code="order0")
    [(b'a', b'b')]
    """
    tokens = [bytes([byte]) for byte in range(256)]
    text: Text = [list(pretoken) for pretoken in pretokens]
    steps: list[tuple[bytes, bytes]] = []
    queue: list[Pair] = []
    while len(tokens) - 256 < n_merges:
        pairs = Counter(pair for word in text for pair in pairwise(word))
        top = sorted(pairs, key=lambda pair: (-pairs[pair], pair))[:candidates]
        if not top:
            break
        if code == "order0":
            gains = {pair: _gain(text, pair, pairs[pair], len(tokens)) for pair in top}
            best = max(top, key=gains.__getitem__)
            if stop and gains[best] <= 0:
                break
        else:
            if len(steps) % every == 0 or not queue:
                queue = sorted(top, key=lambda pair: _units(_lz78_after(text, pair, len(tokens))))
            best = next((pair for pair in queue if pair in top), top[0])
            queue = [pair for pair in queue if pair != best]
        left, right = (tokens[part] for part in best)
        if left + right not in tokens:
            tokens.append(left + right)
        text = [_replaced(word, best, tokens.index(left + right)) for word in text]
        steps.append((left, right))
    return steps


def _units(bits: float) -> int:
    """Bits are compared in units of 2⁻²⁰."""
    return round(bits * 2**20)


def _gain(text: Text, pair: Pair, count: int, n_ids: int) -> int:
    """Return the fall of ``n·H₀`` less ``2·log₂|V|`` bits for the rule; half of equal tokens at most go."""
    frequencies = Counter(token for word in text for token in word)
    before = order0_bits(frequencies.values())
    if pair[0] == pair[1]:
        count = min(count, frequencies[pair[0]] // 2)
    for part in pair:
        frequencies[part] -= count
    after = order0_bits([*frequencies.values(), count])
    return _units(before - after - 2 * math.log2(n_ids))


def _lz78_after(text: Text, pair: Pair, n_ids: int) -> float:
    merged = [_replaced(word, pair, n_ids) for word in text]
    return lz78_bits([token for word in merged for token in word], n_ids + 1)


def _replaced(word: Sequence[int], pair: Pair, result: int) -> list[int]:
    made: list[int] = []
    at = 0
    while at < len(word):
        if tuple(word[at : at + 2]) == pair:
            made.append(result)
            at += 2
        else:
            made.append(word[at])
            at += 1
    return made
