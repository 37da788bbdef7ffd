"""Encodings drawn at random, slowly: the twins of ``rust_ext/core/src/encode/sample``.

The random numbers are the same ones, so the same seed gives the same tokens.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

_WORD = (1 << 64) - 1
_STEP = 0x9E3779B97F4A7C15
_KEYS = 0xA0761D6478BD642F, 0xE7037ED1A0B428DB


def _mix(value: int) -> int:
    value = (value + _STEP) & _WORD
    value = ((value ^ value >> 30) * 0xBF58476D1CE4E5B9) & _WORD
    value = ((value ^ value >> 27) * 0x94D049BB133111EB) & _WORD
    return value ^ value >> 31


def _hash(data: bytes) -> int:
    def fold(one: int, other: int) -> int:
        return (one * other & _WORD) ^ (one * other >> 64)

    state = len(data) ^ _KEYS[0]
    for place in range(0, len(data), 8):
        state = fold(state ^ int.from_bytes(data[place : place + 8], "little"), _KEYS[1])
    return fold(state ^ _KEYS[1], _KEYS[0])


class Draws:
    """Random numbers of one pretoken (its place in the document) or, without a place, of a whole document."""

    def __init__(self, seed: int, document: bytes, place: int = _WORD) -> None:
        self._state = _mix(_mix(_mix(seed) ^ _hash(document)) ^ place)

    def _next(self) -> int:
        value = _mix(self._state)
        self._state = (self._state + _STEP) & _WORD
        return value

    def unit(self) -> float:
        """Return a number in [0, 1)."""
        return (self._next() >> 11) * 2.0**-53

    def below(self, n: int) -> int:
        """Return a whole number below `n`."""
        return self._next() * n >> 64


def merge_with_dropout(
    symbols: Sequence[int], table: Mapping[tuple[int, int], tuple[int, int]], p: float, draws: Draws
) -> list[int]:
    """Merge; in every step each applicable merge, by rank and place, is left out with probability p.

    Source: Provilkov et al. 2020 (BPE-dropout).
    """
    ids = list(symbols)
    while True:
        applicable = sorted(
            (table[pair][0], place, table[pair][1])
            for place, pair in enumerate(pairwise(ids))
            if pair in table
        )
        chosen = next((each for each in applicable if not draws.unit() < p), None)
        if chosen is None:
            return ids
        _, place, result = chosen
        ids[place : place + 2] = [result]


def split_at_random(ids: Sequence[int], tokens: Mapping[int, bytes], p: float, draws: Draws) -> list[int]:
    """Let ⌊p · n⌋ times a random token fall into a random pair of tokens, where it can.

    Source: Sims et al. 2025 (StochasTok).
    """
    out = list(ids)
    known = {token: token_id for token_id, token in tokens.items()}
    for _ in range(math.floor(p * len(ids))):
        place = draws.below(len(out))
        token = tokens.get(out[place], b"")
        ways = [
            [known[token[:cut]], known[token[cut:]]]
            for cut in range(1, len(token))
            if token[:cut] in known and token[cut:] in known
        ]
        if ways:
            out[place : place + 1] = ways[draws.below(len(ways))]
    return out


def fewest_at_random(pretoken: bytes, ids: Mapping[bytes, int], draws: Draws) -> list[int] | None:
    """Return fewest tokens; at every place one of the equally good last tokens is drawn, the widest counted first.

    Source: Schmidt et al. 2024 (PathPiece, the tie rule "random").
    """
    best: list[list[int] | None] = [[]]
    for end in range(1, len(pretoken) + 1):
        ways = [
            [*before, ids[pretoken[start:end]]]
            for start in range(end)
            if (before := best[start]) is not None and pretoken[start:end] in ids
        ]
        fewest = min(map(len, ways), default=0)
        ways = [way for way in ways if len(way) == fewest]
        best.append(ways[draws.below(len(ways)) if len(ways) > 1 else 0] if ways else None)
    return best[-1]


def path_at_random(
    pretoken: bytes, ids: Mapping[bytes, int], score_of: Callable[[int], float], alpha: float, draws: Draws
) -> list[int] | None:
    """Return tokens with probability ∝ exp(alpha · the sum of their scores): sums forwards, draws backwards.

    Source: Kudo 2018 (subword regularization).
    """
    sums = [0.0]
    for end in range(1, len(pretoken) + 1):
        values = [
            sums[start] + alpha * score_of(ids[pretoken[start:end]])
            for start in range(end)
            if sums[start] > -math.inf and pretoken[start:end] in ids
        ]
        top = max(values, default=-math.inf)
        sums.append(top + math.log(sum(math.exp(value - top) for value in values)) if values else top)
    if sums[-1] == -math.inf:
        return None
    out: list[int] = []
    end = len(pretoken)
    while end > 0:
        left, chosen = draws.unit(), 0
        for start in range(end):
            if sums[start] == -math.inf or pretoken[start:end] not in ids:
                continue
            chosen = start
            left -= math.exp(sums[start] + alpha * score_of(ids[pretoken[start:end]]) - sums[end])
            if left < 0:
                break
        out.insert(0, ids[pretoken[chosen:end]])
        end = chosen
    return out
