"""Vectors of tokens, from vectors of words or of a callable; and weights made of similarities."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tokbench.errors import TransplantError
from tokbench.formats.byte_map import printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from tokbench.transplant.auxiliary import Vectors

BLOCK = 4096


def spellings(text: bytes) -> list[str]:
    """Return what a file of vectors may call a token, the most exact first.

    The text itself; with ``▁`` for spaces (SentencePiece); in the letters of byte-level vocabularies; and the text
    without spaces around it: the word. A token that is no text on its own has only letters for its bytes.

    Example:
        >>> spellings(b" the")
        [' the', '▁the', 'Ġthe', 'the']
    """
    letters = printable(text)
    try:
        plain = text.decode()
    except UnicodeDecodeError:
        return [letters]
    return list(
        dict.fromkeys(each for each in (plain, plain.replace(" ", "▁"), letters, plain.strip()) if each)
    )


def token_vectors(
    vectors: Vectors, texts: Sequence[bytes], ids: NDArray[np.int64]
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Return the vectors of some tokens, ``[ids, width]``, and for which there is one that is not zero.

    Raises:
        TransplantError: when a vector that is said to be known is not finite.
    """
    found, known = np.zeros((len(ids), vectors.width), dtype=np.float32), np.zeros(len(ids), dtype=bool)
    names = [spellings(texts[i]) for i in ids.tolist()]
    for choice in range(max(map(len, names), default=0)):
        left = [row for row in np.flatnonzero(~known).tolist() if len(names[row]) > choice]
        for start in range(0, len(left), BLOCK):
            rows = np.array(left[start : start + BLOCK])
            looked, there = vectors.look_up([names[row][choice] for row in rows.tolist()])
            there = there & looked.any(axis=1)
            if not np.isfinite(looked[there]).all():
                bad = rows[there][~np.isfinite(looked[there]).all(axis=1)][0]
                message = f"the vector of {names[bad][choice]!r} holds a value that is not finite"
                raise TransplantError(message)
            found[rows[there]], known[rows[there]] = looked[there], True
    return found, known


def softmax(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return exp(v) / Σ exp(v) along the last axis; -inf counts as nothing.

    Example:
        >>> softmax(np.array([0.0, np.log(3.0), -np.inf])).round(6).tolist()
        [0.25, 0.75, 0.0]
    """
    raised = np.exp(values - values.max(axis=-1, keepdims=True))
    found: NDArray[np.float64] = raised / raised.sum(axis=-1, keepdims=True)
    return found


def sparsemax(values: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return the places of one row that have weight, the heaviest first, and their weights, which sum to 1.

    The projection onto the simplex: z sorted falling, support = the largest m with 1 + m z_m > z_1 + … + z_m,
    τ = (z_1 + … + z_m - 1) / m, w = max(z - τ, 0). Only as much is sorted as the support turns out to need.

    Source: Martins & Astudillo 2016.

    Example:
        >>> places, weights = sparsemax(np.array([0.1, 0.9, 0.6]))
        >>> places.tolist(), weights.round(6).tolist()
        ([1, 2], [0.65, 0.35])
    """
    n = len(values)
    size = min(n, 64)
    while True:
        edge = np.partition(values, n - size)[n - size]
        top = np.flatnonzero(values >= edge)
        order = top[np.lexsort((top, -values[top]))]
        z = values[order]
        sums = np.cumsum(z)
        inside = 1 + np.arange(1, len(z) + 1) * z > sums
        support = int(np.flatnonzero(inside)[-1]) + 1
        if support < len(z) or len(z) == n:
            tau = (sums[support - 1] - 1) / support
            return order[:support], z[:support] - tau
        size = min(n, 8 * size)


def paired(
    dictionary: Iterable[tuple[str, str]], old: Vectors, new: Vectors
) -> tuple[NDArray[np.float64], NDArray[np.float64], int]:
    """Return the vectors of all pairs of a dictionary that both sides know, and how many pairs there are.

    Every pair stands for all pairs of its spellings: as it is, in lower case, in title case; each once.
    """
    pairs = list(
        dict.fromkeys(
            (a, b)
            for one, other in dictionary
            for a in (one, one.lower(), one.title())
            for b in (other, other.lower(), other.title())
        )
    )
    left, left_known = old.look_up([a for a, _ in pairs])
    right, right_known = new.look_up([b for _, b in pairs])
    both = left_known & right_known & left.any(axis=1) & right.any(axis=1)
    return left[both].astype(np.float64), right[both].astype(np.float64), len(pairs)
