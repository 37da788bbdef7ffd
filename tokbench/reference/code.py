"""Slow twins of `tokbench.metrics.code_kernels`: one document at a time."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    Span = tuple[int, int]

SPACE = b" \t\n\r\v\f"


def find_operators(data: bytes, operators: Sequence[bytes]) -> list[tuple[int, int, int]]:
    """Return (start, end, which) of the operators; of those that match the first in the list is taken.

    Example:
        >>> find_operators(b"3+5>=8", [b">=", b"+", b">"])
        [(1, 2, 1), (3, 5, 0)]
    """
    found, at = [], 0
    while at < len(data):
        which = next((k for k, each in enumerate(operators) if data.startswith(each, at)), None)
        if which is None:
            at += 1
            continue
        found.append((at, at + len(operators[which]), which))
        at = found[-1][1]
    return found


def meet_edges(data: bytes, cuts: Sequence[int], spans: Sequence[Span]) -> list[int]:
    """Return 1 where the start of a span is a token boundary, plus 2 where its end is, white space aside.

    Example:
        >>> meet_edges(b"a  = b", [1, 2, 4, 6], [(0, 1), (3, 4), (5, 6)])
        [3, 3, 3]
    """
    result = []
    for start, end in spans:
        left = len(data[:start].rstrip(SPACE))
        right = len(data) - len(data[end:].lstrip(SPACE))
        begins = left == 0 or any(left <= cut <= start for cut in cuts)
        ends = right == len(data) or any(end <= cut <= right for cut in cuts)
        result.append(begins + 2 * ends)
    return result


def count_crossings(data: bytes, cuts: Sequence[int], spans: Sequence[Span]) -> tuple[int, int]:
    """Return the tokens that are not only white space, and those that hold bytes of several spans.

    Example:
        >>> count_crossings(b"f(x)", [2, 3], [(0, 1), (1, 2), (2, 3), (3, 4)])
        (3, 1)
    """
    edges = [0, *sorted({cut for cut in cuts if 0 < cut < len(data)}), len(data)]
    tokens = [(a, b) for a, b in pairwise(edges) if data[a:b].strip(SPACE)]
    crossing = [sum(start < b and end > a for start, end in spans) > 1 for a, b in tokens]
    return len(tokens), sum(crossing)


def count_indentation(data: bytes, cuts: Sequence[int]) -> Counter[tuple[int, int]]:
    r"""Count (depth, tokens with white space of the indentation) over the lines that are not blank.

    Example:
        >>> sorted(count_indentation(b"if x:\n    y\n\nz", [6, 9, 11]).items())
        [((0, 0), 2), ((1, 2), 1)]
    """
    found: Counter[tuple[int, int]] = Counter()
    stack, at = [0], 0
    for line in data.split(b"\n"):
        body = line.lstrip(b" \t")
        indent = line[: len(line) - len(body)]
        if body and body[:1] != b"\r":
            width = len(indent.expandtabs(8))
            while stack[-1] > width:
                stack.pop()
            if width > stack[-1]:
                stack.append(width)
            tokens = 1 + sum(at < cut < at + len(indent) for cut in set(cuts)) if indent else 0
            found[len(stack) - 1, tokens] += 1
        at += len(line) + 1
    return found
