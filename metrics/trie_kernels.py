"""Numba kernels over a trie of tokens: in how many ways a text can be spelled.

The trie is a hash table (node, byte) → node, built from sorted tokens. Twins of the same names:
`tokbench.reference.segmentations`.
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

# numba takes a global of this type as a constant.
_SCALE = 600


@kernel(f"Tuple((int64[::1], int64[::1], int64[::1]))({BYTES}, {INTS}, {INTS})")
def build_trie(arena: Bytes, places: Ints, tokens: Ints) -> tuple[Ints, Ints, Ints]:
    """Build the trie of some tokens: keys and nodes of the hash table, and for each node the tokens that end there.

    Token `t` is ``arena[places[t]:places[t + 1]]``; `tokens` lists those taken, none of them empty. The table's length
    is a power of two; an empty place has the key -1.
    """
    n_bytes = 1
    for token in tokens:
        n_bytes += places[token + 1] - places[token]
    size = 16
    while size < 2 * n_bytes:
        size *= 2
    keys = np.full(size, -1, np.int64)
    nodes = np.zeros(size, np.int64)
    ends = np.zeros(n_bytes, np.int64)
    n_nodes = 1
    mask = size - 1
    for token in tokens:
        node = np.int64(0)
        for place in range(places[token], places[token + 1]):
            key = (node << 8) | np.int64(arena[place])
            at = ((key * np.int64(0x9E3779B97F4A7C1)) >> 20) & mask
            while keys[at] != -1 and keys[at] != key:
                at = (at + 1) & mask
            if keys[at] == -1:
                keys[at] = key
                nodes[at] = n_nodes
                n_nodes += 1
            node = nodes[at]
        ends[node] += 1
    return keys, nodes, ends[:n_nodes].copy()


@kernel(f"float64[::1]({BYTES}, {INTS}, {BYTES}, {INTS}, {INTS}, {INTS})")
def log_segmentations(
    data: Bytes, offsets: Ints, prefixed: Bytes, keys: Ints, nodes: Ints, ends: Ints
) -> NDArray[np.float64]:
    """Return log2 of the number of id sequences that spell each document; -inf where there is none.

    ``ways[j] = Σ_i ways[i] · (ids that spell i..j)``, kept in range by a common power of two. Documents that are
    `prefixed` are spelled with one space before them.
    """
    mask = len(keys) - 1
    result = np.zeros(len(offsets) - 1)
    for document in range(len(offsets) - 1):
        begin, stop = offsets[document], offsets[document + 1]
        extra = 1 if prefixed[document] else 0
        n = stop - begin + extra
        ways = np.zeros(n + 1)
        ways[0] = 1.0
        exponent = 0
        furthest = 0
        for i in range(n):
            here = ways[i]
            if here == 0.0:
                continue
            if here > 2.0**500:
                for j in range(i, furthest + 1):
                    ways[j] *= 2.0**-_SCALE
                exponent += _SCALE
                here = ways[i]
            node = np.int64(0)
            j = i
            while j < n:
                byte = np.int64(32) if j < extra else np.int64(data[begin + j - extra])
                key = (node << 8) | byte
                at = ((key * np.int64(0x9E3779B97F4A7C1)) >> 20) & mask
                while keys[at] != -1 and keys[at] != key:
                    at = (at + 1) & mask
                if keys[at] == -1:
                    break
                node = nodes[at]
                j += 1
                if ends[node]:
                    ways[j] += here * ends[node]
                    furthest = max(furthest, j)
        result[document] = np.log2(ways[n]) + exponent if ways[n] > 0 else -np.inf
    return result
