"""Cutting one pretoken into tokens of a given vocabulary, slowly: the twins of ``greedy.rs`` and ``lattice.rs``.

Every function takes the pretoken and the tokens that may be used (bytes → id) and returns ids, or None where no
sequence of these tokens spells the pretoken.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


def longest_suffix(pretoken: bytes, ids: Mapping[bytes, int]) -> list[int] | None:
    """Return the longest tokens that fit, from right to left.

    Example:
        >>> longest_suffix(b"abc", {b"a": 0, b"b": 1, b"c": 2, b"ab": 3, b"bc": 4})
        [0, 4]
    """
    found: list[int] = []
    end = len(pretoken)
    while end > 0:
        start = next((start for start in range(end) if pretoken[start:end] in ids), None)
        if start is None:
            return None
        found.insert(0, ids[pretoken[start:end]])
        end = start
    return found


def longest_first(pretoken: bytes, ids: Mapping[bytes, int]) -> list[int] | None:
    """Return the longest token anywhere, the leftmost of equals, between the same of what is left and right of it.

    Source: LBPE (2411.05504), FLOTA (Hofmann et al. 2022).

    Example:
        >>> longest_first(b"abcd", {b"a": 0, b"b": 1, b"c": 2, b"d": 3, b"ab": 4, b"bcd": 5})
        [0, 5]
    """
    if not pretoken:
        return []
    for width in range(len(pretoken), 0, -1):
        for start in range(len(pretoken) - width + 1):
            token = pretoken[start : start + width]
            if token in ids:
                left = longest_first(pretoken[:start], ids)
                right = longest_first(pretoken[start + width :], ids)
                return None if left is None or right is None else [*left, ids[token], *right]
    return None


def best_path(
    pretoken: bytes, ids: Mapping[bytes, int], score_of: Callable[[int], float] = lambda _: -1.0
) -> list[int] | None:
    """Return the tokens with the highest sum of scores; at every place the widest last token of equals.

    With the same score below 0 for all these are the fewest tokens.

    Source: Kudo 2018 (Unigram); Schmidt et al. 2024 (PathPiece, the tie rule "longest").

    Example:
        >>> best_path(b"abc", {b"a": 0, b"b": 1, b"c": 2, b"ab": 3, b"bc": 4})
        [0, 4]
    """
    best: list[tuple[float, list[int]] | None] = [(0.0, [])]
    for end in range(1, len(pretoken) + 1):
        found: tuple[float, list[int]] | None = None
        for start in range(end):  # the widest last token first
            before, token = best[start], pretoken[start:end]
            if before is None or token not in ids:
                continue
            value = before[0] + score_of(ids[token])
            if found is None or value > found[0]:
                found = value, [*before[1], ids[token]]
        best.append(found)
    return None if best[-1] is None else best[-1][1]
