"""Numba kernels over runs of digits: where they are, and how token boundaries cut them.

Twins of the same names: `tokbench.reference.digits`.
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

RIGHT_TO_LEFT, LEFT_TO_RIGHT, SINGLE_DIGIT, WHOLE, IRREGULAR, TOO_SHORT = range(6)
"""Labels of `cut_digits`: how a run is cut; the last for runs in which the two directions do not differ."""

BROKEN = 1 << 62
"""Bit of a pattern whose run is cut between the bytes of a digit."""
MAX_PATTERN = 62
"""Longest run, in digits, that a pattern can describe."""


@kernel(f"Tuple((int64[::1], int64[::1], int64[::1], int64[::1]))({BYTES}, {INTS}, {INTS})")
def find_digits(data: Bytes, offsets: Ints, zeros: Ints) -> tuple[Ints, Ints, Ints, Ints]:
    """Find the runs of digits: first bytes, ends, numbers of digits, and the rows of the documents.

    `zeros` are the code points of the digits zero, rising; the nine after each are digits too. ASCII alone is
    ``[48]``.
    """
    capacity = len(data) // 2 + len(offsets)
    starts = np.empty(capacity, np.int64)
    ends = np.empty(capacity, np.int64)
    lengths = np.empty(capacity, np.int64)
    rows = np.zeros(len(offsets), np.int64)
    n = 0
    for document in range(len(offsets) - 1):
        at, end = offsets[document], offsets[document + 1]
        start, length = np.int64(-1), 0
        while at < end:
            lead = data[at]
            width, code = 1, np.int64(lead)
            if lead >= 0xC2 and len(zeros) > 1:
                if lead < 0xE0:
                    width, code = 2, np.int64(lead & 0x1F)
                elif lead < 0xF0:
                    width, code = 3, np.int64(lead & 0x0F)
                elif lead < 0xF5:
                    width, code = 4, np.int64(lead & 0x07)
                if at + width > end:
                    width, code = 1, np.int64(-1)
                for k in range(1, width):
                    byte = data[at + k]
                    if byte & 0xC0 != 0x80:
                        width, code = 1, np.int64(-1)
                        break
                    code = (code << 6) | np.int64(byte & 0x3F)
            place = np.searchsorted(zeros, code, "right") - 1
            if place >= 0 and code - zeros[place] < 10:
                if start < 0:
                    start = at
                length += 1
            elif start >= 0:
                starts[n], ends[n], lengths[n] = start, at, length
                n += 1
                start, length = np.int64(-1), 0
            at += width
        if start >= 0:
            starts[n], ends[n], lengths[n] = start, end, length
            n += 1
        rows[document + 1] = n
    return starts[:n].copy(), ends[:n].copy(), lengths[:n].copy(), rows


@kernel(f"int64[:, ::1]({BYTES}, {INTS}, {INTS}, {INTS}, {INTS}, {INTS}, {INTS})")
def cut_digits(
    data: Bytes, starts: Ints, ends: Ints, lengths: Ints, cuts: Ints, firsts: Ints, counts: Ints
) -> Ints:
    """Say how each run is cut. Columns: cuts that are ideal, label, pattern.

    Ideal are the cuts three, six, … digits before the end. Bit `i` of the pattern is a cut after digit ``i + 1``;
    -1 for runs too long for one. Run `r` has the cuts ``cuts[firsts[r]:firsts[r] + counts[r]]``.
    """
    result = np.zeros((len(starts), 3), np.int64)
    for run in range(len(starts)):
        length = lengths[run]
        at, last = firsts[run], firsts[run] + counts[run]
        position, digit = starts[run], 0
        hits, from_left, broken = 0, 0, False
        pattern = np.int64(0)
        while at < last:
            while position < cuts[at]:
                position += 1
                while position < ends[run] and data[position] & 0xC0 == 0x80:
                    position += 1
                digit += 1
            if position == cuts[at]:
                if (length - digit) % 3 == 0:
                    hits += 1
                if digit % 3 == 0:
                    from_left += 1
                if length <= 62:
                    pattern |= np.int64(1) << (digit - 1)
            else:
                broken = True
            at += 1
        n_cuts, n_ideal = counts[run], (length - 1) // 3
        result[run, 0] = hits
        if length < 4 or length % 3 == 0:
            label = 5
        elif broken:
            label = 4
        elif n_cuts == 0:
            label = 3
        elif n_cuts == n_ideal and hits == n_cuts:
            label = 0
        elif n_cuts == n_ideal and from_left == n_cuts:
            label = 1
        elif n_cuts == length - 1:
            label = 2
        else:
            label = 4
        result[run, 1] = label
        if broken:
            pattern |= np.int64(1) << 62
        result[run, 2] = pattern if length <= 62 else -1
    return result
