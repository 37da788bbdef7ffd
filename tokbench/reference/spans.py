"""Slow twins of `tokbench.metrics.span_kernels`: one document at a time."""

from __future__ import annotations

from itertools import accumulate, pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def spell_documents(document: bytes, tokens: Sequence[bytes]) -> tuple[list[int], int]:
    """Return the ends of the tokens in the document, and 1 if they spell it, 2 if after one space, else 0.

    Example:
        >>> spell_documents(b"ab c", [b" a", b"b", b" c"])
        ([1, 2, 4], 2)
    """
    spelled = b"".join(tokens)
    ends = list(accumulate(map(len, tokens)))
    if spelled == document:
        return ends, 1
    if spelled == b" " + document:
        return [max(end - 1, 0) for end in ends], 2
    return [], 0


def cuts_in_spans(cuts: Sequence[int], spans: Sequence[tuple[int, int]]) -> list[list[int]]:
    """Return the cuts strictly inside of each span.

    Example:
        >>> cuts_in_spans([1, 3, 5], [(0, 3), (3, 7)])
        [[1], [5]]
    """
    return [[cut for cut in cuts if start < cut < end] for start, end in spans]


def add_by_row(values: Sequence[int], rows: Sequence[int]) -> list[int]:
    """Add up the values of each document.

    Example:
        >>> add_by_row([1, 2, 3], [0, 2, 2, 3])
        [3, 0, 3]
    """
    return [sum(values[begin:end]) for begin, end in pairwise(rows)]


def number_spans(spans: Sequence[bytes]) -> tuple[list[int], list[int]]:
    """Return which different span each is, in the order of their first appearance, and the first span of each.

    Example:
        >>> number_spans([b"a", b"b", b"a"])
        ([0, 1, 0], [0, 1])
    """
    numbers: dict[bytes, int] = {}
    which = [numbers.setdefault(span, len(numbers)) for span in spans]
    return which, [which.index(number) for number in range(len(numbers))]
