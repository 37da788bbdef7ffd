"""Slow twin of the merge engine: plain BPE as its definition reads.

Every step counts every pair from scratch, takes the best one, and rewrites every word from left to right. No
state survives a step but the words themselves.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    Pair = tuple[int, int]


@dataclass
class Run:
    """What the twin returns: tokens by id, the steps, and the tokens per group after each step."""

    tokens: list[bytes]
    ids: dict[bytes, int]
    merges: list[tuple[int, int, int]] = field(default_factory=list)
    counts: list[int] = field(default_factory=list)
    lengths: list[dict[str, int]] = field(default_factory=list)


@dataclass
class Word:
    """One pretoken: maximal runs of mergeable tokens, the number of tokens between them, counts by group."""

    runs: list[list[int]]
    n_barriers: int
    counts: dict[str, int]


def printable(data: bytes) -> str:
    """Return GPT-2's stand-in for bytes: Latin-1 where it is printable, U+0100 … for the 68 others in order.

    >>> printable(b"a b")
    'aĠb'
    """
    return "".join(_STAND_INS[byte] for byte in data)


def _stand_ins() -> list[str]:
    shown = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    hidden = [byte for byte in range(256) if byte not in shown]
    return [chr(byte) if byte in shown else chr(0x100 + hidden.index(byte)) for byte in range(256)]


_STAND_INS = _stand_ins()
ALL_BYTES = tuple(map(bytes, zip(range(256))))


def train(
    counts: Mapping[str, Mapping[bytes, int]],
    *,
    vocab_size: int,
    unit: str = "byte",
    special_tokens: Sequence[str] = (),
    initial_alphabet: Iterable[bytes] = ALL_BYTES,
    limit_alphabet: int | None = None,
    character_coverage: float = 1.0,
    byte_fallback: bool = False,
    unknown: str | None = None,
    alphabet_order: str = "gpt2",
    tie_break: str = "ids",
    min_frequency: int = 1,
    max_token_length: int | None = None,
) -> Run:
    """Train on group → pretoken → count until there are `vocab_size` ids or no pair is left.

    >>> run = train({"eng": {b"aaab": 2}}, vocab_size=258)
    >>> [run.tokens[result] for _, _, result in run.merges]
    [b'aa', b'aaa']
    """
    alphabet = _alphabet(
        counts, unit, set(initial_alphabet), limit_alphabet, character_coverage, alphabet_order
    )
    tokens = [text.encode() for text in special_tokens]
    shareable = [text for text in special_tokens if unit == "character" or all("!" <= c <= "~" for c in text)]
    ids = {text.encode(): special_tokens.index(text) for text in shareable}
    if byte_fallback:
        tokens += [bytes([byte]) for byte in range(256)]
    for symbol in alphabet:
        if symbol not in ids:
            ids[symbol] = len(tokens)
            tokens.append(symbol)
    run = Run(tokens, ids)
    kept = {symbol: ids[symbol] for symbol in alphabet}
    barriers = (lambda data: len(data)) if byte_fallback else (lambda _: 0 if unknown is None else 1)
    words = _words(counts, unit, kept, barriers)

    while len(run.tokens) < vocab_size:
        pairs: Counter[Pair] = Counter()
        for word in words:
            total = sum(word.counts.values())
            for symbols in word.runs:
                for pair in pairwise(symbols):
                    pairs[pair] += total
        allowed = {
            pair: count
            for pair, count in pairs.items()
            if count >= max(1, min_frequency) and _fits(run.tokens, pair, unit, max_token_length)
        }
        if not allowed:
            break
        top = max(allowed.values())
        left, right = _first(
            [pair for pair, count in allowed.items() if count == top], run.tokens, unit, tie_break
        )
        joined = run.tokens[left] + run.tokens[right]
        if joined not in run.ids:
            run.ids[joined] = len(run.tokens)
            run.tokens.append(joined)
        result = run.ids[joined]
        for word in words:
            word.runs = [_replace(symbols, left, right, result) for symbols in word.runs]
        run.merges.append((left, right, result))
        run.counts.append(top)
        run.lengths.append(_lengths(words, counts))
    return run


def _symbols(pretoken: bytes, unit: str) -> list[bytes]:
    if unit == "byte":
        return [bytes([byte]) for byte in pretoken]
    # surrogateescape keeps each invalid byte a piece of its own, which is never a character of the alphabet.
    text = pretoken.decode("utf-8", "surrogateescape")
    return [character.encode("utf-8", "surrogateescape") for character in text]


def _is_symbol(piece: bytes, unit: str) -> bool:
    if unit == "byte":
        return True
    try:
        piece.decode()
    except UnicodeDecodeError:
        return False
    return True


def _alphabet(
    counts: Mapping[str, Mapping[bytes, int]],
    unit: str,
    given: set[bytes],
    limit: int | None,
    coverage: float,
    order: str,
) -> list[bytes]:
    def place(symbol: bytes) -> str | bytes:
        return printable(symbol) if unit == "byte" and order == "gpt2" else symbol

    seen: Counter[bytes] = Counter()
    for column in counts.values():
        for pretoken, count in column.items():
            for piece in _symbols(pretoken, unit):
                if _is_symbol(piece, unit):
                    seen[piece] += count
    others = sorted((symbol for symbol in seen if symbol not in given), key=lambda s: (-seen[s], place(s)))
    if limit is not None:
        others = others[: max(0, limit - len(given))]
    if coverage < 1.0:
        total = sum(seen.values())
        covered = sum(seen[symbol] for symbol in given)
        needed = 0
        while needed < len(others) and covered < coverage * total:
            covered += seen[others[needed]]
            needed += 1
        others = others[:needed]
    return sorted([*given, *others], key=place)


def _words(
    counts: Mapping[str, Mapping[bytes, int]],
    unit: str,
    kept: Mapping[bytes, int],
    barriers: object,
) -> list[Word]:
    assert callable(barriers)
    words: dict[bytes, Word] = {}
    for group, column in counts.items():
        for pretoken, count in column.items():
            if pretoken in words:
                words[pretoken].counts[group] = count
                continue
            word = Word([[]], 0, {group: count})
            for piece in _symbols(pretoken, unit):
                if piece in kept:
                    word.runs[-1].append(kept[piece])
                elif barriers(piece):
                    word.n_barriers += barriers(piece)
                    word.runs.append([])
            words[pretoken] = word
    return list(words.values())


def _fits(tokens: Sequence[bytes], pair: Pair, unit: str, limit: int | None) -> bool:
    joined = tokens[pair[0]] + tokens[pair[1]]
    return limit is None or len(joined if unit == "byte" else joined.decode()) <= limit


def _first(pairs: list[Pair], tokens: Sequence[bytes], unit: str, rule: str) -> Pair:
    if rule == "ids":
        return min(pairs)
    if rule == "lexmin":
        return min(pairs, key=lambda pair: (tokens[pair[0]], tokens[pair[1]]))
    assert rule == "lexmax"
    shown = printable if unit == "byte" else bytes.decode
    return max(pairs, key=lambda pair: (shown(tokens[pair[0]]), shown(tokens[pair[1]])))


def _replace(symbols: list[int], left: int, right: int, result: int) -> list[int]:
    replaced: list[int] = []
    at = 0
    while at < len(symbols):
        if symbols[at : at + 2] == [left, right]:
            replaced.append(result)
            at += 2
        else:
            replaced.append(symbols[at])
            at += 1
    return replaced


def _lengths(words: Iterable[Word], counts: Mapping[str, object]) -> dict[str, int]:
    lengths = dict.fromkeys(counts, 0)
    for word in words:
        n_tokens = word.n_barriers + sum(len(symbols) for symbols in word.runs)
        for group, count in word.counts.items():
            lengths[group] += n_tokens * count
    return lengths
