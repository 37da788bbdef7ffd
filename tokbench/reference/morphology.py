"""Slow twins of the morphology metrics: sets of boundaries, one word at a time."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def compare_boundaries(cuts: Sequence[int], gold: Sequence[int]) -> tuple[int, int]:
    """Count gold boundaries that are cut, and morphemes that are exactly one piece.

    Example:
        >>> compare_boundaries([2, 4, 7], [2, 7])  # un|ha|ppi|ly against un|happi|ly
        (2, 2)
    """
    end = max([0, *cuts, *gold]) + 1
    pieces = set(pairwise([0, *cuts, end]))
    morphemes = set(pairwise([0, *gold, end]))
    return len(set(cuts) & set(gold)), len(pieces & morphemes)


def morphscore_v1(parts: tuple[str, str], tokens: Sequence[str]) -> int | None:
    """Score one item as MorphScore v1 does: 1 if some split of the tokens is the gold one; None for one token.

    Example:
        >>> morphscore_v1(("aldi", "z"), ["al", "diz"]), morphscore_v1(("aldi", "z"), ["aldi", "z"])
        (0, 1)
    """
    if len(tokens) == 1:
        return None
    splits = [("".join(tokens[:place]), "".join(tokens[place:])) for place in range(1, len(tokens))]
    return int(splits.count(parts) == 1)


def count_pieces(cuts: Sequence[int], spans: Sequence[tuple[int, int]]) -> list[int]:
    """Count the pieces of each word: one more than the token boundaries strictly inside of it.

    Example:
        >>> count_pieces([2, 5, 7], [(0, 5), (6, 8)])
        [2, 2]
    """
    return [1 + sum(start < cut < end for cut in set(cuts)) for start, end in spans]
