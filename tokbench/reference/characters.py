"""Slow twins of `tokbench.metrics.character_kernels`: one word at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def _pieces(word: str, cuts: Sequence[int]) -> list[str]:
    """Cut a word at byte places; a cut inside of a character takes effect at its end."""
    pieces, at = [""], 0
    for character in word:
        here = at
        at += len(character.encode())
        if here and any(here - len(pieces[-1][-1:].encode()) < cut <= here for cut in cuts):
            pieces.append("")
        pieces[-1] += character
    return pieces


def measure_pieces(word: str, cuts: Sequence[int]) -> tuple[int, int, int]:
    """Return characters, sum of the pieces' squared lengths, pieces of one character.

    Example:
        >>> measure_pieces("aébc", [1, 2])
        (4, 6, 2)
    """
    lengths = [len(piece) for piece in _pieces(word, cuts)]
    return sum(lengths), sum(length**2 for length in lengths), lengths.count(1)


def count_gaps(word: str, cuts: Sequence[int]) -> list[bool]:
    """Return for each gap between neighbouring characters whether it is cut.

    Example:
        >>> count_gaps("aébc", [1, 2])
        [True, True, False]
    """
    pieces = _pieces(word, cuts)
    ends, at = set(), 0
    for piece in pieces:
        at += len(piece)
        ends.add(at)
    return [gap in ends for gap in range(1, len(word))]
