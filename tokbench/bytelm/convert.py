"""Between distributions over tokens and over bytes.

Tokens → bytes: `first_bytes` sums a row by the first byte of the tokens; exact only where the text ends at a token's
end.

Bytes → tokens: the probability that the text goes on with a token's bytes is the product of the bytes' probabilities
(`prefix_probabilities`, one state per node of the trie that is followed). For a vocabulary that takes the longest token
the probability that exactly this token comes next is that minus the same of the next longer tokens (`longest_match`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tokbench.bytelm.distribution import END

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tokbench._rust import ByteTrie
    from tokbench.bytelm.sampling import Reader


def first_bytes(row: NDArray[np.float64], trie: ByteTrie) -> NDArray[np.float64]:
    """Return the ``[256]`` probabilities of the first byte of a row of natural logarithms by id."""
    return trie.sorted(np.exp(row))[1]


@dataclass(frozen=True)
class TokenProbabilities:
    """Probabilities of tokens under a model of bytes.

    Attributes:
        probability: id → probability that the text goes on with the token's bytes.
        below: no token that was left out has more than this.
        end: probability that the text ends.
    """

    probability: dict[int, float]
    below: float
    end: float


def prefix_probabilities(
    state: Reader, trie: ByteTrie, *, min_probability: float = 1e-3
) -> TokenProbabilities:
    """Return the probability that the text goes on with a token's bytes, for all tokens that reach the threshold."""
    order = trie.order
    found: dict[int, float] = {}
    waiting: list[tuple[Reader, int, float]] = [(state, 0, 1.0)]
    end = state.distribution().end
    while waiting:
        here, node, share = waiting.pop()
        row = here.distribution().probabilities
        for byte in np.flatnonzero(share * row[:END] >= min_probability).tolist():
            child = trie.child(node, byte)
            if child is None:
                continue
            total = share * float(row[byte])
            low, middle, high = trie.places(child)
            found.update({int(order[place]): total for place in range(low, middle)})
            if middle < high:
                waiting.append((here.advance(byte), child, total))
    return TokenProbabilities(dict(sorted(found.items())), min_probability, end)


def longest_match(state: Reader, trie: ByteTrie, *, min_probability: float = 1e-3) -> TokenProbabilities:
    """Return the probability that a token is the longest one that the continuation of the text begins with.

    Exact for tokenizers that take the longest token from the left, up to the threshold: longer tokens below it are not
    subtracted.
    """
    begins = prefix_probabilities(state, trie, min_probability=min_probability)
    order = trie.order
    place_of = {int(token): place for place, token in enumerate(order)}
    by_place = sorted(begins.probability, key=lambda token: place_of[token])
    exact = dict(begins.probability)
    # In the order of bytes a token's extensions follow it; the stack holds the tokens that the next may extend.
    stack: list[tuple[int, int]] = []
    ends = _range_ends(trie, by_place, place_of)
    for token in by_place:
        while stack and place_of[token] >= stack[-1][1]:
            stack.pop()
        if stack:
            exact[stack[-1][0]] -= begins.probability[token]
        stack.append((token, ends[token]))
    return TokenProbabilities({t: max(p, 0.0) for t, p in exact.items()}, min_probability, begins.end)


def _range_ends(trie: ByteTrie, tokens: list[int], place_of: dict[int, int]) -> dict[int, int]:
    """Return, for tokens, the place behind the last token that begins with their bytes."""
    wanted = {place_of[token]: token for token in tokens}
    ends: dict[int, int] = {}
    waiting = [0]
    while waiting:
        node = waiting.pop()
        low, middle, high = trie.places(node)
        ends.update({wanted[place]: high for place in range(low, middle) if place in wanted})
        if any(middle <= place < high for place in wanted):
            waiting += [child for byte in range(256) if (child := trie.child(node, byte)) is not None]
    return ends
