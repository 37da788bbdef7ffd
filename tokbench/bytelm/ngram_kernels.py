"""The compiled loops of `NgramLM`: rows after contexts, and the probability of every token of a text.

The model is a trie of token sequences read forwards, its nodes in one flat order: level 1 holds every id (node i is
id i), level k + 1 the children of level k in the order of their parents, children of one parent ascending by token.
So ``first[i] : first[i + 1]`` are the children of node i. Both loops exist for counts of 32 and of 64 bits.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tokbench.compiled import kernel

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Integers = NDArray[np.int64]

_TRIE = (
    "Array(int64, 1, 'C', readonly=True), Array(uint32, 1, 'C', readonly=True), "
    "Array({count}, 1, 'C', readonly=True), float64[:, ::1], float64[::1]"
)
_ROWS = f"void(int64[:, ::1], int64[::1], {_TRIE}, float64[::1], float64[:, ::1])"
_SCORES = (
    f"void(Array(uint32, 1, 'C', readonly=True), int64[::1], int64, int64, int64, {_TRIE}, "
    "float64[::1], float64[::1], float64[::1])"
)


def _rows(
    contexts: Integers,
    lengths: Integers,
    first: Integers,
    tokens: NDArray[np.uint32],
    counts: NDArray[Any],
    discounts: Floats,
    unigram: Floats,
    log_unigram: Floats,
    rows: Floats,
) -> None:
    """Fill ``rows[i]`` with log probabilities after ``contexts[i, :lengths[i]]``.

    The row starts as the unigram row times all back-off weights. Whatever follows a context also follows its shorter
    suffixes, so only the children of the last token are touched again: they become probabilities, the discounted
    shares of each longer context are added, and they become logarithms again.
    """
    longest = contexts.shape[1]
    nodes = np.empty(longest + 1, np.int64)
    totals = np.empty(longest + 1, np.float64)
    scales = np.empty(longest + 2, np.float64)
    for at in range(contexts.shape[0]):
        m = lengths[at]
        found = 0
        for k in range(1, m + 1):
            node = contexts[at, m - k]
            for j in range(m - k + 1, m):
                wanted = contexts[at, j]
                low, high = first[node], first[node + 1]
                end = high
                while low < high:
                    middle = (low + high) // 2
                    if np.int64(tokens[middle]) < wanted:
                        low = middle + 1
                    else:
                        high = middle
                if low == end or np.int64(tokens[low]) != wanted:
                    node = -1
                    break
                node = low
            if node < 0 or first[node] == first[node + 1]:
                break
            found = k
            nodes[k] = node
        scales[found + 1] = 1.0
        for k in range(found, 0, -1):
            total = 0.0
            held = 0.0
            for child in range(first[nodes[k]], first[nodes[k] + 1]):
                count = int(np.int64(counts[child]))
                total += count
                held += discounts[k, min(count, 3) - 1]
            totals[k] = total
            scales[k] = scales[k + 1] * (held / total)
        shift = np.log(scales[1])
        for token in range(rows.shape[1]):
            rows[at, token] = log_unigram[token] + shift
        if found == 0:
            continue
        begin, end = first[nodes[1]], first[nodes[1] + 1]
        for child in range(begin, end):
            rows[at, tokens[child]] = unigram[tokens[child]] * scales[1]
        for k in range(1, found + 1):
            for child in range(first[nodes[k]], first[nodes[k] + 1]):
                count = int(np.int64(counts[child]))
                share = (count - discounts[k, min(count, 3) - 1]) / totals[k]
                rows[at, tokens[child]] += share * scales[k + 1]
        for child in range(begin, end):
            rows[at, tokens[child]] = np.log(rows[at, tokens[child]])


def _scores(
    ids: NDArray[np.uint32],
    offsets: Integers,
    order: int,
    bos: int,
    eos: int,
    first: Integers,
    tokens: NDArray[np.uint32],
    counts: NDArray[Any],
    discounts: Floats,
    unigram: Floats,
    totals: Floats,
    held: Floats,
    out: Floats,
) -> None:
    """Fill `out` with the log probability of every token of every document and, after each, of its end.

    `totals` are the sums of the counts of each node's children, `held` those of the discounts.
    """
    nodes = np.empty(order + 1, np.int64)
    following = np.empty(order + 1, np.int64)
    place = 0
    for document in range(len(offsets) - 1):
        nodes[:] = -1
        nodes[1] = bos
        for at in range(offsets[document], offsets[document + 1] + 1):
            token = eos if at == offsets[document + 1] else np.int64(ids[at])
            following[:] = -1
            following[1] = token
            p = unigram[token]
            for k in range(1, order):
                node = nodes[k]
                if node < 0 or first[node] == first[node + 1]:
                    break
                low, high = first[node], first[node + 1]
                end = high
                while low < high:
                    middle = (low + high) // 2
                    if np.int64(tokens[middle]) < token:
                        low = middle + 1
                    else:
                        high = middle
                share = 0.0
                if low < end and np.int64(tokens[low]) == token:
                    count = int(np.int64(counts[low]))
                    share = count - discounts[k, min(count, 3) - 1]
                    following[k + 1] = low
                p = (p * held[node] + share) / totals[node]
            out[place] = np.log(p)
            place += 1
            nodes[:] = following


def _of_both(signature: str, loop: Callable[..., None]) -> dict[type, Callable[..., None]]:
    return {
        np.uint32: kernel(signature.replace("{count}", "uint32"))(loop),
        np.uint64: kernel(signature.replace("{count}", "uint64"))(loop),
    }


fill_rows = _of_both(_ROWS, _rows)
"""By the element type of the counts."""
fill_scores = _of_both(_SCORES, _scores)
