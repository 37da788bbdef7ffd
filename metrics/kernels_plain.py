"""The kernels of the default metrics by numpy alone, for text so short that importing numba would take longer.

Each equals the kernel of the same name in `tokbench.metrics.kernels`, or returns None where it cannot say.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Ints = NDArray[np.int64]

_ASCII_SPACE = np.zeros(256, bool)
_ASCII_SPACE[[9, 10, 11, 12, 13, 28, 29, 30, 31, 32]] = True
_WIDE_SPACE = {
    character.encode() for character in map(chr, range(0x80, 0x3001)) if character.isspace()
}  # every white-space character beyond ASCII lies below U+3001


def _sums(flags: NDArray[np.bool_], offsets: Ints) -> Ints:
    """Count the set flags of each document."""
    before = np.zeros(len(flags) + 1, np.int64)
    np.cumsum(flags, out=before[1:])
    return np.diff(before[offsets])


def count_characters(data: NDArray[np.uint8], offsets: Ints) -> Ints | None:
    """Count code points per document; None where the text is not UTF-8, or a document ends inside of a character."""
    leads = (data & 0xC0) != 0x80
    inner = offsets[(offsets > 0) & (offsets < len(data))]
    try:
        data.tobytes().decode()
    except UnicodeDecodeError:
        return None
    return _sums(leads, offsets) if bool(leads[inner].all()) else None


def count_lines(data: NDArray[np.uint8], offsets: Ints) -> Ints:
    """Count lines per document."""
    feeds = data == 10
    starts, ends = offsets[:-1], offsets[1:]
    closed = np.zeros(len(ends), bool)
    filled = ends > starts
    closed[filled] = feeds[ends[filled] - 1]
    return _sums(feeds, offsets) + ~closed


def split_words(data: NDArray[np.uint8], offsets: Ints) -> tuple[Ints, Ints, Ints]:
    """Find the words of Python's ``str.split()``: starts, ends, and the rows of the documents."""
    space = _ASCII_SPACE[data]
    for lead in (0xC2, 0xE1, 0xE2, 0xE3):
        seconds = sorted({character[1] for character in _WIDE_SPACE if character[0] == lead})
        places = np.flatnonzero(data[:-1] == lead)
        for at in places[np.isin(data[places + 1], seconds)].tolist():
            width = 2 if lead == 0xC2 else 3
            end = offsets[np.searchsorted(offsets, at, "right")]
            if at + width <= end and data[at : at + width].tobytes() in _WIDE_SPACE:
                space[at : at + width] = True
    word = ~space
    begins = word.copy()
    begins[1:] &= space[:-1]
    stops = np.zeros(len(data) + 1, bool)
    stops[1:] = word
    stops[1:-1] &= space[1:]
    inner = offsets[(offsets > 0) & (offsets < len(data))]
    begins[inner] |= word[inner]
    stops[inner] |= word[inner - 1]
    rows = np.zeros(len(offsets), np.int64)
    np.cumsum(_sums(begins, offsets), out=rows[1:])
    return np.flatnonzero(begins), np.flatnonzero(stops), rows


def count_whole_words(cuts: Ints, cut_rows: Ints, starts: Ints, ends: Ints, rows: Ints) -> Ints:
    """Count, per document, the words that no token boundary cuts."""
    del cut_rows  # cuts rise through all documents, and no word spans two
    whole = np.searchsorted(cuts, starts, "right") == np.searchsorted(cuts, ends, "left")
    return _sums(whole, rows)


def count_types(ids: NDArray[np.uint32], size: int) -> Ints:
    """Count the occurrences of each id below `size`; ids at or above it are counted in one last entry."""
    return np.bincount(np.minimum(ids, size), minlength=size + 1).astype(np.int64, copy=False)


def count_id(ids: NDArray[np.uint32], offsets: Ints, wanted: int) -> Ints:
    """Count one id per document."""
    return _sums(ids == wanted, offsets)
