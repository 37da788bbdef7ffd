"""Numba kernels over a trie of tokens: in how many ways a text can be spelled.

The trie holds the tokens of several vocabularies at once, each a *lane*: vocabularies share most of their tokens, and
walking along a text costs more than counting what is met. It is a hash table (node, byte) → node. Twins of the same
names: `tokbench.reference.segmentations`.
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

# numba takes globals of this type as constants.
_SCALE = 600
_SLOTS = "Array(int64, 1, 'C', readonly=True)"
_MULTIPLIER = 0x9E3779B97F4A7C1


@kernel(f"Tuple((int64[::1], int32[::1]))({BYTES}, {INTS}, {INTS})")
def build_trie(arena: Bytes, starts: Ints, ends: Ints) -> tuple[Ints, NDArray[np.int32]]:
    """Build the trie of different tokens, none of them empty: hash table, and row of each node.

    Token `t` is ``arena[starts[t]:ends[t]]`` and has the row ``t + 1``; row 0 is that of nodes where no token ends. A
    slot of the table holds parent (30 bits), byte (8) and child (24), -1 where it is empty; their number is a power of
    two. At most 2^24 nodes: an empty table says that there are more.
    """
    size = np.int64(1 << 12)
    while size < 2 * len(starts):
        size *= 2
    slots = np.full(size, -1, np.int64)
    rows = np.zeros(size, np.int32)
    n_nodes = np.int64(1)
    for token in range(len(starts)):
        node = np.int64(0)
        for place in range(starts[token], ends[token]):
            key = (node << 8) | np.int64(arena[place])
            at = ((key * np.int64(_MULTIPLIER)) >> 20) & (size - 1)
            while slots[at] >= 0 and (slots[at] >> 24) != key:
                at = (at + 1) & (size - 1)
            if slots[at] < 0:
                if n_nodes == 1 << 24:
                    return slots[:0].copy(), rows
                slots[at] = (key << 24) | n_nodes
                node = n_nodes
                n_nodes += 1
                if 4 * n_nodes > 3 * size:
                    # Three of four slots are taken: twice as many, and every node finds its place again.
                    size *= 2
                    larger = np.full(size, -1, np.int64)
                    for slot in slots:
                        if slot >= 0:
                            to = (((slot >> 24) * np.int64(_MULTIPLIER)) >> 20) & (size - 1)
                            while larger[to] >= 0:
                                to = (to + 1) & (size - 1)
                            larger[to] = slot
                    slots = larger
                    longer = np.zeros(size, np.int32)
                    longer[: len(rows)] = rows
                    rows = longer
            else:
                node = slots[at] & 0xFFFFFF
        rows[node] = token + 1
    return slots, rows[:n_nodes].copy()


@kernel(
    f"float64[:, ::1]({BYTES}, {INTS}, int64, {_SLOTS}, Array(int32, 1, 'C', readonly=True), "
    "Array(float32, 2, 'C', readonly=True))"
)
def log_segmentations(
    data: Bytes,
    offsets: Ints,
    n_spaces: int,
    slots: Ints,
    rows: NDArray[np.int32],
    counts: NDArray[np.float32],
) -> NDArray[np.float64]:
    """Return log2 of the number of id sequences that spell each document, by lane; -inf where there is none.

    ``ways[j] = Σ_i ways[i] · (ids that spell i..j)``, kept in range by a power of two of each lane. `n_spaces` spaces
    are spelled before each document.
    """
    mask = len(slots) - 1
    n_lanes = counts.shape[1]
    result = np.zeros((len(offsets) - 1, n_lanes))
    longest = 0
    for document in range(len(offsets) - 1):
        longest = max(longest, offsets[document + 1] - offsets[document])
    ways = np.zeros((longest + n_spaces + 1, n_lanes))
    exponents = np.zeros(n_lanes, np.int64)
    for document in range(len(offsets) - 1):
        begin = offsets[document] - n_spaces
        n = offsets[document + 1] - begin
        ways[: n + 1] = 0.0
        ways[0] = 1.0
        exponents[:] = 0
        furthest = 0
        for i in range(n):
            reached = False
            for lane in range(n_lanes):
                here = ways[i, lane]
                if here > 0.0:
                    reached = True
                    if here > 2.0**500:
                        for j in range(i, furthest + 1):
                            ways[j, lane] *= 2.0**-_SCALE
                        exponents[lane] += _SCALE
            if not reached:
                continue
            node = np.int64(0)
            j = i
            while j < n:
                byte = np.int64(32) if j < n_spaces else np.int64(data[begin + j])
                key = (node << 8) | byte
                at = ((key * np.int64(_MULTIPLIER)) >> 20) & mask
                while slots[at] >= 0 and (slots[at] >> 24) != key:
                    at = (at + 1) & mask
                if slots[at] < 0:
                    break
                node = slots[at] & 0xFFFFFF
                j += 1
                row = rows[node]
                if row:
                    for lane in range(n_lanes):
                        ways[j, lane] += ways[i, lane] * np.float64(counts[row, lane])
                    furthest = max(furthest, j)
        for lane in range(n_lanes):
            if ways[n, lane] > 0:
                result[document, lane] = np.log2(ways[n, lane]) + exponents[lane]
            else:
                result[document, lane] = -np.inf
    return result
