"""The numba kernels of the metrics: loops over flat bytes, ids and offsets, nothing else.

`tokbench.compiled.kernel` compiles each on its first call. Each kernel has a slow twin of the same name in
`tokbench.reference.metrics`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tokbench.compiled import kernel as kernel
from tokbench.metrics import kernels_plain

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Ints = NDArray[np.int64]

# Arguments are declared read-only: numba then takes writable arrays and borrowed, read-only ones alike.
_BYTES = "Array(uint8, 1, 'C', readonly=True)"
_IDS = "Array(uint32, 1, 'C', readonly=True)"
_INTS = "Array(int64, 1, 'C', readonly=True)"


@kernel(f"int64[::1]({_BYTES}, {_INTS})", plain=kernels_plain.count_characters)
def count_characters(data: NDArray[np.uint8], offsets: Ints) -> Ints:
    """Count code points per document; each byte outside of valid UTF-8 counts as one character."""
    n_documents = len(offsets) - 1
    result = np.zeros(n_documents, np.int64)
    for document in range(n_documents):
        at, end, count = offsets[document], offsets[document + 1], 0
        while at < end:
            lead = data[at]
            length, low, high = 1, 0x80, 0xBF
            if lead >= 0xC2:
                if lead < 0xE0:
                    length = 2
                elif lead < 0xF0:
                    length = 3
                    if lead == 0xE0:
                        low = 0xA0
                    elif lead == 0xED:
                        high = 0x9F
                elif lead < 0xF5:
                    length = 4
                    if lead == 0xF0:
                        low = 0x90
                    elif lead == 0xF4:
                        high = 0x8F
            if length > 1:
                if at + length > end or data[at + 1] < low or data[at + 1] > high:
                    length = 1
                else:
                    for k in range(2, length):
                        if data[at + k] & 0xC0 != 0x80:
                            length = 1
                            break
            at += length
            count += 1
        result[document] = count
    return result


@kernel(f"boolean[::1]({_BYTES}, {_INTS})")
def mark_characters(data: NDArray[np.uint8], offsets: Ints) -> NDArray[np.bool_]:
    """Mark the first byte of each character that `count_characters` counts."""
    result = np.ones(len(data), np.bool_)
    for document in range(len(offsets) - 1):
        at, end = offsets[document], offsets[document + 1]
        while at < end:
            lead = data[at]
            length, low, high = 1, 0x80, 0xBF
            if lead >= 0xC2:
                if lead < 0xE0:
                    length = 2
                elif lead < 0xF0:
                    length = 3
                    if lead == 0xE0:
                        low = 0xA0
                    elif lead == 0xED:
                        high = 0x9F
                elif lead < 0xF5:
                    length = 4
                    if lead == 0xF0:
                        low = 0x90
                    elif lead == 0xF4:
                        high = 0x8F
            if length > 1:
                if at + length > end or data[at + 1] < low or data[at + 1] > high:
                    length = 1
                else:
                    for k in range(2, length):
                        if data[at + k] & 0xC0 != 0x80:
                            length = 1
                            break
            for k in range(1, length):
                result[at + k] = False
            at += length
    return result


@kernel(f"int64[::1]({_BYTES}, {_INTS})", plain=kernels_plain.count_lines)
def count_lines(data: NDArray[np.uint8], offsets: Ints) -> Ints:
    """Count lines per document: line feeds, plus one for a last line without; an empty document is one line."""
    n_documents = len(offsets) - 1
    result = np.zeros(n_documents, np.int64)
    for document in range(n_documents):
        begin, end = offsets[document], offsets[document + 1]
        count = 0
        for at in range(begin, end):
            if data[at] == 10:
                count += 1
        if end == begin or data[end - 1] != 10:
            count += 1
        result[document] = count
    return result


@kernel(f"Tuple((int64[::1], int64[::1], int64[::1]))({_BYTES}, {_INTS})", plain=kernels_plain.split_words)
def split_words(data: NDArray[np.uint8], offsets: Ints) -> tuple[Ints, Ints, Ints]:
    """Find the words of Python's ``str.split()``: starts, ends, and the rows of the documents.

    A white-space character is recognised by its bytes. No lead byte is a continuation byte, so a complete
    pattern is that character even between invalid bytes.
    """
    n_documents = len(offsets) - 1
    rows = np.zeros(n_documents + 1, np.int64)
    capacity = (len(data) + 1) // 2 + n_documents
    starts = np.empty(capacity, np.int64)
    ends = np.empty(capacity, np.int64)
    n_words = 0
    for document in range(n_documents):
        at, end = offsets[document], offsets[document + 1]
        start = np.int64(-1)
        while at < end:
            byte = data[at]
            space = 0
            if byte <= 0x20:
                if byte == 0x20 or 0x09 <= byte <= 0x0D or byte >= 0x1C:
                    space = 1
            elif byte == 0xC2:
                if at + 1 < end and (data[at + 1] == 0x85 or data[at + 1] == 0xA0):
                    space = 2
            elif 0xE1 <= byte <= 0xE3 and at + 2 < end:
                second, third = data[at + 1], data[at + 2]
                if byte == 0xE2:
                    if second == 0x80:
                        if 0x80 <= third <= 0x8A or third == 0xA8 or third == 0xA9 or third == 0xAF:
                            space = 3
                    elif second == 0x81 and third == 0x9F:
                        space = 3
                elif byte == 0xE1:
                    if second == 0x9A and third == 0x80:
                        space = 3
                elif second == 0x80 and third == 0x80:
                    space = 3
            if space:
                if start >= 0:
                    starts[n_words] = start
                    ends[n_words] = at
                    n_words += 1
                    start = np.int64(-1)
                at += space
            else:
                if start < 0:
                    start = at
                at += 1
        if start >= 0:
            starts[n_words] = start
            ends[n_words] = end
            n_words += 1
        rows[document + 1] = n_words
    return starts[:n_words].copy(), ends[:n_words].copy(), rows


@kernel(f"int64[::1]({_INTS}, {_INTS}, {_INTS}, {_INTS}, {_INTS})", plain=kernels_plain.count_whole_words)
def count_whole_words(cuts: Ints, cut_rows: Ints, starts: Ints, ends: Ints, rows: Ints) -> Ints:
    """Count, per document, the words that no token boundary cuts.

    `cuts` are rising byte positions of token boundaries, document `d` has ``cuts[cut_rows[d]:cut_rows[d + 1]]``;
    word `w` is whole when no cut lies strictly between ``starts[w]`` and ``ends[w]``.
    """
    n_documents = len(rows) - 1
    result = np.zeros(n_documents, np.int64)
    for document in range(n_documents):
        at, end = cut_rows[document], cut_rows[document + 1]
        whole = 0
        for word in range(rows[document], rows[document + 1]):
            while at < end and cuts[at] <= starts[word]:
                at += 1
            if at == end or cuts[at] >= ends[word]:
                whole += 1
        result[document] = whole
    return result


@kernel(f"int64[::1]({_IDS}, int64)", plain=kernels_plain.count_types)
def count_types(ids: NDArray[np.uint32], size: int) -> Ints:
    """Count the occurrences of each id below `size`; ids at or above it are counted in one last entry."""
    result = np.zeros(size + 1, np.int64)
    for token_id in ids:
        place = np.int64(token_id)
        result[place if place < size else size] += 1
    return result


@kernel(f"int64[::1]({_IDS}, {_INTS}, int64)", plain=kernels_plain.count_id)
def count_id(ids: NDArray[np.uint32], offsets: Ints, wanted: int) -> Ints:
    """Count one id per document."""
    result = np.zeros(len(offsets) - 1, np.int64)
    for document in range(len(result)):
        for at in range(offsets[document], offsets[document + 1]):
            if np.int64(ids[at]) == wanted:
                result[document] += 1
    return result


@kernel(f"boolean[::1]({_IDS}, {_INTS}, {_INTS})")
def documents_with(ids: NDArray[np.uint32], offsets: Ints, wanted: Ints) -> NDArray[np.bool_]:
    """Say of each document whether it holds its own wanted id."""
    result = np.zeros(len(offsets) - 1, np.bool_)
    for document in range(len(result)):
        for at in range(offsets[document], offsets[document + 1]):
            if np.int64(ids[at]) == wanted[document]:
                result[document] = True
                break
    return result


@kernel(f"uint64[::1]({_BYTES}, {_INTS})")
def hash_documents(data: NDArray[np.uint8], offsets: Ints) -> NDArray[np.uint64]:
    """Hash each document: FNV-1a in 64 bits, then the finaliser of MurmurHash3, so that every bit counts."""
    result = np.zeros(len(offsets) - 1, np.uint64)
    for document in range(len(result)):
        value = np.uint64(0xCBF29CE484222325)
        for at in range(offsets[document], offsets[document + 1]):
            value = (value ^ np.uint64(data[at])) * np.uint64(0x100000001B3)
        value = (value ^ (value >> np.uint64(33))) * np.uint64(0xFF51AFD7ED558CCD)
        value = (value ^ (value >> np.uint64(33))) * np.uint64(0xC4CEB9FE1A85EC53)
        result[document] = value ^ (value >> np.uint64(33))
    return result


@kernel(f"int64[::1]({_BYTES}, {_INTS}, {_INTS}, Array(boolean, 1, 'C', readonly=True))")
def script_of_spans(scripts: NDArray[np.uint8], starts: Ints, ends: Ints, plain: NDArray[np.bool_]) -> Ints:
    """Return the first script of each span that is not plain, else its first, else -1 for an empty span."""
    result = np.full(len(starts), -1, np.int64)
    for span in range(len(starts)):
        for at in range(starts[span], ends[span]):
            script = scripts[at]
            if result[span] < 0:
                result[span] = script
            if not plain[script]:
                result[span] = script
                break
    return result
