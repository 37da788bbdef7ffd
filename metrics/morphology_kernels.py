"""The kernels of the morphology metrics: token boundaries against gold boundaries and words.

Each has a slow twin of the same name in `tokbench.reference.morphology`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tokbench.compiled import kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Ints = NDArray[np.int64]

_INTS = "Array(int64, 1, 'C', readonly=True)"


@kernel(f"Tuple((int64[::1], int64[::1]))({_INTS}, {_INTS}, {_INTS}, {_INTS})")
def compare_boundaries(cuts: Ints, cut_rows: Ints, gold: Ints, gold_rows: Ints) -> tuple[Ints, Ints]:
    """Count, per word, the gold boundaries that are cut, and the morphemes that are exactly one piece.

    Positions are strictly inside of the word, rising and unique; the word's two ends are boundaries of both.
    """
    n_words = len(cut_rows) - 1
    right = np.zeros(n_words, np.int64)
    kept = np.zeros(n_words, np.int64)
    for word in range(n_words):
        at, end = cut_rows[word], cut_rows[word + 1]
        begins_at_cut = True
        for place in range(gold_rows[word], gold_rows[word + 1]):
            boundary = gold[place]
            inside = False
            while at < end and cuts[at] < boundary:
                at += 1
                inside = True
            is_cut = at < end and cuts[at] == boundary
            if is_cut:
                right[word] += 1
                at += 1
                if begins_at_cut and not inside:
                    kept[word] += 1
            begins_at_cut = is_cut
        if begins_at_cut and at == end:
            kept[word] += 1
    return right, kept


@kernel(f"int64[::1]({_INTS}, {_INTS}, {_INTS}, {_INTS}, {_INTS})")
def count_pieces(cuts: Ints, cut_rows: Ints, starts: Ints, ends: Ints, rows: Ints) -> Ints:
    """Count, for every word of a text, the pieces that token boundaries cut it into.

    Document `d` has the rising positions ``cuts[cut_rows[d]:cut_rows[d + 1]]`` and the words ``rows[d]:rows[d + 1]``;
    word `w` lies between ``starts[w]`` and ``ends[w]``.
    """
    result = np.ones(len(starts), np.int64)
    for document in range(len(rows) - 1):
        at, end = cut_rows[document], cut_rows[document + 1]
        for word in range(rows[document], rows[document + 1]):
            while at < end and cuts[at] <= starts[word]:
                at += 1
            while at < end and cuts[at] < ends[word]:
                at += 1
                result[word] += 1
    return result
