"""Slow twin of PickyBPE: every step counts everything from scratch and rewrites every word.

Tokens are byte strings. A row is ``("merge", left, right)`` or ``("delete", token, *parts)``.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

Row: TypeAlias = tuple[Any, ...]
Pair: TypeAlias = tuple[bytes, bytes]
ALL_BYTES = tuple(map(bytes, zip(range(256))))
UTF8_BYTES = (*ALL_BYTES[:192], *ALL_BYTES[194:245])
"""The 243 bytes that occur in valid UTF-8."""


@dataclass
class Run:
    """What happened: the rows with their counts, the tokens that are there, and what became of every word."""

    vocabulary: list[bytes]
    rows: list[Row] = field(default_factory=list)
    counts: list[int] = field(default_factory=list)
    words: dict[bytes, list[bytes]] = field(default_factory=dict)


def train(
    counts: Mapping[bytes, int],
    *,
    vocab_size: int,
    tau: float,
    strict: bool = False,
    parts: str = "bytes",
    overlap: bool = False,
    alphabet: Iterable[bytes] = ALL_BYTES,
    min_frequency: int = 1,
) -> Run:
    """Merge, and delete what a merge has used up, until there are `vocab_size` tokens or no pair is left.

    >>> run = train({b"abx": 9, b"ab": 1}, vocab_size=258, tau=0.9)
    >>> run.rows[:3]
    [('merge', b'a', b'b'), ('merge', b'ab', b'x'), ('delete', b'ab', b'a', b'b')]
    """
    words = {word: [bytes([byte]) for byte in word] for word in counts}
    run = Run(list(alphabet), words=words)
    made_of: dict[bytes, Pair] = {}
    while len(run.vocabulary) < vocab_size:
        pairs = pair_counts(words, counts, overlap=overlap)
        best = max(pairs.values(), default=0)
        if best < max(1, min_frequency):
            break
        left, right = min(pair for pair, count in pairs.items() if count == best)
        before = token_counts(words, counts)
        replaced = pair_counts(words, counts, overlap=False)[left, right]
        for word, tokens in words.items():
            words[word] = merged(tokens, left, right)
        run.rows.append(("merge", left, right))
        run.counts.append(best if overlap else replaced)
        made_of.setdefault(left + right, (left, right))
        if left + right not in run.vocabulary:
            run.vocabulary.append(left + right)
        for token in dict.fromkeys((left, right)):
            n = before[token] - (replaced if strict and left == right else 0)
            share = replaced / n
            if len(token) > 1 and (share > tau if strict else share >= tau):
                split = parts_of(token, parts, made_of, run.vocabulary)
                run.rows.append(("delete", token, *split))
                run.counts.append(token_counts(words, counts)[token])
                for word, tokens in words.items():
                    words[word] = [p for t in tokens for p in (split if t == token else [t])]
                # Parts that are a pair can bring a token back that is not in the vocabulary, to be deleted again.
                if token in run.vocabulary:
                    run.vocabulary.remove(token)
    return run


def parts_of(
    token: bytes, parts: str, made_of: Mapping[bytes, Pair], vocabulary: Sequence[bytes]
) -> list[bytes]:
    """Return what a deleted token is split into."""
    if parts == "bytes":
        return [bytes([byte]) for byte in token]
    if parts == "pair":
        return list(made_of[token])
    assert parts == "present"
    split: list[bytes] = []
    for part in made_of[token]:
        split += [part] if part in vocabulary else parts_of(part, parts, made_of, vocabulary)
    return split


def pair_counts(
    words: Mapping[bytes, Sequence[bytes]], counts: Mapping[bytes, int], *, overlap: bool
) -> Counter[Pair]:
    """Count adjacent tokens; without overlap ``x x x`` holds (x, x) once.

    >>> pair_counts({b"xxx": [b"x"] * 3}, {b"xxx": 2}, overlap=False)
    Counter({(b'x', b'x'): 2})
    """
    pairs: Counter[Pair] = Counter()
    for word, tokens in words.items():
        skip = False
        for pair in pairwise(tokens):
            if pair[0] == pair[1] and skip and not overlap:
                skip = False
                continue
            skip = pair[0] == pair[1]
            pairs[pair] += counts[word]
    return pairs


def token_counts(words: Mapping[bytes, Sequence[bytes]], counts: Mapping[bytes, int]) -> Counter[bytes]:
    """Count the tokens of all words."""
    tokens: Counter[bytes] = Counter()
    for word, cut in words.items():
        for token in cut:
            tokens[token] += counts[word]
    return tokens


def merged(tokens: Sequence[bytes], left: bytes, right: bytes) -> list[bytes]:
    """Replace a pair, leftmost first, without overlap.

    >>> merged([b"a", b"a", b"a"], b"a", b"a")
    [b'aa', b'a']
    """
    out: list[bytes] = []
    at = 0
    while at < len(tokens):
        if tuple(tokens[at : at + 2]) == (left, right):
            out.append(left + right)
            at += 2
        else:
            out.append(tokens[at])
            at += 1
    return out


def encode(pretoken: bytes, rows: Sequence[Row]) -> list[bytes]:
    """Encode a pretoken: from the current place in the rows, the earliest later one that applies, and so on.

    >>> encode(b"ab", [("merge", b"a", b"b"), ("delete", b"ab", b"a", b"b")])
    [b'a', b'b']
    """
    tokens = [bytes([byte]) for byte in pretoken]
    for row in rows:
        if row[0] == "merge":
            tokens = merged(tokens, row[1], row[2])
        else:
            tokens = [part for token in tokens for part in (row[2:] if token == row[1] else (token,))]
    return tokens
