"""Numba kernels over spans of a text and the token boundaries in it.

Twins of the same names: `tokbench.reference.spans`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tokbench.compiled import kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Ints = NDArray[np.int64]
    Bytes = NDArray[np.uint8]

BYTES = "Array(uint8, 1, 'C', readonly=True)"
IDS = "Array(uint32, 1, 'C', readonly=True)"
INTS = "Array(int64, 1, 'C', readonly=True)"


@kernel(f"Tuple((int64[::1], uint8[::1]))({BYTES}, {INTS}, {IDS}, {INTS}, {BYTES}, {INTS})")
def spell_documents(
    data: Bytes, offsets: Ints, ids: NDArray[np.uint32], rows: Ints, arena: Bytes, places: Ints
) -> tuple[Ints, Bytes]:
    """Compare what the tokens of each document spell with the document.

    Token `t` spells ``arena[places[t]:places[t + 1]]``. Returns the end of every token in `data`, and for each
    document 1 where its tokens spell it, 2 where they do after one added space, else 0 (and no ends).
    """
    ends = np.zeros(len(ids), np.int64)
    spelled = np.zeros(len(offsets) - 1, np.uint8)
    for document in range(len(offsets) - 1):
        begin, end = offsets[document], offsets[document + 1]
        first, last = rows[document], rows[document + 1]
        n_spelled = np.int64(0)
        for at in range(first, last):
            n_spelled += places[ids[at] + 1] - places[ids[at]]
        shift = 1 if n_spelled == end - begin + 1 else 0
        if n_spelled != end - begin + shift:
            continue
        position = begin
        skip = shift
        same = True
        for at in range(first, last):
            for place in range(places[ids[at]], places[ids[at] + 1]):
                if skip:
                    skip = 0
                    if arena[place] != 32:
                        same = False
                        break
                    continue
                if position >= end or data[position] != arena[place]:
                    same = False
                    break
                position += 1
            if not same:
                break
            ends[at] = position
        if same:
            spelled[document] = 2 if shift else 1
        else:
            for at in range(first, last):
                ends[at] = 0
    return ends, spelled


@kernel(f"Tuple((int64[::1], int64[::1]))({INTS}, {INTS}, {INTS}, {INTS}, {INTS})")
def cuts_in_spans(cuts: Ints, cut_rows: Ints, starts: Ints, ends: Ints, rows: Ints) -> tuple[Ints, Ints]:
    """Find the token boundaries strictly inside of each span: index of the first, and how many.

    Document `d` has the rising ``cuts[cut_rows[d]:cut_rows[d + 1]]`` and the rising spans ``rows[d]`` to
    ``rows[d + 1]``, which do not overlap.
    """
    firsts = np.zeros(len(starts), np.int64)
    counts = np.zeros(len(starts), np.int64)
    for document in range(len(rows) - 1):
        at, last = cut_rows[document], cut_rows[document + 1]
        for span in range(rows[document], rows[document + 1]):
            while at < last and cuts[at] <= starts[span]:
                at += 1
            firsts[span] = at
            while at < last and cuts[at] < ends[span]:
                at += 1
            counts[span] = at - firsts[span]
    return firsts, counts


@kernel(f"Tuple((int64[::1], int64[::1]))({BYTES}, {INTS}, {INTS})")
def number_spans(data: Bytes, starts: Ints, ends: Ints) -> tuple[Ints, Ints]:
    """Give the different spans numbers in the order of their first appearance.

    Returns for each span which one it is, and the first span of each number. An open table of the numbers by FNV-1a;
    spans of one hash are compared byte by byte.
    """
    which = np.zeros(len(starts), np.int64)
    firsts = np.zeros(len(starts), np.int64)
    size = 16
    while size < 2 * len(starts):
        size *= 2
    table = np.full(size, -1, np.int32)
    mask = np.uint64(size - 1)
    n = 0
    for span in range(len(starts)):
        start, length = starts[span], ends[span] - starts[span]
        value = np.uint64(0xCBF29CE484222325)
        for place in range(start, ends[span]):
            value = (value ^ np.uint64(data[place])) * np.uint64(0x100000001B3)
        at = (value ^ (value >> np.uint64(29))) & mask
        while True:
            number = np.int64(table[at])
            if number < 0:
                table[at] = n
                firsts[n] = span
                which[span] = n
                n += 1
                break
            other = starts[firsts[number]]
            same = ends[firsts[number]] - other == length
            if same:
                for k in range(length):
                    if data[start + k] != data[other + k]:
                        same = False
                        break
            if same:
                which[span] = number
                break
            at = (at + np.uint64(1)) & mask
    return which, firsts[:n].copy()


@kernel(f"int64[::1]({INTS}, {INTS})")
def add_by_row(values: Ints, rows: Ints) -> Ints:
    """Add up the values of each document: ``values[rows[d]:rows[d + 1]]``."""
    result = np.zeros(len(rows) - 1, np.int64)
    for document in range(len(rows) - 1):
        for at in range(rows[document], rows[document + 1]):
            result[document] += values[at]
    return result
