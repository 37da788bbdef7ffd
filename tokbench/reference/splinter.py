"""The slow twin of the step `splinter`: the published two passes and its search, over spelled removals.

A removal is spelled ``place:letter``, as the published program does; a table maps a length to spelled removals with
their shares, the most frequent first. Source: Gazit et al. 2025 (arXiv 2503.14433).
"""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

Shares = dict[int, dict[str, float]]


def table_of(scores: Mapping[str, float]) -> Shares:
    """Return the table that words with their scores teach."""
    scored = dict(scores)
    lengths = range(4, max(map(len, scored), default=0) + 1)
    first = {
        length: _shares(
            f"{place}:{word[place]}"
            for word in scores
            if len(word) == length
            for place in range(-(length // 2), length // 2 + length % 2)
            if _less(word, place) in scores
        )
        for length in lengths
    }
    second: Shares = {}
    for length in lengths:
        chosen = []
        for word in [word for word in scored if len(word) == length]:
            fitting = []
            for spelled, share in first[length].items():
                place, letter = _parts(spelled)
                if word[place] == letter and _less(word, place) in scored:
                    fitting.append((share * scored[_less(word, place)], spelled))
            best = max(fitting[:3], key=lambda row: row[0], default=None)
            if best is not None:
                chosen.append(best[1])
                scored[word] *= best[0]
        if chosen:
            second[length] = _shares(chosen)
    return second


def removals_of(word: str, table: Shares, *, depth: int, width: int) -> tuple[str, list[str]]:
    """Return the letters that stay and the spelled removals, first one first."""
    removals: list[str] = []
    while len(word) > 3:
        steps = min(depth, len(word) - 3)
        best: tuple[float, str] | None = None
        # Every chain of choices "the n-th removal that fits", in the order in which the search meets them.
        for choices in product(range(width), repeat=steps):
            rest, score, taken = word, 1.0, []
            for choice in choices:
                fitting = [
                    (spelled, share)
                    for spelled, share in table.get(len(rest), {}).items()
                    if rest[_parts(spelled)[0]] == _parts(spelled)[1]
                ][:width]
                if choice >= len(fitting):
                    break
                spelled, share = fitting[choice]
                taken.append(spelled)
                score *= share
                rest = _less(rest, _parts(spelled)[0])
            if len(taken) == steps and (best is None or score > best[0]):
                best = score, taken[0]
        if best is None:
            break
        removals.append(best[1])
        word = _less(word, _parts(best[1])[0])
    return word, removals


def word_of(rest: str, removals: list[str]) -> str:
    """Put removals back, the last one first.

    Example:
        >>> word_of("abc", ["-1:x", "0:y"])
        'yabcx'
    """
    letters = list(rest)
    for spelled in reversed(removals):
        place, letter = _parts(spelled)
        letters.insert(place if place >= 0 else len(letters) + 1 + place, letter)
    return "".join(letters)


def _shares(spelled: Iterable[str]) -> dict[str, float]:
    counts: dict[str, int] = {}
    for removal in spelled:
        counts[removal] = counts.get(removal, 0) + 1
    total = sum(counts.values())
    return {removal: n / total for removal, n in sorted(counts.items(), key=lambda row: (-row[1], row[0]))}


def _parts(spelled: str) -> tuple[int, str]:
    place, letter = spelled.split(":")
    return int(place), letter


def _less(word: str, place: int) -> str:
    letters = list(word)
    del letters[place]
    return "".join(letters)
