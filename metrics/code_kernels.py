"""Numba kernels over code: operators, leaves of a syntax tree, indentation, against token boundaries.

Twins of the same names: `tokbench.reference.code`. White space is ASCII white space throughout.
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


@kernel(f"Tuple((int64[::1], int64[::1], int64[::1], int64[::1]))({BYTES}, {INTS}, {BYTES}, {INTS})")
def find_operators(data: Bytes, offsets: Ints, arena: Bytes, places: Ints) -> tuple[Ints, Ints, Ints, Ints]:
    """Find operators from left to right: starts, ends, which one, and the rows of the documents.

    Operator `k` is ``arena[places[k]:places[k + 1]]``; of those that match at a place the first in the list is taken.
    """
    n_operators = len(places) - 1
    first_byte = np.zeros(256, np.uint8)
    for k in range(n_operators):
        first_byte[arena[places[k]]] = 1
    starts = np.empty(len(data), np.int64)
    ends = np.empty(len(data), np.int64)
    which = np.empty(len(data), np.int64)
    rows = np.zeros(len(offsets), np.int64)
    n = 0
    for document in range(len(offsets) - 1):
        at, end = offsets[document], offsets[document + 1]
        while at < end:
            found = -1
            if first_byte[data[at]]:
                for k in range(n_operators):
                    length = places[k + 1] - places[k]
                    if at + length > end:
                        continue
                    same = True
                    for i in range(length):
                        if data[at + i] != arena[places[k] + i]:
                            same = False
                            break
                    if same:
                        found = k
                        break
            if found < 0:
                at += 1
            else:
                length = places[found + 1] - places[found]
                starts[n], ends[n], which[n] = at, at + length, found
                n += 1
                at += length
        rows[document + 1] = n
    return starts[:n].copy(), ends[:n].copy(), which[:n].copy(), rows


@kernel(f"uint8[::1]({BYTES}, {INTS}, {INTS}, {INTS}, {INTS}, {INTS}, {INTS})")
def meet_edges(
    data: Bytes, offsets: Ints, cuts: Ints, cut_rows: Ints, starts: Ints, ends: Ints, rows: Ints
) -> Bytes:
    """Say which edges of each span are token boundaries, white space beside it aside: 1 start, 2 end, 3 both.

    The start is met where a boundary, or the start of the document, lies between the last byte before the span that
    is no white space and the span; the end alike.
    """
    result = np.zeros(len(starts), np.uint8)
    for document in range(len(offsets) - 1):
        begin, stop = offsets[document], offsets[document + 1]
        first, last = cut_rows[document], cut_rows[document + 1]
        own = cuts[first:last]
        for span in range(rows[document], rows[document + 1]):
            left = starts[span]
            while left > begin and (data[left - 1] == 32 or 9 <= data[left - 1] <= 13):
                left -= 1
            right = ends[span]
            while right < stop and (data[right] == 32 or 9 <= data[right] <= 13):
                right += 1
            if left == begin:
                result[span] |= 1
            else:
                at = np.searchsorted(own, left)
                if at < len(own) and own[at] <= starts[span]:
                    result[span] |= 1
            if right == stop:
                result[span] |= 2
            else:
                at = np.searchsorted(own, ends[span])
                if at < len(own) and own[at] <= right:
                    result[span] |= 2
    return result


@kernel(f"int64[:, ::1]({BYTES}, {INTS}, {INTS}, {INTS}, {INTS}, {INTS}, {INTS})")
def count_crossings(
    data: Bytes, offsets: Ints, cuts: Ints, cut_rows: Ints, starts: Ints, ends: Ints, rows: Ints
) -> Ints:
    """Count, per document, tokens that are not only white space, and those among them with bytes of several spans."""
    result = np.zeros((len(offsets) - 1, 2), np.int64)
    for document in range(len(offsets) - 1):
        begin, stop = offsets[document], offsets[document + 1]
        span, last = rows[document], rows[document + 1]
        at, n_cuts = cut_rows[document], cut_rows[document + 1]
        while begin < stop:
            while at < n_cuts and cuts[at] <= begin:
                at += 1
            end = cuts[at] if at < n_cuts and cuts[at] < stop else stop
            solid = False
            for place in range(begin, end):
                if not (data[place] == 32 or 9 <= data[place] <= 13):
                    solid = True
                    break
            while span < last and ends[span] <= begin:
                span += 1
            touched, look = 0, span
            while look < last and starts[look] < end:
                touched += 1
                look += 1
            if solid:
                result[document, 0] += 1
                if touched > 1:
                    result[document, 1] += 1
            begin = end
    return result


@kernel(f"int64[:, ::1]({BYTES}, {INTS}, {INTS}, {INTS}, int64, int64)")
def count_indentation(
    data: Bytes, offsets: Ints, cuts: Ints, cut_rows: Ints, n_depths: int, n_tokens: int
) -> Ints:
    """Count lines by indentation depth and tokens that hold white space of their indentation.

    Depth is the place of a line's width on the stack of open widths (a tab reaches the next multiple of 8), as
    Python's own tokenizer keeps it; blank lines do not count. Depths and tokens beyond the table count in its last
    row or column.
    """
    result = np.zeros((n_depths, n_tokens), np.int64)
    stack = np.zeros(1024, np.int64)
    for document in range(len(offsets) - 1):
        at, stop = offsets[document], offsets[document + 1]
        cut, last = cut_rows[document], cut_rows[document + 1]
        depth = 0
        while at < stop:
            start, width = at, 0
            while at < stop and (data[at] == 32 or data[at] == 9):
                width = (width // 8 + 1) * 8 if data[at] == 9 else width + 1
                at += 1
            blank = at == stop or data[at] == 10 or data[at] == 13
            if not blank:
                while depth > 0 and stack[depth] > width:
                    depth -= 1
                if width > stack[depth] and depth < 1023:
                    depth += 1
                    stack[depth] = width
                tokens = 0
                if at > start:
                    tokens = 1
                    while cut < last and cuts[cut] <= start:
                        cut += 1
                    while cut < last and cuts[cut] < at:
                        tokens += 1
                        cut += 1
                result[min(depth, n_depths - 1), min(tokens, n_tokens - 1)] += 1
            while at < stop and data[at] != 10:
                at += 1
            at += 1
    return result
