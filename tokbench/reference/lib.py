"""Less is Better, slowly: the twin of ``vocabulary/lexicon.rs`` and ``encode/ranked.rs``, with the same generator.

A text is a list of symbols: its characters, and one symbol for each byte that is not part of valid UTF-8.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tokbench.reference.random import Random, mix

if TYPE_CHECKING:
    from collections.abc import Sequence

Symbols = tuple[bytes, ...]


def symbols(text: bytes) -> Symbols:
    r"""Return the characters of a text as bytes; a byte that is not part of valid UTF-8 counts for itself.

    Example:
        >>> symbols(b"a\xc3\xa9\xff")
        (b'a', b'\xc3\xa9', b'\xff')
    """
    return tuple(
        character.encode(errors="surrogateescape") for character in text.decode(errors="surrogateescape")
    )


def two_longest(lexicon: Sequence[Symbols], text: Symbols, at: int) -> list[Symbols]:
    """Return the units that begin at a place, the longest first, two at most."""
    units = set(lexicon)
    widest = min(max((len(unit) for unit in units), default=0), len(text) - at)
    return [text[at : at + n] for n in range(widest, 0, -1) if text[at : at + n] in units][:2]


def second_is_better(
    lexicon: Sequence[Symbols], text: Symbols, at: int, best: Symbols, second: Symbols
) -> tuple[bool, int]:
    """Return whether reading on from `second` is better than from `best`, and where the readings meet."""
    readings = [[at + len(unit), 0, 1, lexicon.index(unit)] for unit in (best, second)]
    while readings[0][0] != readings[1][0]:
        behind = min(readings, key=lambda reading: reading[0])
        found = two_longest(lexicon, text, behind[0])
        behind[0] += len(found[0]) if found else 1
        behind[1] += 0 if found else 1
        behind[2] += 1
        behind[3] += lexicon.index(found[0]) if found else len(lexicon)
    return readings[1][1:] < readings[0][1:], readings[0][0]


def read(lexicon: Sequence[Symbols], text: Symbols) -> list[tuple[Symbols, bool]]:
    """Return the pieces of a text, and whether each is a unit."""
    pieces: list[tuple[Symbols, bool]] = []
    at = 0

    def take(unit: Symbols | None) -> int:
        piece = text[at : at + 1] if unit is None else unit
        pieces.append((piece, unit is not None))
        return at + len(piece)

    while at < len(text):
        found = two_longest(lexicon, text, at)
        if len(found) < 2:
            at = take(found[0] if found else None)
            continue
        better, meet = second_is_better(lexicon, text, at, *found)
        at = take(found[1] if better else found[0])
        while at < meet:
            found = two_longest(lexicon, text, at)
            at = take(found[0] if found else None)
    return pieces


@dataclass
class Learner:
    """What is kept between articles: the order of the units, and how long those on probation have left."""

    lexicon: list[Symbols]
    life: dict[Symbols, int]
    random: Random
    lives: int
    max_length: int
    memory_in: float
    memory_out: float
    update_rate: float
    max_gap: int

    def article(self, lines: Sequence[Symbols]) -> None:
        """Read some lines and draw the consequences."""
        moves: list[tuple[Symbols, bool]] = []
        noticed: set[Symbols] = set()
        for text in lines:
            self._line(text, moves, noticed)
        expired = {unit for unit, left in self.life.items() if left == 1}
        self.lexicon = [unit for unit in self.lexicon if unit not in expired]
        self.life = {unit: left - 1 for unit, left in self.life.items() if left > 1}
        for unit, up in moves:
            if unit not in self.lexicon or self.lexicon[0] == unit:
                continue
            rank = self.lexicon.index(unit)
            step = int(rank * self.update_rate) + 1
            self.lexicon.remove(unit)
            if up:
                self.lexicon.insert(max(0, rank - step), unit)
            elif rank + step <= len(self.lexicon):
                self.lexicon.insert(rank + step, unit)
            else:
                self.life.pop(unit, None)
        for unit in self.lexicon[int((1 - self.memory_out) * len(self.lexicon)) :]:
            self.life.setdefault(unit, self.lives)

    def _line(self, text: Symbols, moves: list[tuple[Symbols, bool]], noticed: set[Symbols]) -> None:
        at, last, gap = 0, 0, 0
        while at < len(text):
            found = two_longest(self.lexicon, text, at)
            if not found:
                at, last, gap = at + 1, 0, gap + 1
                continue
            best = found[0]
            candidate: Symbols | None = None
            if gap:
                candidate = text[at - gap : at] if gap <= self.max_gap else None
            elif last and last + len(best) <= self.max_length:
                candidate = text[at - last : at + len(best)]
            if candidate and self.random.unit() < self.memory_in and candidate not in self.lexicon:
                if candidate in noticed:
                    noticed.remove(candidate)
                    self.lexicon.append(candidate)
                else:
                    noticed.add(candidate)
            if len(found) > 1 and second_is_better(self.lexicon, text, at, *found)[0]:
                moves += [(best, False), (found[1], True)]
            else:
                moves += [(best, True)] if len(found) > 1 else []
                self.life.pop(best, None)
            at, last, gap = at + len(best), len(best), 0


def learn(
    lines: Sequence[bytes],
    *,
    epochs: int,
    article: int,
    life: int,
    max_length: int,
    memory_in: float,
    memory_out: float,
    update_rate: float,
    max_gap: int,
    seed: int,
) -> list[bytes]:
    """Return the units that reading teaches, best first."""
    texts = [symbols(line) for line in lines]
    counts = Counter(symbol for text in texts for symbol in text)

    def code(symbol: bytes) -> int:
        point = ord(symbol.decode(errors="surrogateescape"))
        return point if not 0xDC80 <= point <= 0xDCFF else 0x110000 + symbol[0]

    alphabet = sorted(counts, key=lambda symbol: (-counts[symbol], code(symbol)))
    first: list[tuple[bytes, ...]] = [(symbol,) for symbol in alphabet]
    learner = Learner(
        first, dict.fromkeys(first, life), Random(mix(seed)), life, max_length, memory_in, memory_out,
        update_rate, max_gap,
    )  # fmt: skip
    n_articles = -(-len(texts) // article)
    for _ in range(epochs if n_articles else 0):
        start = learner.random.below(n_articles) * article
        learner.article(texts[start : start + article])
    return [b"".join(unit) for unit in learner.lexicon]
