"""PathPiece, slowly: the twin of ``vocabulary/pathpiece.rs``, and of ``vocabulary/ngrams.rs``.

What the loss of a token costs at one place is found as it is defined: the fewest tokens when that one token must not
be used at that one place. (A cut that does not use it there has a boundary inside of it, or a larger token over it.)
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

Span = tuple[int, int]


def fewest(data: bytes, tokens: Collection[bytes], *, without: Span | None = None) -> list[Span]:
    """Return the cut of `data` into the fewest tokens, the widest last token at every place, avoiding one span.

    Example:
        >>> fewest(b"abc", {b"a", b"b", b"c", b"ab", b"bc"}), fewest(b"ab", {b"a", b"b", b"ab"}, without=(0, 2))
        ([(0, 1), (1, 3)], [(0, 1), (1, 2)])
    """
    best: list[list[Span] | None] = [[]]
    for end in range(1, len(data) + 1):
        found: list[Span] | None = None
        for start in range(end):  # the widest last token first
            before = best[start]
            if before is None or data[start:end] not in tokens or (start, end) == without:
                continue
            if found is None or len(before) + 1 < len(found):
                found = [*before, (start, end)]
        best.append(found)
    whole = best[-1]
    if whole is None:
        message = f"{data!r} cannot be spelled"
        raise ValueError(message)
    return whole


def costs(counts: Mapping[bytes, int], tokens: Collection[bytes]) -> dict[bytes, int]:
    """Return how many more tokens the text takes without each token of more than one byte."""
    found = {token: 0 for token in tokens if len(token) > 1}
    for data, count in counts.items():
        cut = fewest(data, tokens)
        for start, end in cut:
            if end - start > 1:
                other = fewest(data, tokens, without=(start, end))
                found[data[start:end]] += count * (len(other) - len(cut))
    return found


def prune(
    counts: Mapping[bytes, int], tokens: Sequence[bytes], sizes: Sequence[int]
) -> tuple[list[tuple[bytes, int]], list[int]]:
    """Return the tokens that go, with their costs, and the number of tokens of the text after each size.

    Of equally cheap tokens the later in `tokens` goes first.
    """
    kept, gone, lengths = list(tokens), [], []
    for size in sizes:
        price = costs(counts, set(kept))
        ranked = sorted(
            (token for token in kept if len(token) > 1), key=lambda t: (price[t], -tokens.index(t))
        )
        out = ranked[: len(kept) - size]
        gone += [(token, price[token]) for token in out]
        kept = [token for token in kept if token not in out]
        lengths.append(sum(count * len(fewest(data, set(kept))) for data, count in counts.items()))
    return gone, lengths


def frequent_ngrams(counts: Mapping[bytes, int], max_length: int, size: int) -> list[tuple[bytes, int]]:
    """Return the most frequent byte strings of 2 to `max_length` bytes inside of pretokens; of equals the smaller."""
    seen: Counter[bytes] = Counter()
    for data, count in counts.items():
        for start in range(len(data)):
            for end in range(start + 2, min(start + max_length, len(data)) + 1):
                seen[data[start:end]] += count
    return sorted(seen.items(), key=lambda item: (-item[1], item[0]))[:size]
