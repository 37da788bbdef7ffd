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
