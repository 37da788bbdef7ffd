"""Numba kernels of UTF-8 integrity: which tokens hold half characters, which characters are cut.

A byte that is not part of well-formed UTF-8 is a character of its own, so nothing can cut it. Twins of the same
names: `tokbench.reference.utf8`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tokbench.compiled import kernel
from tokbench.metrics.span_kernels import BYTES, IDS, INTS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Ints = NDArray[np.int64]
    Bytes = NDArray[np.uint8]


@kernel(f"uint8[::1]({BYTES}, {INTS})")
def classify_tokens(arena: Bytes, places: Ints) -> Bytes:
    """Classify what each token spells: 0 whole characters, 1 part of one character, 2 parts and other characters.

    A token is parted where its bytes alone are no well-formed UTF-8. Continuation bytes at its start are the rest of
    one character (three at most; more are characters of their own), and so is a lead at its end with too few of them.
    """
    result = np.zeros(len(places) - 1, np.uint8)
    for token in range(len(places) - 1):
        at, end = places[token], places[token + 1]
        characters = 0
        parted = False
        first = at
        while at < end and arena[at] & 0xC0 == 0x80:
            at += 1
        if at > first:
            parted = True
            characters += 1 if at - first <= 3 else at - first - 2
        while at < end:
            lead = arena[at]
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
            if lead >= 0x80 and length == 1:
                parted = True
            taken = 1
            while taken < length and at + taken < end:
                byte = arena[at + taken]
                if taken == 1:
                    if byte < low or byte > high:
                        break
                elif byte & 0xC0 != 0x80:
                    break
                taken += 1
            if taken < length:
                parted = True
                if at + taken < end:
                    taken = 1
            at += taken
            characters += 1
        if parted:
            result[token] = 1 if characters <= 1 else 2
    return result


@kernel(f"int64[:, ::1]({IDS}, {INTS}, {BYTES}, {INTS})")
def count_split_characters(ids: NDArray[np.uint32], rows: Ints, arena: Bytes, places: Ints) -> Ints:
    """Count, per document, the characters that its tokens spell by width in bytes, and the cut ones among them.

    Columns: characters of 1, 2, 3, 4 bytes, then cut characters of 1 (never), 2, 3, 4 bytes. Tokens without bytes cut
    nothing.
    """
    result = np.zeros((len(rows) - 1, 8), np.int64)
    for document in range(len(rows) - 1):
        length, taken, low, high, pieces = 0, 0, 0x80, 0xBF, 0
        for at in range(rows[document], rows[document + 1]):
            place, end = places[ids[at]], places[ids[at] + 1]
            if taken and place < end:
                pieces += 1
            while place < end:
                byte = arena[place]
                if taken:
                    good = low <= byte <= high if taken == 1 else byte & 0xC0 == 0x80
                    if good:
                        taken += 1
                        place += 1
                        if taken == length:
                            result[document, length - 1] += 1
                            if pieces:
                                result[document, length + 3] += 1
                            taken = 0
                        continue
                    # Each byte so far stands alone; this one is looked at afresh.
                    result[document, 0] += taken
                    taken = 0
                length, low, high = 1, 0x80, 0xBF
                if byte >= 0xC2:
                    if byte < 0xE0:
                        length = 2
                    elif byte < 0xF0:
                        length = 3
                        if byte == 0xE0:
                            low = 0xA0
                        elif byte == 0xED:
                            high = 0x9F
                    elif byte < 0xF5:
                        length = 4
                        if byte == 0xF0:
                            low = 0x90
                        elif byte == 0xF4:
                            high = 0x8F
                place += 1
                pieces = 0
                if length == 1:
                    result[document, 0] += 1
                else:
                    taken = 1
        result[document, 0] += taken
    return result


@kernel(f"int64[:, ::1]({IDS}, {INTS}, {BYTES}, int64)")
def count_classes(ids: NDArray[np.uint32], rows: Ints, classes: Bytes, n_classes: int) -> Ints:
    """Count, per document, the tokens of each class; ``classes[id]`` is below `n_classes`."""
    result = np.zeros((len(rows) - 1, n_classes), np.int64)
    for document in range(len(rows) - 1):
        for at in range(rows[document], rows[document + 1]):
            result[document, classes[ids[at]]] += 1
    return result
