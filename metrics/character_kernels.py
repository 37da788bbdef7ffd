"""Numba kernels over the characters of words and the token boundaries between them.

Twins of the same names: `tokbench.reference.characters`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tokbench.compiled import kernel
from tokbench.metrics.span_kernels import BYTES, INTS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Ints = NDArray[np.int64]
    Bytes = NDArray[np.uint8]


@kernel(f"int64[:, ::1]({BYTES}, {INTS}, {INTS}, {INTS}, {INTS}, {INTS}, {INTS})")
def measure_pieces(
    data: Bytes, starts: Ints, ends: Ints, rows: Ints, cuts: Ints, firsts: Ints, counts: Ints
) -> Ints:
    """Measure, per document, the pieces into which its words are cut, in characters.

    Columns: characters; sum of the squared lengths of pieces; characters that are a piece by themselves. A cut between
    the bytes of a character counts at its end: the character lies in the piece where it starts. Word `w` has the cuts
    ``cuts[firsts[w]:firsts[w] + counts[w]]``.
    """
    result = np.zeros((len(rows) - 1, 3), np.int64)
    for document in range(len(rows) - 1):
        for word in range(rows[document], rows[document + 1]):
            at, last = firsts[word], firsts[word] + counts[word]
            length = 0
            for place in range(starts[word], ends[word]):
                if data[place] & 0xC0 == 0x80 and place > starts[word]:
                    continue
                cut = False
                while at < last and cuts[at] <= place:
                    cut = True
                    at += 1
                if cut:
                    result[document, 0] += length
                    result[document, 1] += length * length
                    if length == 1:
                        result[document, 2] += 1
                    length = 0
                length += 1
            result[document, 0] += length
            result[document, 1] += length * length
            if length == 1:
                result[document, 2] += 1
    return result


@kernel(f"int64[:, ::1]({BYTES}, {INTS}, {INTS}, {INTS}, {INTS}, {INTS}, int64)")
def count_gaps(
    data: Bytes, starts: Ints, ends: Ints, cuts: Ints, firsts: Ints, counts: Ints, longest: int
) -> Ints:
    """Count the gaps between neighbouring characters of words, and the cut ones, by word length and place.

    Row ``length * (longest + 1) + place``; words of more than `longest` characters, and of one, are left out. A cut
    between the bytes of a character counts at the gap after it; after the last character there is none.
    """
    result = np.zeros(((longest + 1) * (longest + 1), 2), np.int64)
    for word in range(len(starts)):
        length = 0
        for place in range(starts[word], ends[word]):
            if data[place] & 0xC0 != 0x80 or place == starts[word]:
                length += 1
        if length < 2 or length > longest:
            continue
        at, last, gap = firsts[word], firsts[word] + counts[word], 0
        for place in range(starts[word] + 1, ends[word]):
            if data[place] & 0xC0 == 0x80:
                continue
            gap += 1
            row = length * (longest + 1) + gap
            result[row, 0] += 1
            cut = False
            while at < last and cuts[at] <= place:
                cut = True
                at += 1
            if cut:
                result[row, 1] += 1
    return result
