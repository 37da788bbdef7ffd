"""The slow twin of the step `allomorphs`: every reading of a word, and a decoder that asks the rule form by form."""

from __future__ import annotations

from itertools import combinations, pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Part = tuple[str, int | None]


def analysis(word: str, roots: Sequence[Sequence[str]], affixes: Sequence[Sequence[str]]) -> list[Part]:
    """Return the parts of a word with the number of their class, None for letters of none.

    All cuts of the word are tried: a root (or nothing), affixes, then letters that are left over; or at least two
    letters, then affixes up to the end. Fewest letters left over, then fewest parts, then the longest root win, then
    longer affixes from left to right.

    Example:
        >>> analysis("evlerde", [["ev"]], [["ler", "lar"], ["de"]])
        [('ev', 0), ('ler', 1), ('de', 2)]
    """
    number_of_root = {form: number for number, forms in enumerate(roots) for form in forms}
    number_of_affix = {form: len(roots) + number for number, forms in enumerate(affixes) for form in forms}
    readings: list[tuple[tuple[object, ...], list[Part]]] = []
    for n_cuts in range(len(word)):
        for cuts in combinations(range(1, len(word)), n_cuts):
            bounds = [0, *cuts, len(word)]
            pieces = [word[a:b] for a, b in pairwise(bounds)]
            for has_root in (True, False):
                parts: list[Part] = []
                for place, piece in enumerate(pieces):
                    known = number_of_root if has_root and place == 0 else number_of_affix
                    parts.append((piece, known.get(piece)))
                if has_root and parts[0][1] is None:
                    continue
                left = [place for place, (_, number) in enumerate(parts) if number is None]
                before = not has_root and left == [0] and len(pieces[0]) >= 2
                if left and left != [len(parts) - 1] and not before:
                    continue
                n_left = sum(len(pieces[place]) for place in left)
                root = len(pieces[0]) if has_root else 0
                # Of letters before affixes and letters behind them the latter, as of longer affixes the first.
                later = (before and len(parts) > 1, [-len(piece) for piece in pieces])
                readings.append(((n_left, len(parts), -root, later), parts))
    return min(readings, key=lambda reading: reading[0])[1] if readings else [(word, None)]


def read(
    items: Sequence[str | int],
    forms: Sequence[Sequence[str]],
    choose: Callable[[int, str, str | int | None], str],
) -> str:
    """Return the word of letters and class numbers; `choose` gets class, word so far and the next item."""
    word = ""
    for place, item in enumerate(items):
        if isinstance(item, int):
            form = choose(item, word, items[place + 1] if place + 1 < len(items) else None)
            assert form in forms[item]
            word += form
        else:
            word += item
    return word
