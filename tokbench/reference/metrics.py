"""Slow twins of the metric kernels: the definitions, written to be read.

A byte that is not part of valid UTF-8 becomes one lone surrogate (``surrogateescape``): one character that is
neither white space nor a letter.
"""

from __future__ import annotations

import math
from collections import Counter
from fractions import Fraction
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    Span = tuple[int, int]


def _text(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")


def count_characters(data: bytes) -> int:
    """Count code points, and each invalid byte as one."""
    return len(_text(data))


def count_lines(data: bytes) -> int:
    r"""Count the pieces between line feeds; a final line feed opens no line, an empty document is one line.

    Example:
        >>> [count_lines(data) for data in (b"", b"a", b"a\n", b"a\n\nb")]
        [1, 1, 1, 3]
    """
    pieces = data.split(b"\n")
    return len(pieces) - (len(pieces) > 1 and pieces[-1] == b"")


def split_words(data: bytes) -> list[Span]:
    """Return the byte spans of the words of ``str.split()``.

    Example:
        >>> split_words(b" a bc ")
        [(1, 2), (3, 5)]
    """
    text, spans, at = _text(data), [], 0
    for word in text.split():
        start = text.index(word, at)
        at = start + len(word)
        begin = len(text[:start].encode("utf-8", "surrogateescape"))
        spans.append((begin, begin + len(word.encode("utf-8", "surrogateescape"))))
    return spans


def count_whole_words(cuts: Sequence[int], spans: Sequence[Span]) -> int:
    """Count the spans that hold no cut strictly inside."""
    return sum(not any(start < cut < end for cut in cuts) for start, end in spans)


def count_types(ids: Sequence[int], size: int) -> list[int]:
    """Count the occurrences of each id below `size`; ids at or above it are counted in one last entry."""
    counts = Counter(min(token_id, size) for token_id in ids)
    return [counts[token_id] for token_id in range(size + 1)]


def count_id(ids: Sequence[int], wanted: int) -> int:
    """Count one id."""
    return list(ids).count(wanted)


def gini(costs: Sequence[float]) -> float:
    """Return Σ_ij |c_i - c_j| / (2 n² mean(c)), in exact arithmetic.

    Example:
        >>> gini([1, 2, 3])
        0.2222222222222222
    """
    exact = [Fraction(cost) for cost in costs]
    n, total = len(exact), sum(exact)
    return float(sum(abs(a - b) for a in exact for b in exact) / (2 * n * total))


def renyi_bits(counts: Sequence[int], alpha: float) -> float:
    """Return the Rényi entropy in bits, term by term."""
    total = sum(counts)
    shares = [count / total for count in counts if count]
    if alpha == 1:
        return -math.fsum(p * math.log2(p) for p in shares)
    if alpha == 0:
        return math.log2(len(shares))
    if math.isinf(alpha):
        return -math.log2(max(shares))
    return math.log2(math.fsum(p**alpha for p in shares)) / (1 - alpha)


def mark_characters(data: bytes) -> list[bool]:
    """Mark the first byte of every code point, and every invalid byte."""
    marks: list[bool] = []
    for character in _text(data):
        marks += [True] + [False] * (len(character.encode("utf-8", "surrogateescape")) - 1)
    return marks


def documents_with(documents: Sequence[Sequence[int]], wanted: Sequence[int]) -> list[bool]:
    """Say of each document whether it holds its own wanted id."""
    return [token_id in document for document, token_id in zip(documents, wanted, strict=True)]


def hash_documents(data: bytes) -> int:
    """Return FNV-1a of 64 bits, finished as in MurmurHash3."""
    value = 0xCBF29CE484222325
    for byte in data:
        value = (value ^ byte) * 0x100000001B3 % 2**64
    value = (value ^ value >> 33) * 0xFF51AFD7ED558CCD % 2**64
    value = (value ^ value >> 33) * 0xC4CEB9FE1A85EC53 % 2**64
    return value ^ value >> 33


def script_of_spans(scripts: Sequence[int], spans: Sequence[Span], plain: Sequence[bool]) -> list[int]:
    """Return the first script of each span that is not plain, else its first, else -1."""
    found = []
    for start, end in spans:
        inside = list(scripts[start:end])
        found.append(next((script for script in inside if not plain[script]), inside[0] if inside else -1))
    return found


def quantile_of_histogram(counts: Sequence[int], quantile: float) -> int:
    """Return the length of the token at rank ⌈q N⌉ of the tokens in order of length, 1 at least."""
    tokens = [length for length, count in enumerate(counts) for _ in range(count)]
    return tokens[max(1, math.ceil(quantile * len(tokens))) - 1]


def weighted_gini(costs: Sequence[float], weights: Sequence[float]) -> float:
    """Return Σ_ij w_i w_j |c_i - c_j| / (2 (Σ w)² mean_w(c)), in exact arithmetic."""
    pairs = [(Fraction(cost), Fraction(weight)) for cost, weight in zip(costs, weights, strict=True)]
    total = sum(weight for _, weight in pairs)
    paid = sum(cost * weight for cost, weight in pairs)
    apart = sum(v * w * abs(a - b) for a, v in pairs for b, w in pairs)
    return float(apart / (2 * total * paid))
